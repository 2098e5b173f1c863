//! The SDKs that products use anyway, against the whole: what they send becomes a score, and a kill costs nothing of it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use contracts::{
    health::{GetHealthRequest, health_service_client::HealthServiceClient},
    log::ClockKind,
};
use eventlog::Topic;
use futures_util::{future::try_join_all, try_join};
use serde_json::Value as Json;
use testkit::clients::{Client, Edge, Sender, Stored};
use tokio::sync::{Semaphore, watch};
use tonic::Code;

use crate::{
    document::Document,
    log::Log,
    process::{Home, Perennial, alone},
    stage::Stage,
};

/// Rounds of every SDK before the process is killed.
const ROUNDS: usize = 2;
const SOON: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread")]
async fn what_sdks_send_becomes_a_score_and_a_kill_neither_loses_nor_doubles_any_of_it() -> Result<()> {
    let _alone = alone().await;
    on(Home::new(20)?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn on_kafka_a_kill_neither_loses_nor_doubles_what_sdks_send_either() -> Result<()> {
    let _alone = alone().await;
    on(Home::new(20)?.on_kafka().await?).await
}

async fn on(home: Home) -> Result<()> {
    let stage = Stage::new(home).await?;
    kept(&stage).await.with_context(|| format!("it said:\n{}\n", stage.home.complaints()))?;
    stage.close().await
}

async fn kept(stage: &Stage) -> Result<()> {
    let mut process = Perennial::start(&stage.home).await?;
    let edge = watch::Sender::new(Some(process.ready().await?.http));
    by_the_first_key(stage).await?;
    let mut senders = Vec::new();
    for client in Client::ALL {
        stage.client.create(client.name(), ClockKind::Wall).await?;
        stage.client.apply(client.name(), &starter()?).await?;
        let key = stage.client.write_key(client.name()).await?;
        senders.push(Sender::start(client, &key, edge.subscribe(), stage.tasks()).await?);
    }
    let process = killed(stage, process, &edge, &mut senders).await?;
    let log = stage.log().await?;
    for sender in senders {
        check(stage, &log, &sender).await?;
        sender.end().await?;
    }
    let (status, _) = process.terminate().await?;
    ensure!(status.success(), "it ended with {status}");
    Ok(())
}

/// As the README shows it: with the key that the first start prints.
async fn by_the_first_key(stage: &Stage) -> Result<()> {
    let key = std::fs::read_to_string(stage.home.data().join("write-key"))?;
    let call = r#"{"event": "Report Exported", "userId": "ana", "context": {"groupId": "acme"}}"#;
    let answer = stage.client.post(&key, "/v1/track", call).await?;
    ensure!(answer.status == 200, "{answer:?}");
    score(stage, "default").await.map(drop)
}

fn starter() -> Result<Json> {
    match Document::parse("starter.yaml", include_str!("../../demo/starter.yaml").to_owned()) {
        Ok(document) => Ok(document.json()),
        Err(problem) => bail!("{problem}"),
    }
}

/// The process is killed, and started again, while all of them send.
async fn killed<'a>(
    stage: &'a Stage,
    process: Perennial<'a>,
    edge: &watch::Sender<Option<Edge>>,
    senders: &mut [Sender],
) -> Result<Perennial<'a>> {
    let (told, back) = (Semaphore::new(0), AtomicBool::new(false));
    let rounds = u32::try_from(ROUNDS * senders.len())?;
    let kill = async {
        drop(told.acquire_many(rounds).await?);
        process.kill()?;
        edge.send_replace(None);
        let mut process = Perennial::start(&stage.home).await?;
        edge.send_replace(Some(process.ready().await?.http));
        back.store(true, Ordering::SeqCst);
        Ok(process)
    };
    let sending = try_join_all(senders.iter_mut().map(|sender| sender.goes_on(&told, &back)));
    Ok(try_join!(kill, sending)?.0)
}

/// The log has all of it, once; so many events are counted; and the account has a score.
async fn check(stage: &Stage, log: &Log, sender: &Sender) -> Result<()> {
    let workspace = sender.client.name();
    let begun = Instant::now();
    let stored = loop {
        let (account, inbox) = (log.records(Topic::Account).await?, log.records(Topic::Inbox).await?);
        let bytes = |records: Vec<oracle::Record>| records.into_iter().map(|record| record.bytes);
        let stored = Stored::of(workspace, bytes(account), bytes(inbox))?;
        if stored.is_whole() {
            break stored;
        }
        ensure!(begun.elapsed() < SOON, "{workspace}: the last events are not stored: {stored:?}");
        tokio::time::sleep(LOOK).await;
    };
    let (counted, found) = (stage.client.workspace(workspace).await?.events, stored.events());
    ensure!(counted == found, "{workspace}: {counted} events are counted, {found} found");
    stored.check(sender)?;
    let score = score(stage, workspace).await?;
    ensure!(score <= 100, "{workspace}: {score}");
    Ok(())
}

async fn score(stage: &Stage, workspace: &str) -> Result<u32> {
    let begun = Instant::now();
    let asked = GetHealthRequest { workspace: workspace.to_owned(), account: "acme".to_owned() };
    let get = async |channel| match HealthServiceClient::new(channel).get_health(asked.clone()).await {
        Err(status) if status.code() == Code::NotFound => Ok(None),
        answer => Ok(answer?.into_inner().health.and_then(|health| health.score)),
    };
    loop {
        if let Some(score) = stage.client.ask(get).await? {
            return Ok(score);
        }
        ensure!(begun.elapsed() < SOON, "acme of {workspace} has no score");
        tokio::time::sleep(LOOK).await;
    }
}
