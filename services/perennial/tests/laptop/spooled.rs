//! Kafka is away for as long as it takes 1.8 million events to come in: fifteen minutes at 2,000 a second, in a fraction of
//! the time. They wait on the disk of the only ingest there is, and go to Kafka in order, beside those that come then.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use chassis::Tasks;
use contracts::{
    inbox::{InboxRecord, inbox_record::Kind},
    log::ClockKind,
};
use eventlog::{Log, Topic, TopicPartition};
use futures_util::future::{try_join, try_join_all};
use prost::Message;
use serde_json::{Value as Json, json};
use testkit::{
    cluster::Cluster,
    servers::{OwnKafka, OwnPostgres, OwnRedis, kafka_log},
};
use tokio::{
    sync::watch,
    task::{block_in_place, spawn_blocking},
    time::sleep,
};

use crate::{
    client::Client,
    process::{Addresses, alone},
};

const EVENTS: usize = 1_800_000;
const BATCH: usize = 100;
/// Who send at once, each its own contacts' events in their order.
const SENDERS: usize = 8;
const CONTACTS: usize = 1_000;
/// Of one sender.
const EACH: usize = EVENTS / SENDERS;
/// What comes in beside what is drained, a second.
const LIVE: usize = 2_000;
/// However slow the machine is.
const PATIENCE: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_millis(50);
const FETCH: usize = 4 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_quarter_of_an_hour_without_kafka_waits_on_disk_and_goes_there_in_order() -> Result<()> {
    let _alone = alone().await;
    let (mut kafka, postgres, redis) =
        block_in_place(|| anyhow::Ok((OwnKafka::start()?, OwnPostgres::start()?, OwnRedis::start()?)))?;
    let folder = tempfile::tempdir()?;
    let cluster =
        Cluster::on(env!("CARGO_BIN_EXE_perennial"), kafka.topics().await?, postgres.url(), redis.url());
    let mut cluster = cluster.keeping(folder.path().to_owned());
    block_in_place(|| cluster.start("ingest", 0))?;
    let kept = kept(&cluster, &mut kafka).await;
    let sent = kept.with_context(|| format!("it said:\n{}", cluster.complaints()))?;
    // What it makes of them afterwards is another matter.
    cluster.kill("ingest", 0)?;
    let tasks = Tasks::new();
    let log = kafka_log(cluster.kafka.clone(), &tasks).await?;
    spawn_blocking(move || check(&*log, &sent)).await??;
    tasks.stop();
    tasks.finish(PATIENCE).await
}

/// Has everything taken, by disk and by Kafka; how many events each sender sent.
async fn kept(cluster: &Cluster, kafka: &mut OwnKafka) -> Result<Vec<usize>> {
    let ingest = cluster.replica("ingest", 0).context("no ingest")?;
    let addresses = Addresses { http: ingest.http.clone(), grpc: ingest.grpc.clone() };
    let (_here, answers) = watch::channel(Some(addresses));
    let client = Client::new(answers)?;
    client.create("mill", ClockKind::Wall).await?;
    let key = client.write_key("mill").await?;
    send(&client, &key, SENDERS, 0, BATCH).await?;

    kafka.kill()?;
    let begun = Instant::now();
    try_join_all((0..SENDERS).map(|sender| send(&client, &key, sender, 0, EACH))).await?;
    let took = begun.elapsed();
    // The last answer may overtake what is counted.
    while waiting(&client).await? != EVENTS as u64 {
        let waiting = waiting(&client).await?;
        ensure!(begun.elapsed() < PATIENCE, "{waiting} of {EVENTS} events wait on disk");
        sleep(LOOK).await;
    }
    println!("without Kafka {EVENTS} events were taken: {:.0} a second", EVENTS as f64 / took.as_secs_f64());

    block_in_place(|| kafka.start_again())?;
    let begun = Instant::now();
    let is_drained = Arc::new(AtomicBool::new(false));
    let draining = async {
        while waiting(&client).await? > 0 {
            ensure!(begun.elapsed() < PATIENCE, "it is not drained after {PATIENCE:?}");
            sleep(LOOK).await;
        }
        is_drained.store(true, Ordering::Relaxed);
        Ok(begun.elapsed())
    };
    let (took, live) = try_join(draining, go_on(&client, &key, &is_drained)).await?;
    let rate = (EVENTS + live) as f64 / took.as_secs_f64();
    println!(
        "with Kafka back they and {live} more were there after {took:.1?}: {rate:.0} a second, {:.1} times {LIVE}",
        rate / LIVE as f64
    );
    Ok([vec![EACH; SENDERS], vec![BATCH + live]].concat())
}

