//! Time on the log clock moves when it is told to.

use contracts::{
    account::AccountRecord,
    ingest::AdvanceClockRequest,
    log::{ClockKind, control},
};
use eventlog::Topic;
use prost::Message;
use serde_json::{Value as Json, json};
use tonic::Code;

use crate::support::Ingest;

/// 1997-01-01T00:00:00Z.
const NEW_YEAR: i64 = 852_076_800_000;
const DAY: i64 = 86_400_000;

fn to(workspace: &str, to_at: i64) -> AdvanceClockRequest {
    AdvanceClockRequest { workspace: workspace.into(), to_at }
}

#[tokio::test(flavor = "multi_thread")]
async fn time_moves_forward_only_and_only_where_it_is_the_logs() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    ingest.workspace("history", ClockKind::Log).await?;
    ingest.workspace("now", ClockKind::Wall).await?;
    for at in [NEW_YEAR, NEW_YEAR, NEW_YEAR + DAY] {
        ingest.ingest.advance_clock(to("history", at)).await?;
    }
    for (refused, code) in [
        (to("history", NEW_YEAR), Code::FailedPrecondition),
        (to("now", NEW_YEAR), Code::FailedPrecondition),
        (to("nowhere", NEW_YEAR), Code::NotFound),
        (to("history", -1), Code::InvalidArgument),
    ] {
        assert_eq!(
            ingest.ingest.advance_clock(refused.clone()).await.unwrap_err().code(),
            code,
            "{refused:?}"
        );
    }
    assert_eq!(advances(&ingest, Topic::Inbox).await?, 8, "two moves, four partitions");
    ingest.stop().await
}

async fn advances(ingest: &Ingest, topic: Topic) -> anyhow::Result<usize> {
    let records = ingest.records(topic).await?;
    let is_advance = |value| {
        let control = AccountRecord::decode(value).ok()?.control?;
        matches!(control.kind, Some(control::Kind::ClockAdvanced(_))).then_some(())
    };
    Ok(records.into_iter().filter_map(|record| is_advance(record.value)).count())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_is_due_when_it_happened_or_at_once_if_the_clock_has_passed_that() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("history", ClockKind::Log).await?;
    let send = |timestamp: &str, event: &str| {
        json!({"userId": "ada", "event": event, "timestamp": timestamp,
        "sentAt": "2026-01-01T00:00:00Z", "context": {"groupId": "bolt"}})
    };
    ingest.send(&key, "/v1/track", &send("1997-01-01T12:00:00Z", "on time")).await?;
    ingest.ingest.advance_clock(to("history", NEW_YEAR + DAY)).await?;
    ingest.send(&key, "/v1/track", &send("1997-01-01T13:00:00Z", "late")).await?;
    let facts = ingest.facts_soon("history", 3).await?;
    let mut due: Vec<i64> = facts.iter().map(|(header, _)| header.due_at).collect();
    due.sort_unstable();
    assert_eq!(due, [NEW_YEAR + DAY / 2, NEW_YEAR + DAY / 2, NEW_YEAR + DAY + 1]);
    assert!(facts.iter().all(|(header, _)| header.event_at < NEW_YEAR + DAY), "their day stays");
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_events_wait_for_the_clock() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("history", ClockKind::Log).await?;
    let call = |n: i32| json!({"type": "track", "userId": "ada", "event": "E", "messageId": n});
    let batch = |count: i32| -> Json { json!({"batch": (0..count).map(call).collect::<Vec<_>>()}) };
    for _ in 0..5 {
        ingest.send(&key, "/v1/batch", &batch(10_000)).await?;
    }
    let answer = ingest.post(&key, "/v1/batch", batch(1).to_string()).await?;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (429, Some("CLOCK_BEHIND")), "{answer:?}");
    ingest.ingest.advance_clock(to("history", NEW_YEAR)).await?;
    ingest.send(&key, "/v1/batch", &batch(1)).await?;
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_lies_more_than_five_minutes_ahead() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    for (workspace, clock) in [("history", ClockKind::Log), ("now", ClockKind::Wall)] {
        let key = ingest.workspace(workspace, clock).await?;
        let call = json!({"userId": "ada", "event": "E", "timestamp": "2199-01-01T00:00:00Z", "context": {"groupId": "b"}});
        ingest.send(&key, "/v1/track", &call).await?;
        for (header, _) in ingest.facts_soon(workspace, 2).await? {
            let ahead = header.event_at - chassis::clock::now();
            assert!((0..=300_000).contains(&ahead), "{ahead}");
            assert!(header.original_at > header.event_at);
        }
    }
    ingest.stop().await
}
