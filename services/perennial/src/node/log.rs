//! The log that a process stands on: in its Postgres, or in Kafka.

use std::sync::Arc;

use anyhow::{Context, Result};
use chassis::metrics::Metrics;
use chassis::{Tasks, postgres};
use eventlog::Log;
use eventlog::kafka::{KafkaLog, KafkaOptions};
use eventlog::postgres::{MIGRATOR, PgLog, PgLogOptions};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;

use super::services;

const DATABASE: &str = "perennial_log";

/// Where the log is.
pub(crate) enum LogSource {
    Postgres,
    Kafka(Box<KafkaOptions>),
}

/// The log as a process has it.
pub(super) struct Opened {
    pub(super) log: Arc<dyn Log>,
    /// Where public feeds are published.
    pub(super) feeds: Option<Arc<KafkaLog>>,
    /// Where it is in Postgres.
    pub(super) pool: Option<PgPool>,
}

/// Opens the log, which runs until everything that stands on it has ended.
pub(super) async fn open(
    source: LogSource,
    server: &PgConnectOptions,
    metrics: &Metrics,
    tasks: &Tasks,
) -> Result<Opened> {
    match source {
        LogSource::Postgres => {
            let pool = services::open(server, DATABASE).await?;
            let log = in_postgres(pool.clone(), tasks).await?;
            Ok(Opened { log, feeds: None, pool: Some(pool) })
        }
        LogSource::Kafka(options) => {
            let log = in_kafka(*options, metrics, tasks).await?;
            Ok(Opened { log: log.clone(), feeds: Some(log), pool: None })
        }
    }
}

async fn in_postgres(pool: PgPool, tasks: &Tasks) -> Result<Arc<dyn Log>> {
    postgres::migrate(&pool, &MIGRATOR).await?;
    let (log, running) = PgLog::open(pool, PgLogOptions::default()).await?;
    let until = tasks.shutdown_beneath();
    tasks.spawn_beneath("log", async move {
        running.run(until.wait()).await;
        Ok(())
    });
    Ok(log)
}

/// Brokers that are away at the start are waited for beside everything else: what needs no log goes on.
async fn in_kafka(options: KafkaOptions, metrics: &Metrics, tasks: &Tasks) -> Result<Arc<KafkaLog>> {
    let brokers = options.brokers.clone();
    let refused = move || format!("Kafka at {brokers}");
    let (log, running) = KafkaLog::open(options).await.with_context(refused.clone())?;
    chassis::kafka::register(metrics, log.clone());
    let until = tasks.shutdown_beneath();
    tasks.spawn_beneath("log", async move { running.run(until.wait()).await.with_context(refused) });
    Ok(log)
}
