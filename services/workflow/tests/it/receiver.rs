//! A receiver of webhooks on loopback, which answers as it is told.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc},
    time::timeout,
};

/// How long a call may take to arrive.
const SOON: Duration = Duration::from_secs(20);

/// An answer to one call.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Status(u16),
    With(u16, &'static str, String),
    Body(u16, String),
    /// None at all.
    Hang,
}

/// A call as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Call {
    pub(crate) fn id(&self) -> &str {
        self.headers.get("webhook-id").map_or("", String::as_str)
    }
}

pub(crate) struct Receiver {
    address: SocketAddr,
    calls: mpsc::UnboundedReceiver<Call>,
    /// Closed, it gives no answers.
    gate: Arc<Semaphore>,
}

#[derive(Clone)]
struct Script {
    /// Before each answer.
    pause: Duration,
    gate: Arc<Semaphore>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    calls: mpsc::UnboundedSender<Call>,
}

impl Receiver {
    /// Gives these answers in turn, and 204 from then on.
    pub(crate) async fn start(answers: impl IntoIterator<Item = Answer>) -> anyhow::Result<Self> {
        let receiver = Self::closed(answers.into_iter().collect(), Duration::ZERO).await?;
        receiver.open();
        Ok(receiver)
    }

    /// Gives 204, and takes its time for it.
    pub(crate) async fn slow(pause: Duration) -> anyhow::Result<Self> {
        let receiver = Self::closed(VecDeque::new(), pause).await?;
        receiver.open();
        Ok(receiver)
    }

    /// Gives 204, from when it is opened on.
    pub(crate) async fn held() -> anyhow::Result<Self> {
        Self::closed(VecDeque::new(), Duration::ZERO).await
    }

    pub(crate) fn open(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS);
    }

    async fn closed(answers: VecDeque<Answer>, pause: Duration) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (sender, calls) = mpsc::unbounded_channel();
        let gate = Arc::new(Semaphore::new(0));
        let answers = Arc::new(Mutex::new(answers));
        let script = Script { pause, gate: gate.clone(), answers, calls: sender };
        let router = Router::new().fallback(receive).with_state(script);
        chassis::Tasks::new().spawn_once("receiver", async { Ok(axum::serve(listener, router).await?) });
        Ok(Self { address, calls, gate })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The next call.
    pub(crate) async fn call(&mut self) -> anyhow::Result<Call> {
        timeout(SOON, self.calls.recv()).await.context("no call")?.context("the receiver is gone")
    }

    /// What arrived and was not looked at yet.
    pub(crate) fn rest(&mut self) -> Vec<Call> {
        std::iter::from_fn(|| self.calls.try_recv().ok()).collect()
    }
}

async fn receive(State(script): State<Script>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let body = String::from_utf8_lossy(&body).into_owned();
    let answer = script.answers.lock().map(|mut answers| answers.pop_front()).ok().flatten();
    let _ = script.calls.send(Call { path: uri.path().to_owned(), headers, body });
    tokio::time::sleep(script.pause).await;
    let _open = script.gate.acquire().await;
    let status = |status| StatusCode::from_u16(status).unwrap_or_default();
    match answer.unwrap_or(Answer::Status(204)) {
        Answer::Status(code) => status(code).into_response(),
        Answer::With(code, header, value) => (status(code), [(header, value)]).into_response(),
        Answer::Body(code, body) => (status(code), body).into_response(),
        Answer::Hang => std::future::pending().await,
    }
}
