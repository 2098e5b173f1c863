//! Topics that are somebody else's, read as a member of a group whose committed offsets are the place.
//!
//! Invariant: an offset is committed once whoever takes the records has said that everything below it is kept
//! ([`Others::keep`]). So a record may be taken twice, after a crash or a rebalance, and none is passed over.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use rdkafka::{
    ClientConfig, ClientContext, Message, Offset, Statistics, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext},
    error::KafkaError,
    message::{BorrowedMessage, Headers},
    types::RDKafkaErrorCode,
};

use super::sight::{Sight, over};
use crate::LogError;

const ANSWER: Duration = Duration::from_secs(5);
/// Bytes of records taken at once; one that is larger comes alone.
const MOST_BYTES: usize = 4 << 20;

/// A record of somebody else's topic, as it lies there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Foreign {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds UTC, by its producer's or its broker's clock; absent in old topics.
    pub at: Option<i64>,
    pub key: Option<Bytes>,
    pub headers: Vec<(String, Bytes)>,
    pub value: Option<Bytes>,
}

impl Foreign {
    /// The first header of a name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| &**value)
    }
}

/// A member of a group that reads a topic. Its methods block: they are for plain threads.
pub struct Others {
    group: BaseConsumer<Listening>,
    /// One past what is kept, of partitions where the group does not know it yet.
    kept: Mutex<BTreeMap<(String, i32), i64>>,
}

struct Listening {
    sight: Sight,
    lag: Arc<AtomicU64>,
}

impl Others {
    /// Joins the group. Transient while no broker answers; poison if there is no such topic.
    pub(super) fn join(config: &ClientConfig, topic: &str, sight: &Sight) -> Result<Self, LogError> {
        let poison = |error: KafkaError| LogError::Poison(error.to_string());
        let listening = Listening { sight: sight.clone(), lag: Arc::default() };
        let group: BaseConsumer<Listening> = config.create_with_context(listening).map_err(poison)?;
        is_there(&group, topic)?;
        group.subscribe(&[topic]).map_err(poison)?;
        Ok(Self { group, kept: Mutex::default() })
    }

    /// What is there, at most so many records, each partition's in order; waits a while for the first.
    pub fn take(&self, most: usize, at_most: Duration) -> Result<Vec<Foreign>, LogError> {
        let (mut taken, mut bytes, until) = (Vec::new(), 0, Instant::now() + at_most);
        while taken.len() < most && bytes < MOST_BYTES {
            // Whatever is at hand already comes along.
            let wait = if taken.is_empty() {
                until.saturating_duration_since(Instant::now())
            } else {
                Duration::ZERO
            };
            match self.group.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    let record = foreign(&message);
                    bytes += record.value.as_ref().map_or(0, Bytes::len);
                    taken.push(record);
                }
                Some(Err(error)) => hear(&error)?,
            }
        }
        Ok(taken)
    }

    /// What was made of these records, and of all taken before them, is kept: the group goes on behind them. What it
    /// cannot hear now it is told with what is kept next.
    pub fn keep(&self, taken: &[Foreign]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for record in taken {
            let place = kept.entry((record.topic.clone(), record.partition)).or_default();
            *place = (record.offset + 1).max(*place);
        }
        // What was given to somebody else is theirs to say.
        let assigned = self.group.assignment().map(|it| it.to_topic_map()).unwrap_or_default();
        kept.retain(|place, _| assigned.contains_key(place));
        if kept.is_empty() {
            return;
        }
        match self.commit(&kept) {
            Ok(()) => kept.clear(),
            Err(error) => tracing::debug!(%error, "a commit waits: {error}"),
        }
    }

    /// Records that this member is still to take, as of a few seconds ago.
    pub fn lag(&self) -> Arc<AtomicU64> {
        self.group.context().lag.clone()
    }

    fn commit(&self, kept: &BTreeMap<(String, i32), i64>) -> Result<(), KafkaError> {
        let mut offsets = TopicPartitionList::new();
        for ((topic, partition), offset) in kept {
            offsets.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
        }
        self.group.commit(&offsets, CommitMode::Sync)
    }
}

/// That brokers are away others say; a topic that goes away meanwhile is waited for.
fn hear(error: &KafkaError) -> Result<(), LogError> {
    if let Some(why) = error.rdkafka_error_code().and_then(|code| over(code, &error.to_string())) {
        return Err(LogError::Poison(why));
    }
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::TopicAuthorizationFailed) => {
            tracing::warn!(%error, "events are not read: {error}");
            Ok(())
        }
        _ => {
            tracing::debug!(%error, "Kafka's reader of events: {error}");
            Ok(())
        }
    }
}

fn is_there(group: &BaseConsumer<Listening>, topic: &str) -> Result<(), LogError> {
    let away = |error: KafkaError| LogError::Transient(error.to_string());
    let found = group.fetch_metadata(Some(topic), ANSWER).map_err(away)?;
    let error = found.topics().first().and_then(|found| found.error()).map(RDKafkaErrorCode::from);
    match error {
        None => Ok(()),
        Some(RDKafkaErrorCode::LeaderNotAvailable) => {
            Err(LogError::Transient(format!("topic {topic} is being made")))
        }
        Some(RDKafkaErrorCode::UnknownTopicOrPartition) => {
            Err(LogError::Poison(format!("there is no topic {topic:?} to read events from: make it first")))
        }
        Some(error) => Err(LogError::Poison(format!("topic {topic:?}: {error}"))),
    }
}

fn foreign(message: &BorrowedMessage<'_>) -> Foreign {
    let bytes = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    Foreign {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        at: message.timestamp().to_millis(),
        key: message.key().map(bytes),
        headers: headers.map(|it| (it.key.to_owned(), it.value.map(bytes).unwrap_or_default())).collect(),
        value: message.payload().map(bytes),
    }
}

impl ClientContext for Listening {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.sight.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.sight.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let partitions = statistics.topics.values().flat_map(|topic| topic.partitions.values());
        let lag = partitions.filter(|it| it.fetch_state == "active").map(|it| {
            let from = it.committed_offset.max(it.lo_offset).max(0);
            it.ls_offset.max(it.hi_offset).saturating_sub(from).max(0).unsigned_abs()
        });
        self.lag.store(lag.sum(), Ordering::Relaxed);
        self.sight.stats(statistics);
    }
}

impl ConsumerContext for Listening {}
