//! The log in Apache Kafka: what a cluster has.
//!
//! Invariants: one producer a process; whoever reads keeps its own place, so committed offsets are a hint for monitors
//! and nothing more; nothing is appended or read before topics are known to be as [`topics`] says.

mod bell;
mod flight;
#[cfg(feature = "floor")]
pub mod floor;
mod headers;
mod lanes;
mod membership;
mod numbers;
mod others;
mod outlet;
mod producer;
mod reader;
mod settings;
mod sight;
pub mod topics;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

pub use headers::Kind;
pub use numbers::{Broker, Client};
pub use others::{Foreign, Others};

use lanes::Lanes;
use outlet::Outlet;
use producer::Producer;
use reader::Partition;
use settings::Configs;
use sight::Sight;

use crate::{
    Ack, Appended, Change, Feed, Log, LogError, MAX_BATCH_BYTES, Membership, NewRecord, Stored, Stream,
    Topic, TopicPartition,
};

/// How long a broker may take to answer a question.
const ANSWER: Duration = Duration::from_secs(2);
/// How often consumers are asked what they have to tell.
const TEND: Duration = Duration::from_millis(100);
/// How long brokers that have never answered may take to, ...
const FIRST: Duration = Duration::from_secs(5);
/// ... and how long they are left alone then.
const AWAY: Duration = Duration::from_secs(1);

/// Where Kafka is, and how the log lies there.
#[derive(Debug, Clone)]
pub struct KafkaOptions {
    /// Brokers to ask first: `host:port,host:port`.
    pub brokers: String,
    /// Before the names of topics and groups: for several Perennials on one cluster.
    pub prefix: String,
    /// What this replica is called, if it keeps its partitions over a restart (static membership).
    pub instance: Option<String>,
    /// Partitions of the inbox and of the account log, fixed when they are created.
    pub inbox_partitions: u32,
    pub account_partitions: u32,
    /// Bytes that may wait to be appended; beyond, appends fail.
    pub queue_bytes: usize,
    /// Further settings of librdkafka, for every client.
    pub settings: BTreeMap<String, String>,
    /// Says what a record is.
    pub kind: Kind,
}

impl KafkaOptions {
    /// The usual ones.
    pub fn at(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            prefix: String::new(),
            instance: None,
            inbox_partitions: 12,
            account_partitions: 12,
            queue_bytes: 64 << 20,
            settings: BTreeMap::new(),
            kind: |stream, _| match stream {
                Stream::Topic(topic) => topic.name(),
                Stream::Feed(feed) => feed.name(),
            },
        }
    }

    fn partitions(&self, topic: Topic) -> u32 {
        match topic {
            Topic::Inbox | Topic::InboxDead => self.inbox_partitions,
            Topic::Account | Topic::AccountDead => self.account_partitions,
        }
    }

    /// What a topic is called there.
    pub fn name(&self, topic: Topic) -> String {
        format!("{}{}", self.prefix, topic.name())
    }

    /// What a feed is called there. It has the partitions of the account log.
    pub fn feed(&self, feed: Feed) -> String {
        format!("{}{}", self.prefix, feed.name())
    }
}

/// The log. Its blocking methods (`fetch`, `end`, `wait`) are for plain threads: they must not be called from within
/// the async runtime.
pub struct KafkaLog {
    options: KafkaOptions,
    configs: Configs,
    sight: Sight,
    producer: Arc<Producer>,
    lanes: Lanes,
    partitions: BTreeMap<TopicPartition, Partition>,
    /// Of the feeds, which nobody here reads.
    feeds: BTreeMap<(Feed, u32), Arc<Outlet>>,
    /// Topics are known to be as they must be.
    has_answered: AtomicBool,
}

impl std::fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaLog").field("options", &self.options).finish_non_exhaustive()
    }
}

/// The work behind the log: it must be kept running for as long as the log is used.
pub struct Running(Arc<KafkaLog>);

