//! Two Perennials on one log: they share the partitions of every service, and one takes over from the other.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join;

use crate::{
    client::Client,
    metrics,
    process::{Home, Perennial, alone},
    stage::Stage,
};

/// A webhook that nobody reports is sent again ten seconds later than this, in seconds.
const LONGEST_CALL: u32 = 1;
/// Records of a worker between checkpoints: few, so that there is something to go on from.
const CHECKPOINT: u32 = 200;
const SERVICES: usize = 4;
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_the_work_and_one_takes_over_from_the_other() -> Result<()> {
    let _alone = alone().await;
    on(Home::new(LONGEST_CALL)?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_the_work_on_kafka_too() -> Result<()> {
    let _alone = alone().await;
    on(Home::new(LONGEST_CALL)?.on_kafka().await?).await
}

async fn on(home: Home) -> Result<()> {
    let stage = Stage::new(home.checkpointing(CHECKPOINT)).await?;
    let other = stage.home.beside()?;
    shared(&stage, &other)
        .await
        .with_context(|| format!("they said:\n{}\n{}\n", stage.home.complaints(), other.complaints()))?;
    drop(other);
    stage.close().await
}

async fn shared(stage: &Stage, other: &Home) -> Result<()> {
    let one = Perennial::start(&stage.home).await?;
    let script = stage.script();
    let ((), two) = try_join(script.play(), hand_over(stage, other)).await?;
    stage.settle().await?;
    let (_, repeated) = stage.examine().await?;
    println!("{repeated} webhooks were repeated: sent, and not reported yet, by the one that was killed");
    for process in [two, one] {
        let (status, took) = process.terminate().await?;
        ensure!(status.success(), "it ended with {status} after {took:?}");
    }
    Ok(())
}

/// Amid the load the second joins, dies, joins again, leaves in order, and joins for good.
async fn hand_over<'a>(stage: &Stage, other: &'a Home) -> Result<Perennial<'a>> {
    let (here, there) = (&stage.client, Client::new(other.answers())?);
    stage.gate.open();
    let second = Perennial::start(other).await?;
    hold(&[(here, 2), (&there, 2)]).await?;
    stage.gate.reach(stage.gate.answered() + 200).await;
    metrics::check_sound(&there.metrics().await?)?;
    second.kill()?;
    hold(&[(here, 4)]).await?;
    let second = Perennial::start(other).await?;
    hold(&[(here, 2), (&there, 2)]).await?;
    stage.gate.reach(stage.gate.answered() + 200).await;
    let (status, took) = second.terminate().await?;
    ensure!(status.success(), "it ended with {status} after {took:?}");
    hold(&[(here, 4)]).await?;
    let second = Perennial::start(other).await?;
    hold(&[(here, 2), (&there, 2)]).await?;
    Ok(second)
}

/// Waits until each process works on so many partitions of every service.
async fn hold(shares: &[(&Client, usize)]) -> Result<()> {
    let begun = Instant::now();
    loop {
        let mut held = Vec::new();
        for (client, _) in shares {
            held.push(metrics::series(&client.metrics().await?, "perennial_worker_lag_records"));
        }
        let wanted: Vec<usize> = shares.iter().map(|(_, partitions)| partitions * SERVICES).collect();
        if held == wanted {
            println!("shared as {wanted:?} after {:?}", begun.elapsed());
            return Ok(());
        }
        ensure!(
            begun.elapsed() < PATIENCE,
            "they work on {held:?} partitions of all services, not {wanted:?}"
        );
        tokio::time::sleep(LOOK).await;
    }
}
