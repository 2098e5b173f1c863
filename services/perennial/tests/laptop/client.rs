//! A client as customers write it: it repeats what was not answered, wherever Perennial answers now.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use contracts::{
    catalogue::{ApplyCatalogueRequest, catalogue_service_client::CatalogueServiceClient},
    cta::{self, ListEndpointsRequest, cta_service_client::CtaServiceClient},
    health::{self, health_service_client::HealthServiceClient},
    ingest::{
        AdvanceClockRequest, CreateWorkspaceRequest, CreateWriteKeyRequest, GetWorkspaceRequest, Workspace,
        admin_service_client::AdminServiceClient, ingest_service_client::IngestServiceClient,
    },
    log::ClockKind,
    segment::{self, segment_service_client::SegmentServiceClient},
};
use serde_json::Value as Json;
use tokio::sync::watch;
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};

use crate::process::Addresses;

/// How long anything may take, restarts and repeated deliveries included.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);

/// An answer of the HTTP API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

#[derive(Clone)]
pub(crate) struct Client {
    answers: watch::Receiver<Option<Addresses>>,
    http: reqwest::Client,
}

impl Client {
    pub(crate) fn new(answers: watch::Receiver<Option<Addresses>>) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { answers, http })
    }

    /// Where it answers, as soon as it does.
    pub(crate) async fn addresses(&self) -> Result<Addresses> {
        let mut answers = self.answers.clone();
        let found = tokio::time::timeout(PATIENCE, answers.wait_for(Option::is_some)).await??;
        Ok(found.clone().unwrap_or_else(|| unreachable!("it was waited for")))
    }

    /// Posts once.
    pub(crate) async fn post(&self, key: &str, path: &str, body: impl Into<reqwest::Body>) -> Result<Answer> {
        answer(self.request(key, path).await?.body(body)).await
    }

    /// Posts one call within a trace.
    pub(crate) async fn post_within(&self, key: &str, traceparent: &str, call: &Json) -> Result<Answer> {
        answer(self.request(key, "/v1/track").await?.header("traceparent", traceparent).json(call)).await
    }

    /// Posts once what is compressed.
    pub(crate) async fn post_zipped(&self, key: &str, path: &str, body: Vec<u8>) -> Result<Answer> {
        answer(self.request(key, path).await?.header("content-encoding", "gzip").body(body)).await
    }

    async fn request(&self, key: &str, path: &str) -> Result<reqwest::RequestBuilder> {
        let url = format!("{}{path}", self.addresses().await?.http);
        Ok(self.http.post(url).basic_auth(key, Some("")))
    }

    /// Posts until it is acknowledged.
    pub(crate) async fn send(&self, key: &str, call: &Json) -> Result<()> {
        let begun = Instant::now();
        let body = serde_json::json!({ "batch": [call] }).to_string();
        while begun.elapsed() < PATIENCE {
            match self.post(key, "/v1/batch", body.clone()).await {
                Ok(Answer { status: 200, .. }) => return Ok(()),
                Ok(Answer { status: 429, .. }) => {}
                Ok(answer) => bail!("{answer:?} to {body}"),
                Err(error) if error.is::<reqwest::Error>() => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("not acknowledged for {PATIENCE:?}: {body}")
    }

    /// A connection to the Perennial that runs now, and to no other.
    pub(crate) async fn channel(&self) -> Result<Channel> {
        Ok(Endpoint::from_shared(self.addresses().await?.grpc)?.connect().await?)
    }

    /// Asks by gRPC until there is an answer.
    pub(crate) async fn ask<T>(&self, ask: impl AsyncFn(Channel) -> Result<T, Status>) -> Result<T> {
        let begun = Instant::now();
        loop {
            let endpoint = Endpoint::from_shared(self.addresses().await?.grpc)?;
            let trouble = match endpoint.connect().await {
                Ok(channel) => match ask(channel).await {
                    Ok(answer) => return Ok(answer),
                    Err(status) if passes(&status) => status.to_string(),
                    Err(status) => return Err(status.into()),
                },
                Err(error) => error.to_string(),
            };
            ensure!(begun.elapsed() < PATIENCE, "no answer for {PATIENCE:?}: {trouble}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Everything that a list has, page by page.
    pub(crate) async fn all<T>(
        &self,
        list: impl AsyncFn(Channel, String) -> Result<(Vec<T>, String), Status>,
    ) -> Result<Vec<T>> {
        let (mut all, mut token) = (Vec::new(), String::new());
        loop {
            let (page, next) = self.ask(async |channel| list(channel, token.clone()).await).await?;
            all.extend(page);
            if next.is_empty() {
                return Ok(all);
            }
            token = next;
        }
    }

    /// Makes a workspace in UTC, and a write key of it.
    pub(crate) async fn create(&self, workspace: &str, clock: ClockKind) -> Result<()> {
        let (time_zone, clock) = ("UTC".to_owned(), clock.into());
        let asked = CreateWorkspaceRequest { workspace: workspace.to_owned(), time_zone, clock };
        self.ask(async |channel| AdminServiceClient::new(channel).create_workspace(asked.clone()).await)
            .await?;
        Ok(())
    }

    pub(crate) async fn write_key(&self, workspace: &str) -> Result<String> {
        let asked = CreateWriteKeyRequest { workspace: workspace.to_owned(), source: "test".into() };
        let made =
            self.ask(async |channel| AdminServiceClient::new(channel).create_write_key(asked.clone()).await);
        Ok(made.await?.into_inner().secret)
    }

    pub(crate) async fn workspace(&self, workspace: &str) -> Result<Workspace> {
        let asked = GetWorkspaceRequest { workspace: workspace.to_owned() };
        let found =
            self.ask(async |channel| AdminServiceClient::new(channel).get_workspace(asked.clone()).await);
        Ok(found.await?.into_inner().workspace.unwrap_or_default())
    }

    pub(crate) async fn apply(&self, workspace: &str, document: &Json) -> Result<()> {
        let (workspace, document) = (workspace.to_owned(), document.to_string());
        let asked = ApplyCatalogueRequest { workspace, document, by: "test".into(), ..Default::default() };
        let apply = async |channel| CatalogueServiceClient::new(channel).apply_catalogue(asked.clone()).await;
        self.ask(apply).await?;
        Ok(())
    }

    /// What calls of the workspace's only endpoint are signed with.
    pub(crate) async fn secret(&self, workspace: &str) -> Result<String> {
        let asked = ListEndpointsRequest { workspace: workspace.to_owned(), ..Default::default() };
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let list = async |channel| CtaServiceClient::new(channel).list_endpoints(asked.clone()).await;
            if let Some(endpoint) = self.ask(list).await?.into_inner().endpoints.pop() {
                return Ok(endpoint.secret);
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("no secret for {PATIENCE:?}")
    }

    pub(crate) async fn advance(&self, workspace: &str, to_at: i64) -> Result<()> {
        let asked = AdvanceClockRequest { workspace: workspace.to_owned(), to_at };
        self.ask(async |channel| IngestServiceClient::new(channel).advance_clock(asked.clone()).await)
            .await?;
        Ok(())
    }

    /// Returns once every service has decided, stored and delivered everything up to the instant.
    pub(crate) async fn await_clock(&self, workspace: &str, to_at: i64) -> Result<()> {
        let workspace = || workspace.to_owned();
        let health = health::AwaitClockRequest { workspace: workspace(), to_at };
        self.ask(async |channel| HealthServiceClient::new(channel).await_clock(health.clone()).await).await?;
        let segments = segment::AwaitClockRequest { workspace: workspace(), to_at };
        self.ask(async |channel| SegmentServiceClient::new(channel).await_clock(segments.clone()).await)
            .await?;
        let ctas = cta::AwaitClockRequest { workspace: workspace(), to_at };
        self.ask(async |channel| CtaServiceClient::new(channel).await_clock(ctas.clone()).await).await?;
        Ok(())
    }

    pub(crate) async fn metrics(&self) -> Result<String> {
        let url = format!("{}/metrics", self.addresses().await?.http);
        Ok(self.http.get(url).send().await?.text().await?)
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer> {
    let response = request.send().await?;
    Ok(Answer { status: response.status().as_u16(), body: response.text().await? })
}

/// What a repetition mends: it was away, or went away meanwhile.
fn passes(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled | Code::DeadlineExceeded)
}