impl KafkaLog {
    /// Opens the log, also if no broker answers: then it is away until one does. Poison if a topic is missing or not as it
    /// must be.
    pub async fn open(options: KafkaOptions) -> Result<(Arc<Self>, Running), LogError> {
        let log = Arc::new(Self::new(options)?);
        match log.check().await {
            Ok(()) => {}
            Err(LogError::Transient(why)) => log.tell_away(&why),
            Err(refused) => return Err(refused),
        }
        Ok((log.clone(), Running(log)))
    }

    fn new(options: KafkaOptions) -> Result<Self, LogError> {
        let configs = Configs::new(&options)?;
        let sight = Sight::default();
        let producer = Arc::new(Producer::new(configs.producer.clone(), &options, sight.clone())?);
        let lanes = Lanes::new(configs.reader.clone(), sight.clone());
        let partitions = Topic::ALL.into_iter().flat_map(|topic| {
            let name = options.name(topic);
            (0..options.partitions(topic)).map(move |partition| {
                let at = TopicPartition { topic, partition };
                (at, Partition::new(&name, at))
            })
        });
        let partitions = partitions.collect();
        let feeds = Feed::ALL.into_iter().flat_map(|feed| {
            let name = options.feed(feed);
            (0..options.account_partitions).map(move |partition| {
                ((feed, partition), Outlet::new(name.clone(), Stream::Feed(feed), partition))
            })
        });
        let (feeds, has_answered) = (feeds.collect(), AtomicBool::new(false));
        Ok(Self { options, configs, sight, producer, lanes, partitions, feeds, has_answered })
    }

    /// Asks how its topics are; if they are as they must be, the log may be used.
    async fn check(&self) -> Result<(), LogError> {
        topics::check(&self.options, &self.configs, FIRST).await?;
        self.has_answered.store(true, Ordering::Release);
        Ok(())
    }

    fn tell_away(&self, why: &str) {
        let brokers = &self.options.brokers;
        tracing::warn!(%brokers, "Kafka at {brokers} does not answer, and is asked again: {why}");
    }

    fn answered(&self) -> Result<(), LogError> {
        if self.has_answered.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(LogError::Transient(format!("Kafka at {} has not answered yet", self.options.brokers)))
    }

    /// Publishes to a partition of a feed; returns when all have landed.
    pub async fn publish(&self, feed: Feed, partition: u32, copies: Vec<NewRecord>) -> Result<(), LogError> {
        self.answered()?;
        let outlet = self.feeds.get(&(feed, partition));
        let outlet = outlet.ok_or_else(|| LogError::Poison(format!("there is no partition {partition}")))?;
        let (done, landed) = tokio::sync::oneshot::channel();
        // A caller that has gone away no longer wants to know.
        let ack = Box::new(move |outcome: Result<Appended, LogError>| drop(done.send(outcome.map(drop))));
        self.producer.append(outlet, copies, ack);
        landed.await.unwrap_or_else(|_| Err(LogError::Transient("the log has stopped".into())))
    }

    /// Reads a topic that is not this log's, as a member of a group. Blocks. Transient while no broker answers; poison if
    /// there is no such topic.
    pub fn read_others(&self, group: &str, topic: &str) -> Result<Others, LogError> {
        self.answered()?;
        Others::join(&self.configs.others(group), topic, &self.sight)
    }

    /// What the clients of this process have counted.
    pub fn clients(&self) -> Vec<Client> {
        self.sight.numbers().clients()
    }

    /// Blocks.
    fn tend(&self) {
        self.lanes.poll();
        self.partitions.values().for_each(Partition::stop_idle);
    }

    /// Blocks.
    fn close(&self) {
        let outlets = self.partitions.values().map(|partition| &partition.outlet);
        self.producer.close(outlets.chain(self.feeds.values()));
    }

    fn partition(&self, at: TopicPartition) -> Result<&Partition, LogError> {
        self.partitions.get(&at).ok_or_else(|| LogError::Poison(format!("there is no partition {at}")))
    }

    fn bounds(&self, partition: &Partition) -> Result<(u64, u64), LogError> {
        self.producer.bounds(partition.topic(), partition.number(), ANSWER)
    }
}

