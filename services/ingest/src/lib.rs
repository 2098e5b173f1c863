//! ingest: where events enter, and whose they are.
//!
//! The *edge* takes events over HTTP (as Segment's clients send them) and gRPC, keeps names out of the log and appends
//! to the inbox. *Attribution* folds the inbox and forwards facts to the accounts they are about. Beside them ingest
//! owns workspaces, write keys, catalogues, the contact directory and quarantine.

mod advance;
mod api;
mod attribution;
mod catalogue;
mod cloudevents;
mod config;
mod directory;
mod edge;
mod everywhere;
mod fold;
mod intake;
mod keeping;
mod keys;
mod pseudonym;
mod quota;
mod refusals;
mod store;
mod untimed;
mod workspaces;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use chassis::{
    postgres::migrate,
    workers::{Work, Workers, handed},
};
use engine::Forwarder;
use ephemera::{Channel, Ephemera};
use eventlog::{Log, Topic, kafka::KafkaLog};
use sqlx::PgPool;
use tokio::time::timeout;
use tonic::service::Routes;

pub use crate::{
    attribution::{Belongs, ContactState, Item, Quarantined},
    cloudevents::EventsFrom,
    config::Config,
    fold::Attribution,
    intake::SpoolAt,
};
use crate::{edge::Edge, intake::Intake, keys::Keys, quota::Quotas};

/// How often it is looked for catalogue versions that some process left half handed over.
const LOOK: Duration = Duration::from_secs(5);
/// A hand-over that takes longer is stuck.
const HANDED_OVER: Duration = Duration::from_secs(120);

/// What the service stands on.
pub struct Ports {
    pub log: Arc<dyn Log>,
    pub pool: PgPool,
    pub workers: Workers,
    /// Where events of others are, and the feed of those that are refused; none on a laptop.
    pub kafka: Option<Arc<KafkaLog>>,
    /// What all replicas of ingest share.
    pub ephemera: Ephemera,
}

/// What is to be served.
pub struct Started {
    pub grpc: Routes,
    /// Segment's HTTP API, and a page for people at `/`.
    pub http: axum::Router,
}

/// Brings the database up to date, starts an attribution worker for every partition of the inbox, and returns what is
/// to be served.
pub async fn start(config: Config, ports: Ports) -> anyhow::Result<Started> {
    let Ports { log, pool, workers, kafka, ephemera } = ports;
    migrate(&pool, &engine::postgres::migrator()).await?;
    migrate(&pool, &sqlx::migrate!()).await?;
    let work = Work {
        service: "ingest",
        topic: Topic::Inbox,
        pool: pool.clone(),
        project: |conn, items| Box::pin(store::project(conn, items)),
        feed: None,
        stored: None,
        act: || handed("ingest"),
    };
    let worker = config.worker;
    workers.start(work, move |ports, partition, counters| {
        Forwarder::start(Attribution, ports, partition, worker.clone(), counters)
    });
    workers
        .tasks()
        .spawn("catalogue hand-over", hand_over(pool.clone(), log.clone(), workers.tasks().shutdown()));
    workers.tasks().spawn("quarantine", keeping::keep(pool.clone(), workers.tasks().shutdown()));
    if let Some(kafka) = &kafka {
        let publishing = refusals::publish(pool.clone(), kafka.clone(), workers.tasks().shutdown());
        workers.tasks().spawn("quarantine feed", publishing);
    }
    let intake = Intake::open(log.clone(), config.spool.as_ref(), workers.metrics(), workers.tasks())?;
    let news = ephemera.board.hear(Channel::Keys);
    let quotas = Quotas::new(ephemera.buckets, config.quota, workers.metrics());
    let keys = Keys::new(ephemera.board, workers.metrics());
    let edge = Arc::new(Edge::new(pool, log, intake, keys, quotas, workers.metrics()));
    workers.tasks().spawn("key news", keys::listen(edge.clone(), news, workers.tasks().shutdown()));
    if !config.events_from.is_empty() {
        let kafka = kafka.context("CloudEvents are read from Kafka, and there is none")?;
        cloudevents::start(&kafka, config.events_from, edge.clone(), workers.metrics(), workers.tasks());
    }
    Ok(Started { grpc: api::routes(&edge), http: edge::http::router(edge) })
}

/// Finishes what a process before began: at once, and now and then.
async fn hand_over(pool: PgPool, log: Arc<dyn Log>, shutdown: chassis::Shutdown) -> anyhow::Result<()> {
    while !shutdown.requested() {
        let handed_over = tokio::select! {
            // Whoever comes next begins it again.
            () = shutdown.clone().wait() => break,
            handed_over = timeout(HANDED_OVER, catalogue::hand_over_all(&pool, &log)) => handed_over,
        };
        match handed_over {
            Err(_) => tracing::warn!("handing over catalogue versions takes too long: it begins again"),
            Ok(Ok(failed)) => failed.iter().for_each(|(workspace, error)| {
                tracing::warn!(
                    %workspace, %error, "catalogue versions of {workspace} wait to be handed over: {error}"
                );
            }),
            Ok(Err(error)) => tracing::warn!(%error, "catalogue versions wait to be handed over: {error}"),
        }
        tokio::select! {
            () = shutdown.clone().wait() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    Ok(())
}
