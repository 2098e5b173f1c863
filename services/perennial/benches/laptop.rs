//! Laptop mode as a process, measured from outside: events a second with nothing lost, request to webhook, recovery.
//!
//! Under the definitions that `up` lays there itself, so that every account gets a score, and a playbook that calls.
//! Each figure stands beside a floor measured in the same run: what the log alone takes.
//!
//!     cargo bench -p perennial --bench laptop

#[expect(dead_code, reason = "a cluster is asked otherwise")]
mod parts;
#[path = "../tests/laptop/process.rs"]
#[expect(dead_code, reason = "a benchmark kills and asks less than a test")]
mod process;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use chassis::Tasks;
use eventlog::{
    Log,
    postgres::{PgLog, PgLogOptions},
};
use parts::{
    asking::{Doors, FOLDING, PATIENCE, sum},
    calls::{Calls, compared, five_round_trips},
    load::{BATCH, Sender, batch, floor},
};
use process::{Home, Perennial};

/// Every event is about an account of its own, so that afterwards there are as many accounts.
const EVENTS: u64 = 100_000;
/// After the last checkpoint, about accounts that are there.
const RECENT: u64 = 5_000;
const CALLS: usize = 300;
/// Beside those, the one that is called about.
const ACCOUNTS: u64 = EVENTS + 1;

fn main() -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(run())
}

async fn run() -> Result<()> {
    let home = Home::new(20)?;
    let begun = Instant::now();
    let mut perennial = Perennial::start(&home).await?;
    let first_start = begun.elapsed();
    let (doors, tasks) = (doors(&mut perennial).await?, Tasks::new());
    let log = open_log(&home, &tasks).await?;
    // Of the workspace that is there from the start.
    let key = std::fs::read_to_string(home.data().join("write-key"))?.trim().to_owned();

    webhook_latency(&doors, &Sender::new(&doors.http, &key), &log, &tasks).await?;
    throughput(&doors, &Sender::new(&doors.http, &key), &log).await?;

    let (status, drained) = perennial.terminate().await?;
    println!("SIGTERM with {EVENTS} accounts: {status}, after {drained:.2?}");
    let again = recovery(&home, &key).await?;
    println!("until ready: first start {first_start:.2?}, {again}");
    Ok(())
}

async fn doors(perennial: &mut Perennial<'_>) -> Result<Doors> {
    let addresses = perennial.ready().await?;
    Ok(Doors::of_one(&addresses.http, &addresses.grpc))
}

/// A life from the checkpoints that the drain wrote, some more load, kill -9, and the next life until it is ready.
async fn recovery(home: &Home, key: &str) -> Result<String> {
    let events = CALLS as u64 + EVENTS + RECENT;
    let mut perennial = Perennial::start(home).await?;
    let here = doors(&mut perennial).await?;
    Sender::new(&here.http, key).send_events("recent", RECENT).await?;
    here.settled(events, ACCOUNTS).await?;
    perennial.kill()?;

    let begun = Instant::now();
    let mut perennial = Perennial::start(home).await?;
    let here = doors(&mut perennial).await?;
    ready(&here).await?;
    let again = begun.elapsed();
    let metrics = here.metrics().await?;
    let refolded: Vec<(&str, u64)> = FOLDING
        .into_iter()
        .map(|service| (service, sum(&metrics, "perennial_worker_refolded_total", service)))
        .collect();
    let from_checkpoints = |count: u64| (RECENT..EVENTS).contains(&count);
    ensure!(
        refolded.iter().all(|(_, count)| from_checkpoints(*count)),
        "refolded {refolded:?}: not from the checkpoints"
    );
    here.settled(events, ACCOUNTS).await?;
    perennial.terminate().await?;
    Ok(format!(
        "after kill -9 {again:.2?}: {ACCOUNTS} accounts loaded by each of three services, facts refolded: {refolded:?}"
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

async fn throughput(doors: &Doors, sender: &Sender, log: &Arc<dyn Log>) -> Result<()> {
    let size = batch("first", 0, BATCH, EVENTS).len() / BATCH as usize;
    let floor = floor(log, EVENTS, size).await?;

    let begun = Instant::now();
    sender.send_events("first", EVENTS).await?;
    let acknowledged = begun.elapsed();
    doors.settled(CALLS as u64 + EVENTS, ACCOUNTS).await?;
    doors.even().await?;
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

/// From the request's first byte to the webhook's arrival, one at a time.
async fn webhook_latency(doors: &Doors, sender: &Sender, log: &Arc<dyn Log>, tasks: &Tasks) -> Result<()> {
    let mut calls = Calls::receive(doors, tasks).await?;
    let (mut took, mut floor) = (Vec::with_capacity(CALLS), Vec::with_capacity(CALLS));
    for number in 0..CALLS {
        took.push(calls.one(sender, number).await?);
    }
    for _ in 0..CALLS {
        floor.push(five_round_trips(log).await?);
    }
    println!("{}", compared(&took, &floor).0);
    Ok(())
}

async fn ready(doors: &Doors) -> Result<()> {
    let begun = Instant::now();
    while reqwest::get(format!("{}/readyz", doors.http)).await?.status() != 200 {
        ensure!(begun.elapsed() < PATIENCE, "it does not get ready");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
