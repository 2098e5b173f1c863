//! The starter pack, put in force as somebody types it, with simulated customers: what is decided is what the oracle has.

use std::process::Output;

use anyhow::{Context, Result, ensure};
use contracts::log::ClockKind;
use oracle::Work;
use tokio::task::spawn_blocking;

use crate::{
    evidence,
    process::{Home, Perennial, alone, program},
    script::midnight,
    stage::Stage,
};

const WORKSPACE: &str = "sim";
/// Few who do little: the oracle reads everything again for each of their events.
const COMPANY: [&str; 9] =
    ["simulate", "--accounts", "8", "--months", "4", "--volume", "0.03", "--seed", "5"];
const CORE: &str =
    "core=Dashboard Viewed, Record Updated, Query Run, Report Exported, Report Downloaded, Comment Added";

#[tokio::test(flavor = "multi_thread")]
async fn the_starter_pack_decides_of_simulated_customers_what_the_oracle_computes() -> Result<()> {
    let _alone = alone().await;
    let stage = Stage::new(Home::new(20)?).await?;
    decided(&stage).await.with_context(|| format!("it said:\n{}\n", stage.home.complaints()))?;
    stage.close().await
}

async fn decided(stage: &Stage) -> Result<()> {
    let mut process = Perennial::start(&stage.home).await?;
    let (http, grpc) = {
        let answers = process.ready().await?;
        (answers.http, answers.grpc)
    };
    stage.client.create(WORKSPACE, ClockKind::Log).await?;
    let key = stage.client.write_key(WORKSPACE).await?;
    let run = async |words: &[&str]| run(words, &grpc).await;

    let asked = run(&["apply", "--starter"]).await?;
    refused(&asked, "core is needed for event_sets.core: the events that carry value")?;
    taken(&run(&["apply", "--starter", "--set", CORE]).await?, "+ playbook churn_risk")?;
    let sent = run(&[&COMPANY[..], &["--url", &http, "--write-key", &key]].concat()).await?;
    taken(&sent, "everything is decided")?;
    // Edited while it is in force; with another day everything that follows from that is decided.
    let stays = run(&["templates", "use", "fading", "--set", "fading_below=0.1"]).await?;
    taken(&stays, "= segments.fading")?;
    let replaced = ["templates", "use", "fading", "--set", "fading_below=0.1", "--replace"];
    taken(&run(&replaced).await?, "~ segment fading")?;
    let a_day_later = midnight(jiff::civil::date(2024, 5, 2))?;
    stage.client.advance(WORKSPACE, a_day_later).await?;
    stage.client.await_clock(WORKSPACE, a_day_later).await?;
    let stories = evidence::stories(&stage.log().await?).await?;
    let memberships: usize = stories.values().map(|story| story.memberships.len()).sum();
    let opened =
        stories.values().flat_map(|story| &story.work).filter(|work| matches!(work, Work::Cta { .. }));
    println!("{memberships} changes of memberships, {} of CTAs", opened.count());
    ensure!(memberships > 40, "{memberships} changes of memberships");
    process.is_up()
}

async fn run(words: &[&str], grpc: &str) -> Result<Output> {
    let mut command = program();
    command.args(words).args(["--grpc", grpc, "-w", WORKSPACE]);
    Ok(spawn_blocking(move || command.output()).await??)
}

fn taken(output: &Output, says: &str) -> Result<()> {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said);
    ensure!(output.status.success() && said.contains(says), "expected {says:?}: {said}");
    Ok(())
}

fn refused(output: &Output, says: &str) -> Result<()> {
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(1) && said.contains(says), "expected {says:?}: {said}");
    Ok(())
}
