//! Reading a partition. Whoever reads in this process has a *feed*: a place in the partition from which records come
//! without being asked for one by one. Feeds of one partition lie in different lanes.
//!
//! Invariant: what is read is what stands in the log, without a gap but for what was no longer kept.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{Consumer, base_consumer::PartitionQueue},
    error::KafkaError,
    message::BorrowedMessage,
    types::RDKafkaErrorCode,
};

use super::{
    bell::Bell,
    headers::traceparent,
    lanes::{Lane, Lanes, Reading},
    outlet::Outlet,
    producer::log_error,
};
use crate::{LogError, Stored, Stream, TopicPartition};

/// Readers of one partition in one process, at most.
const LANES: usize = 8;
/// How long a record that is known to be there is waited for: less than a worker has to end.
const ANSWER: Duration = Duration::from_secs(3);
/// A feed from which nobody has read for so long stops.
const IDLE: Duration = Duration::from_secs(60);
/// Bytes of records that a feed keeps though they were handed out: who reads close behind goes on from it too.
const KEPT: usize = 2 << 20;
/// Where a feed stands that stands nowhere.
const NOWHERE: u64 = u64::MAX;

/// One partition, and who reads it here.
pub(super) struct Partition {
    /// Where it is, and how to append to it.
    pub(super) outlet: Arc<Outlet>,
    pub(super) bell: Arc<Bell>,
    /// One a lane, each made once.
    feeds: Mutex<Vec<Arc<Feed>>>,
}

struct Feed {
    lane: Arc<Lane>,
    /// The first record that it has, and the one to come next: to be looked at without waiting for who reads.
    first: AtomicU64,
    next: AtomicU64,
    /// Records have come that nobody has looked at.
    arrived: Arc<AtomicBool>,
    source: Mutex<Source>,
}

struct Source {
    /// Where records come, while it stands somewhere.
    queue: Option<PartitionQueue<Reading>>,
    /// What has come, and was perhaps handed out already.
    records: VecDeque<Stored>,
    bytes: usize,
    /// The record to come next.
    next: u64,
    used: Instant,
}

/// A partition's first offset, and its end.
type Bounds<'a> = &'a dyn Fn() -> Result<(u64, u64), LogError>;

impl Partition {
    pub(super) fn new(topic: &str, at: TopicPartition) -> Self {
        let outlet = Outlet::new(topic.to_owned(), Stream::Topic(at.topic), at.partition);
        Self { outlet, bell: Arc::default(), feeds: Mutex::default() }
    }

    pub(super) fn topic(&self) -> &str {
        &self.outlet.topic
    }

    pub(super) fn number(&self) -> i32 {
        self.outlet.partition
    }

    /// Records from `from` on, by the feed that stands there, or by one that is placed there.
    pub(super) fn read(
        &self,
        lanes: &Lanes,
        from: u64,
        max_bytes: usize,
        bounds: Bounds<'_>,
    ) -> Result<Vec<Stored>, LogError> {
        if let Some(read) = self.read_where_it_is(from, max_bytes, bounds) {
            return read;
        }
        let (first, end) = bounds()?;
        self.bell.reaches(end);
        if from > end {
            return Ok(Vec::new());
        }
        let from = from.max(first);
        self.open(lanes, from)?;
        let gone = || Err(LogError::Transient(format!("too many read {}/{}", self.topic(), self.number())));
        self.read_where_it_is(from, max_bytes, bounds).unwrap_or_else(gone)
    }

    /// Waits for the feed that stands at `from`, or for what else the bell tells.
    pub(super) fn wait(&self, from: u64, at_most: Duration) {
        let feed = self.feeds().into_iter().find(|feed| feed.next.load(Ordering::Acquire) == from);
        self.bell.wait(from, feed.as_ref().map(|feed| &*feed.arrived), at_most);
    }

    /// Stops feeds that nobody reads any more.
    pub(super) fn stop_idle(&self) {
        for feed in self.feeds() {
            if let Some(mut source) = feed.try_source()
                && source.queue.is_some()
                && source.used.elapsed() > IDLE
            {
                self.stop(&feed, &mut source);
            }
        }
    }