impl Running {
    /// Asks brokers that have not answered yet, and listens to the clients, until `until`; then what is on its way is
    /// waited for, and further appends fail. Poison if topics prove not to be as they must be.
    pub async fn run(self, until: impl Future<Output = ()>) -> Result<(), LogError> {
        let tending = async {
            loop {
                tokio::time::sleep(TEND).await;
                let log = self.0.clone();
                // If it panics, the next one says so again; readers find out by themselves.
                drop(tokio::task::spawn_blocking(move || log.tend()).await);
            }
        };
        let listening = async {
            self.be_answered().await?;
            tending.await;
            Ok(())
        };
        let heard = tokio::select! {
            () = until => Ok(()),
            heard = listening => heard,
        };
        let log = self.0.clone();
        // If it panics, the producer's own end says what has not landed.
        let _ = tokio::task::spawn_blocking(move || log.close()).await;
        heard
    }

    async fn be_answered(&self) -> Result<(), LogError> {
        while self.0.answered().is_err() {
            tokio::time::sleep(AWAY).await;
            match self.0.check().await {
                // As loud as that it did not.
                Ok(()) => tracing::warn!("Kafka at {} answers now", self.0.options.brokers),
                Err(LogError::Transient(why)) => self.0.tell_away(&why),
                Err(refused) => return Err(refused),
            }
        }
        Ok(())
    }
}

impl Log for KafkaLog {
    fn partitions(&self, topic: Topic) -> u32 {
        self.options.partitions(topic)
    }

    fn append(&self, at: TopicPartition, records: Vec<NewRecord>, done: Ack) {
        let partition = match self.answered().and_then(|()| self.partition(at)) {
            Err(refusal) => return done(Err(refusal)),
            Ok(_) if records.iter().map(|record| record.value.len()).sum::<usize>() > MAX_BATCH_BYTES => {
                return done(Err(LogError::Poison(format!("a batch over {MAX_BATCH_BYTES} bytes"))));
            }
            Ok(partition) => partition,
        };
        let (bell, count) = (partition.bell.clone(), records.len() as u64);
        let done = move |outcome: Result<Appended, LogError>| {
            if let Ok(appended) = &outcome {
                bell.reaches(appended.base_offset + count);
            }
            done(outcome);
        };
        self.producer.append(&partition.outlet, records, Box::new(done));
    }

    fn fetch(&self, at: TopicPartition, from: u64, max_bytes: usize) -> Result<Vec<Stored>, LogError> {
        self.answered()?;
        let partition = self.partition(at)?;
        partition.read(&self.lanes, from, max_bytes, &|| self.bounds(partition))
    }

    fn end(&self, at: TopicPartition) -> Result<u64, LogError> {
        self.answered()?;
        let partition = self.partition(at)?;
        let (_, end) = self.bounds(partition)?;
        partition.bell.reaches(end);
        Ok(end)
    }

    fn wait(&self, at: TopicPartition, from: u64, at_most: Duration) {
        if let Ok(partition) = self.partition(at) {
            partition.wait(from, at_most);
        }
    }

    fn wake(&self, at: TopicPartition) {
        if let Ok(partition) = self.partition(at) {
            partition.bell.wake();
        }
    }

    fn join(&self, group: &str, topic: Topic) -> Box<dyn Membership> {
        match membership::join(&self.configs.member(group), &self.options.name(topic), &self.sight) {
            Ok(member) => Box::new(member),
            Err(error) => {
                tracing::error!(%error, group, "cannot join the group: {error}");
                Box::new(Nobody)
            }
        }
    }

    fn has_answered(&self) -> bool {
        self.answered().is_ok()
    }
}

/// Who could not become a member.
struct Nobody;

impl Membership for Nobody {
    fn next(&mut self) -> std::pin::Pin<Box<dyn Future<Output = Option<Change>> + Send + '_>> {
        Box::pin(std::future::ready(None))
    }

    fn commit(&mut self, _: u32, _: u64) {}

    fn release(&mut self, _: u32) {}
}
