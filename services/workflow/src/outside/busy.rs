//! Who has no room for an attempt that has to wait.

use std::fmt;

use super::lanes::Lane;

/// Who.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Busy {
    /// As many calls to it are under way as may be.
    Endpoint(Lane),
    /// What a workspace may have is taken by its endpoints.
    Workspace(String),
    /// What all may have together is taken.
    Everything,
}

impl Busy {
    /// Who may have been busy because of what happened in a lane.
    pub(super) fn all_of(lane: &Lane) -> [Self; 3] {
        [Self::Endpoint(lane.clone()), Self::Workspace(lane.workspace.clone()), Self::Everything]
    }
}

/// As a report has it.
impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Endpoint(_) => "the endpoint is busy",
            Self::Workspace(_) => "the workspace's endpoints are busy",
            Self::Everything => "the sender is busy",
        })
    }
}
