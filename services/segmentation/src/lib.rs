//! segmentation: which accounts share something, since when and why.
//!
//! It folds the account log, says what changes there, and answers from Postgres.

mod api;
mod config;
mod fold;
mod segments;
mod store;

use chassis::{
    Saver,
    grpc::{MAX_DECODED, MAX_ENCODED},
    postgres::migrate,
    workers::{Feeding, Work, Workers, told},
};
use contracts::segment::segment_service_server::SegmentServiceServer;
use domain::decision::Decision;
use engine::{Decided, Worker};
use eventlog::{Feed, Topic};
use sqlx::PgPool;
use tonic::service::Routes;

pub use config::Config;
pub use fold::SegmentFold;

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
        service: "segmentation",
        topic: Topic::Account,
        pool: pool.clone(),
        project: |conn, items| Box::pin(store::project(conn, items)),
        feed: Some(Feeding { feed: Feed::MembershipChanged, copy: |item| item.decided().map(fold::copy) }),
        stored: None,
        act: || told("segmentation", Decision::name, |_: &Decided<_>, _| ()),
    };
    let met = Saver::start(workers.tasks(), "segments", &pool, segments::save);
    workers.start(work, move |ports, partition, counters| {
        Worker::start(SegmentFold { met: met.clone() }, ports, partition, config.worker.clone(), counters)
    });
    let api = api::SegmentApi { pool, clocks };
    let server = SegmentServiceServer::new(api)
        .max_decoding_message_size(MAX_DECODED)
        .max_encoding_message_size(MAX_ENCODED);
    Ok(Routes::new(server))
}
