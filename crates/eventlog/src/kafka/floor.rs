//! What librdkafka takes by itself, told what the log's clients are told: the floor that benchmarks compare with.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use rdkafka::{
    ClientContext, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    message::{DeliveryResult, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, ProducerContext},
};

use super::{
    KafkaOptions,
    headers::{Around, around},
    producer::log_error,
    settings::Configs,
};
use crate::{LogError, NewRecord, Stream, Topic, TopicPartition};

const WAIT: Duration = Duration::from_millis(100);

/// Messages that are made already, and who appends them again and again.
pub struct Appender {
    client: BaseProducer<Slots>,
    topic: String,
    messages: Vec<Message>,
    batch: usize,
}

struct Message {
    partition: i32,
    around: Around,
    value: Bytes,
}

/// Batches that may be on their way at once, and how many messages of each still are.
struct Slots {
    left: Vec<AtomicUsize>,
    failed: AtomicU64,
}

impl Appender {
    /// Appends these records of one topic, whose partitions stand beside them, to another: in batches of so many, so
    /// many of which are on their way at once.
    pub fn new(
        options: &KafkaOptions,
        (from, to): (Topic, Topic),
        records: &[(u32, NewRecord)],
        batch: usize,
        at_once: usize,
    ) -> Result<Self, LogError> {
        let left = (0..at_once).map(|_| AtomicUsize::new(0)).collect();
        let config = Configs::new(options)?.producer;
        let client = config.create_with_context(Slots { left, failed: AtomicU64::new(0) });
        let message = |(partition, record): &(u32, NewRecord)| Message {
            partition: i32::try_from(*partition).unwrap_or(i32::MAX),
            around: around((options.kind)(Stream::Topic(from), &record.value), record),
            value: record.value.clone(),
        };
        Ok(Self {
            client: client.map_err(|error| log_error(&error))?,
            topic: options.name(to),
            messages: records.iter().map(message).collect(),
            batch,
        })
    }

    /// Appends all of them once; returns when all have landed. Blocks.
    pub fn append_all(&self) -> Result<(), LogError> {
        let mut batches = self.messages.chunks(self.batch).peekable();
        while batches.peek().is_some() || !self.slots().are_empty() {
            for (slot, left) in self.slots().left.iter().enumerate() {
                if left.load(Ordering::Acquire) == 0
                    && let Some(batch) = batches.next()
                {
                    left.store(batch.len(), Ordering::Release);
                    batch.iter().try_for_each(|message| self.send(message, slot))?;
                }
            }
            self.client.poll(WAIT);
        }
        match self.slots().failed.load(Ordering::Acquire) {
            0 => Ok(()),
            failed => Err(LogError::Transient(format!("{failed} messages have not landed"))),
        }
    }

    fn send(&self, message: &Message, slot: usize) -> Result<(), LogError> {
        let headers: OwnedHeaders = message.around.headers.clone();
        let record = BaseRecord::with_opaque_to(&self.topic, slot)
            .partition(message.partition)
            .key(&message.around.key)
            .payload(&*message.value)
            .headers(headers);
        self.client.send(record).map_err(|(error, _)| log_error(&error))
    }

    fn slots(&self) -> &Slots {
        use rdkafka::producer::Producer as _;
        self.client.context()
    }
}

/// A partition as a plain consumer reads it.
pub struct Scan(BaseConsumer);

impl Scan {
    /// From the first record on.
    pub fn new(options: &KafkaOptions, at: TopicPartition) -> Result<Self, LogError> {
        let client: BaseConsumer =
            Configs::new(options)?.reader.create().map_err(|error| log_error(&error))?;
        let partition = i32::try_from(at.partition).unwrap_or(i32::MAX);
        let mut here = TopicPartitionList::new();
        here.add_partition_offset(&options.name(at.topic), partition, Offset::Beginning)
            .map_err(|error| log_error(&error))?;
        client.assign(&here).map_err(|error| log_error(&error))?;
        Ok(Self(client))
    }

    /// Hands over the value of the next record, if one comes in time. Blocks.
    pub fn next<T>(&self, at_most: Duration, look: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, LogError> {
        match self.0.poll(at_most) {
            None => Ok(None),
            Some(Err(error)) => Err(log_error(&error)),
            Some(Ok(message)) => Ok(Some(look(message.payload().unwrap_or_default()))),
        }
    }
}

impl Slots {
    fn are_empty(&self) -> bool {
        self.left.iter().all(|left| left.load(Ordering::Acquire) == 0)
    }
}

impl ClientContext for Slots {}

impl ProducerContext for Slots {
    type DeliveryOpaque = usize;

    fn delivery(&self, outcome: &DeliveryResult<'_>, slot: usize) {
        self.failed.fetch_add(u64::from(outcome.is_err()), Ordering::AcqRel);
        self.left[slot].fetch_sub(1, Ordering::AcqRel);
    }
}
