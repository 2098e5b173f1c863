//! A Perennial in this process, and where it answers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use chassis::Tasks;
use chassis::metrics::{self, Metrics, Readiness};
use eventlog::Log;
use tokio::net::TcpListener;

use super::Ground;
use super::args::{Bind, Settings};
use super::databases::Databases;
use super::services;

pub(crate) struct Laptop {
    http: SocketAddr,
    grpc: SocketAddr,
    log: Arc<dyn Log>,
    folder: Option<PathBuf>,
}

impl Laptop {
    /// Starts everything; returns once it is ready: what is sent from then on is decided about.
    pub(crate) async fn start(settings: Settings, ground: &Ground, tasks: &Tasks) -> Result<Self> {
        // The ports first: who finds one taken hears it at once.
        let http = listen(settings.http).await?;
        let grpc = listen(settings.grpc).await?;
        let (server, folder) = ground.find(settings.postgres).await?;
        let databases = Databases::open(&server).await.context("preparing the databases")?;
        ground.keep(databases.pools());
        let (metrics, readiness) = (Metrics::new(), Readiness::new());
        let services = services::start(&settings.services, databases, &metrics, &readiness, tasks).await?;
        let router = services.http.merge(metrics::router(metrics, readiness.clone()));
        let laptop = Self {
            http: chassis::http::serve(http, router, tasks)?,
            grpc: chassis::grpc::serve(grpc, services.grpc, &[contracts::DESCRIPTORS], &readiness, tasks)
                .await?,
            log: services.log,
            folder,
        };
        readiness.ready().await;
        Ok(laptop)
    }

    pub(crate) fn http_uri(&self) -> String {
        format!("http://{}", self.http)
    }

    pub(crate) fn grpc_uri(&self) -> String {
        format!("http://{}", self.grpc)
    }

    pub(super) fn log(&self) -> &Arc<dyn Log> {
        &self.log
    }

    /// Where it keeps its data, unless somebody else's server does.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }
}

async fn listen(bind: Bind) -> Result<TcpListener> {
    match TcpListener::bind(bind.address).await {
        Ok(listener) => Ok(listener),
        Err(_) if bind.or_any => Ok(TcpListener::bind((bind.address.ip(), 0)).await?),
        Err(error) => Err(error)
            .with_context(|| format!("cannot listen on {} (--http and --grpc choose)", bind.address)),
    }
}
