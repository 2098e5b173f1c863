//! What a cluster stands on is away: every process ends in time all the same, or begins; and what was acknowledged is
//! there when all of it is back.

use std::{
    ops::RangeInclusive,
    process::ExitStatus,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use chassis::Tasks;
use contracts::log::ClockKind;
use eventlog::Topic;
use serde_json::{Value as Json, json};
use testkit::{
    cluster::{Cluster, SERVICES},
    servers::{OwnKafka, OwnPostgres, OwnRedis},
};
use tokio::{
    sync::{Notify, watch},
    task::block_in_place,
    time::sleep,
};

use crate::{
    client::Client,
    evidence,
    log::Log,
    process::{Addresses, alone},
};

const WORKSPACE: &str = "mill";
/// What a process is given to end, and what a busy machine takes to see it.
const END: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);
const SETTLE: Duration = Duration::from_secs(60);
const BATCH: usize = 50;
/// In so many batches; while those after them are sent, the outage begins.
const BEFORE: usize = 10;
const AFTER: usize = 20;

struct World {
    cluster: Cluster,
    kafka: OwnKafka,
    postgres: OwnPostgres,
    _redis: OwnRedis,
    answers: watch::Sender<Option<Addresses>>,
    /// Batches, so far.
    sent: usize,
    acknowledged: usize,
    _folder: tempfile::TempDir,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_process_ends_in_time_while_kafka_or_postgres_is_away() -> Result<()> {
    let _alone = alone().await;
    let mut world = World::start().await?;
    let outlived = outlived(&mut world).await;
    outlived.with_context(|| format!("they said:\n{}", world.cluster.complaints()))
}

async fn outlived(world: &mut World) -> Result<()> {
    let client = Client::new(world.answers.subscribe())?;
    client.create(WORKSPACE, ClockKind::Wall).await?;
    let key = client.write_key(WORKSPACE).await?;
    let (client, key) = (&client, key.as_str());
    world
        .outlive(client, key, |world| world.kafka.kill(), |world| world.kafka.start_again())
        .await
        .context("Kafka is away")?;
    world
        .outlive(client, key, |world| world.postgres.kill(), |world| world.postgres.start_again())
        .await
        .context("Postgres is away")
}

/// They are killed, and come back before Kafka does: events wait on disk meanwhile, and questions are answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_starts_while_kafka_is_away_takes_events() -> Result<()> {
    let _alone = alone().await;
    let mut world = World::start().await?;
    let restarted = restarted(&mut world).await;
    restarted.with_context(|| format!("they said:\n{}", world.cluster.complaints()))
}

async fn restarted(world: &mut World) -> Result<()> {
    let client = Client::new(world.answers.subscribe())?;
    client.create(WORKSPACE, ClockKind::Wall).await?;
    let key = client.write_key(WORKSPACE).await?;
    world.take(&client, &key, BEFORE).await?;
    world.check(&client).await?;
    world.kafka.kill()?;
    for service in SERVICES {
        world.cluster.kill(service, 0)?;
    }
    block_in_place(|| world.cluster.start_all(1))?;
    world.lead_to_ingest()?;
    world.take(&client, &key, AFTER).await?;
    let counted = client.workspace(WORKSPACE).await?.events;
    ensure!(counted == (BEFORE * BATCH) as u64, "{counted} events are counted while Kafka is away");
    block_in_place(|| world.kafka.start_again())?;
    world.check(&client).await?;
    world.terminate().await?;
    Ok(())
}

/// Topics are found out to be missing only when somebody answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_kafka_never_answered_ends_when_told_to_and_when_topics_prove_to_be_missing()
-> Result<()> {
    let _alone = alone().await;
    let (mut kafka, postgres, redis) =
        block_in_place(|| anyhow::Ok((OwnKafka::start()?, OwnPostgres::start()?, OwnRedis::start()?)))?;
    let program = env!("CARGO_BIN_EXE_perennial");
    let mut cluster = Cluster::on(program, kafka.options(), postgres.url(), redis.url());
    kafka.kill()?;
    block_in_place(|| cluster.start("segmentation", 0))?;
    let replica = cluster.replica_mut("segmentation", 0).context("it was started")?;
    replica.signal("TERM")?;
    let ended = ended(&mut cluster).await?;
    ensure!(ended.success(), "it ended with {ended}:\n{}", cluster.complaints());
    block_in_place(|| cluster.start("segmentation", 0))?;
    block_in_place(|| kafka.start_again())?;
    let ended = self::ended(&mut cluster).await?;
    ensure!(!ended.success() && cluster.complaints().contains("is missing"), "{}", cluster.complaints());
    Ok(())
}

/// How segmentation's replica ends.
async fn ended(cluster: &mut Cluster) -> Result<ExitStatus> {
    let begun = Instant::now();
    loop {
        let replica = cluster.replica_mut("segmentation", 0).context("it was started")?;
        if let Some(ended) = replica.ended()? {
            return Ok(ended);
        }
        ensure!(begun.elapsed() < SETTLE, "it has not ended:\n{}", cluster.complaints());
        sleep(LOOK).await;
    }
}

