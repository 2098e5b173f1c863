//! The demo on a cluster: two replicas of each service as processes of their own, on Kafka and Postgres.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use chassis::Tasks;
use contracts::{
    account::{AccountRecord, account_record::Kind},
    log::{Cause, ClockKind},
};
use eventlog::{Feed, Topic};
use oracle::Record;
use prost::Message;
use serde_json::{Value as Json, json};
use testkit::{cluster::Cluster, servers::kafka};
use tokio::sync::watch;

use crate::{
    client::Client,
    demo::{WORKSPACE, computed, run_demo},
    evidence,
    log::Log,
    process::{Addresses, alone},
};

const REPLICAS: usize = 2;
/// Webhooks go to this machine, and as many at once as in the demo's own process.
const WORKFLOW: [&str; 2] = ["--allow-loopback-webhooks", "--calls-per-endpoint=32"];

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_finds_the_same_on_a_cluster() -> Result<()> {
    let _alone = alone().await;
    let cluster = Cluster::new(env!("CARGO_BIN_EXE_perennial")).await?;
    let (mut cluster, tasks) = (cluster.telling("workflow", &WORKFLOW), Tasks::new());
    tokio::task::block_in_place(|| cluster.start_all(REPLICAS))?;
    compared(&cluster, &tasks).await.with_context(|| format!("they said:\n{}", cluster.complaints()))?;
    tasks.stop();
    tasks.finish(std::time::Duration::from_secs(20)).await
}

async fn compared(cluster: &Cluster, tasks: &Tasks) -> Result<()> {
    let ingest = cluster.replica("ingest", 0).context("no ingest")?;
    let addresses = Addresses { http: ingest.http.clone(), grpc: ingest.grpc.clone() };
    let (_here, answers) = watch::channel(Some(addresses.clone()));
    let client = Client::new(answers)?;
    client.create(WORKSPACE, ClockKind::Log).await?;
    let key = client.write_key(WORKSPACE).await?;
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("report.json");
    let output = run_demo(&addresses.http, &cluster.grpc(), key, &report).await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let log = Log::in_kafka(cluster.kafka.clone(), tasks).await?;
    let account = log.records(Topic::Account).await?;
    let asked = evidence::asked(&account, WORKSPACE);
    let found = without_repeats(serde_json::from_slice(&std::fs::read(&report)?)?, asked)?;
    let figures: Json = serde_json::from_str(include_str!("../../demo/figures.json"))?;
    ensure!(found == figures, "the demo found\n{found:#}\nand not\n{figures:#}");
    let expected = computed(&log).await?;
    ensure!(found == expected, "the demo found\n{found:#}\nand the oracle\n{expected:#}");
    for (feed, service) in [
        (Feed::HealthChanged, "health-score"),
        (Feed::MembershipChanged, "segmentation"),
        (Feed::CtaChanged, "workflow"),
    ] {
        let topic = cluster.kafka.feed(feed);
        let heard = tokio::task::spawn_blocking(move || kafka().heard(&topic)).await??;
        check_feed(feed, service, &heard, &account).with_context(|| feed.name())?;
    }
    Ok(())
}

/// What the demo found, had every webhook come once. Where nobody reports an attempt in time, as on a machine that hardly
/// comes to it, another one is asked for: so a webhook may come again, and no more often than the log asks for it.
fn without_repeats(mut found: Json, asked: usize) -> Result<Json> {
    let webhooks = &mut found["webhooks"];
    let counted = |name: &str| webhooks[name].as_u64().with_context(|| format!("no {name} in {webhooks}"));
    let (delivered, distinct) = (counted("delivered")?, counted("distinct_ids")?);
    ensure!((distinct..=asked as u64).contains(&delivered), "{asked} attempts were asked for: {webhooks}");
    webhooks["delivered"] = json!(distinct);
    Ok(found)
}

/// Everybody else hears of every change that stands in the log, told by what it says of itself.
fn check_feed(feed: Feed, service: &str, heard: &[String], account: &[Record]) -> Result<()> {
    let ids: BTreeSet<String> =
        heard.iter().filter_map(|line| header(line, "ce_id")).map(str::to_owned).collect();
    let decided: BTreeSet<String> = account.iter().filter_map(|record| change(feed, record)).collect();
    ensure!(!ids.is_empty() && ids == decided, "{} of {} changes were published", ids.len(), decided.len());
    let (kind, source) = (feed.name().replace(['-', '.'], ""), format!("/perennial/{service}"));
    for line in heard {
        let told = header(line, "ce_type").and_then(|name| name.strip_prefix("perennial.account.v1."));
        ensure!(told.is_some_and(|name| kind.contains(&name.to_lowercase())), "{line}");
        ensure!(header(line, "ce_source") == Some(&source), "{line}");
        ensure!(line.split('\t').nth(1).is_some_and(|key| key.starts_with("demo/")), "{line}");
    }
    Ok(())
}

/// What a change that a feed copies is called there: by its cause and its account.
fn change(feed: Feed, record: &Record) -> Option<String> {
    let read = AccountRecord::decode(record.bytes.as_slice()).ok()?;
    let is_of = match read.kind? {
        Kind::HealthChanged(_) => feed == Feed::HealthChanged,
        Kind::MembershipChanged(_) => feed == Feed::MembershipChanged,
        Kind::CtaChanged(_) => feed == Feed::CtaChanged,
        _ => false,
    };
    let header = read.header.filter(|_| is_of)?;
    let Cause { partition, offset, index } = header.cause?;
    Some(format!("{partition}.{offset}.{index}.{}/{}", header.workspace, header.account))
}

fn header<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (headers, _) = line.split_once('\t')?;
    headers.split(',').find_map(|header| header.strip_prefix(name)?.strip_prefix(':'))
}
