//! The worker of one inbox partition: folds every record at once and forwards what follows.
//!
//! Invariants: forwards to one partition form one chain of links, so that a reader there takes each once, in order,
//! whoever sent it; a checkpoint as of `c` is written when all forwards of records below `c` are acked in
//! order and their items handed to the store. No decision is read back: what is forwarded is a function of the inbox.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use eventlog::{Stored, Topic, TopicPartition};

use super::{contacts::Contacts, targets::Targets};
use crate::{
    Checkpoint, ForwardFold, Forwarded, Handed, Metrics, Ports, Progress, Settings, WorkerError, Write,
    lag::{Front, Lag},
    outbox::{MOST_LETTERS, Outbox},
    planted::{self, Bug},
    runner::{Machine, Turn},
    ticker::Ticker,
};

const TURN_RECORDS: usize = 1_000;
const WRITE_ITEMS: usize = 2_000;

/// The worker of one inbox partition.
pub struct Forwarder<F: ForwardFold> {
    pub(super) fold: F,
    pub(super) ports: Ports<Forwarded<F::Item>, Handed>,
    pub(super) at: TopicPartition,
    /// Where `outboxes` go.
    pub(super) targets: Targets,
    settings: Settings,
    pub(super) metrics: Arc<Metrics>,
    pub(super) contacts: Contacts<F>,
    pub(super) next: u64,
    end_at_start: u64,
    /// What lies below may have been forwarded before.
    pub(super) told_to: u64,
    lag: Lag,
    fetched: VecDeque<Stored>,
    pub(super) outboxes: Vec<Outbox>,
    pub(super) dead: Outbox,
    pub(super) ticker: Ticker,
    pub(super) items: Vec<Forwarded<F::Item>>,
    settled: u64,
    /// A checkpoint that waits for the acks of what is below it.
    begun: Option<Checkpoint>,
    kept: u64,
    kept_at: Option<i64>,
    records: u64,
    /// Records that the fold failed on, by offset and contact: dead letters already.
    pub(super) poisoned: HashSet<(u64, String, String)>,
    /// A fold failed half-way.
    pub(super) damaged: bool,
    draining: bool,
}

impl<F: ForwardFold> Forwarder<F> {
    /// Loads the checkpoint. Blocks.
    pub fn start(
        fold: F,
        mut ports: Ports<Forwarded<F::Item>, Handed>,
        partition: u32,
        settings: Settings,
        metrics: Arc<Metrics>,
    ) -> Result<Self, WorkerError> {
        let at = TopicPartition { topic: Topic::Inbox, partition };
        let (checkpoint, end) = ports.begin(at)?;
        let targets = Targets::of(ports.log.as_ref());
        let contacts = Contacts::load(&fold, &checkpoint, targets)?;
        let next = checkpoint.offset;
        metrics.checkpointed.set(next);
        let dead = TopicPartition { topic: Topic::InboxDead, partition };
        Ok(Self {
            outboxes: targets.outboxes(at),
            targets,
            dead: Outbox::new(dead, at),
            ticker: Ticker::new(),
            fold,
            ports,
            at,
            settings,
            metrics,
            contacts,
            next,
            end_at_start: end,
            told_to: end,
            lag: Lag::default(),
            fetched: VecDeque::new(),
            items: Vec::new(),
            settled: next,
            begun: None,
            kept: next,
            kept_at: None,
            records: 0,
            poisoned: HashSet::new(),
            damaged: false,
            draining: false,
        })
    }

    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The first record not yet folded.
    pub fn folded_to(&self) -> u64 {
        self.next
    }

    /// Everything folded is forwarded and acked.
    pub fn is_settled(&self) -> bool {
        self.dead.is_empty() && self.outboxes.iter().all(Outbox::is_empty)
    }

    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// One that would have to begin again leaves that to whoever comes next.
    pub fn is_drained(&self) -> bool {
        let is_done = self.is_settled()
            && self.items.is_empty()
            && self.kept >= self.next
            && self.ports.store.waiting() == 0;
        self.draining && (is_done || self.damaged)
    }

    pub fn turn(&mut self, now: i64) -> Result<Turn, WorkerError> {
        let read = self.read(now, TURN_RECORDS)?;
        self.send(now);
        self.keep(now);
        if read > 0 {
            return Ok(Turn::Busy);
        }
        let wake = self.contacts.timers.earliest(&mut self.contacts.all);
        Ok(Turn::Idle { until: self.ticker.next_look(wake) })
    }

    /// Folds up to so many records; how many there were. How far it is behind is measured first: that is worth knowing
    /// above all while the log or the store is away.
    pub fn read(&mut self, now: i64, at_most: usize) -> Result<usize, WorkerError> {
        self.collect_acks(now);
        // A log that is away is not to hold up the end.
        if !self.draining {
            self.measure_lag(now);
        }
        if self.damaged && !self.draining {
            self.recover()?;
        }
        let mut taken = 0;
        while taken < at_most && !self.draining && !self.damaged && !self.must_pause() {
            if self.fetched.is_empty() {
                let fetched = self.ports.log.fetch(self.at, self.next, self.settings.fetch_bytes);
                self.metrics.fetch_errors.add(u64::from(fetched.is_err()));
                self.fetched.extend(fetched?);
                if let Some(first) = self.fetched.front() {
                    self.metrics.see_gap(self.at, self.next, first.offset);
                }
            }
            let Some(record) = self.fetched.pop_front() else { break };
            self.metrics.folded.add(1);
            self.metrics.refolded.add(u64::from(record.offset < self.end_at_start));
            self.next = record.offset + 1;
            self.fold_record(record);
            self.records += 1;
            taken += 1;
        }
        if self.next < self.end_at_start {
            fail::fail_point!("engine-recovering");
        }
        self.metrics.set_caught_up(self.next >= self.end_at_start);
        Ok(taken)
    }

