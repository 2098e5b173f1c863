//! Reading a partition. Whoever reads in this process has a *feed*: a place in the partition from which records come
//! without being asked for one by one. Feeds of one partition lie in different *lanes*: a consumer can stand at one
//! place of a partition only.
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
    ClientConfig, ClientContext, Message, Offset, Statistics, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext, base_consumer::PartitionQueue},
    error::KafkaError,
    message::BorrowedMessage,
    types::RDKafkaErrorCode,
};

use super::{bell::Bell, headers::traceparent, producer::log_error, sight::Sight};
use crate::{LogError, Stored};

/// Readers of one partition in one process, at most.
const LANES: usize = 8;
/// How long a record that is known to be there is waited for.
const ANSWER: Duration = Duration::from_secs(5);
/// A feed from which nobody has read for so long is closed.
const IDLE: Duration = Duration::from_secs(60);

pub(super) type Lane = BaseConsumer<Reading>;

/// The consumers of a process, made as they are needed.
pub(super) struct Lanes {
    config: ClientConfig,
    sight: Sight,
    open: Mutex<Vec<Arc<Lane>>>,
}

/// What a lane's consumer tells.
pub(super) struct Reading(Sight);

/// One partition, and who reads it here.
pub(super) struct Partition {
    topic: String,
    number: i32,
    pub(super) bell: Arc<Bell>,
    /// One a lane, each made once.
    feeds: Mutex<Vec<Arc<Feed>>>,
}

struct Feed {
    /// Where whoever reads it will go on.
    read_to: AtomicU64,
    /// Records have come that nobody has looked at.
    arrived: Arc<AtomicBool>,
    source: Mutex<Source>,
}

struct Source {
    lane: Arc<Lane>,
    queue: PartitionQueue<Reading>,
    /// What has come, from what was handed out last on: it may be asked for again.
    records: VecDeque<Stored>,
    /// The record to come next; none if it stands nowhere.
    next: Option<u64>,
    used: Instant,
}

/// A partition's first offset, and its end.
type Bounds<'a> = &'a dyn Fn() -> Result<(u64, u64), LogError>;

impl Lanes {
    pub(super) fn new(config: ClientConfig, sight: Sight) -> Self {
        Self { config, sight, open: Mutex::default() }
    }

    fn lane(&self, number: usize) -> Result<Arc<Lane>, LogError> {
        let mut open = lock(&self.open);
        while open.len() <= number {
            let lane: Lane = self
                .config
                .create_with_context(Reading(self.sight.clone()))
                .map_err(|error| LogError::Poison(error.to_string()))?;
            open.push(Arc::new(lane));
        }
        Ok(open[number].clone())
    }

    /// Has the consumers tell what they have to tell: to be called again and again.
    pub(super) fn poll(&self) {
        let open = lock(&self.open).clone();
        for told in open.iter().filter_map(|lane| lane.poll(Duration::ZERO)) {
            if let Err(error) = told {
                tracing::debug!(%error, "Kafka's consumer: {error}");
            }
        }
    }
}

