//! The Postgres server beneath a process.
//!
//! Invariant: a private server is stopped after everything that uses it, pools of connections last, and a temporary
//! folder goes after its server.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use chassis::Tasks;
use chassis::postgres::private::Private;
use futures_util::future::join_all;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;
use tokio::time::timeout;

use super::DRAIN;
use super::fetch;
use super::options::Source;

/// For connections in use to come back to their pools, when all tasks have ended.
const LET_GO: Duration = Duration::from_secs(1);

/// Holds what a process stands on, from its start until its tasks have ended.
#[derive(Default)]
pub(crate) struct Ground(Mutex<Held>);

#[derive(Default)]
struct Held {
    pools: Vec<PgPool>,
    private: Option<Private>,
    temporary: Option<TempDir>,
}

/// A URL may hold a password, so what is wrong with one is said without it.
fn server(url: &str) -> Result<PgConnectOptions> {
    let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let Some(options) = url.parse().ok().filter(|_| is_postgres) else {
        bail!(
            "what --database-url (PERENNIAL_DATABASE_URL) says is no URL such as postgres://user@host:5432/postgres"
        );
    };
    Ok(options)
}

impl Ground {
    /// Where the server is, and the folder of a private one, which is started, or adopted if a killed process left it.
    pub(super) async fn find(&self, source: Source) -> Result<(PgConnectOptions, Option<PathBuf>)> {
        let (folder, temporary, binaries) = match source {
            Source::Url(url) => return Ok((server(&url)?, None)),
            Source::Private { folder, temporary, shelf, repository } => {
                (folder, temporary, fetch::binaries(&shelf, repository.as_deref()).await?)
            }
        };
        let home = folder.clone();
        let private = tokio::task::spawn_blocking(move || Private::start(&home, &binaries)).await??;
        let options = private.options();
        self.hold(Held { private: Some(private), temporary, pools: Vec::new() });
        Ok((options, Some(folder)))
    }

    /// Runs `work` until it ends with an error, a task dies, or the process is told to stop; then everything is
    /// drained, and the server stopped last.
    pub(crate) async fn run(&self, tasks: &Tasks, work: impl Future<Output = Result<()>>) -> Result<()> {
        let shutdown = tasks.shutdown();
        let work = async {
            let worked = tokio::select! {
                worked = work => worked,
                () = shutdown.wait() => Ok(()),
            };
            if worked.is_err() {
                tasks.stop();
            }
            worked
        };
        let (worked, finished) = tokio::join!(work, tasks.finish(DRAIN));
        let Held { pools, private, temporary } = self.hold(Held::default());
        // Whoever does not let go of a connection now is cut off with the server.
        let _ = timeout(LET_GO, join_all(pools.iter().map(PgPool::close))).await;
        let stopped = private.map_or(Ok(()), |private| Ok(private.stop()?));
        drop(temporary);
        worked.and(finished).and(stopped)
    }

    /// Also holds the pools of connections to the server.
    pub(super) fn keep(&self, pools: impl IntoIterator<Item = PgPool>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pools.extend(pools);
    }

    fn hold(&self, held: Held) -> Held {
        std::mem::replace(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), held)
    }
}
