//! Those who send: over connections that are kept, each request once the one before is answered.

use std::ops::Range;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use serde_json::json;

/// Whose events they are, known to the edge after the first round.
const ACCOUNTS: u64 = 100;
const CONTACTS: u64 = 1_000;

pub(crate) struct Clients {
    http: reqwest::Client,
    address: String,
    key: String,
}

/// Bodies of requests, and where they go.
pub(crate) struct Bodies {
    call: &'static str,
    bodies: Vec<String>,
}

/// Events of these numbers, so many to a request. One by itself is no batch.
pub(crate) fn events(numbers: Range<u64>, batch: usize) -> Bodies {
    let numbers: Vec<u64> = numbers.collect();
    if batch == 1 {
        return Bodies {
            call: "track",
            bodies: numbers.into_iter().map(|it| event(it).to_string()).collect(),
        };
    }
    let body = |batch: &[u64]| {
        let events: Vec<_> = batch.iter().map(|number| event(*number)).collect();
        json!({ "batch": events, "sentAt": "2026-01-05T09:00:00.000Z" }).to_string()
    };
    Bodies { call: "batch", bodies: numbers.chunks(batch).map(body).collect() }
}

/// As an SDK of a back end sends it.
fn event(number: u64) -> serde_json::Value {
    json!({
        "type": "track", "event": "Report Exported", "userId": format!("user-{}", number % CONTACTS),
        "messageId": format!("bench-{number}"), "timestamp": "2026-01-05T09:00:00.000Z",
        "context": {
            "groupId": format!("account-{}", number % ACCOUNTS),
            "library": {"name": "analytics-node", "version": "2.1.3"},
        },
        "properties": {"pages": number % 40, "format": "pdf"},
    })
}

impl Clients {
    pub(crate) fn new(address: &str, key: &str) -> Result<Self> {
        let http = reqwest::Client::builder().build()?;
        Ok(Self { http, address: address.to_owned(), key: key.to_owned() })
    }

    /// Returns when every request has been answered with exactly 200.
    pub(crate) async fn send(&self, Bodies { call, bodies }: Bodies, at_once: usize) -> Result<()> {
        let url = format!("{}/v1/{call}", self.address);
        let shares = bodies.chunks(bodies.len().div_ceil(at_once));
        try_join_all(shares.map(|share| self.send_share(&url, share))).await?;
        Ok(())
    }

    async fn send_share(&self, url: &str, bodies: &[String]) -> Result<()> {
        for body in bodies {
            let request = self.http.post(url).basic_auth(&self.key, Some("")).body(body.clone());
            let answer = request.send().await?;
            let (status, text) = (answer.status(), answer.text().await?);
            ensure!(status == 200, "{status}: {text}");
        }
        Ok(())
    }
}
