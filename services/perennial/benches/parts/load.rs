//! Events on their way in, and what the log takes of the same by itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use eventlog::{Log, NewRecord, Topic, TopicPartition};
use serde_json::json;

pub(crate) const BATCH: u64 = 100;
pub(crate) const SENDERS: u64 = 8;
/// A client that hears 429.
const PAUSE: Duration = Duration::from_millis(50);

/// So many events from this number on; each about the account of its number, or of the rest.
pub(crate) fn batch(prefix: &str, from: u64, size: u64, accounts: u64) -> String {
    let event = |number: u64| {
        let account = number % accounts;
        json!({
            "type": "track", "event": "Report Exported", "userId": format!("user-{account}"),
            "messageId": format!("{prefix}-{number}"), "context": {"groupId": format!("account-{account}")},
            "properties": {"pages": number % 40, "format": "pdf"},
        })
    };
    json!({"batch": (from..from + size).map(event).collect::<Vec<_>>()}).to_string()
}

/// Who sends with a write key.
#[derive(Clone)]
pub(crate) struct Sender {
    client: reqwest::Client,
    url: String,
    key: String,
}

impl Sender {
    pub(crate) fn new(http: &str, key: &str) -> Self {
        Self { client: reqwest::Client::new(), url: format!("{http}/v1/"), key: key.to_owned() }
    }

    /// Sends it until it is acknowledged.
    pub(crate) async fn send(&self, call: &str, body: String) -> Result<()> {
        loop {
            let request = self.client.post(format!("{}{call}", self.url)).basic_auth(&self.key, Some(""));
            let answer = request.body(body.clone()).send().await?;
            let (status, text) = (answer.status(), answer.text().await?);
            if status == 200 {
                return Ok(());
            }
            ensure!(status == 429, "{status} {text}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Batches one after the other on each of several connections, as long as `next` has one.
    pub(crate) async fn send_all(&self, next: impl AsyncFn() -> Option<String>) -> Result<()> {
        let lane = async || {
            while let Some(body) = next().await {
                self.send("batch", body).await?;
            }
            anyhow::Ok(())
        };
        futures_util::future::try_join_all((0..SENDERS).map(|_| lane())).await?;
        Ok(())
    }

    /// So many events, each about the account of its number.
    pub(crate) async fn send_events(&self, prefix: &str, events: u64) -> Result<()> {
        let next = AtomicU64::new(0);
        self.send_all(async || {
            let from = next.fetch_add(BATCH, Ordering::Relaxed);
            (from < events).then(|| batch(prefix, from, BATCH, u64::MAX))
        })
        .await
    }
}

/// Records a second that the log takes in batches of the same size from as many callers.
pub(crate) async fn floor(log: &Arc<dyn Log>, events: u64, size: usize) -> Result<f64> {
    let begun = Instant::now();
    let partitions = log.partitions(Topic::InboxDead);
    let share = |sender: u64| {
        let log = log.clone();
        let partition = u32::try_from(sender).unwrap_or_default() % partitions;
        let at = TopicPartition { topic: Topic::InboxDead, partition };
        async move {
            for _ in 0..events / BATCH / SENDERS {
                let record = NewRecord { value: vec![7; size].into(), traceparent: None };
                eventlog::append(log.as_ref(), at, vec![record; BATCH as usize]).await?;
            }
            anyhow::Ok(())
        }
    };
    futures_util::future::try_join_all((0..SENDERS).map(share)).await?;
    Ok(events as f64 / begun.elapsed().as_secs_f64())
}
