//! One call: a signed POST to a public address, its answer read within bounds, no redirect followed.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use chassis::trace::{KeyValue, answered, describe};
use domain::{decision::AttemptReported, ids::NotificationId, time::Instant};
use reqwest::{
    Client, Method, RequestBuilder, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{CONTENT_TYPE, RETRY_AFTER},
    redirect,
};
use serde_json::Value as Json;
use tracing::{Instrument, Span};

use super::{address::is_allowed, retry_after, signature::sign};

/// Of an answer's body, so that its connection can be used again; what is longer is cut off with the connection.
const MAX_ANSWER: usize = 64 * 1024;
const JSON: &str = "application/json";
/// Of an error, in the log.
const MAX_ERROR: usize = 300;

/// What is sent, where and by which secret.
pub(crate) struct Call<'a> {
    pub notification: NotificationId,
    pub attempt: u32,
    pub url: &'a str,
    pub secret: &'a str,
    pub body: &'a str,
}

/// Makes calls.
#[derive(Clone)]
pub(crate) struct Caller {
    client: Client,
    allow_loopback: bool,
}

/// What was answered.
pub(super) struct Answer {
    pub(super) status: u16,
    /// As the header Retry-After asks: milliseconds UTC.
    pub(super) retry_at: Option<i64>,
    pub(super) text: String,
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error(
        "the address is not public (for development, --allow-loopback-webhooks allows this machine's own)"
    )]
    NotPublic,
    #[error("the URL cannot be called")]
    BadUrl,
    #[error(transparent)]
    NoSecret(#[from] super::signature::NoSecret),
    #[error("{}", chain(.0))]
    Failed(reqwest::Error),
}

impl Caller {
    /// `longest_call`: from the name's resolution to the answer's last byte.
    pub(crate) fn new(longest_call: Duration, allow_loopback: bool) -> reqwest::Result<Self> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(longest_call)
            .user_agent(concat!("Perennial/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(PublicNames { allow_loopback }))
            .build()?;
        Ok(Self { client, allow_loopback })
    }

    /// Makes the call, and says what came of it.
    pub(crate) async fn make(&self, call: &Call<'_>) -> AttemptReported {
        let began_at = chassis::clock::now();
        let answer = self.answer(call, began_at).await;
        let ended_at = chassis::clock::now();
        let (status, error, retry_at) = match answer {
            Ok((status, retry_at)) => (Some(status), String::new(), retry_at),
            Err(why) => (None, why.to_string().chars().take(MAX_ERROR).collect(), None),
        };
        AttemptReported {
            notification: call.notification,
            attempt: call.attempt,
            begun: true,
            permanent: false,
            status,
            error,
            retry_at: retry_at.map(Instant),
            began_at: Instant(began_at),
            took_ms: u32::try_from(ended_at - began_at).unwrap_or_default(),
        }
    }

    async fn answer(&self, call: &Call<'_>, now: i64) -> Result<(u16, Option<i64>), NoAnswer> {
        let url = self.checked(call.url)?;
        let span = span(&url);
        let answer = self.send(url, call, now).instrument(span.clone()).await;
        match &answer {
            Ok((status, _)) => answered(&span, *status, *status >= 400),
            Err(_) => chassis::trace::failed(&span),
        }
        answer
    }

    async fn send(&self, url: Url, call: &Call<'_>, now: i64) -> Result<(u16, Option<i64>), NoAnswer> {
        let (id, sent_at) = (uuid::Uuid::from_u128(call.notification.0).to_string(), now / 1_000);
        let mut request = self.client.post(url).header(CONTENT_TYPE, JSON);
        if let Some(traceparent) = chassis::trace::current() {
            request = request.header("traceparent", traceparent.as_ref());
        }
        let request = request
            .header("webhook-timestamp", sent_at)
            .header("webhook-signature", sign(call.secret, &id, sent_at, call.body)?)
            .header("webhook-id", id)
            .body(call.body.to_owned());
        let response = request.send().await.map_err(NoAnswer::Failed)?;
        let status = response.status().as_u16();
        let retry_at = retry_at(&response);
        drain(response).await;
        Ok((status, retry_at))
    }

    /// A request with JSON, and its answer; what was wrong, in words that hold nothing secret.
    pub(super) async fn json(
        &self,
        method: Method,
        url: &str,
        token: Option<&str>,
        body: &Json,
    ) -> Result<Answer, String> {
        let url = self.checked(url).map_err(|why| why.to_string())?;
        let span = span(&url);
        let mut request = self.client.request(method, url).header(CONTENT_TYPE, JSON).body(body.to_string());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = answered_with(request).instrument(span.clone()).await;
        match &answer {
            Ok(answer) => answered(&span, answer.status, answer.status >= 400),
            Err(_) => chassis::trace::failed(&span),
        }
        answer.map_err(|error| NoAnswer::Failed(error).to_string())
    }

    /// An address in the URL itself is not asked of the resolver.
    fn checked(&self, url: &str) -> Result<Url, NoAnswer> {
        let url = Url::parse(url).map_err(|_| NoAnswer::BadUrl)?;
        let host = url.host_str().ok_or(NoAnswer::BadUrl)?;
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse();
        match literal {
            Ok(address) if !is_allowed(address, self.allow_loopback) => Err(NoAnswer::NotPublic),
            _ => Ok(url),
        }
    }
}

/// Named as OpenTelemetry's semantic conventions for HTTP say; the URL, which may hold a secret, left out.
fn span(url: &Url) -> Span {
    let span = tracing::error_span!("call", otel.name = "POST", otel.kind = "client");
    describe(&span, || {
        let port = url.port_or_known_default().unwrap_or_default();
        vec![
            KeyValue::new("http.request.method", "POST"),
            KeyValue::new("server.address", url.host_str().unwrap_or_default().to_owned()),
            KeyValue::new("server.port", i64::from(port)),
        ]
    });
    span
}

async fn answered_with(request: RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, retry_at) = (response.status().as_u16(), retry_at(&response));
    let text = String::from_utf8_lossy(&drain(response).await).into_owned();
    Ok(Answer { status, retry_at, text })
}

fn retry_at(response: &Response) -> Option<i64> {
    let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    asked.and_then(|value| retry_after::read(value, chassis::clock::now()))
}

/// Reads the answer's body, up to the bound. The status counts, whatever becomes of the body.
async fn drain(mut response: Response) -> Vec<u8> {
    let mut read = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        read.extend_from_slice(&chunk);
        if read.len() > MAX_ANSWER {
            break;
        }
    }
    read
}

/// An error with what led to it; the URL, which may hold a secret, left out.
fn chain(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "no answer in time".to_owned() } else { "no answer".to_owned() };
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

/// Resolves names as the system does, to their public addresses.
struct PublicNames {
    allow_loopback: bool,
}

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_loopback = self.allow_loopback;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> =
                found.filter(|address| is_allowed(address.ip(), allow_loopback)).collect();
            if public.is_empty() {
                return Err(NoAnswer::NotPublic.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}
