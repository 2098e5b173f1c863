//! A log in memory with append time and faults.

use std::{
    collections::{BTreeMap, VecDeque},
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use eventlog::{
    Ack, Appended, Change, Log, LogError, MAX_BATCH_BYTES, Membership, NewRecord, Stored, Topic,
    TopicPartition,
};

use super::Rng;

/// How often, in thousandths, appends go wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Nothing lands; what is appended behind it may.
    pub lost: u64,
    /// It lands and looks as if it had not.
    pub ack_lost: u64,
    /// Whoever takes it has a clock that is behind.
    pub behind: u64,
}

/// How far clocks are behind at most, milliseconds.
const BEHIND_MS: u64 = 800;

struct Inner {
    partitions: BTreeMap<TopicPartition, Vec<Stored>>,
    acks: Vec<(Ack, Result<Appended, LogError>)>,
    rng: Rng,
    faults: Faults,
    /// Bytes that a batch may hold.
    limit: usize,
    now: i64,
}

/// The only member of its group: histories make and drop workers themselves.
struct Alone(VecDeque<Change>);

impl Membership for Alone {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<Change>> + Send + '_>> {
        match self.0.pop_front() {
            Some(change) => Box::pin(std::future::ready(Some(change))),
            None => Box::pin(std::future::pending()),
        }
    }

    fn commit(&mut self, _partition: u32, _offset: u64) {}

    fn release(&mut self, _partition: u32) {}
}

/// The log port, simulated. Appends land at once or never; acks come when the history lets them.
pub struct SimLog {
    inner: Mutex<Inner>,
    inboxes: u32,
    accounts: u32,
}

impl SimLog {
    pub fn new(seed: u64, inboxes: u32, accounts: u32) -> Self {
        let (partitions, acks) = (BTreeMap::new(), Vec::new());
        let (rng, faults, limit) = (Rng::new(seed), Faults::default(), MAX_BATCH_BYTES);
        let inner = Inner { partitions, acks, rng, faults, limit, now: 1 };
        Self { inner: Mutex::new(inner), inboxes, accounts }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_faults(&self, faults: Faults) {
        self.inner().faults = faults;
    }

    /// Takes less at once than a log should.
    pub fn set_limit(&self, bytes: usize) {
        self.inner().limit = bytes;
    }

    pub fn now(&self) -> i64 {
        self.inner().now
    }

    pub fn advance(&self, ms: i64) {
        self.inner().now += ms;
    }

    /// Appends for certain; where.
    pub fn put(&self, at: TopicPartition, value: bytes::Bytes) -> u64 {
        self.inner().land(at, vec![NewRecord { value, traceparent: None }]).base_offset
    }

    pub fn records(&self, at: TopicPartition) -> Vec<Stored> {
        self.inner().partitions.get(&at).cloned().unwrap_or_default()
    }

    pub fn len(&self) -> usize {
        self.inner().partitions.values().map(Vec::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Delivers one outstanding ack, any; whether there was one.
    pub fn deliver_ack(&self) -> bool {
        let (ack, outcome) = {
            let mut inner = self.inner();
            if inner.acks.is_empty() {
                return false;
            }
            let count = inner.acks.len() as u64;
            let at = inner.rng.below(count) as usize;
            inner.acks.swap_remove(at)
        };
        ack(outcome);
        true
    }
}

impl Inner {
    fn land(&mut self, at: TopicPartition, records: Vec<NewRecord>) -> Appended {
        let is_behind = self.faults.behind > 0 && self.rng.luck(self.faults.behind);
        let behind = if is_behind { self.rng.below(BEHIND_MS) as i64 } else { 0 };
        let appended_at = self.now - behind;
        let partition = self.partitions.entry(at).or_default();
        let base_offset = partition.len() as u64;
        for NewRecord { value, traceparent } in records {
            partition.push(Stored { offset: partition.len() as u64, appended_at, value, traceparent });
        }
        Appended { base_offset, appended_at }
    }
}

impl Log for SimLog {
    fn partitions(&self, topic: Topic) -> u32 {
        match topic {
            Topic::Inbox | Topic::InboxDead => self.inboxes,
            Topic::Account | Topic::AccountDead => self.accounts,
        }
    }

    fn append(&self, at: TopicPartition, records: Vec<NewRecord>, done: Ack) {
        let mut inner = self.inner();
        let luck = inner.rng.below(1_000);
        let away = Err(LogError::Transient("simulated".into()));
        let bytes: usize = records.iter().map(|record| record.value.len()).sum();
        let outcome = if bytes > inner.limit {
            Err(LogError::Poison(format!("a batch over {} bytes", inner.limit)))
        } else if luck < inner.faults.lost {
            away
        } else {
            let appended = inner.land(at, records);
            if luck < inner.faults.lost + inner.faults.ack_lost { away } else { Ok(appended) }
        };
        inner.acks.push((done, outcome));
    }

    fn fetch(&self, at: TopicPartition, from: u64, _max_bytes: usize) -> Result<Vec<Stored>, LogError> {
        let inner = self.inner();
        let records = inner.partitions.get(&at).map_or(&[][..], Vec::as_slice);
        Ok(records.iter().skip(from as usize).take(16).cloned().collect())
    }

    fn end(&self, at: TopicPartition) -> Result<u64, LogError> {
        Ok(self.inner().partitions.get(&at).map_or(0, |records| records.len() as u64))
    }

    fn wait(&self, _at: TopicPartition, _from: u64, _at_most: Duration) {}

    fn wake(&self, _at: TopicPartition) {}

    fn join(&self, _group: &str, topic: Topic) -> Box<dyn Membership> {
        let all = (0..self.partitions(topic)).map(Change::Assigned);
        Box::new(Alone(all.chain([Change::Joined]).collect()))
    }
}