impl Partition {
    pub(super) fn new(topic: &str, number: u32) -> Self {
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        Self { topic: topic.to_owned(), number, bell: Arc::default(), feeds: Mutex::default() }
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    pub(super) fn number(&self) -> i32 {
        self.number
    }

    /// Records from `from` on, by the feed that stands there, or by one that is placed there.
    pub(super) fn read(
        &self,
        lanes: &Lanes,
        from: u64,
        max_bytes: usize,
        bounds: Bounds<'_>,
    ) -> Result<Vec<Stored>, LogError> {
        for feed in self.feeds() {
            if let Some(mut source) = feed.try_source()
                && source.holds(from)
            {
                return self.read_feed(&feed, &mut source, from, max_bytes, bounds);
            }
        }
        let (first, end) = bounds()?;
        self.bell.reaches(end);
        if from > end {
            return Ok(Vec::new());
        }
        let from = from.max(first);
        for feed in self.free_feeds(lanes)? {
            if let Some(mut source) = feed.try_source() {
                self.place(&feed, &mut source, from)?;
                return self.read_feed(&feed, &mut source, from, max_bytes, bounds);
            }
        }
        Err(LogError::Transient(format!("too many read {}/{}", self.topic, self.number)))
    }

    /// Waits for the feed that stands at `from`, or for what else the bell tells.
    pub(super) fn wait(&self, from: u64, at_most: Duration) {
        let feed = self.feeds().into_iter().find(|feed| feed.read_to.load(Ordering::Acquire) == from);
        self.bell.wait(from, feed.as_ref().map(|feed| &*feed.arrived), at_most);
    }

    /// Stops feeds that nobody reads any more.
    pub(super) fn stop_idle(&self) {
        for feed in self.feeds() {
            if let Some(mut source) = feed.try_source()
                && source.next.is_some()
                && source.used.elapsed() > IDLE
            {
                self.stop(&feed, &mut source);
            }
        }
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
                let read_to = records.last().map_or(from, |last| last.offset + 1);
                feed.read_to.store(read_to, Ordering::Release);
                self.bell.reaches(read_to);
            }
            // Where it stands now nobody knows.
            Err(_) => self.stop(feed, source),
        }
        read
    }

    fn feeds(&self) -> Vec<Arc<Feed>> {
        lock(&self.feeds).clone()
    }

    /// Those that may be placed elsewhere: first one that stands nowhere, or a new one; else the one longest unread.
    fn free_feeds(&self, lanes: &Lanes) -> Result<Vec<Arc<Feed>>, LogError> {
        let mut feeds = lock(&self.feeds);
        let stands = |feed: &Feed| feed.try_source().is_none_or(|source| source.next.is_some());
        if feeds.len() < LANES && feeds.iter().all(|feed| stands(feed)) {
            let fresh = self.feed(lanes.lane(feeds.len())?)?;
            feeds.push(fresh);
        }
        let mut free = feeds.clone();
        free.sort_by_cached_key(|feed| feed.try_source().map(|source| (source.next.is_some(), source.used)));
        Ok(free)
    }

    fn feed(&self, lane: Arc<Lane>) -> Result<Arc<Feed>, LogError> {
        let mut queue = lane.split_partition_queue(&self.topic, self.number).ok_or_else(|| {
            LogError::Poison(format!("there is no partition {}/{}", self.topic, self.number))
        })?;
        let arrived: Arc<AtomicBool> = Arc::default();
        let (bell, flag) = (self.bell.clone(), arrived.clone());
        queue.set_nonempty_callback(move || bell.arrive(&flag));
        let source = Source { lane, queue, records: VecDeque::new(), next: None, used: Instant::now() };
        Ok(Arc::new(Feed { read_to: AtomicU64::new(u64::MAX), arrived, source: Mutex::new(source) }))
    }

    fn place(&self, feed: &Feed, source: &mut Source, from: u64) -> Result<(), LogError> {
        self.stop(feed, source);
        let offset = Offset::Offset(i64::try_from(from).unwrap_or(i64::MAX));
        let mut here = TopicPartitionList::new();
        here.add_partition_offset(&self.topic, self.number, offset).map_err(|error| log_error(&error))?;
        source.lane.incremental_assign(&here).map_err(|error| log_error(&error))?;
        source.next = Some(from);
        Ok(())
    }

    fn stop(&self, feed: &Feed, source: &mut Source) {
        feed.read_to.store(u64::MAX, Ordering::Release);
        source.records.clear();
        if source.next.take().is_some() {
            let mut here = TopicPartitionList::new();
            here.add_partition(&self.topic, self.number);
            if let Err(error) = source.lane.incremental_unassign(&here) {
                tracing::debug!(%error, "{}/{} is read no more: {error}", self.topic, self.number);
            }
        }
    }
}

impl Feed {
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
    /// Whether it can go on from there.
    fn holds(&self, from: u64) -> bool {
        let first = self.records.front().map(|record| record.offset).or(self.next);
        first.is_some_and(|first| first <= from) && self.next.is_some_and(|next| from <= next)
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
        while self.records.pop_front_if(|record| record.offset < from).is_some() {}
        let mut bytes: usize = self.records.iter().map(|record| record.value.len()).sum();
        // Before looking: what comes from now on is heard of.
        feed.arrived.store(false, Ordering::Release);
        let until = Instant::now() + ANSWER;
        while self.records.is_empty() || bytes < max_bytes {
            let is_there = self.records.is_empty() && bell.end() > from;
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
        Ok(self.up_to(max_bytes))
    }

    /// Takes one more record; its length.
    fn take(&mut self, at_most: Duration, bounds: Bounds<'_>) -> Result<Option<usize>, LogError> {
        let record = match self.queue.poll(at_most) {
            None => return Ok(None),
            Some(Err(error)) => return Err(read_error(&error)),
            Some(Ok(message)) => stored(&message),
        };
        let next = self.next.unwrap_or(record.offset);
        if record.offset < next {
            return Ok(Some(0));
        }
        if record.offset > next && bounds()?.0 <= next {
            let gap = format!("record {} came where {next} was to come", record.offset);
            return Err(LogError::Transient(gap));
        }
        self.next = Some(record.offset + 1);
        let length = record.value.len();
        self.records.push_back(record);
        Ok(Some(length))
    }

    fn up_to(&self, max_bytes: usize) -> Vec<Stored> {
        let mut bytes = 0_usize;
        let fits = |record: &&Stored| {
            let fits = bytes == 0 || bytes + record.value.len() <= max_bytes;
            bytes += record.value.len().max(1);
            fits
        };
        self.records.iter().take_while(fits).cloned().collect()
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

impl ClientContext for Reading {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.0.stats(statistics);
    }
}

impl ConsumerContext for Reading {}