impl World {
    async fn start() -> Result<Self> {
        let (kafka, postgres, redis) =
            block_in_place(|| anyhow::Ok((OwnKafka::start()?, OwnPostgres::start()?, OwnRedis::start()?)))?;
        let options = kafka.topics().await?;
        let folder = tempfile::tempdir()?;
        let program = env!("CARGO_BIN_EXE_perennial");
        let mut cluster =
            Cluster::on(program, options, postgres.url(), redis.url()).keeping(folder.path().to_owned());
        block_in_place(|| cluster.start_all(1))?;
        let world = Self {
            cluster,
            kafka,
            postgres,
            _redis: redis,
            answers: watch::Sender::new(None),
            sent: 0,
            acknowledged: 0,
            _folder: folder,
        };
        world.lead_to_ingest()?;
        Ok(world)
    }

    fn lead_to_ingest(&self) -> Result<()> {
        let ingest = self.cluster.replica("ingest", 0).context("no ingest")?;
        self.answers.send_replace(Some(Addresses { http: ingest.http.clone(), grpc: ingest.grpc.clone() }));
        Ok(())
    }

    async fn outlive(
        &mut self,
        client: &Client,
        key: &str,
        begins: impl FnOnce(&mut Self) -> Result<()>,
        ends: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        self.take(client, key, BEFORE).await?;
        let first = self.sent;
        // They go on while everything ends, so that there is something under way.
        let under_way = Notify::new();
        let sending = async {
            let mut acknowledged = 0;
            for number in first..first + AFTER {
                let answer = client.post(key, "/v1/batch", batch(number)).await;
                acknowledged += usize::from(answer.is_ok_and(|answer| answer.status == 200));
                under_way.notify_one();
            }
            acknowledged
        };
        let ending = async {
            under_way.notified().await;
            begins(self)?;
            self.terminate().await
        };
        let (acknowledged, took) = tokio::join!(sending, ending);
        println!("{acknowledged} batches acknowledged; they ended after {:?}", took?);
        (self.sent, self.acknowledged) = (first + AFTER, self.acknowledged + acknowledged);
        block_in_place(|| ends(self))?;
        block_in_place(|| self.cluster.start_all(1))?;
        self.lead_to_ingest()?;
        self.check(client).await
    }

    /// Has so many batches taken.
    async fn take(&mut self, client: &Client, key: &str, batches: usize) -> Result<()> {
        for number in self.sent..self.sent + batches {
            let answer = client.post(key, "/v1/batch", batch(number)).await?;
            ensure!(answer.status == 200, "{answer:?}");
        }
        (self.sent, self.acknowledged) = (self.sent + batches, self.acknowledged + batches);
        Ok(())
    }

    /// All of them at once.
    async fn terminate(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        for (_, _, replica) in self.cluster.replicas() {
            replica.signal("TERM")?;
        }
        for service in SERVICES {
            let replica = self.cluster.replica_mut(service, 0).context("it was started")?;
            while replica.ended()?.is_none() {
                ensure!(begun.elapsed() < END, "{service} has not ended after {END:?}");
                sleep(LOOK).await;
            }
            let ended = replica.ended()?.context("it has ended")?;
            ensure!(ended.success(), "{service} ended with {ended}");
        }
        Ok(begun.elapsed())
    }

    /// Nothing that was acknowledged is lost, and nothing is there twice.
    async fn check(&self, client: &Client) -> Result<()> {
        let (sent, acknowledged, tasks) = (self.sent * BATCH, self.acknowledged * BATCH, Tasks::new());
        let log = Log::in_kafka(self.cluster.kafka.clone(), &tasks).await?;
        let begun = Instant::now();
        while let Err(error) = self.examine(&log, client, acknowledged..=sent).await {
            ensure!(begun.elapsed() < SETTLE, "not within {SETTLE:?}: {error:#}");
            sleep(LOOK).await;
        }
        tasks.stop();
        tasks.finish(END).await
    }

    /// What was acknowledged is there, with perhaps some that the answer was lost of; once each, and counted.
    async fn examine(&self, log: &Log, client: &Client, expected: RangeInclusive<usize>) -> Result<()> {
        let (inbox, account) = (log.records(Topic::Inbox).await?, log.records(Topic::Account).await?);
        evidence::attributed(&inbox, &account)?;
        let stored = evidence::usage(&account, WORKSPACE);
        ensure!(expected.contains(&stored), "{stored} are stored, not {expected:?}");
        evidence::check_facts(log, client, WORKSPACE, stored).await
    }
}

fn batch(number: usize) -> String {
    let event = |index: usize| -> Json {
        json!({
            "type": "track", "event": "Report Exported", "messageId": format!("m-{number}-{index}"),
            "userId": format!("user-{index}"), "context": {"groupId": format!("account-{}", index % 7)},
        })
    };
    // Of which others are to be told that it was refused.
    let wrong = json!({"type": "track", "userId": "nobody", "messageId": format!("wrong-{number}")});
    json!({"batch": (0..BATCH).map(event).chain([wrong]).collect::<Vec<_>>()}).to_string()
}
