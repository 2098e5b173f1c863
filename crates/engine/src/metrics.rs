//! What a worker counts. Plain numbers, read by whoever exports them.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use eventlog::TopicPartition;

/// A number that only grows, or one that is set.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters of one worker, shared with whoever exports them.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Records of the partition not yet folded.
    pub lag_records: Count,
    /// Age of the oldest of them, milliseconds.
    pub lag_ms: Count,
    pub folded: Count,
    /// Steps taken: how often a fold looked at an account.
    pub evaluations: Count,
    /// Decisions (forwards) yielded that the log did not have yet.
    pub yielded: Count,
    /// Own decisions taken from the log.
    pub decided: Count,
    pub projected: Count,
    pub checkpoints: Count,
    /// The offset of the last one stored.
    pub checkpointed: Count,
    pub ticks: Count,
    /// Facts folded again after an assignment.
    pub refolded: Count,
    /// Decisions that the fold yields and the log has otherwise.
    pub repairs: Count,
    pub skipped: Count,
    /// Repeated messages dropped.
    pub repeats: Count,
    pub recoveries: Count,
    /// Appends that failed and were made again; appends that the log refused.
    pub append_errors: Count,
    pub append_refusals: Count,
    pub fetch_errors: Count,
    /// Writes to the store that failed and were made again.
    pub store_errors: Count,
    pub poison: Count,
    /// Records that were gone before they were folded: kept for too short a time.
    pub missed: Count,
    /// Turns in which reading paused because the store was behind.
    pub pauses: Count,
    caught_up: AtomicI64,
}

impl Metrics {
    /// Whether it has read to the end that the log had on assignment: ready to serve.
    pub fn is_caught_up(&self) -> bool {
        self.caught_up.load(Ordering::Relaxed) != 0
    }

    /// Reading goes on at `found` where it asked for `wanted`. What is at the beginning of a log may be gone; what a
    /// service has once come to is lost to it.
    pub(crate) fn see_gap(&self, at: TopicPartition, wanted: u64, found: u64) {
        if wanted > 0 && found > wanted {
            self.missed.add(found - wanted);
            tracing::error!(%at, wanted, found, "the log has dropped what was not folded yet: {at}, {wanted} to {found}");
        }
    }

    pub(crate) fn set_caught_up(&self, caught_up: bool) {
        self.caught_up.store(i64::from(caught_up), Ordering::Relaxed);
    }
}
