//! How long a write may take, and how long it waits before it is tried again.
//!
//! What is not answered in time has met a connection that is dead, or a server that is slow. The first is found out
//! soon, and the next try has more time, so that the second gets done. Other faults say nothing about how long it takes.

use std::time::Duration;

use crate::Write;

/// A projection is small and idempotent.
const PROJECTED: Duration = Duration::from_secs(10);
/// Longer than any one of its statements may run.
const CHECKPOINTED: Duration = Duration::from_secs(60);
/// For whatever it is that takes so long.
const LONGEST: Duration = Duration::from_secs(3_600);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Of one write.
pub(super) struct Patience {
    /// How long the next try may take.
    pub(super) within: Duration,
    pause: Duration,
}

impl Patience {
    pub(super) fn with<P>(write: &Write<P>) -> Self {
        let within = match write {
            Write::Project { .. } => PROJECTED,
            Write::Checkpoint(_) => CHECKPOINTED,
        };
        Self { within, pause: FIRST_PAUSE }
    }

    /// A try failed, perhaps for want of time: how long to wait before the next.
    pub(super) fn failed(&mut self, is_unanswered: bool) -> Duration {
        if is_unanswered {
            self.within = (self.within * 2).min(LONGEST);
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Progress;

    fn given(is_unanswered: bool) -> Vec<u64> {
        let projection = Write::<()>::Project { items: Vec::new(), progress: Progress::default() };
        let mut patience = Patience::with(&projection);
        let mut next = || {
            let within = patience.within.as_secs();
            patience.failed(is_unanswered);
            within
        };
        (0..4).map(|_| next()).collect()
    }

    #[test]
    fn a_write_that_was_not_answered_in_time_has_more_of_it_the_next_time() {
        assert_eq!(given(true), [10, 20, 40, 80]);
    }

    #[test]
    fn a_write_that_failed_otherwise_has_as_much_time_as_before() {
        assert_eq!(given(false), [10, 10, 10, 10]);
    }
}
