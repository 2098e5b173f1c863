//! What a worker appends: its decisions in order, `Passed` when they are acked, `Joined` once, ticks when due.

use eventlog::{
    TopicPartition,
    proto::{Joined, Passed, control},
};

use super::Worker;
use crate::{
    Fold,
    outbox::{Heard, Letter, Outbox},
    planted::{self, Bug},
    record::partition_record,
    ticker::Ticker,
};

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
    pub(super) ticker: Ticker,
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
            ticker: Ticker::new(),
        }
    }

    /// After a recovery: what is on its way may land or not.
    pub(super) fn after(before: &Self, at: TopicPartition) -> Self {
        Self { ticker: Ticker::after(&before.ticker), ..Self::new(at) }
    }

    pub(super) fn waiting(&self) -> usize {
        self.outbox.len() + self.dead.len()
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
        self.tick();
    }

    pub(super) fn collect_acks(&mut self, now: i64) {
        self.sending.ticker.collect(now);
        let heard = [self.sending.outbox.collect(now), self.sending.dead.collect(now)];
        for Heard { appended_at, failed, refused } in heard {
            self.metrics.append_errors.add(failed);
            self.metrics.append_refusals.add(refused);
            self.sending.ticker.hear(appended_at);
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
    }

    fn say_passed(&mut self) {
        let sending = &mut self.sending;
        let unacked = sending.outbox.unacked().filter(|_| !planted::is(Bug::PassedBeforeAcks));
        let upto = match unacked {
            Some(offset) => self.last_fact.min(offset.checked_sub(1)),
            None => self.last_fact,
        };
        let Some(offset) = upto.filter(|_| upto > sending.said && !sending.passed.is_away()) else { return };
        fail::fail_point!("engine-passing");
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

    fn tick(&mut self) {
        if self.reading.is_caught_up()
            && !self.draining
            && let Some(wake) = self.memory.next_wake()
            && self.sending.ticker.tick(wake, &self.ports.log, self.at, &self.ports.writer)
        {
            self.metrics.ticks.add(1);
        }
    }

    /// When to look again though nothing arrives.
    pub(super) fn next_look(&mut self) -> i64 {
        let wake = self.memory.next_wake();
        self.sending.ticker.next_look(wake)
    }
}
