//! health-score: how an account is doing, 0 to 100, and what made it so.
//!
//! It folds the account log, says what changes there, and answers from Postgres.

mod api;
mod config;
mod fold;
mod store;

use chassis::{
    grpc::{MAX_DECODED, MAX_ENCODED},
    postgres::migrate,
    workers::{Feeding, Work, Workers, told},
};
use contracts::health::health_service_server::HealthServiceServer;
use domain::decision::Decision;
use engine::{Decided, Worker};
use eventlog::{Feed, Topic};
use sqlx::PgPool;
use tonic::service::Routes;

pub use config::Config;
pub use fold::{HealthFold, Owner};

/// What the service stands on.
pub struct Ports {
    pub pool: PgPool,
    pub workers: Workers,
}

/// Brings the database up to date, starts a worker for each partition assigned, and returns the gRPC routes to serve.
pub async fn start(config: Config, ports: Ports) -> anyhow::Result<Routes> {
    let Ports { pool, workers } = ports;
    migrate(&pool, &engine::postgres::migrator()).await?;
    migrate(&pool, &sqlx::migrate!()).await?;
    let clocks = workers.clocks(&pool, Topic::Account);
    let work = Work {
        service: "health-score",
        topic: Topic::Account,
        pool: pool.clone(),
        project: |conn, items| Box::pin(store::project(conn, items)),
        feed: Some(Feeding { feed: Feed::HealthChanged, copy: |item| item.decided().map(fold::copy) }),
        stored: None,
        act: || told("health-score", Decision::name, |_: &Decided<_>, _| ()),
    };
    workers.start(work, move |ports, partition, counters| {
        Worker::start(HealthFold, ports, partition, config.worker.clone(), counters)
    });
    let api = api::HealthApi { pool, clocks };
    let server = HealthServiceServer::new(api)
        .max_decoding_message_size(MAX_DECODED)
        .max_encoding_message_size(MAX_ENCODED);
    Ok(Routes::new(server))
}
