//! The log and the four services, started in one process.

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use chassis::metrics::{Metrics, Readiness};
use chassis::workers::Workers;
use chassis::{Tasks, postgres};
use eventlog::Log;
use eventlog::postgres::{MIGRATOR, PgLog, PgLogOptions};
use tonic::service::Routes;

use super::args::ServiceOptions;
use super::databases::Databases;

/// What is to be served, and the log beneath.
pub(super) struct Services {
    pub(super) http: Router,
    pub(super) grpc: Routes,
    pub(super) log: Arc<dyn Log>,
}

/// Each service is handed the log, its own database, and nothing of the others.
pub(super) async fn start(
    options: &ServiceOptions,
    databases: Databases,
    metrics: &Metrics,
    readiness: &Readiness,
    tasks: &Tasks,
) -> Result<Services> {
    postgres::migrate(&databases.log, &MIGRATOR).await?;
    let (log, running) = PgLog::open(databases.log, PgLogOptions::default()).await?;
    let until = tasks.shutdown_beneath();
    tasks.spawn_beneath("log", async move {
        running.run(until.wait()).await;
        Ok(())
    });
    let log: Arc<dyn Log> = log;
    let workers = Workers::new(log.clone(), tasks, metrics, readiness);
    let (ingest, health_score, segmentation, workflow) = configs(options);
    let ports = ingest::Ports { log: log.clone(), pool: databases.ingest, workers: workers.clone() };
    let ingest = ingest::start(ingest, ports).await?;
    let ports = health_score::Ports { pool: databases.health_score, workers: workers.clone() };
    let health_score = health_score::start(health_score, ports).await?;
    let ports = segmentation::Ports { pool: databases.segmentation, workers: workers.clone() };
    let segmentation = segmentation::start(segmentation, ports).await?;
    let ports = workflow::Ports { log: log.clone(), pool: databases.workflow, workers };
    let workflow = workflow::start(workflow, ports, tasks).await?;
    Ok(Services {
        http: ingest.http,
        grpc: together([ingest.grpc, health_score, segmentation, workflow]),
        log,
    })
}

type Configs = (ingest::Config, health_score::Config, segmentation::Config, workflow::Config);

/// The usual settings of each service, but for the options.
fn configs(options: &ServiceOptions) -> Configs {
    let (mut ingest, mut health_score, mut segmentation, mut workflow) = Configs::default();
    workflow.longest_call = options.longest_call;
    workflow.calls_per_endpoint = options.calls_per_endpoint.into();
    workflow.allow_loopback = options.allow_loopback;
    if let Some(records) = options.checkpoint_records {
        let workers =
            [&mut ingest.worker, &mut health_score.worker, &mut segmentation.worker, &mut workflow.worker];
        workers.into_iter().for_each(|worker| worker.checkpoint_records = records);
    }
    (ingest, health_score, segmentation, workflow)
}

/// All services at one port.
fn together(all: impl IntoIterator<Item = Routes>) -> Routes {
    let routers = all.into_iter().map(|routes| routes.into_axum_router().reset_fallback());
    let none = Routes::default().into_axum_router();
    Routes::from(routers.fold(none, Router::merge))
}
