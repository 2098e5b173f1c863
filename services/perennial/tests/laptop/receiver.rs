//! The other end of the webhooks: it checks every signature, notes every call, and is out of order now and then.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use chassis::Tasks;
use standardwebhooks::Webhook;
use tokio::{net::TcpListener, sync::Notify};

/// One in so many ids is refused at its first call.
const REFUSED: u128 = 24;

#[derive(Clone)]
pub(crate) struct Receiver(Arc<Inner>);

struct Inner {
    address: String,
    heard: Notify,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    /// Of each workspace.
    secrets: BTreeMap<String, Webhook>,
    forged: usize,
    calls: Vec<Call>,
}

/// A call with a good signature.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) workspace: String,
    pub(crate) id: String,
    pub(crate) body: Bytes,
    pub(crate) taken: bool,
    pub(crate) traceparent: String,
}

impl Receiver {
    pub(crate) async fn start(tasks: &Tasks) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let receiver = Self(Arc::new(Inner { address, heard: Notify::new(), noted: Mutex::default() }));
        let router = Router::new().route("/hook/{workspace}", post(receive)).with_state(receiver.clone());
        chassis::http::serve(listener, router, tasks)?;
        Ok(receiver)
    }

    pub(crate) fn url(&self, workspace: &str) -> String {
        format!("{}/hook/{workspace}", self.0.address)
    }

    /// What calls of a workspace are signed with; until it is known they are refused.
    pub(crate) fn trust(&self, workspace: &str, secret: &str) -> Result<()> {
        self.noted().secrets.insert(workspace.to_owned(), Webhook::new(secret)?);
        Ok(())
    }

    pub(crate) fn forged(&self) -> usize {
        self.noted().forged
    }

    /// Every call of a workspace, in order.
    pub(crate) fn calls(&self, workspace: &str) -> Vec<Call> {
        self.noted().calls.iter().filter(|call| call.workspace == workspace).cloned().collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.noted().calls.len()
    }

    /// Returns after so many calls in all.
    pub(crate) async fn reach(&self, calls: usize) {
        loop {
            let heard = self.0.heard.notified();
            if self.count() >= calls {
                return;
            }
            heard.await;
        }
    }

    /// The ids that were taken of a workspace.
    pub(crate) fn taken(&self, workspace: &str) -> BTreeSet<String> {
        self.calls(workspace).into_iter().filter(|call| call.taken).map(|call| call.id).collect()
    }

    fn take(&self, workspace: String, headers: &HeaderMap, body: Bytes) -> StatusCode {
        let mut noted = self.noted();
        let Some(webhook) = noted.secrets.get(&workspace) else { return StatusCode::SERVICE_UNAVAILABLE };
        if webhook.verify(&body, headers).is_err() {
            noted.forged += 1;
            return StatusCode::UNAUTHORIZED;
        }
        let said = |name| headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned();
        let (id, traceparent) = (said("webhook-id"), said("traceparent"));
        let is_first = noted.calls.iter().all(|call| call.id != id);
        let taken = !(is_first && is_unlucky(&id));
        noted.calls.push(Call { workspace, id, body, taken, traceparent });
        self.0.heard.notify_waiters();
        if taken { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_unlucky(id: &str) -> bool {
    let id = u128::from_str_radix(&id.replace('-', ""), 16).unwrap_or(1);
    id.is_multiple_of(REFUSED)
}

async fn receive(
    State(receiver): State<Receiver>,
    Path(workspace): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    receiver.take(workspace, &headers, body)
}
