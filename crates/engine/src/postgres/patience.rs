//! How long a write may take, and how long it waits before it is tried again.
//!
//! What is not answered in time has met a connection that is dead, or a server that is slow. The first is found out
//! soon, and the next try has more time, so that the second gets done. Other faults say nothing about how long it takes.

use std::time::Duration;

use crate::Write;

/// A projection is small and idempotent.
const PROJECTED: Duration = Duration::from_secs(10);
/// As long as any statement may run, and more.
const LONGEST: Duration = Duration::from_secs(60);
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
            Write::Checkpoint(_) => LONGEST,
        };
        Self { within, pause: FIRST_PAUSE }
    }

    /// A try failed: how long to wait before the next.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        pause
    }

    /// A try was not answered in time: the next one has more.
    pub(super) fn unanswered(&mut self) {
        self.within = (self.within * 2).min(LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Progress;

    #[test]
    fn a_write_that_was_not_answered_in_time_has_more_of_it_the_next_time() {
        let projection = Write::<()>::Project { items: Vec::new(), progress: Progress::default() };
        let mut patience = Patience::with(&projection);
        let mut given = Vec::new();
        for _ in 0..5 {
            given.push(patience.within.as_secs());
            patience.pause();
            patience.unanswered();
        }
        assert_eq!(given, [10, 20, 40, 60, 60]);
    }

    #[test]
    fn a_write_that_failed_otherwise_has_as_much_time_as_before() {
        let mut patience = Patience::with(&Write::<()>::Checkpoint(crate::Checkpoint::default()));
        let before = patience.within;
        assert!(patience.pause() < patience.pause());
        assert_eq!(patience.within, before);
    }
}
