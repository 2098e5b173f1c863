//! Which commands were answered, so that a repeat is not answered again.

use serde::{Deserialize, Serialize};

use crate::{
    ids::CommandId,
    time::{DAY_MS, Instant},
};

/// A repeat within this time of the first changes nothing.
pub const REMEMBERED_MS: i64 = DAY_MS;
/// Of one account; the oldest beyond are forgotten early.
pub const MAX_ANSWERS: usize = 1_024;

/// By append time, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answers(Vec<(CommandId, Instant)>);

impl Answers {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, command: CommandId) -> bool {
        self.0.iter().any(|(id, _)| *id == command)
    }

    pub(super) fn remember(&mut self, command: CommandId, appended_at: Instant) {
        if self.0.len() == MAX_ANSWERS {
            self.0.remove(0);
        }
        self.0.push((command, appended_at));
    }

    pub(super) fn forget_old(&mut self, appended_at: Instant) {
        let old = self.0.partition_point(|(_, at)| at.0 <= appended_at.0 - REMEMBERED_MS);
        self.0.drain(..old);
    }
}
