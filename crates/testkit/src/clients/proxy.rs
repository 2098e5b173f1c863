//! What stands between a client and the edge: passes requests on, unless it is to do something to them.

use std::{
    fmt,
    io::Read,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Result;
use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, HeaderName, Method, Request, Response, header},
};
use bytes::Bytes;
use chassis::Tasks;
use flate2::read::GzDecoder;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value as Json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

const MAX_BODY: usize = 16 << 20;
/// What is no JSON: some load balancers answer so.
const AWAY: &str = "<html><body>503 Service Unavailable</body></html>";
/// A key that nobody has, as Basic authentication.
const STRANGER: &str = "Basic cGtfbm9ib2R5Og==";

/// Where the edge answers: `http://host:port`.
pub type Edge = String;

/// What may happen to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The edge gets what is no JSON, and refuses it.
    Malformed,
    /// The edge gets more than it takes, and refuses it.
    TooLarge,
    /// The edge gets a key that nobody has, and refuses it.
    Stranger,
    /// Asked to wait so many seconds; the edge hears nothing.
    Busy(u32),
    /// 500, or 503 from a load balancer; the edge hears nothing.
    Broken,
    Away,
    /// The connection is reset before the edge hears anything.
    Reset,
    /// The edge takes it, and the connection is reset before its answer is through.
    Unheard,
}

/// What happens to the next requests, so many of them; those after them pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) fault: Fault,
    pub(super) requests: usize,
}

/// A request that came: when, with which messages, and how it was answered. `None`: it was not.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) at: Instant,
    pub(super) messages: Vec<String>,
    pub(super) answer: Option<u16>,
}

pub(super) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

/// The connection is to break off.
#[derive(Debug)]
struct Broken;

struct State {
    /// Where the edge is now; nothing while it is away.
    edge: watch::Receiver<Option<Edge>>,
    http: reqwest::Client,
    plan: Mutex<Option<Plan>>,
    attempts: Mutex<Vec<Attempt>>,
}

impl Proxy {
    pub(super) async fn start(edge: watch::Receiver<Option<Edge>>, tasks: &Tasks) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
        let state = State { edge, http, plan: Mutex::default(), attempts: Mutex::default() };
        let state = Arc::new(state);
        let (serving, shutdown) = (serve(listener, state.clone()), tasks.shutdown());
        tasks.spawn(format!("proxy {address}"), async move {
            tokio::select! {
                it = serving => it,
                () = shutdown.wait() => Ok(()),
            }
        });
        Ok(Self { address, state })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on; what came before is forgotten.
    pub(super) fn plan(&self, plan: Option<Plan>) {
        *locked(&self.state.plan) = plan;
        locked(&self.state.attempts).clear();
    }

    /// What came since the plan was made.
    pub(super) fn attempts(&self) -> Vec<Attempt> {
        locked(&self.state.attempts).clone()
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) -> Result<()> {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                connections.spawn(connection(accepted?.0, state.clone()));
            }
            Some(ended) = connections.join_next() => ended?,
        }
    }
}

/// Serves one connection; resets it where a request is to go unanswered.
async fn connection(stream: TcpStream, state: Arc<State>) {
    let service = service_fn(|request| state.answer(request));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if (&mut connection).await.is_err() {
        // Closed with this, it says that it broke off. Fails where the client was faster.
        drop(connection.into_parts().io.into_inner().set_zero_linger());
    }
}

impl State {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Broken> {
        let (head, body) = request.into_parts();
        let body = to_bytes(Body::new(body), MAX_BODY).await.map_err(|_| Broken)?;
        if head.method != Method::POST {
            return self.pass(head.method, head.uri.path(), head.headers, body).await;
        }
        let (at, messages) = (Instant::now(), messages(&head.headers, &body));
        let answer = self.answer_call(head.uri.path(), head.headers, body).await;
        let status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
        locked(&self.attempts).push(Attempt { at, messages, answer: status });
        answer
    }

    async fn answer_call(
        &self,
        path: &str,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Body>, Broken> {
        let origin = headers.get(header::ORIGIN).cloned();
        let spoilt = match self.next_fault() {
            None => body,
            Some(Fault::Malformed) => spoilt(&mut headers, Bytes::from_static(b"{\"batch\": [")),
            Some(Fault::TooLarge) => spoilt(&mut headers, vec![b' '; 5 << 20].into()),
            Some(Fault::Stranger) => {
                headers.insert(header::AUTHORIZATION, header::HeaderValue::from_static(STRANGER));
                body
            }
            Some(Fault::Reset) => return Err(Broken),
            Some(Fault::Unheard) => {
                let answer = self.pass(Method::POST, path, headers, body).await?;
                assert_eq!(answer.status(), 200, "it was to be taken");
                return Err(Broken);
            }
            Some(Fault::Busy(wait)) => return Ok(instead(429, Some(wait), origin)),
            Some(Fault::Broken) => return Ok(instead(500, None, origin)),
            Some(Fault::Away) => return Ok(instead(503, None, origin)),
        };
        self.pass(Method::POST, path, headers, spoilt).await
    }

    fn next_fault(&self) -> Option<Fault> {
        let mut plan = locked(&self.plan);
        let now = plan.as_mut().filter(|plan| plan.requests > 0)?;
        now.requests -= 1;
        Some(now.fault)
    }

    /// What the edge answers; nothing where it is away.
    async fn pass(
        &self,
        method: Method,
        path: &str,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Body>, Broken> {
        let edge = self.edge.borrow().clone().ok_or(Broken)?;
        headers.remove(header::CONTENT_LENGTH);
        let request = self.http.request(method, format!("{edge}{path}")).headers(headers).body(body);
        let answer = request.send().await.map_err(|_| Broken)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut response = Response::new(Body::from(answer.bytes().await.map_err(|_| Broken)?));
        *response.status_mut() = status;
        let of_the_hop: [HeaderName; 3] =
            [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH];
        response.headers_mut().extend(headers);
        of_the_hop.iter().for_each(|name| drop(response.headers_mut().remove(name)));
        Ok(response)
    }
}

/// Another body than what the client sent.
fn spoilt(headers: &mut HeaderMap, body: Bytes) -> Bytes {
    headers.remove(header::CONTENT_ENCODING);
    body
}

/// An answer that is not the edge's.
fn instead(status: u16, wait: Option<u32>, origin: Option<header::HeaderValue>) -> Response<Body> {
    let text = match status {
        503 => AWAY.to_owned(),
        _ => serde_json::json!({"code": "OTHER", "message": "on purpose", "status": status}).to_string(),
    };
    let mut response = Response::builder().status(status);
    if let Some(wait) = wait {
        response = response.header(header::RETRY_AFTER, wait);
    }
    if let Some(origin) = origin {
        response = response
            .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin)
            .header(header::ACCESS_CONTROL_EXPOSE_HEADERS, "retry-after");
    }
    response.body(Body::from(text)).unwrap_or_default()
}

/// The ids of the messages in a call or batch.
fn messages(headers: &HeaderMap, body: &[u8]) -> Vec<String> {
    let mut text = Vec::new();
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip") {
        drop(GzDecoder::new(body).read_to_end(&mut text));
    } else {
        text.extend_from_slice(body);
    }
    let json: Json = serde_json::from_slice(&text).unwrap_or_default();
    let calls = json["batch"].as_array().cloned().unwrap_or_else(|| vec![json]);
    calls.iter().filter_map(|call| call["messageId"].as_str().map(str::to_owned)).collect()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is to break off")
    }
}

impl std::error::Error for Broken {}
