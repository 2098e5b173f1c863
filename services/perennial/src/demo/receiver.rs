//! The demo's own end of the webhooks: it checks every signature with the official library, and counts.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use chassis::Tasks;
use standardwebhooks::Webhook;
use tokio::net::TcpListener;

/// Clones share what was received.
#[derive(Clone)]
pub(crate) struct Receiver(Arc<Inner>);

struct Inner {
    url: String,
    webhook: OnceLock<Webhook>,
    received: Mutex<Received>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    /// Calls with a good signature.
    pub(crate) delivered: u64,
    pub(crate) ids: HashSet<String>,
    /// Calls whose signature was wrong.
    pub(crate) forged: u64,
    /// The last good call.
    pub(crate) last: Option<Call>,
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) body: Bytes,
}

impl Receiver {
    /// Listens on a port of its own on this machine.
    pub(crate) async fn start(tasks: &Tasks) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hook", listener.local_addr()?);
        let inner = Inner { url, webhook: OnceLock::new(), received: Mutex::default() };
        let receiver = Self(Arc::new(inner));
        let router = Router::new().route("/hook", post(receive)).with_state(receiver.clone());
        chassis::http::serve(listener, router, tasks)?;
        Ok(receiver)
    }

    pub(crate) fn url(&self) -> &str {
        &self.0.url
    }

    /// What calls are signed with from here on.
    pub(crate) fn trust(&self, secret: &str) -> Result<()> {
        let webhook = Webhook::new(secret).ok().context("the endpoint's secret is none")?;
        self.0.webhook.set(webhook).ok().context("there is a secret already")
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.locked().delivered
    }

    /// Calls whose signature was wrong.
    pub(crate) fn forged(&self) -> u64 {
        self.locked().forged
    }

    pub(crate) fn received(&self) -> Received {
        self.locked().clone()
    }

    fn take(&self, headers: &HeaderMap, body: Bytes) -> StatusCode {
        let Some(webhook) = self.0.webhook.get() else { return StatusCode::SERVICE_UNAVAILABLE };
        let mut received = self.locked();
        if webhook.verify(&body, headers).is_err() {
            received.forged += 1;
            return StatusCode::UNAUTHORIZED;
        }
        let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
        received.delivered += 1;
        received.ids.insert(id.clone());
        received.last = Some(Call { id, body });
        StatusCode::NO_CONTENT
    }

    fn locked(&self) -> MutexGuard<'_, Received> {
        self.0.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    receiver.take(&headers, body)
}
