//! A Perennial in this process: started, its addresses, and closed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use chassis::Tasks;
use chassis::metrics::{self, Metrics, Readiness};
use chassis::postgres::private::Private;
use eventlog::Log;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::args::{Bind, Settings, Source};
use super::databases::{self, Databases};
use super::services;

pub(crate) struct Laptop {
    http: SocketAddr,
    grpc: SocketAddr,
    log: Arc<dyn Log>,
    folder: Option<PathBuf>,
    // Stopped before its folder goes.
    postgres: Option<Private>,
    _temporary: Option<TempDir>,
}

impl Laptop {
    /// Starts everything; returns once it serves.
    pub(crate) async fn start(settings: Settings, tasks: &Tasks) -> Result<Self> {
        // The ports first: who finds one taken hears it at once.
        let http = listen(settings.http).await?;
        let grpc = listen(settings.grpc).await?;
        let (server, postgres) = databases::server(&settings.postgres).await?;
        let databases = Databases::open(&server).await?;
        let (metrics, readiness) = (Metrics::new(), Readiness::new());
        let services = services::start(&settings, databases, &metrics, &readiness, tasks).await?;
        let router = services.http.merge(metrics::router(metrics, readiness));
        let descriptors = [contracts::DESCRIPTORS];
        let (folder, temporary) = match settings.postgres {
            Source::Url(_) => (None, None),
            Source::Private { folder, temporary, .. } => (Some(folder), temporary),
        };
        Ok(Self {
            http: chassis::http::serve(http, router, tasks)?,
            grpc: chassis::grpc::serve(grpc, services.grpc, &descriptors, tasks).await?,
            log: services.log,
            folder,
            postgres,
            _temporary: temporary,
        })
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

    /// Stops the private server, after everything that uses it.
    pub(crate) fn close(self) -> Result<()> {
        self.postgres.map_or(Ok(()), |postgres| Ok(postgres.stop()?))
    }
}

async fn listen(bind: Bind) -> Result<TcpListener> {
    match TcpListener::bind(bind.address).await {
        Ok(listener) => Ok(listener),
        Err(_) if bind.or_any => Ok(TcpListener::bind((bind.address.ip(), 0)).await?),
        Err(error) => Err(error).with_context(|| format!("cannot listen on {}", bind.address)),
    }
}
