//! A thread per partition: turns a machine until it is told to stop, then drains it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::WorkerError;

/// How long draining may take, milliseconds: less than a process takes to end, so that partitions are given up in
/// order.
const DRAIN_MS: i64 = 8_000;
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
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Runners notice within 200 ms, at once if their partition is woken (`Log::wake`).
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs a machine until it is stopped and drained (within 8 s, or until the log proves to be away meanwhile), or until an
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
    let mut drain_until = None;
    loop {
        let now = clock();
        if stop.is_stopped() {
            machine.drain();
            let until = *drain_until.get_or_insert(now.saturating_add(DRAIN_MS));
            if machine.is_drained() || now >= until {
                return Ok(());
            }
        }
        match machine.turn(now) {
            Ok(Turn::Busy) => {}
            Ok(Turn::Idle { until }) => machine.wait(nap(until, now, drain_until.is_some())),
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
