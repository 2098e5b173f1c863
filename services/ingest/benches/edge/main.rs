//! How many events a CPU second ingest's edge takes, over HTTP into a real Kafka, beside what librdkafka and the HTTP
//! server take by themselves.
//!
//!     cargo xtask bench edge
//!
//! Each subject and each floor is a process of its own, so that what it costs is told apart from what its clients do.
//! They have their turns in each of several rounds, and the middle one of the ratios counts. It fails if an event is
//! not in the inbox in the end.

mod clients;
mod process;
mod served;

use std::{env, sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use chassis::Tasks;
use contracts::{
    ingest::{CreateWorkspaceRequest, CreateWriteKeyRequest, admin_service_client::AdminServiceClient},
    log::ClockKind,
};
use eventlog::{
    Log, Topic, TopicPartition,
    kafka::{KafkaLog, KafkaOptions},
};
use testkit::{
    measure::{against, middle},
    servers::{OwnPostgres, kafka, kafka_log},
};

use tonic::transport::Channel;

use clients::{Clients, events};
use process::{Cost, Process};

const ROUNDS: usize = 7;
/// In a round.
const BATCHED: u64 = 100_000;
const SINGLE: u64 = 20_000;
const BATCH: usize = 100;
/// Batches on their way at once, and events that come singly.
const BATCHES_AT_ONCE: usize = 8;
const SINGLES_AT_ONCE: usize = 64;
/// What librdkafka may have on its way at once where nothing holds it back.
const UNBOUND: usize = BATCHED as usize / BATCH;

const BATCHED_GOAL: f64 = 0.7;
const SINGLE_GOAL: f64 = 0.5;

/// The shipped binary's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["edge", brokers, prefix, database_url] => served::edge(&options(brokers, prefix), database_url),
        ["echo"] => served::echo(),
        ["librdkafka", brokers, prefix, at_once] => {
            served::librdkafka(&options(brokers, prefix), BATCH, at_once.parse()?, BATCHED)
        }
        // Cargo says `--bench`.
        _ => tokio::runtime::Runtime::new()?.block_on(compare()),
    }
}

/// Of the log that the parent has made.
fn options(brokers: &str, prefix: &str) -> KafkaOptions {
    KafkaOptions {
        prefix: prefix.to_owned(),
        inbox_partitions: 4,
        account_partitions: 4,
        kind: |stream, record| contracts::kind(stream, record),
        ..KafkaOptions::at(brokers)
    }
}

/// What records or requests cost.
#[derive(Debug, Clone, Copy)]
struct Round {
    batched: Cost,
    librdkafka: Cost,
    unbound: Cost,
    single: Cost,
    echo: Cost,
}

async fn compare() -> Result<()> {
    let tasks = Tasks::new();
    let options = kafka().topics().await?;
    let log = kafka_log(options.clone(), &tasks).await?;
    let place = [options.brokers.as_str(), options.prefix.as_str()];
    let postgres = OwnPostgres::start()?;
    let edge = Process::start(&["edge", place[0], place[1], &postgres.url()])?;
    let echo = Process::start(&["echo"])?;
    let key = write_key(edge.said(1)?).await?;
    let clients = Clients::new(edge.said(0)?, &key)?;
    let echoed = Clients::new(echo.said(0)?, &key)?;

    // Everybody is known from here on, and there is something for librdkafka to repeat.
    clients.send(events(0..BATCHED, BATCH), BATCHES_AT_ONCE).await?;
    let paced = Process::start(&["librdkafka", place[0], place[1], &BATCHES_AT_ONCE.to_string()])?;
    let unbound = Process::start(&["librdkafka", place[0], place[1], &UNBOUND.to_string()])?;

    let before = records(&log, Topic::Inbox).await?;
    let (mut rounds, mut next) = (Vec::new(), BATCHED);
    for _ in 0..ROUNDS {
        let (batched, single) = (events(next..next + BATCHED, BATCH), next + BATCHED);
        next = single + SINGLE;
        let singles = || events(single..next, 1);
        rounds.push(Round {
            batched: edge.cost(BATCHED, clients.send(batched, BATCHES_AT_ONCE)).await?,
            librdkafka: paced.cost(BATCHED, paced.repeat()).await?,
            unbound: unbound.cost(BATCHED, unbound.repeat()).await?,
            single: edge.cost(SINGLE, clients.send(singles(), SINGLES_AT_ONCE)).await?,
            echo: echo.cost(SINGLE, echoed.send(singles(), SINGLES_AT_ONCE)).await?,
        });
    }
    let sent = (BATCHED + SINGLE) * ROUNDS as u64;
    let arrived = records(&log, Topic::Inbox).await? - before;
    ensure!(arrived == sent, "{arrived} of {sent} events are in the inbox");
    say(&rounds, sent);
    tasks.stop();
    tasks.finish(Duration::from_secs(10)).await
}

fn say(rounds: &[Round], sent: u64) {
    let of = |value: fn(&Round) -> Cost| middle(rounds.iter().map(|it| value(it).per_second));
    let ratio = |value: fn(&Round) -> [Cost; 2]| {
        middle(rounds.iter().map(|it| value(it)[0].per_second / value(it)[1].per_second))
    };
    let librdkafka =
        |value: fn(&Round) -> Cost| 100.0 * middle(rounds.iter().map(|it| value(it).by_librdkafka));
    println!(
        "in batches of {BATCH}: {:.0} events/CPU s, {:.0} % of it in librdkafka's threads; librdkafka alone with as many \
         on their way: {:.0} records/CPU s; {}",
        of(|it| it.batched),
        librdkafka(|it| it.batched),
        of(|it| it.librdkafka),
        against(ratio(|it| [it.batched, it.librdkafka]), BATCHED_GOAL)
    );
    println!(
        "  librdkafka alone with nothing to wait for: {:.0} records/CPU s; ratio {:.2}",
        of(|it| it.unbound),
        ratio(|it| [it.batched, it.unbound])
    );
    println!(
        "singly: {:.0} events/CPU s, {:.0} % of it in librdkafka's threads; a bare axum server: {:.0} requests/CPU s; {}",
        of(|it| it.single),
        librdkafka(|it| it.single),
        of(|it| it.echo),
        against(ratio(|it| [it.single, it.echo]), SINGLE_GOAL)
    );
    println!("all {sent} events are in the inbox; the middle of {ROUNDS} rounds");
}

/// Of a workspace on the wall's clock.
async fn write_key(grpc: &str) -> Result<String> {
    let mut admin = AdminServiceClient::new(Channel::from_shared(grpc.to_owned())?.connect_lazy());
    let workspace = "bench".to_owned();
    let request = CreateWorkspaceRequest {
        workspace: workspace.clone(),
        time_zone: "UTC".to_owned(),
        clock: ClockKind::Wall.into(),
    };
    admin.create_workspace(request).await?;
    let request = CreateWriteKeyRequest { workspace, source: String::new() };
    Ok(admin.create_write_key(request).await?.into_inner().secret)
}

async fn records(log: &Arc<KafkaLog>, topic: Topic) -> Result<u64> {
    let log = log.clone();
    let count = move || {
        let ends = (0..log.partitions(topic)).map(|partition| log.end(TopicPartition { topic, partition }));
        ends.sum::<Result<u64, _>>()
    };
    Ok(tokio::task::spawn_blocking(count).await??)
}
