//! Sends purchases through the public HTTP API, several requests at a time.
//!
//! Invariant: a customer's purchases are sent in their order, each request acknowledged before the next that may hold
//! the same customer.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::future::try_join_all;
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde_json::json;

use super::cdnow::Purchase;

/// Requests in flight.
const LANES: usize = 8;
/// Events in one request.
const BATCH: usize = 500;
/// How often a request is repeated that the server is too busy for, or away.
const TRIES: u32 = 60;

pub(crate) struct Sender {
    client: reqwest::Client,
    url: String,
    write_key: String,
}

impl Sender {
    pub(crate) fn new(url: &str, write_key: String) -> Result<Self> {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { client, url: format!("{}/v1/batch", url.trim_end_matches('/')), write_key })
    }

    /// Fails if nothing takes events at the address, or not with the key.
    pub(crate) async fn probe(&self) -> Result<()> {
        self.post(&[]).await
    }

    /// Returns when the log has all of them; `sent` hears how many each request held.
    pub(crate) async fn send(&self, purchases: &[Purchase], sent: impl Fn(u64)) -> Result<()> {
        let mut lanes = vec![Vec::new(); LANES];
        for purchase in purchases {
            lanes[lane(&purchase.customer)].push(purchase);
        }
        try_join_all(lanes.iter().map(|lane| self.send_lane(lane, &sent))).await?;
        Ok(())
    }

    async fn send_lane(&self, purchases: &[&Purchase], sent: &impl Fn(u64)) -> Result<()> {
        for batch in purchases.chunks(BATCH) {
            self.post(batch).await?;
            sent(batch.len() as u64);
        }
        Ok(())
    }

    /// Repeats keep their message ids, so nothing counts twice.
    async fn post(&self, batch: &[&Purchase]) -> Result<()> {
        let calls: Vec<_> = batch.iter().map(|purchase| purchase.call()).collect();
        let body = json!({ "batch": calls }).to_string();
        for _ in 0..TRIES {
            let request =
                self.client.post(&self.url).basic_auth(&self.write_key, Some("")).body(body.clone());
            let answer = request.send().await.with_context(|| format!("nothing answers at {}", self.url))?;
            match answer.status() {
                StatusCode::OK => return Ok(()),
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                    tokio::time::sleep(retry_after(&answer)).await;
                }
                status => bail!("{} answers {status}: {}", self.url, answer.text().await.unwrap_or_default()),
            }
        }
        bail!("{} has been too busy for too long", self.url)
    }
}

fn retry_after(answer: &reqwest::Response) -> Duration {
    let header = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(header.unwrap_or(1))
}

/// The same customer, the same lane.
fn lane(customer: &str) -> usize {
    customer.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % LANES
}
