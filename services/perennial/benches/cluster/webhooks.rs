//! From a request to the webhook that it leads to, while other events come at a rate.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use eventlog::Log;
use testkit::measure::against;
use tokio::time::sleep_until;

use crate::{
    Stage,
    parts::{
        calls::{Calls, compared, five_round_trips},
        load::{Sender, batch},
    },
};

/// Events a second, in requests of so many.
pub(crate) const RATE: u64 = 1_000;
const TOGETHER: u64 = 10;
/// Lanes on which requests go, each once the one before is answered.
const LANES: u64 = 10;
const ACCOUNTS: u64 = 1_000;
/// Until everything runs warm.
const WARM: Duration = Duration::from_secs(5);
const CALLS: usize = 300;
const PAUSE: Duration = Duration::from_millis(30);
const GOAL: f64 = 2.0;

pub(crate) async fn measure(stage: &Stage) -> Result<()> {
    let (doors, sender) = (stage.doors()?, stage.sender()?);
    let calls = Calls::receive(&doors, &stage.tasks).await?;
    let begun = Instant::now();
    let (sent, (took, floor)) = tokio::select! {
        failed = load(&sender, u64::MAX) => { failed?; unreachable!("there is always more to send") }
        measured = async {
            tokio::time::sleep(WARM).await;
            side_by_side(calls, &sender, &stage.log).await
        } => (begun.elapsed(), measured?),
    };
    let (said, ratio) = compared(&took, &floor);
    println!("at {RATE} events/s, for {sent:.0?}, {CALLS} webhooks and none missing: {said}");
    println!("  as a share of what it takes, {}", against(1.0 / ratio, 1.0 / GOAL));
    Ok(())
}

/// Webhooks, and what they are compared with, in turn.
async fn side_by_side(
    mut calls: Calls,
    sender: &Sender,
    log: &Arc<dyn Log>,
) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let (mut took, mut floor) = (Vec::with_capacity(CALLS), Vec::with_capacity(CALLS));
    for number in 0..CALLS {
        took.push(calls.one(sender, number).await?);
        floor.push(five_round_trips(log).await?);
        tokio::time::sleep(PAUSE).await;
    }
    Ok((took, floor))
}

/// So many events at the rate.
pub(crate) async fn load(sender: &Sender, events: u64) -> Result<()> {
    let begun = tokio::time::Instant::now();
    let lane = async |lane: u64| {
        for turn in 0.. {
            let from = (turn * LANES + lane) * TOGETHER;
            if from >= events {
                break;
            }
            sleep_until(begun + Duration::from_secs_f64(from as f64 / RATE as f64)).await;
            sender.send("batch", batch("beside", from, TOGETHER, ACCOUNTS)).await?;
        }
        anyhow::Ok(())
    };
    futures_util::future::try_join_all((0..LANES).map(lane)).await?;
    Ok(())
}
