//! The demo, against a Perennial that it knows by its addresses only; and what it must find there. (In a process of its
//! own it runs in CI, as the README says it.)

use std::{path::Path, process::Output};

use anyhow::Result;
use contracts::segment::SegmentSummary;
use eventlog::Topic;
use serde_json::{Map, Value as Json, json};

use crate::{evidence, log::Log, process::program};

pub(crate) const WORKSPACE: &str = "demo";

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
