//! A thread per partition: turns a machine until it is told to stop, then drains it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use crate::WorkerError;

/// How long draining may take, milliseconds. With the turn that is under way then, in which a log may not answer for
/// three seconds, it is less than a process takes to end, so that partitions are given up in order.
const DRAIN_MS: i64 = 6_000;
const RETRY: Duration = Duration::from_millis(200);

/// What a turn found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// There may be more at once.
    Busy,
    /// Nothing to do until something arrives, or until this instant.
    Idle { until: i64 },
}

/// A partition's worker, whatever it folds.
pub trait Machine {
    fn turn(&mut self, now: i64) -> Result<Turn, WorkerError>;
    /// Waits for the log, or until the time is up.
    fn wait(&self, at_most: Duration);
    /// Stop folding, finish what was begun.
    fn drain(&mut self);
    fn is_drained(&self) -> bool;
}

/// Tells runners to stop. Clones share it.
#[derive(Debug, Clone)]
pub struct Stop(Arc<AtomicI64>);

/// Nobody is told to stop.
const NEVER: i64 = i64::MAX;

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(NEVER)))
    }
}

impl Stop {
    /// Runners notice within 200 ms, at once if their partition is woken (`Log::wake`), or once the log or the store has
    /// answered. `now`: milliseconds UTC, from which on the time to drain counts. Once.
    pub fn stop(&self, now: i64) {
        self.0.fetch_min(now, Ordering::Relaxed);
    }

    pub fn is_stopped(&self) -> bool {
        self.at().is_some()
    }

    fn at(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|at| *at != NEVER)
    }
}

/// Runs a machine until it is stopped and drained (within 6 s of that, or until the log proves to be away meanwhile), or until an
/// error that does not pass. Blocks: give it a thread. `start` is tried again while log or store are away; `clock` tells
/// the time in milliseconds UTC.
pub fn run<M: Machine>(
    mut start: impl FnMut() -> Result<M, WorkerError>,
    stop: &Stop,
    clock: &dyn Fn() -> i64,
) -> Result<(), WorkerError> {
    let mut machine = loop {
        match start() {
            Ok(machine) => break machine,
            Err(error) if error.is_transient() && !stop.is_stopped() => pause(&error),
            Err(_) if stop.is_stopped() => return Ok(()),
            Err(error) => return Err(error),
        }
    };
    loop {
        let (now, stopped_at) = (clock(), stop.at());
        if let Some(at) = stopped_at {
            machine.drain();
            if machine.is_drained() || now >= at.saturating_add(DRAIN_MS) {
                return Ok(());
            }
        }
        match machine.turn(now) {
            Ok(Turn::Busy) => {}
            Ok(Turn::Idle { until }) => machine.wait(nap(until, now, stopped_at.is_some())),
            Err(error) if error.is_transient() && stop.is_stopped() => {
                // What cannot be finished now is found in the log, or decided again, by whoever comes next.
                tracing::info!(%error, "a partition is left before it is drained: {error}");
                return Ok(());
            }
            Err(error) if error.is_transient() => pause(&error),
            Err(error) => return Err(error),
        }
    }
}

fn nap(until: i64, now: i64, draining: bool) -> Duration {
    let most = if draining { 5 } else { 1_000 };
    Duration::from_millis(until.saturating_sub(now).clamp(0, most).unsigned_abs())
}

fn pause(error: &WorkerError) {
    tracing::warn!(%error, "a partition waits: {error}");
    std::thread::sleep(RETRY);
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use eventlog::LogError;

    use super::*;

    /// A machine whose log answers after so many milliseconds, and then says that it is away; or whose acks never come.
    struct Held<'a> {
        clock: &'a Cell<i64>,
        stop: Stop,
        answers_after: i64,
        is_away: bool,
    }

    impl Machine for Held<'_> {
        fn turn(&mut self, now: i64) -> Result<Turn, WorkerError> {
            // It is told to stop while the log does not answer.
            self.stop.stop(now);
            self.clock.set(now + self.answers_after);
            let away = || Err(LogError::Transient("away".into()).into());
            if self.is_away { away() } else { Ok(Turn::Idle { until: now }) }
        }

        fn wait(&self, _: Duration) {}

        fn drain(&mut self) {}

        fn is_drained(&self) -> bool {
            false
        }
    }

    /// How many milliseconds it took to end.
    fn took(answers_after: i64, is_away: bool) -> i64 {
        let (clock, stop) = (Cell::new(0), Stop::default());
        let start = || Ok(Held { clock: &clock, stop: stop.clone(), answers_after, is_away });
        run(start, &stop, &|| clock.get()).unwrap();
        clock.get()
    }

    #[test]
    fn who_does_not_drain_ends_six_seconds_after_it_was_told_to_however_late_it_noticed() {
        assert_eq!(took(3_000, false), 6_000);
        assert_eq!(took(4_000, false), 8_000);
    }

    #[test]
    fn who_finds_the_log_away_while_it_drains_ends_at_once() {
        assert_eq!(took(3_000, true), 3_000);
    }
}
