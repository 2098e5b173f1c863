//! Laptop mode as a process, measured from outside: events a second with nothing lost, request to webhook, recovery.
//!
//! Under the definitions that `up` lays there itself, so that every account gets a score, and a playbook that calls.
//! Each figure stands beside a floor measured in the same run: what the log alone takes.
//!
//!     cargo bench -p perennial --bench laptop

#[path = "../tests/laptop/process.rs"]
#[expect(dead_code, reason = "a benchmark kills and asks less than a test")]
mod process;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use axum::{Router, routing::post};
use chassis::Tasks;
use contracts::{
    catalogue::{
        ApplyCatalogueRequest, ExportCatalogueRequest, catalogue_service_client::CatalogueServiceClient,
    },
    cta::{ListEndpointsRequest, cta_service_client::CtaServiceClient},
    health::{CountBandsRequest, health_service_client::HealthServiceClient},
    ingest::{GetWorkspaceRequest, admin_service_client::AdminServiceClient},
};
use eventlog::{
    Log, NewRecord, Topic, TopicPartition,
    postgres::{PgLog, PgLogOptions},
};
use process::{Addresses, Home, Perennial};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};
use tonic::transport::{Channel, Endpoint};

/// Every event is about an account of its own, so that afterwards there are as many accounts.
const EVENTS: usize = 100_000;
/// After the last checkpoint, about accounts that are there.
const RECENT: usize = 5_000;
const BATCH: usize = 100;
const SENDERS: usize = 8;
const CALLS: usize = 300;
const PATIENCE: Duration = Duration::from_secs(300);
const WORKSPACE: &str = "default";
/// The services that fold the account log.
const FOLDING: [&str; 3] = ["health-score", "segmentation", "workflow"];

fn main() -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(run())
}

async fn run() -> Result<()> {
    let home = Home::new(20)?;
    let begun = Instant::now();
    let mut perennial = Perennial::start(&home).await?;
    let first_start = begun.elapsed();
    let (addresses, tasks) = (perennial.ready().await?, Tasks::new());
    let log = open_log(&home, &tasks).await?;
    // Of the workspace that is there from the start.
    let key = std::fs::read_to_string(home.data().join("write-key"))?.trim().to_owned();

    webhook_latency(&addresses, &key, &log, &tasks).await?;
    throughput(&addresses, &key, &log).await?;

    let (status, drained) = perennial.terminate().await?;
    println!("SIGTERM with {EVENTS} accounts: {status}, after {drained:.2?}");
    let again = recovery(&home, &key).await?;
    println!("until ready: first start {first_start:.2?}, {again}");
    Ok(())
}

/// A life from the checkpoints that the drain wrote, some more load, kill -9, and the next life until it is ready.
async fn recovery(home: &Home, key: &str) -> Result<String> {
    let mut perennial = Perennial::start(home).await?;
    let addresses = perennial.ready().await?;
    send_all(&addresses, key, (0..RECENT / BATCH).map(|number| batch("recent", number)).collect()).await?;
    settled(&addresses, CALLS + EVENTS + RECENT).await?;
    perennial.kill()?;

    let begun = Instant::now();
    let mut perennial = Perennial::start(home).await?;
    let addresses = perennial.ready().await?;
    ready(&addresses).await?;
    let again = begun.elapsed();
    let metrics = metrics(&addresses).await?;
    let refolded: Vec<(&str, u64)> = FOLDING
        .into_iter()
        .map(|service| (service, sum(&metrics, "perennial_worker_refolded_total", service)))
        .collect();
    let from_checkpoints = |count: u64| (RECENT as u64..EVENTS as u64).contains(&count);
    ensure!(
        refolded.iter().all(|(_, count)| from_checkpoints(*count)),
        "refolded {refolded:?}: not from the checkpoints"
    );
    settled(&addresses, CALLS + EVENTS + RECENT).await?;
    perennial.terminate().await?;
    Ok(format!(
        "after kill -9 {again:.2?}: {} accounts loaded by each of three services, facts refolded: {refolded:?}",
        EVENTS + 1
    ))
}

async fn open_log(home: &Home, tasks: &Tasks) -> Result<Arc<dyn Log>> {
    let pool = chassis::postgres::connect(home.database("perennial_log").await?, 4);
    let (log, running) = PgLog::open(pool, PgLogOptions::default()).await?;
    let until = tasks.shutdown_beneath();
    tasks.spawn_beneath("log", async move {
        running.run(until.wait()).await;
        Ok(())
    });
    Ok(log)
}

