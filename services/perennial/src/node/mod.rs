//! A process of Perennial: some of its services, or all of them, on a log and a Postgres.
//!
//! Invariant: whatever runs together, the services are the same ones, and speak to each other by the log alone.

mod args;
mod fetch;
mod ground;
mod log;
mod message_args;
mod options;
mod services;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chassis::Tasks;
use chassis::grpc::Reflected;
use chassis::metrics::{self, Metrics, Readiness};
use ephemera::Ephemera;
use eventlog::Log;
use tokio::net::TcpListener;

pub(crate) use args::{
    EventsArgs, InstanceArgs, KafkaArgs, KeepingArgs, ListenArgs, LogArgs, PostgresArgs, QuotaArgs,
    RedisArgs, SpoolArgs, TraceArgs, WebhookArgs, WorkerArgs,
};
pub(crate) use ground::Ground;
pub(crate) use log::LogSource;
pub(crate) use message_args::{DirectoryArgs, MessageArgs};
pub(crate) use options::{Bind, ServiceOptions, Settings, Source};
pub(crate) use services::Role;

/// Between looks whether the log answers.
const LOOK: Duration = Duration::from_millis(100);
/// What SIGTERM leaves to finish.
const DRAIN: Duration = Duration::from_secs(10);

/// A Perennial in this process, and where it answers.
pub(crate) struct Node {
    http: SocketAddr,
    grpc: SocketAddr,
    log: Arc<dyn Log>,
    folder: Option<PathBuf>,
}

impl Node {
    /// Starts everything; returns once it is ready: what is sent from then on is decided about, or, where the log is away,
    /// will be.
    pub(crate) async fn start(settings: Settings, ground: &Ground, tasks: &Tasks) -> Result<Self> {
        // The ports first: who finds one taken hears it at once.
        let http = listen(settings.http).await?;
        let grpc = listen(settings.grpc).await?;
        let (server, folder) = ground.find(settings.postgres).await?;
        let (metrics, readiness) = (Metrics::new(), Readiness::new());
        settings.telemetry.follow(&metrics, tasks);
        let opened = log::open(settings.log, &server, &metrics, tasks).await?;
        ground.keep(opened.pool);
        let ephemera = match settings.redis {
            Some(options) => Ephemera::in_redis(options, &metrics, tasks),
            None => Ephemera::in_process(),
        };
        let base = services::Base {
            server: &server,
            log: opened.log.clone(),
            feeds: opened.feeds,
            ephemera,
            metrics: &metrics,
            readiness: &readiness,
            tasks,
        };
        let mut options = settings.services;
        if settings.roles.contains(&Role::Ingest) {
            options.directory = Some(format!("http://{}", reachable(grpc.local_addr()?)));
        }
        let services = services::start(&settings.roles, &options, base).await?;
        ground.keep(services.pools);
        let answers: Vec<&str> = settings.roles.iter().flat_map(|role| role.answers()).copied().collect();
        let reflected = Reflected { descriptors: contracts::DESCRIPTORS, services: &answers };
        let router = services.http.merge(metrics::router(metrics, readiness.clone()));
        let node = Self {
            http: chassis::http::serve(http, router, tasks)?,
            grpc: chassis::grpc::serve(grpc, services.grpc, reflected, &readiness, tasks).await?,
            log: opened.log,
            folder,
        };
        readiness.ready().await;
        Ok(node)
    }

    pub(crate) fn http_uri(&self) -> String {
        format!("http://{}", self.http)
    }

    pub(crate) fn grpc_uri(&self) -> String {
        format!("http://{}", self.grpc)
    }

    pub(crate) fn log(&self) -> &Arc<dyn Log> {
        &self.log
    }

    /// Returns once the log has been heard of: until then it serves what it can without.
    pub(crate) async fn log_answers(&self) {
        while !self.log.has_answered() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Where it keeps its data, unless somebody else's server does.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }
}

/// From here: an address that stands for all is this machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let here =
            if address.is_ipv4() { IpAddr::from([127, 0, 0, 1]) } else { IpAddr::from(Ipv6Addr::LOCALHOST) };
        address.set_ip(here);
    }
    address
}

async fn listen(bind: Bind) -> Result<TcpListener> {
    match TcpListener::bind(bind.address).await {
        Ok(listener) => Ok(listener),
        Err(_) if bind.or_any => Ok(TcpListener::bind((bind.address.ip(), 0)).await?),
        Err(error) => Err(error).with_context(|| {
            format!("cannot listen on {} (--listen-http and --listen-grpc choose)", bind.address)
        }),
    }
}
