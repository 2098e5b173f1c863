//! The log, read beside the Perennial that writes it.

use std::sync::Arc;

use anyhow::Result;
use chassis::Tasks;
use eventlog::{
    Appended, NewRecord, Topic, TopicPartition,
    kafka::KafkaOptions,
    postgres::{PgLog, PgLogOptions},
};
use oracle::Record;
use testkit::servers::kafka_log;

use crate::process::Home;

const FETCH: usize = 4 << 20;

pub(crate) struct Log(Arc<dyn eventlog::Log>);

impl Log {
    /// As another process of the same cluster would.
    pub(crate) async fn open(home: &Home, tasks: &Tasks) -> Result<Self> {
        if let Some(kafka) = home.kafka() {
            return Self::in_kafka(kafka.options.clone(), tasks).await;
        }
        let until = tasks.shutdown_beneath();
        let pool = chassis::postgres::connect(home.database("perennial_log").await?, 4);
        let (log, running) = PgLog::open(pool, PgLogOptions::default()).await?;
        tasks.spawn_beneath("log", async move {
            running.run(until.wait()).await;
            Ok(())
        });
        Ok(Self(log))
    }

    pub(crate) async fn in_kafka(options: KafkaOptions, tasks: &Tasks) -> Result<Self> {
        Ok(Self(kafka_log(options, tasks).await?))
    }

    pub(crate) fn partitions(&self) -> u32 {
        self.0.partitions(Topic::Account)
    }

    /// How many records stand in both topics.
    pub(crate) async fn records_in_all(&self) -> Result<u64> {
        let log = self.0.clone();
        let ends = move || {
            let topics = [Topic::Inbox, Topic::Account].into_iter();
            let all = topics.flat_map(|topic| {
                (0..log.partitions(topic)).map(move |partition| TopicPartition { topic, partition })
            });
            all.map(|at| log.end(at)).sum()
        };
        let ends: Result<u64, _> = tokio::task::spawn_blocking(ends).await?;
        Ok(ends?)
    }

    /// Everything that stands in a topic.
    pub(crate) async fn records(&self, topic: Topic) -> Result<Vec<Record>> {
        let log = self.0.clone();
        let partitions = 0..log.partitions(topic);
        let read =
            move || partitions.map(|partition| read(&*log, TopicPartition { topic, partition })).collect();
        let partitions: Result<Vec<Vec<Record>>> = tokio::task::spawn_blocking(read).await?;
        Ok(partitions?.concat())
    }

    /// Appends what may be anything at all.
    pub(crate) async fn append(&self, at: TopicPartition, value: Vec<u8>) -> Result<Appended> {
        let record = NewRecord { value: value.into(), traceparent: None };
        Ok(eventlog::append(self.0.as_ref(), at, vec![record]).await?)
    }
}

fn read(log: &dyn eventlog::Log, at: TopicPartition) -> Result<Vec<Record>> {
    let end = log.end(at)?;
    let (mut records, mut next) = (Vec::new(), 0);
    while next < end {
        for stored in log.fetch(at, next, FETCH)? {
            next = stored.offset + 1;
            records.push(Record {
                partition: at.partition,
                offset: stored.offset,
                appended_at: stored.appended_at,
                bytes: stored.value.to_vec(),
            });
        }
    }
    Ok(records)
}