async fn throughput(addresses: &Addresses, key: &str, log: &Arc<dyn Log>) -> Result<()> {
    let batches: Vec<String> = (0..EVENTS / BATCH).map(|number| batch("first", number)).collect();
    let bytes: usize = batches.iter().map(String::len).sum();
    let floor = floor_throughput(log, bytes / EVENTS).await?;

    let begun = Instant::now();
    send_all(addresses, key, batches).await?;
    let acknowledged = begun.elapsed();
    settled(addresses, CALLS + EVENTS).await?;
    even(addresses).await?;
    let decided = begun.elapsed();
    let rate = |took: Duration| EVENTS as f64 / took.as_secs_f64();
    println!(
        "events/s: {:.0} acknowledged, {:.0} decided by every service, nothing lost; floor: {floor:.0} records/s appended \
         to the log alone; ratio {:.3}",
        rate(acknowledged),
        rate(decided),
        rate(decided) / floor
    );
    Ok(())
}

fn batch(prefix: &str, number: usize) -> String {
    let event = |index: usize| {
        let account = number * BATCH + index;
        json!({
            "type": "track", "event": "Report Exported", "userId": format!("user-{account}"),
            "messageId": format!("{prefix}-{account}"), "context": {"groupId": format!("account-{account}")},
            "properties": {"pages": account % 40, "format": "pdf"},
        })
    };
    json!({"batch": (0..BATCH).map(event).collect::<Vec<_>>()}).to_string()
}

async fn send_all(addresses: &Addresses, key: &str, batches: Vec<String>) -> Result<()> {
    let client = reqwest::Client::new();
    let url = format!("{}/v1/batch", addresses.http);
    let shares = batches.chunks(batches.len().div_ceil(SENDERS)).map(<[String]>::to_vec);
    let sending = shares.map(|share| send(client.clone(), url.clone(), key.to_owned(), share));
    futures_util::future::try_join_all(sending).await?;
    Ok(())
}

