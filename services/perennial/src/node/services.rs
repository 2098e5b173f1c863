//! The services that run in this process.

use std::fmt;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use chassis::metrics::{Metrics, Readiness};
use chassis::workers::Workers;
use chassis::{Tasks, postgres};
use contracts::catalogue::catalogue_service_server;
use contracts::cta::cta_service_server;
use contracts::health::health_service_server;
use contracts::ingest::{admin_service_server, ingest_service_server};
use contracts::renewal::renewal_service_server;
use contracts::segment::segment_service_server;
use ephemera::Ephemera;
use eventlog::Log;
use eventlog::kafka::KafkaLog;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tonic::service::Routes;

use super::options::ServiceOptions;

/// Connections of one service: those of two processes, each with five pools and a session for each of four groups, stay
/// below a server's usual 100.
pub(super) const CONNECTIONS: u32 = 8;

/// A service of Perennial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Ingest,
    HealthScore,
    Segmentation,
    Workflow,
}

impl Role {
    pub(crate) const ALL: [Self; 4] = [Self::Ingest, Self::HealthScore, Self::Segmentation, Self::Workflow];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::HealthScore => "health-score",
            Self::Segmentation => "segmentation",
            Self::Workflow => "workflow",
        }
    }

    /// What it answers by gRPC.
    pub(super) fn answers(self) -> &'static [&'static str] {
        match self {
            Self::Ingest => &[
                ingest_service_server::SERVICE_NAME,
                admin_service_server::SERVICE_NAME,
                catalogue_service_server::SERVICE_NAME,
            ],
            Self::HealthScore => &[health_service_server::SERVICE_NAME],
            Self::Segmentation => &[segment_service_server::SERVICE_NAME],
            Self::Workflow => &[cta_service_server::SERVICE_NAME, renewal_service_server::SERVICE_NAME],
        }
    }

    fn database(self) -> String {
        format!("perennial_{}", self.name().replace('-', "_"))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is to be served, and the pools beneath.
#[derive(Default)]
pub(super) struct Services {
    pub(super) http: Router,
    pub(super) grpc: Routes,
    pub(super) pools: Vec<PgPool>,
}

/// What all services of a process stand on.
pub(super) struct Base<'a> {
    pub(super) server: &'a PgConnectOptions,
    pub(super) log: Arc<dyn Log>,
    pub(super) feeds: Option<Arc<KafkaLog>>,
    pub(super) ephemera: Ephemera,
    pub(super) metrics: &'a Metrics,
    pub(super) readiness: &'a Readiness,
    pub(super) tasks: &'a Tasks,
}

/// Each service is handed the log, its own database, and nothing of the others.
pub(super) async fn start(roles: &[Role], options: &ServiceOptions, base: Base<'_>) -> Result<Services> {
    let workers = Workers::new(base.log.clone(), base.tasks, base.metrics, base.readiness)
        .publishing(base.feeds.clone());
    let mut services = Services::default();
    let mut grpc = Routes::default().into_axum_router();
    for role in roles {
        let pool = open(base.server, &role.database()).await?;
        services.pools.push(pool.clone());
        let (log, workers, ephemera) = (base.log.clone(), workers.clone(), base.ephemera.clone());
        let routes = match role {
            Role::Ingest => {
                let ports = ingest::Ports { log, pool, workers, kafka: base.feeds.clone(), ephemera };
                let ingest = ingest::start(ingest(options), ports).await?;
                services.http = ingest.http;
                ingest.grpc
            }
            Role::HealthScore => {
                health_score::start(health_score(options), health_score::Ports { pool, workers }).await?
            }
            Role::Segmentation => {
                segmentation::start(segmentation(options), segmentation::Ports { pool, workers }).await?
            }
            Role::Workflow => {
                let ports = workflow::Ports { log, pool, workers, ephemera };
                workflow::start(workflow(options), ports, base.tasks).await?
            }
        };
        // All services at one port.
        grpc = grpc.merge(routes.into_axum_router().reset_fallback());
    }
    services.grpc = Routes::from(grpc);
    Ok(services)
}

fn ingest(options: &ServiceOptions) -> ingest::Config {
    let mut config = ingest::Config {
        spool: options.spool.clone(),
        events_from: options.events_from.clone(),
        quota: options.quota,
        ..ingest::Config::default()
    };
    budget(options, &mut config.worker);
    config
}

fn health_score(options: &ServiceOptions) -> health_score::Config {
    let mut config = health_score::Config::default();
    budget(options, &mut config.worker);
    config
}

fn segmentation(options: &ServiceOptions) -> segmentation::Config {
    let mut config = segmentation::Config::default();
    budget(options, &mut config.worker);
    config
}

fn workflow(options: &ServiceOptions) -> workflow::Config {
    let mut config = workflow::Config {
        longest_call: options.longest_call,
        calls_per_endpoint: options.calls_per_endpoint.into(),
        allow_loopback: options.allow_loopback,
        mail: options.mail.clone(),
        directory: options.directory.clone(),
        slack_api: options.slack_api.clone(),
        ..workflow::Config::default()
    };
    budget(options, &mut config.worker);
    config
}

fn budget(options: &ServiceOptions, worker: &mut engine::Settings) {
    worker.checkpoint_records = options.checkpoint_records.unwrap_or(worker.checkpoint_records);
}

/// A database whose role has its name, made where it is not there yet.
pub(super) async fn open(server: &PgConnectOptions, name: &str) -> Result<PgPool> {
    let preparing = || match server.get_socket() {
        Some(folder) => format!("preparing {name} in the Postgres at {}", folder.display()),
        None => format!(
            "preparing {name} in the Postgres at {}:{} (--database-url)",
            server.get_host(),
            server.get_port()
        ),
    };
    let options = postgres::service_database(server, name, name).await.with_context(preparing)?;
    Ok(postgres::connect(options, CONNECTIONS))
}
