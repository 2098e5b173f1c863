//! Sends calls in Segment's form through the public HTTP API, several requests at a time.
//!
//! Invariant: calls of one key are sent in their order, each request acknowledged before the next that may hold the same
//! key; a request that is repeated has the same message ids, so nothing counts twice.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use futures_util::future::try_join_all;
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use serde_json::Value;

/// Requests in flight.
const LANES: usize = 8;
/// Calls in one request, and their bytes: far below what the edge takes.
const BATCH: usize = 500;
const BATCH_BYTES: usize = 1024 * 1024;
/// How often a request is repeated that the server is too busy for, or away, and how long after if it does not say.
const TRIES: u32 = 60;
const AGAIN: Duration = Duration::from_secs(1);

/// A call as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// Calls of the same key keep their order: the contact's id, or the account's.
    key: String,
    text: String,
}

/// What is heard while calls are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// So many more are in the log.
    Sent(u64),
    /// A request will be repeated, for this reason.
    Waiting(&'a str),
}

pub(crate) struct Sender {
    client: reqwest::Client,
    url: String,
    write_key: String,
}

/// What became of a request that was not taken.
enum Refused {
    /// It may be taken later.
    Busy { reason: String, after: Duration },
    /// Nothing answered.
    Away(reqwest::Error),
}

impl Call {
    /// `body` names its `type`, and a `messageId` of its own.
    pub(crate) fn new(key: &str, body: &Value) -> Self {
        Self::written(key, body.to_string())
    }

    /// The same, as JSON already.
    pub(crate) fn written(key: &str, text: String) -> Self {
        Self { key: key.to_owned(), text }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl Sender {
    pub(crate) fn new(url: &str, write_key: String) -> Result<Self> {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { client, url: format!("{}/v1/batch", url.trim_end_matches('/')), write_key })
    }

    /// Fails if nothing takes calls at the address, or not with the key.
    pub(crate) async fn probe(&self) -> Result<()> {
        match self.try_once(&body(&[])).await? {
            Ok(()) | Err(Refused::Busy { .. }) => Ok(()),
            Err(Refused::Away(error)) => Err(self.away(error)),
        }
    }

    /// Returns when the log has all of them.
    pub(crate) async fn send(&self, calls: &[Call], heard: impl Fn(Heard<'_>)) -> Result<()> {
        let mut lanes = vec![Vec::new(); LANES];
        for call in calls {
            lanes[lane(&call.key)].push(call);
        }
        try_join_all(lanes.iter().map(|lane| self.send_lane(lane, &heard))).await?;
        Ok(())
    }

    async fn send_lane(&self, calls: &[&Call], heard: &impl Fn(Heard<'_>)) -> Result<()> {
        for batch in batches(calls) {
            self.post(batch, heard).await?;
            heard(Heard::Sent(batch.len() as u64));
        }
        Ok(())
    }

    async fn post(&self, batch: &[&Call], heard: &impl Fn(Heard<'_>)) -> Result<()> {
        let body = body(batch);
        let mut tries = 0;
        loop {
            let (error, after) = match self.try_once(&body).await? {
                Ok(()) => return Ok(()),
                Err(Refused::Busy { reason, after }) => (anyhow!("{} answers {reason}", self.url), after),
                Err(Refused::Away(error)) => (self.away(error), AGAIN),
            };
            tries += 1;
            if tries == TRIES {
                return Err(error.context("it has been too busy for too long"));
            }
            heard(Heard::Waiting(&error.to_string()));
            tokio::time::sleep(after).await;
        }
    }

    /// Fails with what no repetition mends.
    async fn try_once(&self, body: &str) -> Result<Result<(), Refused>> {
        let request = self.client.post(&self.url).basic_auth(&self.write_key, Some(""));
        let answer = match request.body(body.to_owned()).send().await {
            Ok(answer) => answer,
            Err(error) if error.is_builder() => {
                return Err(error).with_context(|| format!("{} is no address", self.url));
            }
            Err(error) => return Ok(Err(Refused::Away(error))),
        };
        let (status, after) = (answer.status(), retry_after(&answer));
        if status == StatusCode::OK {
            return Ok(Ok(()));
        }
        let reason = reason(status, &answer.text().await.unwrap_or_default());
        let may_pass = status.is_server_error()
            || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        if may_pass {
            return Ok(Err(Refused::Busy { reason, after }));
        }
        bail!("{} answers {reason}", self.url)
    }

    fn away(&self, error: reqwest::Error) -> anyhow::Error {
        anyhow::Error::new(error).context(format!("nothing answers at {}", self.url))
    }
}

/// The batch's text.
fn body(batch: &[&Call]) -> String {
    let calls: Vec<_> = batch.iter().map(|call| call.text.as_str()).collect();
    format!(r#"{{"batch":[{}]}}"#, calls.join(","))
}

/// At least one call each, and no more than one request may hold.
fn batches<'a, 'c>(calls: &'a [&'c Call]) -> impl Iterator<Item = &'a [&'c Call]> {
    let mut rest = calls;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |call: &&&Call| {
            bytes += call.text.len();
            bytes <= BATCH_BYTES
        };
        let fitting = rest.iter().take(BATCH).take_while(fits).count();
        let (batch, after) = rest.split_at(fitting.max(1).min(rest.len()));
        rest = after;
        (!batch.is_empty()).then_some(batch)
    })
}

fn retry_after(answer: &Response) -> Duration {
    let header = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    header.map_or(AGAIN, Duration::from_secs)
}

/// With the problem's message, or what somebody says who answers instead of the edge.
fn reason(status: StatusCode, body: &str) -> String {
    let problem: Value = serde_json::from_str(body).unwrap_or_default();
    format!("{status}: {}", problem["message"].as_str().unwrap_or(body).trim())
}

/// The same key, the same lane.
fn lane(key: &str) -> usize {
    key.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % LANES
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use serde_json::{Value, json};

    use super::{BATCH, BATCH_BYTES, Call, batches, body, reason};

    fn check(sizes: &[usize], expected: &[usize]) {
        let calls: Vec<Call> =
            sizes.iter().map(|size| Call { key: String::new(), text: "x".repeat(*size) }).collect();
        let calls: Vec<&Call> = calls.iter().collect();
        assert_eq!(batches(&calls).map(<[_]>::len).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_request_holds_no_more_than_the_edge_takes() {
        check(&[], &[]);
        check(&[10; BATCH + 1], &[BATCH, 1]);
        check(&[BATCH_BYTES / 2; 3], &[2, 1]);
        check(&[1, BATCH_BYTES + 1, 1], &[1, 1, 1]);
    }

    #[test]
    fn calls_go_as_a_batch_in_their_own_text() {
        let call = |n: u32| Call::new("ada", &json!({"messageId": n}));
        let sent: Value = serde_json::from_str(&body(&[&call(1), &call(2)])).unwrap();
        assert_eq!(sent, json!({"batch": [{"messageId": 1}, {"messageId": 2}]}));
    }

    #[test]
    fn a_refusal_is_told_in_the_servers_words() {
        let problem = r#"{"code": "UNAUTHORIZED", "message": "nobody has this write key"}"#;
        let said = reason(StatusCode::UNAUTHORIZED, problem);
        assert_eq!(said, "401 Unauthorized: nobody has this write key");
        assert_eq!(reason(StatusCode::BAD_GATEWAY, "no\n"), "502 Bad Gateway: no");
    }
}
