//! What is wrong gets its answer; the process stays up, and goes on deciding about everybody else.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use contracts::{
    inbox::InboxRecord,
    ingest::{ListQuarantineRequest, admin_service_client::AdminServiceClient},
    log::ClockKind,
    segment::{ListMembersRequest, segment_service_client::SegmentServiceClient},
};
use eventlog::{Key, Topic, TopicPartition};
use flate2::{Compression, write::GzEncoder};
use prost::Message;
use serde_json::{Value as Json, json};

use crate::{
    client::Answer,
    garbage,
    log::Log,
    process::{Home, Perennial, alone, program},
    stage::Stage,
};

const WORKSPACE: &str = "acme";
/// A deadline, not a promise: what is waited for takes a fraction of a second, and is printed.
const SOON: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);
const MB: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_gets_its_answer_and_nobody_else_feels_it() -> Result<()> {
    let _alone = alone().await;
    on(Home::new(20)?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_gets_its_answer_on_kafka_too() -> Result<()> {
    let _alone = alone().await;
    on(Home::new(20)?.on_kafka().await?).await
}

async fn on(home: Home) -> Result<()> {
    let stage = Stage::new(home).await?;
    answered(&stage).await.with_context(|| format!("it said:\n{}\n", stage.home.complaints()))?;
    stage.close().await
}

async fn answered(stage: &Stage) -> Result<()> {
    let mut process = Perennial::start(&stage.home).await?;
    stage.client.create(WORKSPACE, ClockKind::Wall).await?;
    let key = stage.client.write_key(WORKSPACE).await?;
    let seen = json!({"segments": {"seen": {"when": {"measure": "calls", "at_least": 1}}},
        "measures": {"calls": {"count": {"window": {"days": 2}}}}});
    stage.client.apply(WORKSPACE, &seen).await?;
    let log = stage.log().await?;
    goes_on(stage, &log, &key, "before").await?;
    requests(stage, &key).await?;
    goes_on(stage, &log, &key, "requests").await?;
    events(stage, &key).await?;
    future(stage, &log, &key).await?;
    goes_on(stage, &log, &key, "events").await?;
    definitions(stage).await?;
    in_the_log(&log).await?;
    goes_on(stage, &log, &key, "garbage").await?;
    dead_letters(&log).await?;
    process.is_up()?;
    let (status, _) = process.terminate().await?;
    ensure!(status.success(), "it ended with {status}");
    let mut process = Perennial::start(&stage.home).await?;
    goes_on(stage, &log, &key, "restarted").await?;
    process.is_up()
}

/// An account in each partition calls for the first time, and is seen soon.
async fn goes_on(stage: &Stage, log: &Log, key: &str, prefix: &str) -> Result<()> {
    let begun = Instant::now();
    let accounts = garbage::accounts(WORKSPACE, prefix, log.partitions());
    for account in &accounts {
        let name = &account.account;
        let call = json!({"type": "track", "event": "Called", "userId": name, "context": {"groupId": name}});
        stage.client.send(key, &call).await?;
    }
    loop {
        let members = members(stage).await?;
        if accounts.iter().all(|account| members.contains(&account.account)) {
            println!("after {prefix}: decided in {:?}", begun.elapsed());
            return Ok(());
        }
        ensure!(begun.elapsed() < SOON, "after {prefix}: of {accounts:?} only {members:?} are seen");
        tokio::time::sleep(LOOK).await;
    }
}

async fn members(stage: &Stage) -> Result<BTreeSet<String>> {
    let (workspace, segment) = (WORKSPACE.to_owned(), "seen".to_owned());
    let asked = ListMembersRequest { workspace, segment, page_size: 1000, ..Default::default() };
    let list = async |channel| SegmentServiceClient::new(channel).list_members(asked.clone()).await;
    let members = stage.client.ask(list).await?.into_inner().members;
    Ok(members.into_iter().map(|member| member.account).collect())
}

/// What is no request at all.
async fn requests(stage: &Stage, key: &str) -> Result<()> {
    let track = r#"{"userId": "ana", "event": "Called"}"#;
    let bomb = zipped(&vec![b' '; 256 * MB])?;
    ensure!(bomb.len() < 2 * MB, "the bomb is no bomb: {} bytes", bomb.len());
    let post = async |key: &str, body: Vec<u8>| stage.client.post(key, "/v1/track", body).await;
    check(&post(key, b"{\"event\": ".to_vec()).await?, 400, "MALFORMED")?;
    check(&post(key, vec![0xff, 0xfe, 0x00]).await?, 400, "MALFORMED")?;
    check(&post("pk_nobody", track.into()).await?, 401, "UNAUTHORIZED")?;
    check(&post(key, b"{\"a\":".repeat(100_000)).await?, 400, "TOO_DEEP")?;
    check(&post(key, b"[".repeat(100_000)).await?, 400, "TOO_DEEP")?;
    check(&post(key, vec![b' '; 5 * MB]).await?, 413, "TOO_LARGE")?;
    check(&stage.client.post_zipped(key, "/v1/track", bomb).await?, 413, "TOO_LARGE")?;
    let answer = stage.client.post_zipped(key, "/v1/track", zipped(track.as_bytes())?).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

fn check(answer: &Answer, status: u16, code: &str) -> Result<()> {
    let problem: Json = serde_json::from_str(&answer.body).unwrap_or_default();
    ensure!(answer.status == status && problem["code"] == code, "{answer:?} is not {status} {code}");
    Ok(())
}

fn zipped(text: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text)?;
    Ok(encoder.finish()?)
}

/// What is wrong in meaning is taken, and told.
async fn events(stage: &Stage, key: &str) -> Result<()> {
    let large = json!({"long": "x".repeat(40_000)});
    for call in [
        json!({"type": "track", "event": "Called"}),
        json!({"type": "track", "userId": "ana"}),
        json!({"type": "track", "userId": "ana", "event": "Called", "timestamp": "soon"}),
        json!({"type": "track", "userId": "ana", "event": "Called", "properties": large}),
    ] {
        stage.client.send(key, &call).await?;
    }
    let asked = ListQuarantineRequest { workspace: WORKSPACE.to_owned(), ..Default::default() };
    let begun = Instant::now();
    loop {
        let list = async |channel| AdminServiceClient::new(channel).list_quarantine(asked.clone()).await;
        let refused = stage.client.ask(list).await?.into_inner().quarantined;
        let codes: BTreeSet<&str> = refused.iter().map(|refused| refused.code.as_str()).collect();
        if codes == BTreeSet::from(["BAD_TIMESTAMP", "EVENT_TOO_LARGE", "NO_EVENT_NAME", "NO_USER"]) {
            return Ok(());
        }
        ensure!(begun.elapsed() < SOON, "quarantined: {codes:?}");
        tokio::time::sleep(LOOK).await;
    }
}

/// What is said to happen next century happens five minutes from now at most.
async fn future(stage: &Stage, log: &Log, key: &str) -> Result<()> {
    let call = json!({"type": "track", "event": "Called", "userId": "zoe", "messageId": "next-century",
        "context": {"groupId": "zoe"}, "timestamp": "2126-01-01T00:00:00Z"});
    stage.client.send(key, &call).await?;
    let latest = chassis::clock::now() + 5 * 60_000;
    let records = log.records(Topic::Inbox).await?;
    let headers =
        records.iter().filter_map(|record| InboxRecord::decode(record.bytes.as_slice()).ok()?.header);
    let newest = headers.map(|header| header.event_at).max().context("the inbox is empty")?;
    ensure!(newest > latest - 60_000 && newest <= latest, "at {newest}, not at {latest} at most");
    Ok(())
}

/// A definition with an error on line 7.
async fn definitions(stage: &Stage) -> Result<()> {
    let file = stage.home.folder().join("wrong.yaml");
    fs::write(
        &file,
        "measures:\n\
         \x20 calls: {count: {window: {days: 2}}}\n\
         segments:\n\
         \x20 seen:\n\
         \x20   title: Seen\n\
         \x20   when:\n\
         \x20     measure: cals\n\
         \x20     at_least: 1\n",
    )?;
    let grpc = stage.client.addresses().await?.grpc;
    let mut apply = program();
    apply.args(["apply", "--workspace", WORKSPACE, "--grpc", &grpc, "--file"]).arg(file);
    let output = tokio::task::spawn_blocking(move || apply.output()).await??;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success(), "it is taken");
    ensure!(said.contains("wrong.yaml:7:") && said.contains("calls"), "{said}");
    println!("{said}");
    Ok(())
}

/// Garbage in every partition of both topics, about accounts that are there and about nobody.
async fn in_the_log(log: &Log) -> Result<()> {
    for topic in [Topic::Inbox, Topic::Account] {
        for account in garbage::accounts(WORKSPACE, "before", log.partitions()) {
            let at = TopicPartition { topic, partition: account.partition(log.partitions()) };
            for record in garbage::records(&account) {
                log.append(at, record).await?;
            }
        }
    }
    Ok(())
}

/// What could not be read lies with its reason in the dead letters of its topic, soon.
async fn dead_letters(log: &Log) -> Result<()> {
    let begun = Instant::now();
    let garbage = garbage::records(&Key::new("", "")).len();
    for topic in [Topic::InboxDead, Topic::AccountDead] {
        loop {
            let records = log.records(topic).await?;
            let found = |partition| records.iter().filter(|record| record.partition == partition).count();
            if (0..log.partitions()).all(|partition| found(partition) >= garbage) {
                break;
            }
            ensure!(begun.elapsed() < SOON, "only {} dead letters in {}", records.len(), topic.name());
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}
