//! The log in Kafka, on a real broker.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chassis::Tasks;
use eventlog::{
    Feed, Log, LogError, NewRecord, Topic, TopicPartition,
    kafka::{
        KafkaLog, KafkaOptions,
        topics::{Difference, Keeping, Topics, What},
    },
};
use testkit::{
    conformance::{PROPERTIES, Subject, appends_fail_and_succeed_again, members_share_partitions},
    servers::{OwnKafka, kafka, keeping},
};

use crate::support::on_a_thread;

/// A log, and what runs behind it until it is closed.
struct Opened {
    log: Arc<KafkaLog>,
    tasks: Tasks,
}

impl Opened {
    /// As another process would open it: with clients of its own.
    async fn open(options: KafkaOptions) -> anyhow::Result<Self> {
        let (log, running) = KafkaLog::open(options).await?;
        let tasks = Tasks::new();
        let shutdown = tasks.shutdown_beneath();
        tasks.spawn_beneath("log", async move { Ok(running.run(shutdown.wait()).await?) });
        Ok(Self { log, tasks })
    }

    async fn close(self) -> anyhow::Result<()> {
        self.tasks.stop();
        self.tasks.finish(Duration::from_secs(20)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_what_every_log_must_keep() -> anyhow::Result<()> {
    for (name, property) in PROPERTIES {
        let options = kafka().topics().await?;
        let one = Opened::open(options.clone()).await?;
        let other = Opened::open(options).await?;
        let subject = Subject { log: one.log.clone(), other: other.log.clone() };
        let begun = std::time::Instant::now();
        on_a_thread(move || property(&subject)).await;
        eprintln!("{name}: {:?}", begun.elapsed());
        one.close().await?;
        other.close().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_shared_among_members() -> anyhow::Result<()> {
    let options = kafka().topics().await?;
    let one = Opened::open(options.clone()).await?;
    let other = Opened::open(options).await?;
    let subject = Subject { log: one.log.clone(), other: other.log.clone() };
    members_share_partitions(&subject).await;
    one.close().await?;
    other.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_outlives_its_broker() -> anyhow::Result<()> {
    let server = OwnKafka::start()?;
    let opened = Opened::open(server.topics().await?).await?;
    let (log, server) = (opened.log.clone(), Mutex::new(server));
    on_a_thread(move || {
        let stop = || server.lock().unwrap().kill().unwrap();
        let start = || server.lock().unwrap().start_again().unwrap();
        appends_fail_and_succeed_again(&*log, stop, start);
    })
    .await;
    opened.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_made_as_they_must_be_and_mended() -> anyhow::Result<()> {
    let options = kafka().options();
    let topics = Topics::new(&options, &keeping())?;
    let missing = topics.diff().await?;
    assert_eq!(missing.len(), Topic::ALL.len() + Feed::ALL.len());
    assert!(missing.iter().all(|difference| difference.what == What::Missing));
    let refused = KafkaLog::open(options.clone()).await.err();
    assert!(matches!(&refused, Some(LogError::Poison(why)) if why.contains("is missing")), "{refused:?}");
    assert_eq!(topics.apply().await?, missing);
    assert_eq!(topics.diff().await?, []);

    let longer = Keeping { inbox_days: 8, ..keeping() };
    let topics = Topics::new(&options, &longer)?;
    let setting = What::Setting { name: "retention.ms", is: "604800000".into(), should: "691200000".into() };
    let difference = Difference { topic: format!("{}perennial.inbox.v1", options.prefix), what: setting };
    assert_eq!(topics.diff().await?, std::slice::from_ref(&difference));
    assert_eq!(topics.apply().await?, [difference]);
    assert_eq!(topics.diff().await?, []);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_partitions_is_fixed_at_creation() -> anyhow::Result<()> {
    let options = kafka().topics().await?;
    let other = KafkaOptions { inbox_partitions: 8, ..options.clone() };
    let refused = KafkaLog::open(other.clone()).await.err();
    let said = format!(
        "topic {0}perennial.inbox.v1 has 4 partitions, not 8: their number is fixed when a topic is created; \
         topic {0}perennial.inbox.v1.dlq has 4 partitions, not 8: their number is fixed when a topic is created \
         (--kafka-inbox-partitions and --kafka-account-partitions say how many there are)",
        options.prefix
    );
    assert_eq!(refused, Some(LogError::Poison(said)));
    assert_eq!(Topics::new(&other, &keeping())?.apply().await?, [], "apply does not touch that");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_brokers_do_not_answer_is_open_and_away() -> anyhow::Result<()> {
    let (log, _) = KafkaLog::open(KafkaOptions::at("127.0.0.1:9")).await?;
    assert!(!log.has_answered());
    let at = TopicPartition { topic: Topic::Inbox, partition: 0 };
    let record = NewRecord { value: vec![1].into(), traceparent: None };
    let away = eventlog::append(&*log, at, vec![record]).await.err();
    assert!(matches!(&away, Some(LogError::Transient(why)) if why.contains("not answered")), "{away:?}");
    Ok(())
}