    fn must_pause(&self) -> bool {
        let unacked: usize = self.outboxes.iter().chain([&self.dead]).map(Outbox::len).sum();
        let behind = self.ports.store.waiting() >= self.settings.store_writes
            || unacked >= self.settings.unacked_records
            || self.dead.bytes() >= MOST_LETTERS;
        self.metrics.pauses.add(u64::from(behind));
        behind
    }

    fn measure_lag(&mut self, now: i64) {
        let front =
            Front { offset: self.next, appended_at: self.fetched.front().map(|record| record.appended_at) };
        let log_time = self.ticker.log_time();
        self.lag.measure(self.ports.log.as_ref(), self.at, front, now, log_time, &self.metrics);
    }

    fn recover(&mut self) -> Result<(), WorkerError> {
        let (checkpoint, _) = self.ports.begin(self.at)?;
        self.contacts = Contacts::load(&self.fold, &checkpoint, self.targets)?;
        self.told_to = self.told_to.max(self.next);
        self.next = checkpoint.offset;
        (self.kept, self.settled) = (self.next, self.next);
        self.fetched.clear();
        self.items.clear();
        self.begun = None;
        self.outboxes = self.targets.outboxes(self.at);
        self.ticker = Ticker::after(&self.ticker);
        self.damaged = false;
        self.metrics.recoveries.add(1);
        Ok(())
    }

    fn collect_acks(&mut self, now: i64) {
        self.ticker.collect(now);
        for outbox in self.outboxes.iter_mut().chain([&mut self.dead]) {
            let heard = outbox.collect(now);
            self.metrics.append_errors.add(heard.failed);
            self.metrics.append_refusals.add(heard.refused);
            self.ticker.hear(heard.appended_at);
            if heard.appended_at.is_some() {
                fail::fail_point!("attribution-forwarded");
            }
        }
    }

    /// Appends what there is to append.
    pub fn send(&mut self, now: i64) {
        self.collect_acks(now);
        self.dead.pump(&self.ports.log, now);
        if self.damaged {
            return;
        }
        for outbox in &mut self.outboxes {
            outbox.pump(&self.ports.log, now);
        }
        if self.next >= self.end_at_start
            && !self.draining
            && let Some(wake) = self.contacts.timers.earliest(&mut self.contacts.all)
            && self.ticker.tick(wake, &self.ports.log, self.at, &self.ports.writer)
        {
            self.metrics.ticks.add(1);
        }
    }

    /// Projects and checkpoints.
    pub fn keep(&mut self, now: i64) {
        if self.damaged {
            return;
        }
        let unacked = self.outboxes.iter().chain([&self.dead]).filter_map(Outbox::unacked).min();
        let settled = unacked.map_or(self.next, |offset| offset.min(self.next));
        self.project(settled);
        self.begin_checkpoint(now);
        let is_acked =
            |begun: &Checkpoint| begun.offset <= settled || planted::is(Bug::CheckpointWhilePending);
        if !self.begun.as_ref().is_some_and(is_acked) {
            return;
        }
        let Some(mut checkpoint) = self.begun.take() else { return };
        if planted::is(Bug::LinksLater) {
            checkpoint.partition = self.contacts.encode_partition();
        }
        (self.kept, self.kept_at) = (checkpoint.offset, Some(now));
        self.metrics.checkpoints.add(1);
        self.ports.store.submit(Write::Checkpoint(checkpoint));
    }

    fn project(&mut self, settled: u64) {
        if self.items.is_empty() && settled <= self.settled {
            return;
        }
        self.settled = settled.max(self.settled);
        self.metrics.projected.add(self.items.len() as u64);
        let progress = Progress { settled: self.settled, clocks: Vec::new() };
        let mut items = std::mem::take(&mut self.items);
        while items.len() > WRITE_ITEMS {
            let rest = items.split_off(WRITE_ITEMS);
            let before = Progress { settled: self.kept, clocks: Vec::new() };
            self.ports.store.submit(Write::Project { items, progress: before });
            items = rest;
        }
        self.ports.store.submit(Write::Project { items, progress });
    }

    fn begin_checkpoint(&mut self, now: i64) {
        let since = *self.kept_at.get_or_insert(now);
        let is_time = self.records >= self.settings.checkpoint_records
            || now.saturating_sub(since) >= self.settings.checkpoint_ms
            || self.draining;
        if !is_time || self.begun.is_some() || self.next <= self.kept {
            return;
        }
        self.records = 0;
        let mut accounts = Vec::new();
        for id in std::mem::take(&mut self.contacts.dirty) {
            self.contacts.all[id as usize].dirty = false;
            let key = (*self.contacts.all[id as usize].key).clone();
            accounts.push((key, self.contacts.encode(&self.fold, id)));
        }
        let partition = self.contacts.encode_partition();
        let (blocks, blocks_from) = self.contacts.seen.block(self.next);
        self.begun = Some(Checkpoint { offset: self.next, partition, accounts, blocks, blocks_from });
    }
}

impl<F: ForwardFold> Machine for Forwarder<F> {
    fn turn(&mut self, now: i64) -> Result<Turn, WorkerError> {
        Self::turn(self, now)
    }

    fn wait(&self, at_most: std::time::Duration) {
        self.ports.log.wait(self.at, self.next, at_most);
    }

    fn drain(&mut self) {
        Self::drain(self);
    }

    fn is_drained(&self) -> bool {
        Self::is_drained(self)
    }
}
