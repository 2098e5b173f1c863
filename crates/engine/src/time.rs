//! The time of a partition. It never falls, though the clock that stamps what is appended may: the partition's next
//! leader can be a broker that is behind.
//!
//! Invariant: a function of the facts folded, their order included; it goes into checkpoints.

use crate::planted::{self, Bug};

/// The latest append time of a fact folded, milliseconds UTC.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time(pub(crate) i64);

impl Default for Time {
    /// Before every fact.
    fn default() -> Self {
        Self(i64::MIN)
    }
}

impl Time {
    pub(crate) fn load(stored: i64) -> Self {
        if planted::is(Bug::TimeForgotten) { Self::default() } else { Self(stored) }
    }

    /// What time it is at the next fact, which was appended then.
    pub(crate) fn pass(&mut self, appended_at: i64) -> i64 {
        self.0 = self.0.max(appended_at);
        self.0
    }
}
