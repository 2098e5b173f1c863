//! A database for each service and for the log.

use anyhow::Result;
use chassis::postgres;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;

/// Connections of one service: those of two processes, each with five pools and a session for each of four groups, stay
/// below a server's usual 100.
const CONNECTIONS: u32 = 8;

pub(super) struct Databases {
    pub(super) log: PgPool,
    pub(super) ingest: PgPool,
    pub(super) health_score: PgPool,
    pub(super) segmentation: PgPool,
    pub(super) workflow: PgPool,
}

impl Databases {
    /// All of them.
    pub(super) fn pools(&self) -> Vec<PgPool> {
        [&self.log, &self.ingest, &self.health_score, &self.segmentation, &self.workflow]
            .map(PgPool::clone)
            .into()
    }

    /// Makes the databases and their roles where they are not there yet.
    pub(super) async fn open(server: &PgConnectOptions) -> Result<Self> {
        Ok(Self {
            log: open(server, "perennial_log").await?,
            ingest: open(server, "perennial_ingest").await?,
            health_score: open(server, "perennial_health_score").await?,
            segmentation: open(server, "perennial_segmentation").await?,
            workflow: open(server, "perennial_workflow").await?,
        })
    }
}

/// A database whose role has its name.
async fn open(server: &PgConnectOptions, name: &str) -> Result<PgPool> {
    let options = postgres::service_database(server, name, name).await?;
    Ok(postgres::connect(options, CONNECTIONS))
}