    /// By the feed that has it; none if none has.
    fn read_where_it_is(
        &self,
        from: u64,
        max_bytes: usize,
        bounds: Bounds<'_>,
    ) -> Option<Result<Vec<Stored>, LogError>> {
        for feed in self.feeds().into_iter().filter(|feed| feed.may_hold(from)) {
            let mut source = lock(&feed.source);
            if source.holds(from) {
                return Some(self.read_feed(&feed, &mut source, from, max_bytes, bounds));
            }
        }
        None
    }

    fn read_feed(
        &self,
        feed: &Feed,
        source: &mut Source,
        from: u64,
        max_bytes: usize,
        bounds: Bounds<'_>,
    ) -> Result<Vec<Stored>, LogError> {
        let read = source.read(feed, from, max_bytes, &self.bell, bounds);
        match &read {
            Ok(records) => {
                feed.stands(source.first(), source.next);
                self.bell.reaches(records.last().map_or(from, |last| last.offset + 1));
            }
            // Where it stands now nobody knows.
            Err(_) => self.stop(feed, source),
        }
        read
    }

    fn feeds(&self) -> Vec<Arc<Feed>> {
        lock(&self.feeds).clone()
    }

    /// Places a feed: one that stands nowhere, or a new one; else the one longest unread.
    fn open(&self, lanes: &Lanes, from: u64) -> Result<(), LogError> {
        let mut feeds = lock(&self.feeds);
        let free = feeds.iter().find(|feed| feed.next.load(Ordering::Acquire) == NOWHERE);
        let feed = match free {
            Some(free) => free.clone(),
            None if feeds.len() < LANES => {
                let fresh = Arc::new(Feed::new(lanes.lane(feeds.len())?));
                feeds.push(fresh.clone());
                fresh
            }
            None => {
                let used = |feed: &&Arc<Feed>| feed.try_source().map(|source| source.used);
                let unread = feeds.iter().filter(|feed| used(feed).is_some()).min_by_key(used).cloned();
                unread.ok_or_else(|| LogError::Transient(format!("too many read {}", self.topic())))?
            }
        };
        let mut source = lock(&feed.source);
        self.place(&feed, &mut source, from)
    }

    /// The queue is split off anew each time: the client may have forgotten the partition in between, and would send
    /// the records of a new one elsewhere.
    fn place(&self, feed: &Feed, source: &mut Source, from: u64) -> Result<(), LogError> {
        self.stop(feed, source);
        let mut queue = feed.lane.split_partition_queue(self.topic(), self.number()).ok_or_else(|| {
            LogError::Poison(format!("there is no partition {}/{}", self.topic(), self.number()))
        })?;
        let (bell, flag) = (self.bell.clone(), feed.arrived.clone());
        queue.set_nonempty_callback(move || bell.arrive(&flag));
        let offset = Offset::Offset(i64::try_from(from).unwrap_or(i64::MAX));
        let mut here = TopicPartitionList::new();
        here.add_partition_offset(self.topic(), self.number(), offset).map_err(|error| log_error(&error))?;
        feed.lane.incremental_assign(&here).map_err(|error| log_error(&error))?;
        *source = Source { queue: Some(queue), next: from, ..Source::nowhere() };
        feed.stands(from, from);
        Ok(())
    }

    fn stop(&self, feed: &Feed, source: &mut Source) {
        feed.stands(NOWHERE, NOWHERE);
        let Some(queue) = source.queue.take() else { return };
        let mut here = TopicPartitionList::new();
        here.add_partition(self.topic(), self.number());
        if let Err(error) = feed.lane.incremental_unassign(&here) {
            tracing::debug!(%error, "{}/{} is read no more: {error}", self.topic(), self.number());
        }
        // What lies in it is not for whoever comes next.
        while queue.poll(Duration::ZERO).is_some() {}
        *source = Source::nowhere();
    }
}

impl Feed {
    fn new(lane: Arc<Lane>) -> Self {
        let nowhere = || AtomicU64::new(NOWHERE);
        let source = Mutex::new(Source::nowhere());
        Self { lane, first: nowhere(), next: nowhere(), arrived: Arc::default(), source }
    }

    fn stands(&self, first: u64, next: u64) {
        self.first.store(first, Ordering::Release);
        self.next.store(next, Ordering::Release);
    }

