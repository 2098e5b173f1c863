//! SIGTERM under load.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join;

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
