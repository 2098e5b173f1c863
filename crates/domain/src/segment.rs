//! Segments: accounts that share something.

use crate::condition::ConditionId;

/// An account is a member as long as the condition is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub name: String,
    /// Its name, if none was given.
    pub title: String,
    pub when: ConditionId,
}
