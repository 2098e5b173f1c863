//! A simulated company, made and sent as somebody types it: as files, as history, and live.

use std::{
    collections::BTreeSet,
    fs,
    process::Output,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use contracts::log::ClockKind;
use serde_json::Value as Json;
use tokio::{task::spawn_blocking, time::sleep};

use crate::{
    process::{Home, Perennial, alone, program},
    script::midnight,
    stage::Stage,
};

const PAST: &str = "past";
const NOW: &str = "now";
/// A company of two months.
const SMALL: [&str; 6] = ["--accounts", "12", "--months", "2", "--seed", "7"];
const SOON: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_company_arrives_whole_as_history_and_live_and_its_truth_stays_outside() -> Result<()> {
    let _alone = alone().await;
    let stage = Stage::new(Home::new(20)?).await?;
    simulated(&stage).await.with_context(|| format!("it said:\n{}\n", stage.home.complaints()))?;
    stage.close().await
}

async fn simulated(stage: &Stage) -> Result<()> {
    let mut process = Perennial::start(&stage.home).await?;
    let (http, grpc) = {
        let answers = process.ready().await?;
        (answers.http, answers.grpc)
    };
    stage.client.create(PAST, ClockKind::Log).await?;
    stage.client.create(NOW, ClockKind::Wall).await?;
    let (past, now) = (stage.client.write_key(PAST).await?, stage.client.write_key(NOW).await?);
    let folder = stage.home.folder().join("company");
    let calls = written(&folder.display().to_string()).await?;

    let truth = stage.home.folder().join("told.json").display().to_string();
    let to = |workspace, key| {
        ["--url", &http, "--grpc", &grpc, "-w", workspace, "--write-key", key].map(str::to_owned)
    };
    let sent = simulate(to(PAST, &past).iter().map(String::as_str).chain(["--truth", &truth])).await?;
    ensure!(sent.status.success(), "{sent:?}");
    let workspace = stage.client.workspace(PAST).await?;
    ensure!(workspace.events == calls, "{} of {calls} events: {workspace:?}", workspace.events);
    ensure!(workspace.clock_at == Some(midnight(jiff::civil::date(2024, 3, 1))?), "{workspace:?}");
    ensure!(fs::read(&truth)? == fs::read(folder.join("truth.json"))?, "two truths");

    refused(to(PAST, &past), &[], "past 2024-01-01 already").await?;
    refused(to(PAST, &past), &["--live"], "goes by the log's clock").await?;
    refused(to(NOW, &now), &[], "goes by the wall clock").await?;
    refused(to(NOW, &past), &["--live"], "none of workspace now").await?;
    let sent =
        simulate(to(NOW, &now).iter().map(String::as_str).chain(["--live", "--rate", "100000"])).await?;
    ensure!(sent.status.success(), "{sent:?}");
    let begun = Instant::now();
    while stage.client.workspace(NOW).await?.events < calls / 2 {
        ensure!(begun.elapsed() < SOON, "half of {calls} events do not come");
        sleep(LOOK).await;
    }
    process.is_up()
}

/// As files: how many calls they hold, each with a message id of its own.
async fn written(folder: &str) -> Result<u64> {
    let written = simulate(["--out", folder].into_iter()).await?;
    ensure!(written.status.success(), "{written:?}");
    let text = fs::read_to_string(format!("{folder}/calls.ndjson"))?;
    let calls = text.lines().map(serde_json::from_str).collect::<Result<Vec<Json>, _>>()?;
    let ids: BTreeSet<_> = calls.iter().map(|call| call["messageId"].as_str()).collect();
    ensure!(ids.len() == calls.len(), "{} ids for {} calls", ids.len(), calls.len());
    let truth: Json = serde_json::from_str(&fs::read_to_string(format!("{folder}/truth.json"))?)?;
    ensure!(truth["accounts"].as_array().map(Vec::len) == Some(12), "{truth}");
    Ok(calls.len() as u64)
}

async fn refused(to: [String; 8], more: &[&str], why: &str) -> Result<()> {
    let refused = simulate(to.iter().map(String::as_str).chain(more.iter().copied())).await?;
    let said = String::from_utf8_lossy(&refused.stderr);
    ensure!(refused.status.code() == Some(1) && said.contains(why), "expected {why:?}: {said}");
    Ok(())
}

async fn simulate(arguments: impl Iterator<Item = &str>) -> Result<Output> {
    let mut simulate = program();
    simulate.arg("simulate").args(SMALL).args(arguments);
    Ok(spawn_blocking(move || simulate.output()).await??)
}
