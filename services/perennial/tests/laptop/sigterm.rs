//! SIGTERM under load, and while somebody waits.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use contracts::{
    health::{AwaitClockRequest, AwaitClockResponse, health_service_client::HealthServiceClient},
    log::ClockKind,
};
use futures_util::future::try_join;
use tokio::time::timeout;
use tonic::{Code, Response, Status, transport::Channel};

use crate::{
    process::{Home, Perennial, alone},
    stage::Stage,
};

/// It goes on waiting for so long at least.
const GLANCE: Duration = Duration::from_millis(500);
const DRAIN: Duration = Duration::from_secs(10);
/// It is told to stop after so many answers, each time anew.
const AFTER: [usize; 3] = [400, 900, 700];

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_drains_within_ten_seconds() -> Result<()> {
    let _alone = alone().await;
    on(Home::new(20)?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_drains_within_ten_seconds_on_kafka_too() -> Result<()> {
    let _alone = alone().await;
    on(Home::new(20)?.on_kafka().await?).await
}

async fn on(home: Home) -> Result<()> {
    let stage = Stage::new(home).await?;
    drained(&stage).await.with_context(|| format!("it said:\n{}\n", stage.home.complaints()))?;
    stage.close().await
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

/// An instant that is never reached: whoever waits for it hears that the service stops.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_clock_does_not_hold_up_the_end() -> Result<()> {
    let _alone = alone().await;
    let stage = Stage::new(Home::new(20)?).await?;
    let process = Perennial::start(&stage.home).await?;
    stage.client.create("log", ClockKind::Log).await?;
    stage.client.create("wall", ClockKind::Wall).await?;
    let channel = stage.client.channel().await?;
    let refused = |answer: Result<Response<AwaitClockResponse>, Status>| answer.err().map(|why| why.code());
    assert_eq!(refused(await_clock(&channel, "wall").await), Some(Code::FailedPrecondition));
    assert_eq!(refused(await_clock(&channel, "nowhere").await), Some(Code::Unavailable));
    let waiting = await_clock(&channel, "log");
    tokio::pin!(waiting);
    ensure!(timeout(GLANCE, &mut waiting).await.is_err(), "it does not wait");
    let (answer, stopped) = tokio::join!(waiting, stop(process));
    assert_eq!(refused(answer), Some(Code::Unavailable));
    stopped?;
    stage.close().await
}

async fn await_clock(channel: &Channel, workspace: &str) -> Result<Response<AwaitClockResponse>, Status> {
    let asked = AwaitClockRequest { workspace: workspace.to_owned(), to_at: i64::MAX };
    HealthServiceClient::new(channel.clone()).await_clock(asked).await
}

async fn stop(process: Perennial<'_>) -> Result<()> {
    let (status, took) = process.terminate().await?;
    println!("drained in {took:?}");
    ensure!(status.success() && took < DRAIN, "it ended with {status} after {took:?}");
    Ok(())
}