/// Sends at live speed until everything is drained; how many events that were.
async fn go_on(client: &Client, key: &str, is_drained: &AtomicBool) -> Result<usize> {
    let mut beat = tokio::time::interval(Duration::from_secs(1) / u32::try_from(LIVE / BATCH)?);
    let mut sent = 0;
    while !is_drained.load(Ordering::Relaxed) {
        beat.tick().await;
        send(client, key, SENDERS, BATCH + sent, BATCH).await?;
        sent += BATCH;
    }
    Ok(sent)
}

/// One sender's events, in batches, each of which is to be taken at once.
async fn send(client: &Client, key: &str, sender: usize, first: usize, events: usize) -> Result<()> {
    for start in (first..first + events).step_by(BATCH) {
        let batch: Vec<Json> = (start..start + BATCH).map(|number| event(sender, number)).collect();
        let answer = client.post(key, "/v1/batch", json!({ "batch": batch }).to_string()).await?;
        ensure!(answer.status == 200, "{answer:?}");
    }
    Ok(())
}

fn event(sender: usize, number: usize) -> Json {
    let contact = number % CONTACTS;
    json!({
        "type": "track", "event": "Report Exported", "messageId": format!("{sender}-{number}"),
        "userId": format!("user-{sender}-{contact}"), "context": {"groupId": format!("account-{}", contact % 97)},
        "properties": {"format": "pdf", "pages": number % 40},
    })
}

/// How many events wait on disk.
async fn waiting(client: &Client) -> Result<u64> {
    let metrics = client.metrics().await?;
    let line = metrics.lines().find_map(|line| line.strip_prefix("perennial_spool_events "));
    Ok(line.with_context(|| format!("no perennial_spool_events in\n{metrics}"))?.parse()?)
}

/// Each sender's events are in the inbox, those of each contact in their order. What the log took without its answer having
/// been heard may stand there again, further on.
fn check(log: &dyn Log, sent: &[usize]) -> Result<()> {
    let mut seen: Vec<Vec<bool>> = sent.iter().map(|events| vec![false; *events]).collect();
    let mut latest = vec![vec![None; CONTACTS]; sent.len()];
    let mut repeats = 0;
    for partition in 0..log.partitions(Topic::Inbox) {
        each(log, TopicPartition { topic: Topic::Inbox, partition }, |sender, number| {
            let is_seen = seen.get_mut(sender).and_then(|of| of.get_mut(number)).context("nobody sent it")?;
            if std::mem::replace(is_seen, true) {
                repeats += 1;
                return Ok(());
            }
            let before = latest[sender][number % CONTACTS].replace(number);
            ensure!(before < Some(number), "of sender {sender}, {number} comes after {before:?}");
            Ok(())
        })?;
    }
    let missing = seen.iter().flatten().filter(|is_seen| !**is_seen).count();
    ensure!(missing == 0, "{missing} events are missing");
    println!("{} events are in the inbox, in order; {repeats} stand there twice", sent.iter().sum::<usize>());
    Ok(())
}

/// Tells of every message whose it is, and which.
fn each(log: &dyn Log, at: TopicPartition, mut told: impl FnMut(usize, usize) -> Result<()>) -> Result<()> {
    let (end, mut next) = (log.end(at)?, 0);
    while next < end {
        for stored in log.fetch(at, next, FETCH)? {
            next = stored.offset + 1;
            let Some(Kind::Message(message)) = InboxRecord::decode(stored.value)?.kind else { continue };
            let (sender, number) = message.message_id.split_once('-').context(at.to_string())?;
            told(sender.parse()?, number.parse()?)?;
        }
    }
    Ok(())
}
