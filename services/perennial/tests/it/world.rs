//! Perennial without servers: attribution and the three services, real folds in real workers, over a simulated log
//! and store. Who goes on when, and what goes wrong, is drawn from the seed.

use std::sync::{Arc, Mutex, PoisonError};

use chassis::Saver;
use domain::decision::Decision;
use engine::{
    Decided, Fold, ForwardFold, Forwarder, Metrics, Ports, Projected, Settings, Worker, WorkerError,
    planted::Bug,
};
use eventlog::{Key, NewRecord, Topic, TopicPartition};
use health_score::HealthFold;
use ingest::Attribution;
use segmentation::SegmentFold;
use testkit::sim::{Desk, Disk, Faults, SimLog, SimStore};
use workflow::{Savers, WorkflowFold};

use crate::dice::Dice;

/// Milliseconds that a call takes at most.
pub(crate) const LONGEST_CALL: i64 = 10_000;

/// Attempts that are to be made: what the workers' holders would do outside.
pub(crate) type Due = Arc<Mutex<Vec<Decided<Decision>>>>;

/// What is done with a worker, whatever it folds.
trait Hand {
    fn read(&mut self, now: i64, at_most: usize) -> Result<usize, WorkerError>;
    fn send(&mut self, now: i64);
    fn keep(&mut self, now: i64);
    fn is_settled(&self) -> bool;
    fn repairs(&self) -> u64;
}

impl<F: Fold> Hand for Worker<F> {
    fn read(&mut self, now: i64, at_most: usize) -> Result<usize, WorkerError> {
        Self::read(self, now, at_most)
    }

    fn send(&mut self, now: i64) {
        Self::send(self, now);
    }

    fn keep(&mut self, now: i64) {
        Self::keep(self, now, true);
    }

    fn is_settled(&self) -> bool {
        Self::is_settled(self)
    }

    fn repairs(&self) -> u64 {
        self.metrics().repairs.get()
    }
}

impl<F: ForwardFold> Hand for Forwarder<F> {
    fn read(&mut self, now: i64, at_most: usize) -> Result<usize, WorkerError> {
        Self::read(self, now, at_most)
    }

    fn send(&mut self, now: i64) {
        Self::send(self, now);
    }

    fn keep(&mut self, now: i64) {
        Self::keep(self, now);
    }

    fn is_settled(&self) -> bool {
        Self::is_settled(self)
    }

    fn repairs(&self) -> u64 {
        0
    }
}

/// A worker with what its store has still to write.
struct Owner {
    hand: Box<dyn Hand>,
    perform: Box<dyn Fn() -> bool>,
}

type Start = Box<dyn Fn([u8; 16]) -> Result<Owner, WorkerError>>;

/// One service's partition: its present owner and those who do not know that they no longer are.
struct Post {
    start: Start,
    owner: Owner,
    zombies: Vec<Owner>,
}

/// How many partitions the topics have, and what is broken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) inboxes: u32,
    pub(crate) accounts: u32,
    pub(crate) bug: Option<Bug>,
}

/// How rough the world is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) faults: Faults,
    /// One step in so many, a worker dies, or is replaced and lives on; 0: never.
    pub(crate) dies: u64,
    pub(crate) lingers: u64,
    /// One step in so many, an ack arrives.
    pub(crate) acks: u64,
}

impl Weather {
    pub(crate) const FAIR: Self =
        Self { faults: Faults { lost: 0, ack_lost: 0, behind: 0 }, dies: 0, lingers: 0, acks: 3 };
    /// Hardly a worker lives to write a checkpoint.
    pub(crate) const STORM: Self =
        Self { faults: Faults { lost: 100, ack_lost: 100, behind: 100 }, dies: 60, lingers: 60, acks: 9 };
    pub(crate) const ROUGH: Self =
        Self { faults: Faults { lost: 40, ack_lost: 40, behind: 40 }, dies: 400, lingers: 500, acks: 3 };
}

