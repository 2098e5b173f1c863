//! What the README tells people to do with the SDK that their product uses anyway.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use contracts::health::{GetHealthRequest, health_service_client::HealthServiceClient};
use tonic::Code;

use crate::{
    process::{Addresses, Home, Perennial, alone},
    stage::Stage,
};

const WORKSPACE: &str = "default";
const CALLS: usize = 3;
const SOON: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);
/// Nobody has it.
const WRONG_KEY: &str = "pk_nobody";

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_segments_own_sdk_speaks_of_gets_a_score() -> Result<()> {
    let _alone = alone().await;
    let stage = Stage::new(Home::new(20)?).await?;
    scored(&stage).await.with_context(|| format!("it said:\n{}\n", stage.home.complaints()))?;
    stage.close().await
}

async fn scored(stage: &Stage) -> Result<()> {
    let mut process = Perennial::start(&stage.home).await?;
    let addresses = process.ready().await?;
    // The key that the first start prints.
    let key = std::fs::read_to_string(stage.home.data().join("write-key"))?;
    ensure!(failed(&addresses, WRONG_KEY).await? == CALLS, "a wrong key is taken");
    ensure!(failed(&addresses, &key).await? == 0, "the SDK is refused");
    let score = score(stage).await?;
    ensure!(score <= 100, "{score}");
    counted(stage).await?;
    let (status, _) = process.terminate().await?;
    ensure!(status.success(), "it ended with {status}");
    Ok(())
}

/// How many of its calls the SDK hands to its error handler.
async fn failed(addresses: &Addresses, key: &str) -> Result<usize> {
    let python = std::env::var_os("TEST_PYTHON").context(
        "TEST_PYTHON must name a Python that has `segment-analytics-python` (`cargo xtask test` makes one)",
    )?;
    let mut sdk = Command::new(python);
    sdk.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/laptop/segment_sdk.py"));
    sdk.args([&addresses.http, key]);
    let output = tokio::task::spawn_blocking(move || sdk.output()).await??;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the SDK failed: {said}");
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}

/// What came under the right key, and nothing of what came under the wrong one.
async fn counted(stage: &Stage) -> Result<()> {
    let begun = Instant::now();
    loop {
        let events = stage.client.workspace(WORKSPACE).await?.events;
        if events == CALLS as u64 {
            return Ok(());
        }
        ensure!(events < CALLS as u64 && begun.elapsed() < SOON, "{events} events are counted");
        tokio::time::sleep(LOOK).await;
    }
}

async fn score(stage: &Stage) -> Result<u32> {
    let begun = Instant::now();
    let asked = GetHealthRequest { workspace: WORKSPACE.to_owned(), account: "acme".to_owned() };
    let get = async |channel| match HealthServiceClient::new(channel).get_health(asked.clone()).await {
        Err(status) if status.code() == Code::NotFound => Ok(None),
        answer => Ok(answer?.into_inner().health.and_then(|health| health.score)),
    };
    loop {
        if let Some(score) = stage.client.ask(get).await? {
            return Ok(score);
        }
        ensure!(begun.elapsed() < SOON, "acme has no score");
        tokio::time::sleep(LOOK).await;
    }
}
