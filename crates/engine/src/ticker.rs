//! When time itself must be appended: a tick is due when a wake-up is, by our clock corrected by the log's.
//!
//! Invariant: no tick where a later one stands; at most one in 20 ms; one that came too early is repeated ever later.

use std::sync::Arc;

use bytes::Bytes;
use eventlog::{
    Log, TopicPartition,
    proto::{Tick, control},
};

use crate::{outbox::Letter, record::partition_record};

const TICK_MS: i64 = 20;
const LATEST_TICK_MS: i64 = 1_000;
/// The longest a worker sleeps, milliseconds.
const LOOK_MS: i64 = 200;

#[derive(Debug)]
pub(crate) struct Ticker {
    letter: Letter,
    asked_for: i64,
    last_at: i64,
    next: i64,
    pause_ms: i64,
    /// The log's clock less ours, by the last ack; and ours, as last told.
    ahead: i64,
    now: i64,
}

impl Ticker {
    pub(crate) fn new() -> Self {
        Self {
            letter: Letter::default(),
            asked_for: i64::MIN,
            last_at: i64::MIN,
            next: i64::MIN,
            pause_ms: TICK_MS,
            ahead: 0,
            now: 0,
        }
    }

    /// After a recovery: the clocks are known, a tick on its way may land or not.
    pub(crate) fn after(before: &Self) -> Self {
        Self { ahead: before.ahead, now: before.now, next: before.next, ..Self::new() }
    }

    /// The log's time now, as far as is known.
    pub(crate) fn log_time(&self) -> i64 {
        self.now.saturating_add(self.ahead)
    }

    /// An ack told the log's time.
    pub(crate) fn hear(&mut self, appended_at: Option<i64>) {
        if let Some(appended_at) = appended_at {
            self.ahead = appended_at.saturating_sub(self.now);
        }
    }

    /// A tick stands in the log.
    pub(crate) fn saw(&mut self, appended_at: i64) {
        self.last_at = self.last_at.max(appended_at);
    }

    /// Looks what became of the last one.
    pub(crate) fn collect(&mut self, now: i64) {
        self.now = now;
        let Some(outcome) = self.letter.collect() else { return };
        let Ok(appended) = outcome else {
            self.next = now.saturating_add(LATEST_TICK_MS / 4);
            return;
        };
        self.hear(Some(appended.appended_at));
        self.saw(appended.appended_at);
        let too_early = appended.appended_at < self.asked_for;
        self.pause_ms = if too_early { (self.pause_ms * 2).min(LATEST_TICK_MS) } else { TICK_MS };
        self.next = now.saturating_add(self.pause_ms);
    }

    /// Appends a tick if the wake-up is due; whether it did.
    pub(crate) fn tick(&mut self, wake: i64, log: &Arc<dyn Log>, at: TopicPartition, writer: &Bytes) -> bool {
        let is_due = wake <= self.log_time() && wake > self.last_at && self.now >= self.next;
        if !is_due || self.letter.is_away() {
            return false;
        }
        self.asked_for = wake;
        self.letter.send(log, at, partition_record(writer, control::Kind::Tick(Tick {})));
        true
    }

    /// When to look again though nothing arrives.
    pub(crate) fn next_look(&self, wake: Option<i64>) -> i64 {
        let latest = self.now.saturating_add(LOOK_MS);
        let wake = wake.map(|at| at.saturating_sub(self.ahead).max(self.next));
        wake.map_or(latest, |at| at.clamp(self.now.saturating_add(1), latest))
    }
}
