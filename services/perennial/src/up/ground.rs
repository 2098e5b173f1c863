//! The Postgres server beneath laptop mode.
//!
//! Invariant: a private server is stopped after everything that uses it, and a temporary folder goes after its server.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};
use chassis::Tasks;
use chassis::postgres::private::Private;
use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;

use super::DRAIN;
use super::args::Source;
use super::fetch;

/// Holds what a run of laptop mode stands on, from its start until its tasks have ended.
#[derive(Default)]
pub(crate) struct Ground(Mutex<Held>);

#[derive(Default)]
struct Held {
    private: Option<Private>,
    temporary: Option<TempDir>,
}

/// A URL may hold a password, so what is wrong with one is said without it.
fn server(url: &str) -> Result<PgConnectOptions> {
    let Ok(options) = url.parse() else {
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
        self.hold(Held { private: Some(private), temporary });
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
        let Held { private, temporary } = self.hold(Held::default());
        let stopped = private.map_or(Ok(()), |private| Ok(private.stop()?));
        drop(temporary);
        worked.and(finished).and(stopped)
    }

    fn hold(&self, held: Held) -> Held {
        std::mem::replace(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), held)
    }
}
