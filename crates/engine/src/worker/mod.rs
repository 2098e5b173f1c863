//! The worker of one partition of the account log, for one service.
//!
//! It is a state machine without a clock or a thread of its own: `read` takes records, folds what may be folded and
//! queues what follows; `send` appends; `keep` projects and checkpoints. Each may be called at any time, in any
//! order; a runner (or a simulation) does.
//!
//! Invariants. `folded_to` is the first fact not yet folded; `memory` is as of it. A fact is folded once the service
//! above has passed it. Every decision yielded is pending until it is read back, in the order of its account's chain.
//! If the log has something else than was yielded, the log is right: the worker starts again from its checkpoint.

mod folding;
mod keep;
mod poison;
mod read;
mod recover;
mod send;
mod steps;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use eventlog::{Stored, Topic, TopicPartition, proto::Header};

use crate::{
    Decided, Fold, Metrics, Poison, Ports, Projected, Settings, WorkerError,
    lag::Lag,
    memory::Memory,
    record::FactKind,
    runner::{Machine, Turn},
    slot::ABOVE,
};
use keep::Keeping;
use send::Sending;
use steps::{FromAbove, Logged};

/// Records taken in one turn.
const TURN_RECORDS: usize = 1_000;

/// A fact that waits for the services above, with what they decided from it.
struct Buffered<D> {
    record: Stored,
    header: Header,
    kind: FactKind,
    above: Vec<FromAbove<D>>,
}

/// Folding stands at a poisoned fact until the skips said of it are read back.
#[derive(Debug, Clone, Copy)]
struct Halt {
    offset: u64,
    waiting: u32,
    /// A fold failed half-way: the state is that of the checkpoint, refolded without the fact.
    damaged: bool,
}

/// Where reading stands.
struct Reading<D> {
    next: u64,
    /// The log's end on assignment: own decisions below it were collected before anything was folded.
    end_at_start: u64,
    lag: Lag,
    fetched: VecDeque<Stored>,
    buffer: VecDeque<Buffered<D>>,
    /// The buffer is full: records are only looked through for what concerns facts below here, then read again.
    overflow: Option<u64>,
    own_passed: Option<u64>,
    above_passed: [Option<u64>; ABOVE],
    joined_seen: bool,
}

/// The outside of the worker of a fold.
pub type WorkerPorts<F> =
    Ports<Projected<<F as Fold>::Decision, <F as Fold>::Shown>, Decided<<F as Fold>::Decision>>;

/// The worker of one partition of the account log.
pub struct Worker<F: Fold> {
    fold: F,
    ports: WorkerPorts<F>,
    at: TopicPartition,
    settings: Settings,
    metrics: Arc<Metrics>,
    memory: Memory<F>,
    reading: Reading<F::Decision>,
    folded_to: u64,
    /// The last fact folded.
    last_fact: Option<u64>,
    /// What the log has of this service beyond the facts folded, by fact and account.
    logged: HashMap<(u64, u32), VecDeque<Logged<F::Decision>>>,
    /// Facts of which decisions are pending, and how many.
    open: VecDeque<(u64, u32)>,
    halt: Option<Halt>,
    /// The log has another decision than was yielded.
    overruled: bool,
    /// It cannot go on until a build comes that can.
    stuck: Option<Poison>,
    sending: Sending,
    keeping: Keeping<Projected<F::Decision, F::Shown>>,
    draining: bool,
    touched: Vec<u32>,
}

impl<F: Fold> Worker<F> {
    /// Loads the checkpoint and collects what the log has decided since. Blocks.
    pub fn start(
        fold: F,
        mut ports: WorkerPorts<F>,
        partition: u32,
        settings: Settings,
        metrics: Arc<Metrics>,
    ) -> Result<Self, WorkerError> {
        let at = TopicPartition { topic: Topic::Account, partition };
        let (checkpoint, end) = ports.begin(at)?;
        metrics.checkpointed.set(checkpoint.offset);
        let memory = Memory::load(&fold, &checkpoint)?;
        let mut worker = Self {
            sending: Sending::new(at),
            keeping: Keeping::new(checkpoint.offset),
            reading: Reading::new(checkpoint.offset, end, memory.joined),
            folded_to: checkpoint.offset,
            last_fact: checkpoint.offset.checked_sub(1),
            logged: HashMap::new(),
            open: VecDeque::new(),
            halt: None,
            overruled: false,
            stuck: None,
            draining: false,
            touched: Vec::new(),
            fold,
            ports,
            at,
            settings,
            metrics,
            memory,
        };
        worker.collect_own()?;
        Ok(worker)
    }

    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub fn partition(&self) -> TopicPartition {
        self.at
    }

    /// The first fact not yet folded.
    pub fn folded_to(&self) -> u64 {
        self.folded_to
    }

    /// An account's state, as of the facts folded.
    pub fn state(&self, workspace: &str, account: &str) -> Option<&F::State> {
        let id = self.memory.find(workspace, account)?;
        Some(&self.memory.slots[id as usize].state)
    }

    /// Nothing is on its way, everything folded is said and read back.
    pub fn is_settled(&self) -> bool {
        self.open.is_empty() && self.halt.is_none() && self.sending.is_done(self.last_fact)
    }

    /// Stops folding; what was yielded is finished, then a checkpoint is written.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// One that would have to begin again leaves that to whoever comes next.
    pub fn is_drained(&self) -> bool {
        let is_done =
            self.is_settled() && self.keeping.is_done(self.folded_to) && self.ports.store.waiting() == 0;
        self.draining && (is_done || self.overruled)
    }

    /// Read, fold, send, keep.
    pub fn turn(&mut self, now: i64) -> Result<Turn, WorkerError> {
        let read = self.read(now, TURN_RECORDS)?;
        self.send(now);
        let idle = read == 0;
        self.keep(now, idle);
        if idle { Ok(Turn::Idle { until: self.next_look() }) } else { Ok(Turn::Busy) }
    }
}

impl<D> Reading<D> {
    fn new(from: u64, end: u64, joined: bool) -> Self {
        let passed = from.checked_sub(1);
        Self {
            next: from,
            end_at_start: end,
            lag: Lag::default(),
            fetched: VecDeque::new(),
            buffer: VecDeque::new(),
            overflow: None,
            own_passed: passed,
            above_passed: [passed; ABOVE],
            joined_seen: joined,
        }
    }

    fn is_caught_up(&self) -> bool {
        self.overflow.is_none() && self.next >= self.end_at_start
    }
}

impl<F: Fold> Machine for Worker<F> {
    fn turn(&mut self, now: i64) -> Result<Turn, WorkerError> {
        Self::turn(self, now)
    }

    fn wait(&self, at_most: std::time::Duration) {
        self.ports.log.wait(self.at, self.reading.next, at_most);
    }

    fn drain(&mut self) {
        Self::drain(self);
    }

    fn is_drained(&self) -> bool {
        Self::is_drained(self)
    }
}
