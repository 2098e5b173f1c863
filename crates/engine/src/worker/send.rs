//! What a worker appends: its decisions in order, `Passed` when they are acked, `Joined` once, ticks when due.

use eventlog::{
    TopicPartition,
    proto::{Joined, Passed, Tick, control},
};

use super::Worker;
use crate::{
    Fold,
    outbox::{Heard, Letter, Outbox},
    planted::{self, Bug},
    record::partition_record,
};

/// At most one tick in so many milliseconds.
const TICK_MS: i64 = 20;
/// Back-off of ticks that come too early.
const LATEST_TICK_MS: i64 = 1_000;
/// The longest a worker sleeps, milliseconds.
const LOOK_MS: i64 = 200;

/// What is on its way, and what was said.
pub(super) struct Sending {
    pub(super) outbox: Outbox,
    pub(super) dead: Outbox,
    passed: Letter,
    /// The highest `Passed` acked, and the one on its way.
    said: Option<u64>,
    saying: Option<u64>,
    joined: Letter,
    has_joined: bool,
    tick: Letter,
    tick_for: i64,
    last_tick_at: i64,
    next_tick: i64,
    tick_ms: i64,
    /// The log's clock less ours, by the last ack; and ours, as last told.
    ahead: i64,
    now: i64,
}

impl Sending {
    pub(super) fn new(at: TopicPartition) -> Self {
        let dead = TopicPartition { topic: at.topic.dead(), ..at };
        Self {
            outbox: Outbox::new(at, at),
            dead: Outbox::new(dead, at),
            passed: Letter::default(),
            said: None,
            saying: None,
            joined: Letter::default(),
            has_joined: false,
            tick: Letter::default(),
            tick_for: i64::MIN,
            last_tick_at: i64::MIN,
            next_tick: i64::MIN,
            tick_ms: TICK_MS,
            ahead: 0,
            now: i64::MIN,
        }
    }

    /// After a recovery: what is on its way may land or not.
    pub(super) fn after(before: &Self, at: TopicPartition) -> Self {
        Self { ahead: before.ahead, now: before.now, next_tick: before.next_tick, ..Self::new(at) }
    }

    /// The log's time now, as far as is known.
    pub(super) fn log_time(&self) -> i64 {
        self.now.saturating_add(self.ahead)
    }

    pub(super) fn saw_tick(&mut self, appended_at: i64) {
        self.last_tick_at = self.last_tick_at.max(appended_at);
    }

    pub(super) fn waiting(&self) -> usize {
        self.outbox.len()
    }

    pub(super) fn is_done(&self, last_fact: Option<u64>) -> bool {
        self.outbox.is_empty() && self.dead.is_empty() && !self.passed.is_away() && self.said >= last_fact
    }
}

impl<F: Fold> Worker<F> {
    /// Appends what there is to append.
    pub fn send(&mut self, now: i64) {
        self.collect_acks(now);
        if self.overruled || self.stuck.is_some() {
            return;
        }
        self.sending.outbox.pump(&self.ports.log, now);
        self.sending.dead.pump(&self.ports.log, now);
        self.say_passed();
        self.say_joined();
        self.tick(now);
    }

    pub(super) fn collect_acks(&mut self, now: i64) {
        self.sending.now = now;
        let heard = [self.sending.outbox.collect(now), self.sending.dead.collect(now)];
        for Heard { appended_at, failed, refused } in heard {
            self.metrics.append_errors.add(failed);
            self.metrics.append_refusals.add(refused);
            self.hear_time(appended_at, now);
        }
        if let Some(outcome) = self.sending.passed.collect() {
            let saying = self.sending.saying.take();
            match outcome {
                Ok(_) => self.sending.said = saying,
                Err(_) => self.metrics.append_errors.add(1),
            }
        }
        if let Some(outcome) = self.sending.joined.collect() {
            self.sending.has_joined = outcome.is_ok();
        }
        self.collect_tick(now);
    }

    fn hear_time(&mut self, appended_at: Option<i64>, now: i64) {
        if let Some(appended_at) = appended_at {
            self.sending.ahead = appended_at.saturating_sub(now);
        }
    }

    fn collect_tick(&mut self, now: i64) {
        let Some(outcome) = self.sending.tick.collect() else { return };
        let Ok(appended) = outcome else {
            self.metrics.append_errors.add(1);
            self.sending.next_tick = now.saturating_add(LATEST_TICK_MS / 4);
            return;
        };
        self.hear_time(Some(appended.appended_at), now);
        self.sending.saw_tick(appended.appended_at);
        let too_early = appended.appended_at < self.sending.tick_for;
        self.sending.tick_ms =
            if too_early { (self.sending.tick_ms * 2).min(LATEST_TICK_MS) } else { TICK_MS };
        self.sending.next_tick = now.saturating_add(self.sending.tick_ms);
    }

    fn say_passed(&mut self) {
        let sending = &mut self.sending;
        let unacked = sending.outbox.unacked().filter(|_| !planted::is(Bug::PassedBeforeAcks));
        let upto = match unacked {
            Some(offset) => self.last_fact.min(offset.checked_sub(1)),
            None => self.last_fact,
        };
        let Some(offset) = upto.filter(|_| upto > sending.said && !sending.passed.is_away()) else { return };
        let kind = control::Kind::Passed(Passed { service: F::SERVICE.into(), offset });
        sending.saying = upto;
        sending.passed.send(&self.ports.log, self.at, partition_record(&self.ports.writer, kind));
    }

    /// The first start of the service on this log.
    fn say_joined(&mut self) {
        let sending = &mut self.sending;
        let is_needed = self.reading.is_caught_up() && !self.reading.joined_seen && !self.draining;
        if is_needed && !sending.has_joined && !sending.joined.is_away() {
            let kind = control::Kind::Joined(Joined { service: F::SERVICE.into() });
            sending.joined.send(&self.ports.log, self.at, partition_record(&self.ports.writer, kind));
        }
    }

    fn tick(&mut self, now: i64) {
        if !self.reading.is_caught_up() || self.draining || self.sending.tick.is_away() {
            return;
        }
        let Some(wake) = self.memory.next_wake() else { return };
        let sending = &mut self.sending;
        let is_due = wake <= sending.log_time() && wake > sending.last_tick_at && now >= sending.next_tick;
        if is_due {
            sending.tick_for = wake;
            self.metrics.ticks.add(1);
            let record = partition_record(&self.ports.writer, control::Kind::Tick(Tick {}));
            sending.tick.send(&self.ports.log, self.at, record);
        }
    }

    /// When to look again though nothing arrives.
    pub(super) fn next_look(&mut self, now: i64) -> i64 {
        let wake = self.memory.next_wake().map(|at| at.saturating_sub(self.sending.ahead));
        let wake = wake.map(|at| at.max(self.sending.next_tick));
        let latest = now.saturating_add(LOOK_MS);
        wake.map_or(latest, |at| at.clamp(now.saturating_add(1), latest))
    }
}