    /// As far as can be seen without waiting.
    fn may_hold(&self, from: u64) -> bool {
        let (first, next) = (self.first.load(Ordering::Acquire), self.next.load(Ordering::Acquire));
        next != NOWHERE && first <= from && from <= next
    }

    /// None while somebody reads it.
    fn try_source(&self) -> Option<MutexGuard<'_, Source>> {
        match self.source.try_lock() {
            Ok(source) => Some(source),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl Source {
    fn nowhere() -> Self {
        Self { queue: None, records: VecDeque::new(), bytes: 0, next: NOWHERE, used: Instant::now() }
    }

    fn first(&self) -> u64 {
        self.records.front().map_or(self.next, |record| record.offset)
    }

    /// Whether it can go on from there.
    fn holds(&self, from: u64) -> bool {
        self.queue.is_some() && self.first() <= from && from <= self.next
    }

    /// What has come from `from` on, up to about so many bytes. If the log is known to reach further, at least one
    /// record is waited for.
    fn read(
        &mut self,
        feed: &Feed,
        from: u64,
        max_bytes: usize,
        bell: &Bell,
        bounds: Bounds<'_>,
    ) -> Result<Vec<Stored>, LogError> {
        self.used = Instant::now();
        self.forget(from);
        let mut bytes: usize = self.ahead(from).map(|record| record.value.len()).sum();
        // Before looking: what comes from now on is heard of.
        feed.arrived.store(false, Ordering::Release);
        let until = Instant::now() + ANSWER;
        while self.next <= from || bytes < max_bytes {
            let is_there = self.next <= from && bell.end() > from;
            let at_most =
                if is_there { until.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
            match self.take(at_most, bounds)? {
                Some(length) => bytes += length,
                None if is_there && Instant::now() >= until => {
                    return Err(LogError::Transient(format!("record {from} is there and does not come")));
                }
                None if is_there => {}
                None => break,
            }
        }
        if bytes >= max_bytes {
            feed.arrived.store(true, Ordering::Release);
        }
        Ok(self.up_to(from, max_bytes))
    }

    /// Takes one more record; its length.
    fn take(&mut self, at_most: Duration, bounds: Bounds<'_>) -> Result<Option<usize>, LogError> {
        let record = match self.queue.as_ref().and_then(|queue| queue.poll(at_most)) {
            None => return Ok(None),
            Some(Err(error)) => return Err(read_error(&error)),
            Some(Ok(message)) => stored(&message),
        };
        if record.offset < self.next {
            return Ok(Some(0));
        }
        if record.offset > self.next && bounds()?.0 <= self.next {
            let gap = format!("record {} came where {} was to come", record.offset, self.next);
            return Err(LogError::Transient(gap));
        }
        self.next = record.offset + 1;
        let length = record.value.len();
        self.bytes += length;
        self.records.push_back(record);
        Ok(Some(length))
    }

    /// Lets go of the oldest records before `from`, but for the last few.
    fn forget(&mut self, from: u64) {
        while self.bytes > KEPT
            && let Some(record) = self.records.pop_front_if(|record| record.offset < from)
        {
            self.bytes -= record.value.len();
        }
    }

    fn ahead(&self, from: u64) -> impl Iterator<Item = &Stored> {
        let behind = self.records.partition_point(|record| record.offset < from);
        self.records.range(behind..)
    }

    fn up_to(&self, from: u64, max_bytes: usize) -> Vec<Stored> {
        let mut bytes = 0_usize;
        let fits = |record: &&Stored| {
            let fits = bytes == 0 || bytes + record.value.len() <= max_bytes;
            bytes += record.value.len().max(1);
            fits
        };
        self.ahead(from).take_while(fits).cloned().collect()
    }
}

fn stored(message: &BorrowedMessage<'_>) -> Stored {
    Stored {
        offset: message.offset().max(0).unsigned_abs(),
        appended_at: message.timestamp().to_millis().unwrap_or(0),
        value: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
        traceparent: traceparent(message.headers()),
    }
}

/// Records that were dropped while they were to be read are no reason to stop: the next look begins behind them.
fn read_error(error: &KafkaError) -> LogError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
            LogError::Transient("what was to be read is not kept any more".into())
        }
        _ => log_error(error),
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