async fn send(client: reqwest::Client, url: String, key: String, batches: Vec<String>) -> Result<()> {
    for body in batches {
        loop {
            let answer = client.post(&url).basic_auth(&key, Some("")).body(body.clone()).send().await?;
            if answer.status() == 200 {
                break;
            }
            ensure!(answer.status() == 429, "{} {}", answer.status(), answer.text().await?);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

/// Records a second that the log takes in batches of the same size from as many callers.
async fn floor_throughput(log: &Arc<dyn Log>, size: usize) -> Result<f64> {
    let begun = Instant::now();
    let partitions = log.partitions(Topic::InboxDead);
    let share = |sender: usize| {
        let log = log.clone();
        let at = TopicPartition { topic: Topic::InboxDead, partition: sender as u32 % partitions };
        async move {
            for _ in 0..EVENTS / BATCH / SENDERS {
                let record = NewRecord { value: vec![7; size].into(), traceparent: None };
                eventlog::append(log.as_ref(), at, vec![record; BATCH]).await?;
            }
            anyhow::Ok(())
        }
    };
    futures_util::future::try_join_all((0..SENDERS).map(share)).await?;
    Ok(EVENTS as f64 / begun.elapsed().as_secs_f64())
}

/// Waits until each of so many events is counted, every account has a score, and no worker lags behind.
async fn settled(addresses: &Addresses, events: usize) -> Result<()> {
    let begun = Instant::now();
    let channel = channel(addresses).await?;
    loop {
        let (counted, scored) = (counted(channel.clone()).await?, scored(channel.clone()).await?);
        let lag = lag(&metrics(addresses).await?);
        if counted == events as u64 && scored == EVENTS as u64 + 1 && lag == 0 {
            return Ok(());
        }
        ensure!(
            begun.elapsed() < PATIENCE,
            "of {events} events {counted} are counted, {scored} accounts have a score, the lag is {lag}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until each service has folded as many facts as the others, in the life that begins with an empty log: the lag
/// is what a worker saw last.
async fn even(addresses: &Addresses) -> Result<()> {
    let begun = Instant::now();
    loop {
        let metrics = metrics(addresses).await?;
        let folded = FOLDING.map(|service| sum(&metrics, "perennial_worker_folded_total", service));
        if folded.iter().all(|count| *count == folded[0]) {
            return Ok(());
        }
        ensure!(begun.elapsed() < PATIENCE, "the services have folded {folded:?} facts");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Events that the workspace has taken.
async fn counted(channel: Channel) -> Result<u64> {
    let request = GetWorkspaceRequest { workspace: WORKSPACE.to_owned() };
    let answer = AdminServiceClient::new(channel).get_workspace(request).await?.into_inner();
    Ok(answer.workspace.context("no workspace")?.events)
}

/// Accounts with a score.
async fn scored(channel: Channel) -> Result<u64> {
    let request = CountBandsRequest { workspace: WORKSPACE.to_owned() };
    let bands = HealthServiceClient::new(channel).count_bands(request).await?.into_inner();
    Ok(bands.red + bands.yellow + bands.green)
}

async fn channel(addresses: &Addresses) -> Result<Channel> {
    Ok(Endpoint::from_shared(addresses.grpc.clone())?.connect().await?)
}

async fn metrics(addresses: &Addresses) -> Result<String> {
    Ok(reqwest::get(format!("{}/metrics", addresses.http)).await?.text().await?)
}

fn lag(metrics: &str) -> u64 {
    let services = FOLDING.into_iter().chain(["ingest"]);
    services.map(|service| sum(metrics, "perennial_worker_lag_records", service)).sum()
}

/// Of one service, over its workers.
fn sum(metrics: &str, name: &str, service: &str) -> u64 {
    let label = format!("service=\"{service}\"");
    let lines = metrics.lines().filter(|line| line.starts_with(name) && line.contains(&label));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// From the request's first byte to the webhook's arrival, one at a time.
async fn webhook_latency(addresses: &Addresses, key: &str, log: &Arc<dyn Log>, tasks: &Tasks) -> Result<()> {
    let mut arrivals = receive(addresses, tasks).await?;
    let client = reqwest::Client::new();
    let mut took = Vec::with_capacity(CALLS);
    for number in 0..CALLS {
        let body = json!({
            "event": "Support Escalated", "userId": "ana", "messageId": format!("w-{number}"),
            "context": {"groupId": "acme"},
        });
        let begun = Instant::now();
        let sent = client
            .post(format!("{}/v1/track", addresses.http))
            .basic_auth(key, Some(""))
            .body(body.to_string());
        ensure!(sent.send().await?.status() == 200, "the event was not taken");
        let arrived =
            tokio::time::timeout(PATIENCE, arrivals.recv()).await?.context("the receiver is gone")?;
        took.push(arrived - begun);
    }
    let floor = floor_round_trips(log).await?;
    let (p50, p99, floor50, floor99) =
        (at(&mut took, 50), at(&mut took, 99), at(&mut floor.clone(), 50), at(&mut floor.clone(), 99));
    println!(
        "request to webhook: p50 {p50:.2?}, p99 {p99:.2?}; floor, five append-to-read round trips: p50 {floor50:.2?}, \
         p99 {floor99:.2?}; ratio {:.2} at p50, {:.2} at p99",
        p50.as_secs_f64() / floor50.as_secs_f64(),
        p99.as_secs_f64() / floor99.as_secs_f64()
    );
    Ok(())
}

/// A receiver, and a playbook that calls it at each event.
async fn receive(addresses: &Addresses, tasks: &Tasks) -> Result<mpsc::UnboundedReceiver<Instant>> {
    let (sender, arrivals) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hook", listener.local_addr()?);
    let hook = post(move || async move {
        // Nobody listens any more once the benchmark is over.
        let _ = sender.send(Instant::now());
    });
    chassis::http::serve(listener, Router::new().route("/hook", hook), tasks)?;
    let channel = channel(addresses).await?;
    add(channel.clone(), &url).await?;
    let mut ctas = CtaServiceClient::new(channel);
    let request = ListEndpointsRequest { workspace: WORKSPACE.to_owned(), ..Default::default() };
    while ctas.list_endpoints(request.clone()).await?.into_inner().endpoints.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(arrivals)
}

/// The endpoint and the playbook, beside what is defined already.
async fn add(channel: Channel, url: &str) -> Result<()> {
    let mut catalogue = CatalogueServiceClient::new(channel);
    let request = ExportCatalogueRequest { workspace: WORKSPACE.to_owned(), ..Default::default() };
    let found = catalogue.export_catalogue(request).await?.into_inner();
    let mut document: Value = serde_json::from_str(&found.document)?;
    ensure!(document["scorecards"].is_array() && document["segments"].is_object(), "there is no starter");
    document["endpoints"]["bench"] = json!({ "url": url });
    document["playbooks"]["call"] = json!({
        "trigger": {"event": {"name": "Support Escalated"}}, "steps": [{"notify": {"endpoint": "bench"}}],
    });
    let request = ApplyCatalogueRequest {
        workspace: WORKSPACE.to_owned(),
        document: document.to_string(),
        based_on: Some(found.version),
        ..Default::default()
    };
    catalogue.apply_catalogue(request).await?;
    Ok(())
}

/// Five times: one record appended, and read.
async fn floor_round_trips(log: &Arc<dyn Log>) -> Result<Vec<Duration>> {
    let at = TopicPartition { topic: Topic::InboxDead, partition: 0 };
    let mut took = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let begun = Instant::now();
        for _ in 0..5 {
            let record = NewRecord { value: vec![7; 300].into(), traceparent: None };
            let appended = eventlog::append(log.as_ref(), at, vec![record]).await?;
            let reader = log.clone();
            let read =
                tokio::task::spawn_blocking(move || reader.fetch(at, appended.base_offset, 1)).await??;
            ensure!(read.len() == 1, "what was appended is read");
        }
        took.push(begun.elapsed());
    }
    Ok(took)
}

fn at(took: &mut [Duration], percent: usize) -> Duration {
    took.sort();
    took[(took.len() * percent / 100).min(took.len() - 1)]
}

async fn ready(addresses: &Addresses) -> Result<()> {
    let begun = Instant::now();
    while reqwest::get(format!("{}/readyz", addresses.http)).await?.status() != 200 {
        ensure!(begun.elapsed() < PATIENCE, "it does not get ready");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
