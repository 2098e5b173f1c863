//! Laptop mode as a process, measured from outside: events a second with nothing lost, request to webhook, recovery.
//!
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
    catalogue::{ApplyCatalogueRequest, catalogue_service_client::CatalogueServiceClient},
    cta::{ListEndpointsRequest, cta_service_client::CtaServiceClient},
};
use eventlog::{
    Log, NewRecord, Topic, TopicPartition,
    postgres::{PgLog, PgLogOptions},
};
use process::{Addresses, Home, Perennial};
use serde_json::json;
use tokio::{net::TcpListener, sync::mpsc};
use tonic::transport::Endpoint;

const EVENTS: usize = 100_000;
const BATCH: usize = 100;
const SENDERS: usize = 8;
const CALLS: usize = 300;
const PATIENCE: Duration = Duration::from_secs(300);

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
    let key = std::fs::read_to_string(home.folder().join("write-key"))?.trim().to_owned();

    webhook_latency(&addresses, &key, &log, &tasks).await?;
    throughput(&addresses, &key, &log).await?;

    perennial.kill()?;
    let begun = Instant::now();
    let mut perennial = Perennial::start(&home).await?;
    let addresses = perennial.ready().await?;
    ready(&addresses).await?;
    let again = begun.elapsed();
    println!(
        "recovery after kill -9 with {EVENTS} accounts: {again:.2?} until ready (first start: {first_start:.2?})"
    );
    let (status, took) = perennial.terminate().await?;
    println!("SIGTERM: {status}, after {took:.2?}");
    Ok(())
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

/// Every event is about an account of its own, so that afterwards there are as many accounts.
async fn throughput(addresses: &Addresses, key: &str, log: &Arc<dyn Log>) -> Result<()> {
    let batches: Vec<String> = (0..EVENTS / BATCH).map(batch).collect();
    let bytes: usize = batches.iter().map(String::len).sum();
    let floor = floor_throughput(log, bytes / EVENTS).await?;

    let begun = Instant::now();
    let client = reqwest::Client::new();
    let shares = batches.chunks(batches.len().div_ceil(SENDERS)).map(<[String]>::to_vec);
    let url = format!("{}/v1/batch", addresses.http);
    let sending: Vec<_> =
        shares.map(|share| send(client.clone(), url.clone(), key.to_owned(), share)).collect();
    futures_util::future::try_join_all(sending).await?;
    let acknowledged = begun.elapsed();
    settled(addresses, EVENTS as u64).await?;
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

fn batch(number: usize) -> String {
    let event = |index: usize| {
        let account = number * BATCH + index;
        json!({
            "type": "track", "event": "Report Exported", "userId": format!("user-{account}"),
            "messageId": format!("m-{account}"), "context": {"groupId": format!("account-{account}")},
            "properties": {"pages": account % 40, "format": "pdf"},
        })
    };
    json!({"batch": (0..BATCH).map(event).collect::<Vec<_>>()}).to_string()
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

/// Waits until the account log has every fact and no worker lags behind.
async fn settled(addresses: &Addresses, events: u64) -> Result<()> {
    let begun = Instant::now();
    loop {
        let metrics = reqwest::get(format!("{}/metrics", addresses.http)).await?.text().await?;
        let of = |name: &str, service: &str| -> u64 {
            let is_it =
                |line: &&str| line.starts_with(name) && line.contains(&format!("service=\"{service}\""));
            metrics
                .lines()
                .filter(is_it)
                .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
                .sum()
        };
        let lag: u64 = ["ingest", "health-score", "segmentation", "workflow"]
            .iter()
            .map(|service| of("perennial_worker_lag_records", service))
            .sum();
        if lag == 0 && of("perennial_worker_folded_total", "workflow") >= events {
            return Ok(());
        }
        ensure!(begun.elapsed() < PATIENCE, "the workers do not catch up: lag {lag}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
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
    let document = json!({
        "endpoints": {"bench": {"url": url}},
        "playbooks": {"call": {"trigger": {"event": {"name": "Support Escalated"}}, "steps": [{"notify": {"endpoint": "bench"}}]}},
    });
    let workspace = "default".to_owned();
    let request = ApplyCatalogueRequest {
        workspace: workspace.clone(),
        document: document.to_string(),
        ..Default::default()
    };
    let channel = Endpoint::from_shared(addresses.grpc.clone())?.connect().await?;
    CatalogueServiceClient::new(channel.clone()).apply_catalogue(request).await?;
    let mut ctas = CtaServiceClient::new(channel);
    let request = ListEndpointsRequest { workspace, ..Default::default() };
    while ctas.list_endpoints(request.clone()).await?.into_inner().endpoints.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(arrivals)
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
