//! One trace, from the request to the webhook.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use contracts::log::ClockKind;
use eventlog::Feed;
use serde_json::Value as Json;
use testkit::servers::kafka;
use tokio::{task::spawn_blocking, time::timeout};

use crate::{
    process::{Home, Perennial, alone},
    script::{LIVE, live_catalogue, live_order},
    stage::Stage,
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";
const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_and_the_log_lines_belong_to_the_trace_of_the_request() -> Result<()> {
    let _alone = alone().await;
    on(Home::new(20)?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_belongs_to_the_trace_of_the_request_on_kafka_too() -> Result<()> {
    let _alone = alone().await;
    on(Home::new(20)?.on_kafka().await?).await
}

async fn on(home: Home) -> Result<()> {
    let stage = Stage::new(home.telling_decisions()).await?;
    traced(&stage).await.with_context(|| format!("it said:\n{}\n", stage.home.complaints()))?;
    stage.close().await
}

async fn traced(stage: &Stage) -> Result<()> {
    let process = Perennial::start(&stage.home).await?;
    stage.client.create(LIVE, ClockKind::Wall).await?;
    let key = stage.client.write_key(LIVE).await?;
    stage.client.apply(LIVE, &live_catalogue(&stage.receiver.url(LIVE))).await?;
    stage.receiver.trust(LIVE, &stage.client.secret(LIVE).await?)?;
    let within = format!("00-{TRACE}-{SPAN}-01");
    let answer = stage.client.post_within(&key, &within, &live_order(1, 1)).await?;
    ensure!(answer.status == 200, "{answer:?}");
    timeout(SOON, stage.receiver.reach(1)).await.context("no webhook")?;
    let call = &stage.receiver.calls(LIVE)[0];
    let fields: Vec<&str> = call.traceparent.split('-').collect();
    ensure!(fields.len() == 4 && fields[1] == TRACE && fields[2] != SPAN, "{:?}", call.traceparent);
    let (status, _) = process.terminate().await?;
    ensure!(status.success(), "it ended with {status}");
    let logged = stage.home.logged();
    let lines: Vec<Json> = logged.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let attempted = traces(&lines, "attempted");
    ensure!(!attempted.is_empty() && attempted.iter().all(|trace| *trace == TRACE), "{logged}");
    ensure!(traces(&lines, "decided").contains(&TRACE), "{logged}");
    if let Some(log) = stage.home.kafka() {
        // Everybody else hears of the trace too.
        let topic = log.options.feed(Feed::HealthChanged);
        let heard = spawn_blocking(move || kafka().heard(&topic)).await??;
        let traced = format!("traceparent:00-{TRACE}-");
        ensure!(!heard.is_empty() && heard.iter().all(|line| line.contains(&traced)), "{heard:#?}");
    }
    Ok(())
}

/// The traces of the lines that say so.
fn traces<'a>(lines: &'a [Json], message: &str) -> Vec<&'a str> {
    let said = lines.iter().filter(|line| line["message"] == message);
    said.filter_map(|line| line["span"]["trace_id"].as_str()).collect()
}
