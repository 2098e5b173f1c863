//! Replicas are killed under load: how long it takes until the others have done their work too.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use eventlog::Topic;
use testkit::{cluster::SERVICES, measure::against};
use tokio::task::block_in_place;

use crate::{
    Stage,
    parts::asking::{Doors, sum, values},
    throughput::ACCOUNTS,
    until,
    webhooks::{RATE, load},
};

/// Sent before the kill, and in all.
const BEFORE: Duration = Duration::from_secs(10);
const EVENTS: u64 = RATE * 40;
/// What has waited for less is on its way, and does not wait for a replica that is gone. Seconds.
const OLD_S: f64 = 0.5;
const LOOK: Duration = Duration::from_millis(50);
const GOAL_S: f64 = 10.0;

/// A second replica of each service joins, takes its share, and is killed with all the others.
pub(crate) async fn measure(stage: &mut Stage, sent: u64) -> Result<()> {
    let partitions = stage.log.partitions(Topic::Account) as usize;
    let alone = stage.doors()?;
    block_in_place(|| SERVICES.into_iter().try_for_each(|service| stage.cluster.start(service, 1)))?;
    until("both have their share", async || Ok(held(&alone).await? == [partitions / 2; 4])).await?;
    println!("take-over: two replicas of each service share {partitions} partitions");

    let sender = stage.sender()?;
    let sending = load(&sender, EVENTS);
    let killing = async {
        tokio::time::sleep(BEFORE).await;
        let before = refolded(&alone).await?;
        let killed = Instant::now();
        SERVICES.into_iter().try_for_each(|service| stage.cluster.kill(service, 1))?;
        let since = caught_up(&alone, partitions, killed).await?;
        anyhow::Ok((since, refolded(&alone).await? - before))
    };
    let ((), (since, refolded)) = futures_util::future::try_join(sending, killing).await?;
    for (service, took) in SERVICES.iter().zip(since) {
        println!("  {service}: caught up {took:.2?} after the kill");
    }
    alone.settled(sent + EVENTS, ACCOUNTS).await?;
    let longest = since.into_iter().max().unwrap_or_default().as_secs_f64();
    println!(
        "  with {ACCOUNTS} accounts in each service, at {RATE} events/s, {refolded} facts folded again, nothing lost: \
         {longest:.2} s; as a share of it, {}",
        against(GOAL_S / longest, 1.0)
    );
    Ok(())
}

/// So long after the kill each service works on all partitions, and is behind on none.
async fn caught_up(doors: &Doors, partitions: usize, killed: Instant) -> Result<[Duration; 4]> {
    let mut since = [None; 4];
    while since.contains(&None) {
        let metrics = doors.metrics().await?;
        for (service, since) in SERVICES.iter().zip(&mut since) {
            if !is_level(&metrics, service, partitions) {
                *since = None;
            } else if since.is_none() {
                *since = Some(killed.elapsed());
            }
        }
        ensure!(killed.elapsed() < crate::PATIENCE, "nobody catches up: {since:?}");
        tokio::time::sleep(LOOK).await;
    }
    Ok(since.map(Option::unwrap_or_default))
}

/// Whether a service has folded something of every partition, and nothing waits there that is old.
fn is_level(metrics: &str, service: &str, partitions: usize) -> bool {
    let folded = values(metrics, "perennial_worker_folded_total", service);
    let ages = values(metrics, "perennial_worker_lag_seconds", service);
    let at_work = folded.iter().filter(|count| **count > 0.0).count();
    at_work == partitions && ages.len() == partitions && ages.iter().all(|age| *age < OLD_S)
}

/// Partitions that each service works on there.
async fn held(doors: &Doors) -> Result<[usize; 4]> {
    let metrics = doors.metrics().await?;
    Ok(SERVICES.map(|service| values(&metrics, "perennial_worker_lag_records", service).len()))
}

async fn refolded(doors: &Doors) -> Result<u64> {
    let metrics = doors.metrics().await?;
    Ok(SERVICES.iter().map(|service| sum(&metrics, "perennial_worker_refolded_total", service)).sum())
}
