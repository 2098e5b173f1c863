//! The demo, against a Perennial that it knows by its addresses only.

use std::{path::Path, process::Output, time::Instant};

use anyhow::{Context, Result, ensure};
use contracts::{log::ClockKind, segment::SegmentSummary};
use eventlog::Topic;
use serde_json::{Map, Value as Json, json};

use crate::{
    evidence,
    log::Log,
    process::{Addresses, Home, Perennial, alone, program},
    stage::Stage,
};

pub(crate) const WORKSPACE: &str = "demo";

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_finds_what_the_oracle_computes() -> Result<()> {
    let _alone = alone().await;
    let stage = Stage::new(Home::new(20)?).await?;
    compared(&stage).await.with_context(|| format!("it said:\n{}\n", stage.home.complaints()))?;
    stage.close().await
}

async fn compared(stage: &Stage) -> Result<()> {
    let mut process = Perennial::start(&stage.home).await?;
    stage.client.create(WORKSPACE, ClockKind::Log).await?;
    let key = stage.client.write_key(WORKSPACE).await?;
    let report = stage.home.folder().join("report.json");
    let begun = Instant::now();
    let Addresses { http, grpc } = process.ready().await?;
    let output = run_demo(&http, &[grpc], key, &report).await?;
    println!("the demo took {:?}", begun.elapsed());
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Json = serde_json::from_slice(&std::fs::read(&report)?)?;
    let begun = Instant::now();
    let expected = computed(&stage.log().await?).await?;
    println!("the oracle took {:?}", begun.elapsed());
    ensure!(found == expected, "the demo found\n{found:#}\nand the oracle\n{expected:#}");
    let figures: Json = serde_json::from_str(include_str!("../../demo/figures.json"))?;
    ensure!(found == figures, "the demo found\n{found:#}\nand not\n{figures:#}");
    let (status, _) = process.terminate().await?;
    ensure!(status.success(), "it ended with {status}");
    Ok(())
}

/// The demo, against services that answer there.
pub(crate) async fn run_demo(http: &str, grpc: &[String], key: String, report: &Path) -> Result<Output> {
    let mut demo = program();
    demo.args(["demo", "--exit", "--workspace", WORKSPACE, "--url", http]);
    demo.args(grpc.iter().flat_map(|address| ["--grpc", address]));
    demo.args(["--write-key", &key, "--report"]).arg(report);
    Ok(tokio::task::spawn_blocking(move || demo.output()).await??)
}

/// The report that the log asks for, every decision in it being the oracle's.
pub(crate) async fn computed(log: &Log) -> Result<Json> {
    let stories = evidence::stories(log).await?;
    let of_demo = stories.iter().filter(|((workspace, _), _)| workspace == WORKSPACE);
    let stories = of_demo.map(|((_, account), story)| (account.clone(), story.clone())).collect();
    let events = evidence::usage(&log.records(Topic::Account).await?, WORKSPACE);
    let webhooks = evidence::requested(&stories).len();
    let segments = evidence::counted(&stories).into_iter().map(|summary| {
        let SegmentSummary { segment, members, enters, leaves, .. } = summary;
        (segment, json!({"members": members, "enters": enters, "leaves": leaves}))
    });
    Ok(json!({
        "accounts": stories.len(),
        "events": events,
        "segments": segments.collect::<Map<_, _>>(),
        "ctas": evidence::opened(&stories),
        "webhooks": {"delivered": webhooks, "distinct_ids": webhooks},
    }))
}
