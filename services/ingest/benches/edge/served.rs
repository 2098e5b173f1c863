//! What is measured: the edge, and the floors beside it. Each says where it is once it is ready, and ends with its
//! standard input.

use std::{
    io::{Read, stdin},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use axum::{Router, body::Bytes, http::header, response::IntoResponse, routing::post};
use chassis::{
    Tasks,
    grpc::Reflected,
    metrics::{Metrics, Readiness},
    postgres::{connect, service_database},
    telemetry,
    workers::Workers,
};
use ephemera::Ephemera;
use eventlog::{
    Ack, Change, Log, LogError, Membership, NewRecord, Stored, Topic, TopicPartition,
    kafka::{KafkaLog, KafkaOptions, floor::Appender},
};
use sqlx::postgres::PgConnectOptions;
use testkit::servers::kafka_log;
use tokio::net::TcpListener;

/// ingest's own, and its role.
const DATABASE: &str = "perennial_ingest";
/// Of a service's pool.
const CONNECTIONS: u32 = 8;

/// ingest as the binary starts it, with its logs and its connections, but for attribution: that folds nothing here.
pub(crate) fn edge(options: &KafkaOptions, database_url: &str) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let tasks = Tasks::new();
        let telemetry = telemetry::init(telemetry::Format::Pretty, "warn", None)?;
        let (metrics, readiness) = (Metrics::new(), Readiness::new());
        telemetry.follow(&metrics, &tasks);
        let log = Arc::new(OnlyAppended(kafka_log(options.clone(), &tasks).await?));
        let server = database_url.parse::<PgConnectOptions>()?;
        let database = service_database(&server, DATABASE, DATABASE).await?;
        let ports = ingest::Ports {
            workers: Workers::new(log.clone(), &tasks, &metrics, &readiness),
            log,
            pool: connect(database, CONNECTIONS),
            kafka: None,
            ephemera: Ephemera::in_process(),
        };
        let started = ingest::start(ingest::Config::default(), ports).await?;
        let (http, grpc) = (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
        let http = chassis::http::serve(http, started.http, &tasks)?;
        let grpc = chassis::grpc::serve(grpc, started.grpc, Reflected::default(), &readiness, &tasks).await?;
        println!("http://{http} http://{grpc}");
        until_told(tasks).await
    })
}

/// A bare axum server, which hears a body and answers.
pub(crate) fn echo() -> Result<()> {
    async fn answer(body: Bytes) -> impl IntoResponse {
        // Heard, and no more.
        drop(body);
        ([(header::CONTENT_TYPE, "application/json")], r#"{"success": true}"#)
    }
    tokio::runtime::Runtime::new()?.block_on(async {
        let router = Router::new().route("/v1/{call}", post(answer));
        let http = TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", http.local_addr()?);
        tokio::select! {
            served = axum::serve(http, router) => Ok(served?),
            told = until_told(Tasks::new()) => told,
        }
    })
}

/// Appends the first records of the inbox elsewhere, as often as it is told to.
pub(crate) fn librdkafka(options: &KafkaOptions, batch: usize, at_once: usize, records: u64) -> Result<()> {
    let records = tokio::runtime::Runtime::new()?.block_on(read(options, records))?;
    let appender = Appender::new(options, (Topic::Inbox, Topic::InboxDead), &records, batch, at_once)?;
    println!("ready");
    let mut told = stdin().lines();
    while told.next().transpose()?.is_some() {
        appender.append_all()?;
        println!("done");
    }
    Ok(())
}

/// So many records of the inbox, in turn of its partitions: as they came.
async fn read(options: &KafkaOptions, count: u64) -> Result<Vec<(u32, NewRecord)>> {
    let tasks = Tasks::new();
    let log = kafka_log(options.clone(), &tasks).await?;
    let read = move || -> Result<Vec<(u32, NewRecord)>> {
        let mut found = Vec::new();
        for partition in 0..log.partitions(Topic::Inbox) {
            let at = TopicPartition { topic: Topic::Inbox, partition };
            let (end, mut next) = (log.end(at)?, 0);
            while next < end {
                let records = log.fetch(at, next, 1 << 20)?;
                next = records.last().context("nothing where something is")?.offset + 1;
                let new = |it: Stored| NewRecord { value: it.value, traceparent: it.traceparent };
                found.extend(records.into_iter().map(|it| ((it.offset, partition), new(it))));
            }
        }
        found.sort_by_key(|(place, _)| *place);
        let count = usize::try_from(count)?;
        anyhow::ensure!(found.len() >= count, "{} records and no more", found.len());
        // The catalogue's versions stand before all events.
        let latest = found.split_off(found.len() - count);
        Ok(latest.into_iter().map(|((_, partition), record)| (partition, record)).collect())
    };
    let records = tokio::task::spawn_blocking(read).await??;
    tasks.stop();
    tasks.finish(Duration::from_secs(10)).await?;
    Ok(records)
}

async fn until_told(tasks: Tasks) -> Result<()> {
    tokio::task::spawn_blocking(|| stdin().read_to_end(&mut Vec::new())).await??;
    tasks.stop();
    tasks.finish(Duration::from_secs(10)).await
}

/// A log whose partitions are somebody else's to fold.
struct OnlyAppended(Arc<KafkaLog>);

impl Log for OnlyAppended {
    fn partitions(&self, topic: Topic) -> u32 {
        self.0.partitions(topic)
    }

    fn append(&self, at: TopicPartition, records: Vec<NewRecord>, done: Ack) {
        self.0.append(at, records, done);
    }

    fn fetch(&self, at: TopicPartition, from: u64, max_bytes: usize) -> Result<Vec<Stored>, LogError> {
        self.0.fetch(at, from, max_bytes)
    }

    fn end(&self, at: TopicPartition) -> Result<u64, LogError> {
        self.0.end(at)
    }

    fn wait(&self, at: TopicPartition, from: u64, at_most: Duration) {
        self.0.wait(at, from, at_most);
    }

    fn wake(&self, at: TopicPartition) {
        self.0.wake(at);
    }

    fn join(&self, _: &str, _: Topic) -> Box<dyn Membership> {
        Box::new(Without { has_said: false })
    }
}

/// A member of a group that has no partition.
struct Without {
    has_said: bool,
}

impl Membership for Without {
    fn next(&mut self) -> std::pin::Pin<Box<dyn Future<Output = Option<Change>> + Send + '_>> {
        if std::mem::replace(&mut self.has_said, true) {
            return Box::pin(std::future::pending());
        }
        Box::pin(std::future::ready(Some(Change::Joined)))
    }

    fn commit(&mut self, _: u32, _: u64) {}

    fn release(&mut self, _: u32) {}
}
