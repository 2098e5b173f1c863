//! What is known of a partition's end, and who waits for more.

use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Invariant: the end only grows, and whoever waits hears of it, of a wake, and of records that have come to its reader.
#[derive(Debug, Default)]
pub(super) struct Bell {
    known: Mutex<Known>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct Known {
    /// One past the last record known of.
    end: u64,
    wakes: u64,
}

impl Bell {
    pub(super) fn end(&self) -> u64 {
        self.lock().end
    }

    /// Learns that the partition reaches to `end`.
    pub(super) fn reaches(&self, end: u64) {
        let mut known = self.lock();
        if end > known.end {
            known.end = end;
            drop(known);
            self.rung.notify_all();
        }
    }

    pub(super) fn wake(&self) {
        self.lock().wakes += 1;
        self.rung.notify_all();
    }

    /// Records have come to a reader.
    pub(super) fn arrive(&self, here: &AtomicBool) {
        // Under the lock: nobody is between looking and waiting.
        let known = self.lock();
        here.store(true, Ordering::Release);
        drop(known);
        self.rung.notify_all();
    }

    /// Waits until the partition may reach past `from`, records have come to this reader, somebody wakes, or the time
    /// is up.
    pub(super) fn wait(&self, from: u64, here: Option<&AtomicBool>, at_most: Duration) {
        let known = self.lock();
        let wakes = known.wakes;
        let is_quiet = |known: &mut Known| {
            known.end <= from
                && known.wakes == wakes
                && !here.is_some_and(|here| here.load(Ordering::Acquire))
        };
        drop(self.rung.wait_timeout_while(known, at_most, is_quiet));
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_waiter_hears_of_records_of_the_end_and_of_a_wake() {
        let here = AtomicBool::new(false);
        let ring: [fn(&Bell, &AtomicBool); 3] =
            [|bell, here| bell.arrive(here), |bell, _| bell.reaches(5), |bell, _| bell.wake()];
        for ring in ring {
            let bell = Bell::default();
            here.store(false, Ordering::Release);
            let begun = Instant::now();
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| bell.wait(4, Some(&here), LONG));
                while !waiter.is_finished() {
                    ring(&bell, &here);
                    std::thread::yield_now();
                }
            });
            assert!(begun.elapsed() < LONG);
        }
    }

    #[test]
    fn what_came_before_the_wait_is_not_waited_for() {
        let (bell, here, begun) = (Bell::default(), AtomicBool::new(false), Instant::now());
        bell.arrive(&here);
        bell.wait(0, Some(&here), LONG);
        bell.reaches(9);
        bell.reaches(3);
        bell.wait(8, None, LONG);
        assert!(begun.elapsed() < LONG);
        assert_eq!(bell.end(), 9);
    }
}