pub(crate) struct World {
    pub(crate) log: Arc<SimLog>,
    pub(crate) dice: Dice,
    pub(crate) due: Due,
    weather: Weather,
    posts: Vec<Post>,
    pub(crate) repairs: u64,
}

impl World {
    pub(crate) fn new(seed: u64, place: Place, weather: Weather, settings: &Settings) -> Self {
        let Place { inboxes, accounts, bug } = place;
        let log = Arc::new(SimLog::new(seed, inboxes, accounts));
        log.set_faults(weather.faults);
        let due = Due::default();
        let outside = Outside { log: log.clone(), due: due.clone(), bug };
        let mut dice = Dice::new(seed);
        let mut starts: Vec<Start> = Vec::new();
        for partition in 0..inboxes {
            starts.push(forwarder(&log, partition, settings, bug));
        }
        for partition in 0..accounts {
            starts.push(worker(|| HealthFold, &outside, partition, settings));
            starts.push(worker(segment_fold, &outside, partition, settings));
            starts.push(worker(workflow_fold, &outside, partition, settings));
        }
        let post = |start: Start| {
            let owner = start(dice.id()).expect("a first start reads nothing");
            Post { start, owner, zombies: Vec::new() }
        };
        let posts = starts.into_iter().map(post).collect();
        Self { log, dice: Dice::new(seed ^ 0xabcd), due, weather, posts, repairs: 0 }
    }

    /// Appends to the partition of the key.
    pub(crate) fn put(&self, topic: Topic, key: &Key, record: NewRecord) {
        let partition = key.partition(eventlog::Log::partitions(self.log.as_ref(), topic));
        self.log.put(TopicPartition { topic, partition }, record.value);
    }

    /// Somebody does something, so many times.
    pub(crate) fn steps(&mut self, count: usize) {
        for _ in 0..count {
            let at = self.dice.below(self.posts.len());
            self.step(at);
            if self.dice.once_in(self.weather.acks) {
                self.log.deliver_ack();
            }
            if self.dice.once_in(8) {
                self.log.advance(self.dice.range(0, 30));
            }
        }
    }

    fn step(&mut self, at: usize) {
        let now = self.log.now();
        let (post, dice) = (&mut self.posts[at], &mut self.dice);
        if self.weather.dies > 0 && dice.once_in(self.weather.dies) {
            return self.replace(at, false);
        }
        if self.weather.lingers > 0 && dice.once_in(self.weather.lingers) {
            return self.replace(at, true);
        }
        if !post.zombies.is_empty() && dice.once_in(20) {
            post.zombies.remove(0);
            return;
        }
        let whose = dice.below(1 + post.zombies.len());
        let owner = if whose == 0 { &mut post.owner } else { &mut post.zombies[whose - 1] };
        match dice.below(6) {
            0..=2 => {
                let most = 1 + dice.below(20);
                if owner.hand.read(now, most).is_err() && whose == 0 {
                    self.replace(at, false);
                }
            }
            3 => owner.hand.send(now),
            4 => owner.hand.keep(now),
            _ => {
                (owner.perform)();
            }
        }
    }

    /// A new owner; the old one is gone, or goes on without knowing.
    fn replace(&mut self, at: usize, lingers: bool) {
        let id = self.dice.id();
        let post = &mut self.posts[at];
        let Ok(owner) = (post.start)(id) else { return };
        let old = std::mem::replace(&mut post.owner, owner);
        self.repairs += old.hand.repairs();
        if lingers {
            post.zombies.push(old);
        }
    }

    /// Fair weather until nothing is left to be done.
    pub(crate) fn settle(&mut self) {
        self.weather = Weather::FAIR;
        self.log.set_faults(Weather::FAIR.faults);
        self.posts.iter_mut().for_each(|post| post.zombies.clear());
        let mut quiet = 0;
        for _ in 0..5_000 {
            let before = self.log.len();
            let busy = self.round();
            quiet = if self.log.len() == before && !busy { quiet + 1 } else { 0 };
            if quiet == 5 {
                return;
            }
        }
        panic!("the world does not come to rest");
    }

