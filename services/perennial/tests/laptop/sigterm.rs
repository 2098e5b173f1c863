//! SIGTERM under load, and while somebody waits.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use contracts::{
    health::{AwaitClockRequest, health_service_client::HealthServiceClient},
    log::ClockKind,
};
use futures_util::future::try_join;
use tonic::{Code, transport::Endpoint};

use crate::{
    process::{Home, Perennial, alone},
    stage::Stage,
};

const DRAIN: Duration = Duration::from_secs(10);
/// It is told to stop after so many answers, each time anew.
const AFTER: [usize; 3] = [400, 900, 700];

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_drains_within_ten_seconds() -> Result<()> {
    let _alone = alone().await;
    let stage = Stage::new(Home::new(20)?).await?;
    drained(&stage).await.with_context(|| format!("it said:\n{}\n", stage.home.complaints()))?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_clock_is_sent_away_and_holds_up_no_drain() -> Result<()> {
    let _alone = alone().await;
    let stage = Stage::new(Home::new(20)?).await?;
    sent_away(&stage).await.with_context(|| format!("it said:\n{}\n", stage.home.complaints()))?;
    stage.close().await
}

async fn sent_away(stage: &Stage) -> Result<()> {
    let mut process = Perennial::start(&stage.home).await?;
    let addresses = process.ready().await?;
    stage.client.create("wall", ClockKind::Wall).await?;
    stage.client.create("log", ClockKind::Log).await?;
    let wait = async |workspace: &str| {
        let channel = Endpoint::from_shared(addresses.grpc.clone())?.connect().await?;
        let mut client = HealthServiceClient::new(channel);
        let asked = AwaitClockRequest { workspace: workspace.to_owned(), to_at: i64::MAX };
        anyhow::Ok(client.await_clock(asked).await.expect_err("there is no such instant").code())
    };
    ensure!(wait("wall").await? == Code::FailedPrecondition, "the wall clock is waited for");
    ensure!(wait("nowhere").await? == Code::NotFound, "a workspace that is not there is waited for");
    let (waited, stopped) = tokio::join!(wait("log"), stop_soon(process));
    stopped?;
    ensure!(waited? == Code::Unavailable, "the service did not say that it stops");
    Ok(())
}

/// Gives a call the time to begin.
async fn stop_soon(process: Perennial<'_>) -> Result<()> {
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop(process).await
}

async fn drained(stage: &Stage) -> Result<()> {
    let script = stage.script();
    let ((), process) = try_join(script.play(), live(stage)).await?;
    stage.settle().await?;
    let (_, repeated) = stage.examine().await?;
    ensure!(repeated == 0, "{repeated} webhooks were sent again after a drain");
    stop(process).await
}

/// The load goes on while it drains, and finds it again afterwards.
async fn live(stage: &Stage) -> Result<Perennial<'_>> {
    stage.gate.open();
    for answers in AFTER {
        let process = Perennial::start(&stage.home).await?;
        stage.gate.reach(stage.gate.answered() + answers).await;
        stop(process).await?;
    }
    Perennial::start(&stage.home).await
}

async fn stop(process: Perennial<'_>) -> Result<()> {
    let (status, took) = process.terminate().await?;
    println!("drained in {took:?}");
    ensure!(status.success() && took < DRAIN, "it ended with {status} after {took:?}");
    Ok(())
}
