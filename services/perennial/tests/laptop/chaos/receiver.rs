//! The other end of webhooks, with its moods: it notes what it takes, whatever it answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Result;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, Response, StatusCode, header},
    response::IntoResponse,
    routing::post,
};
use chassis::Tasks;
use futures_util::stream;
use standardwebhooks::Webhook;
use tokio::{net::TcpListener, sync::watch, time::sleep};

/// Longer than a call may take.
const FOR_EVER: Duration = Duration::from_secs(20);

/// How it answers. What is taken counts as received; what is not is to be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Good,
    /// Takes nothing.
    Broken,
    Overrun,
    Elsewhere,
    /// Takes it and says so too late.
    Hanging,
    /// Takes it; the answer comes byte by byte, and never ends.
    Trickling,
    /// Takes it, says so, and breaks off within the answer.
    BreakingOff,
    /// Never wants to hear of it again.
    Gone,
}

#[derive(Clone)]
pub(super) struct Receiver(Arc<Inner>);

struct Inner {
    address: String,
    mood: watch::Sender<Mood>,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    secrets: BTreeMap<String, Webhook>,
    forged: usize,
    /// Of each workspace: what arrived under each id, and how often.
    arrived: BTreeMap<String, BTreeMap<String, (Bytes, usize)>>,
    /// Ids under which different things came.
    confused: BTreeSet<String>,
}

impl Receiver {
    pub(super) async fn start(tasks: &Tasks) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let mood = watch::Sender::new(Mood::Good);
        let receiver = Self(Arc::new(Inner { address, mood, noted: Mutex::default() }));
        let router = Router::new().route("/hook/{workspace}", post(receive)).with_state(receiver.clone());
        chassis::http::serve(listener, router, tasks)?;
        Ok(receiver)
    }

    pub(super) fn url(&self, workspace: &str) -> String {
        format!("{}/hook/{workspace}", self.0.address)
    }

    pub(super) fn trust(&self, workspace: &str, secret: &str) -> Result<()> {
        self.noted().secrets.insert(workspace.to_owned(), Webhook::new(secret)?);
        Ok(())
    }

    pub(super) fn be(&self, mood: Mood) {
        self.0.mood.send_replace(mood);
    }

    /// Calls with a wrong signature, and ids under which different things came.
    pub(super) fn complaints(&self) -> (usize, usize) {
        let noted = self.noted();
        (noted.forged, noted.confused.len())
    }

    /// What arrived, by id, and how many calls repeated one.
    pub(super) fn arrived(&self, workspace: &str) -> (BTreeMap<String, Bytes>, usize) {
        let noted = self.noted();
        let Some(arrived) = noted.arrived.get(workspace) else { return Default::default() };
        let bodies = arrived.iter().map(|(id, (body, _))| (id.clone(), body.clone()));
        (bodies.collect(), arrived.values().map(|(_, times)| times - 1).sum())
    }

    /// Whether its signature is good; then it is noted, if it is taken.
    fn note(&self, workspace: String, headers: &HeaderMap, body: Bytes, taken: bool) -> bool {
        let mut noted = self.noted();
        let Some(webhook) = noted.secrets.get(&workspace) else { return false };
        if webhook.verify(&body, headers).is_err() {
            noted.forged += 1;
            return false;
        }
        let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
        if taken {
            let (first, times) =
                noted.arrived.entry(workspace).or_default().entry(id.clone()).or_insert((body.clone(), 0));
            *times += 1;
            if *first != body {
                noted.confused.insert(id);
            }
        }
        true
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn receive(
    State(receiver): State<Receiver>,
    Path(workspace): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let mood = *receiver.0.mood.borrow();
    let taken = matches!(mood, Mood::Good | Mood::Hanging | Mood::Trickling | Mood::BreakingOff);
    if !receiver.note(workspace, &headers, body, taken) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match mood {
        Mood::Good => StatusCode::NO_CONTENT.into_response(),
        Mood::Broken => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Mood::Overrun => (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "2")]).into_response(),
        Mood::Elsewhere => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/elsewhere")]).into_response()
        }
        Mood::Gone => StatusCode::GONE.into_response(),
        Mood::Hanging => {
            sleep(FOR_EVER).await;
            StatusCode::OK.into_response()
        }
        Mood::Trickling => Body::from_stream(stream::unfold((), async |()| {
            sleep(Duration::from_millis(200)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b".")), ()))
        }))
        .into_response(),
        Mood::BreakingOff => {
            let broken = Err::<Bytes, _>(std::io::Error::other("broken off"));
            Body::from_stream(stream::iter([Ok(Bytes::from_static(b"ok")), broken])).into_response()
        }
    }
}