    fn round(&mut self) -> bool {
        let mut busy = false;
        self.log.advance(25);
        for at in 0..self.posts.len() {
            let now = self.log.now();
            let owner = &mut self.posts[at].owner;
            match owner.hand.read(now, 1_000) {
                Ok(read) => busy |= read > 0,
                Err(_) => {
                    self.replace(at, false);
                    busy = true;
                    continue;
                }
            }
            owner.hand.send(now);
            owner.hand.keep(now);
            while (owner.perform)() {}
            busy |= !owner.hand.is_settled();
        }
        while self.log.deliver_ack() {
            busy = true;
        }
        busy
    }

    /// All repairs of all owners so far.
    pub(crate) fn all_repairs(&self) -> u64 {
        self.repairs + self.posts.iter().map(|post| post.owner.hand.repairs()).sum::<u64>()
    }

    /// A topic as the oracle reads it.
    pub(crate) fn records(&self, topic: Topic) -> Vec<oracle::Record> {
        let partitions = eventlog::Log::partitions(self.log.as_ref(), topic);
        let of = |partition| {
            let stored = self.log.records(TopicPartition { topic, partition });
            stored.into_iter().map(move |record| oracle::Record {
                partition,
                offset: record.offset,
                appended_at: record.appended_at,
                bytes: record.value.to_vec(),
            })
        };
        (0..partitions).flat_map(of).collect()
    }
}

fn segment_fold() -> SegmentFold {
    SegmentFold { met: Saver::default() }
}

fn workflow_fold() -> WorkflowFold {
    WorkflowFold { longest_call: LONGEST_CALL, met: Savers::default() }
}

/// What all workers over the account log share.
#[derive(Clone)]
struct Outside {
    log: Arc<SimLog>,
    due: Due,
    bug: Option<Bug>,
}

type DiskOf<F> = Disk<Projected<<F as Fold>::Decision, <F as Fold>::Shown>>;

fn worker<F>(fold: fn() -> F, outside: &Outside, partition: u32, settings: &Settings) -> Start
where
    F: Fold<Decision = Decision>,
    F::Shown: Clone,
{
    let disk: Arc<Mutex<DiskOf<F>>> = Arc::default();
    let (Outside { log, due, bug }, settings) = (outside.clone(), settings.clone());
    Box::new(move |writer| {
        let (desk, store) = Desk::open(&disk, bug);
        let due = due.clone();
        let act = Box::new(move |decided: &Decided<Decision>, _| {
            if matches!(decided.decision, Decision::Attempt(_)) {
                due.lock().unwrap_or_else(PoisonError::into_inner).push(decided.clone());
            }
        });
        let writer = writer.to_vec().into();
        let ports = Ports { log: log.clone(), store: boxed(store), act, next_span: Arc::clone, writer };
        let worker = Worker::start(fold(), ports, partition, settings.clone(), Arc::new(Metrics::default()))?;
        Ok(Owner { hand: Box::new(worker), perform: Box::new(move || desk.perform()) })
    })
}

fn forwarder(log: &Arc<SimLog>, partition: u32, settings: &Settings, bug: Option<Bug>) -> Start {
    let disk: Arc<Mutex<Disk<engine::Forwarded<ingest::Item>>>> = Arc::default();
    let (log, settings) = (log.clone(), settings.clone());
    Box::new(move |writer| {
        let (desk, store) = Desk::open(&disk, bug);
        let act = Box::new(|_: &engine::Handed, _| ());
        let writer = writer.to_vec().into();
        let ports = Ports { log: log.clone(), store: boxed(store), act, next_span: Arc::clone, writer };
        let worker =
            Forwarder::start(Attribution, ports, partition, settings.clone(), Arc::new(Metrics::default()))?;
        Ok(Owner { hand: Box::new(worker), perform: Box::new(move || desk.perform()) })
    })
}

fn boxed<P: Send + 'static>(store: SimStore<P>) -> Box<dyn engine::Store<P>> {
    Box::new(store)
}
