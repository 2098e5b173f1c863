//! With the log away, what is accepted waits on disk, and goes to the log when it is back.

use std::{path::Path, time::Instant};

use contracts::{
    inbox::{InboxRecord, inbox_record::Kind},
    log::ClockKind,
};
use eventlog::Topic;
use prost::Message;
use serde_json::json;

use crate::support::{Answer, Ingest, SOON};

const EVENTS: usize = 200;

fn config(folder: &Path, most_bytes: u64) -> ingest::Config {
    let spool = ingest::SpoolAt { folder: folder.to_owned(), most_bytes };
    ingest::Config { spool: Some(spool), ..ingest::Config::default() }
}

async fn track(ingest: &Ingest, key: &str, number: usize) -> anyhow::Result<Answer> {
    let event = json!({"event": "Tried", "userId": "ana", "messageId": number.to_string(), "context": {"groupId": "acme"}});
    ingest.post(key, "/v1/track", event.to_string()).await
}

/// Message ids in the inbox, in order: all are one contact's.
async fn heard(ingest: &Ingest) -> anyhow::Result<Vec<String>> {
    let records = ingest.records(Topic::Inbox).await?.into_iter();
    let records = records.map(|record| InboxRecord::decode(record.value)).collect::<Result<Vec<_>, _>>()?;
    let message = |record: InboxRecord| match record.kind? {
        Kind::Message(message) => Some(message.message_id),
    };
    Ok(records.into_iter().filter_map(message).collect())
}

/// Waits until everything up to a number is in the inbox; nothing is twice, and nothing in another order.
async fn heard_soon(ingest: &Ingest, upto: usize) -> anyhow::Result<()> {
    let expected: Vec<String> = (0..upto).map(|number| number.to_string()).collect();
    let begun = Instant::now();
    loop {
        let heard = heard(ingest).await?;
        if heard == expected {
            return Ok(());
        }
        anyhow::ensure!(expected.starts_with(&heard), "the inbox has {heard:?}");
        anyhow::ensure!(begun.elapsed() < SOON, "{} of {upto} events and no more", heard.len());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_with_the_log_away_goes_there_in_order_over_a_restart_too() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut ingest = Ingest::start_with(config(folder.path(), 64 << 20)).await?;
    let key = ingest.workspace("shop", ClockKind::Wall).await?;
    assert_eq!(track(&ingest, &key, 0).await?.status, 200);
    ingest.switch.turn_off();
    for number in 1..EVENTS {
        let answer = track(&ingest, &key, number).await?;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(heard(&ingest).await?, ["0"], "they are not in the log yet");
    ingest.switch.turn_on();
    for number in EVENTS..2 * EVENTS {
        assert_eq!(track(&ingest, &key, number).await?.status, 200, "behind what still waits, or after it");
    }
    heard_soon(&ingest, 2 * EVENTS).await?;

    ingest.switch.turn_off();
    for number in 2 * EVENTS..3 * EVENTS {
        assert_eq!(track(&ingest, &key, number).await?.status, 200);
    }
    let ingest = ingest.restart_with(config(folder.path(), 64 << 20)).await?;
    heard_soon(&ingest, 3 * EVENTS).await?;
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_asks_clients_to_wait_and_loses_nothing() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut ingest = Ingest::start_with(config(folder.path(), 8 << 10)).await?;
    let key = ingest.workspace("shop", ClockKind::Wall).await?;
    ingest.switch.turn_off();
    let mut taken = 0;
    let full = loop {
        let answer = track(&ingest, &key, taken).await?;
        if answer.status != 200 {
            break answer;
        }
        taken += 1;
        anyhow::ensure!(taken < 1_000, "it is never full");
    };
    assert_eq!((full.status, full.json()["code"].as_str()), (429, Some("SPOOL_FULL")));
    assert!(full.headers.contains_key("retry-after"));
    assert!(taken > 0);
    ingest.switch.turn_on();
    heard_soon(&ingest, taken).await?;
    ingest.stop().await
}

/// Whoever moves its clock could move it past what waits.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_workspace_on_the_logs_clock_do_not_wait_on_disk() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut ingest = Ingest::start_with(config(folder.path(), 64 << 20)).await?;
    let key = ingest.workspace("history", ClockKind::Log).await?;
    ingest.switch.turn_off();
    let answer = track(&ingest, &key, 0).await?;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (429, Some("UNAVAILABLE")));
    ingest.switch.turn_on();
    ingest.stop().await
}
