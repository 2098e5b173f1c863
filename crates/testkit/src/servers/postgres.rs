//! Postgres for tests.

use std::{
    path::PathBuf,
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::{Context, ensure};
use chassis::postgres::{
    connect, migrate,
    private::{Binaries, Private},
    service_database,
};
use sqlx::{PgPool, migrate::Migrator, postgres::PgConnectOptions};

use super::reaper::Reaper;

/// Connections that a test's pool may have.
const CONNECTIONS: u32 = 8;

static SHARED: OnceLock<Postgres> = OnceLock::new();
static FOLDERS: AtomicU32 = AtomicU32::new(0);
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The server that the tests of a binary share. Starts it when first asked for.
///
/// # Panics
/// If there is no server to be had: the message says what to do.
pub fn postgres() -> &'static Postgres {
    SHARED.get_or_init(|| match OwnPostgres::start() {
        Ok(own) => Postgres { options: own.options(), _own: Some(own) },
        Err(error) => panic!("no Postgres for tests: {error:#}"),
    })
}

/// A server, and databases on it.
#[derive(Debug)]
pub struct Postgres {
    options: PgConnectOptions,
    _own: Option<OwnPostgres>,
}

/// One test's database: nobody else's, and acted upon as a service would be.
#[derive(Debug, Clone)]
pub struct Database {
    /// Acts as the service's role, which cannot bypass row-level security.
    pub pool: PgPool,
    pub options: PgConnectOptions,
    /// Connects as the superuser.
    pub admin: PgConnectOptions,
}

impl Postgres {
    /// How its superuser connects.
    pub fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// A fresh database with these migrations, and a role of its own.
    pub async fn database(&self, migrators: &[&Migrator]) -> anyhow::Result<Database> {
        fresh(&self.options, migrators).await
    }
}

async fn fresh(server: &PgConnectOptions, migrators: &[&Migrator]) -> anyhow::Result<Database> {
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let options = service_database(server, &name, &name).await?;
    let pool = connect(options.clone(), CONNECTIONS);
    for migrator in migrators {
        migrate(&pool, migrator).await?;
    }
    Ok(Database { pool, options, admin: server.clone().database(&name) })
}

/// A server of one test's own, which may be stopped and started.
#[derive(Debug)]
pub struct OwnPostgres {
    server: Option<Private>,
    folder: PathBuf,
    options: PgConnectOptions,
    _reaper: Reaper,
}

impl OwnPostgres {
    pub fn start() -> anyhow::Result<Self> {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("perennial-test-{}-{number}", std::process::id()));
        let reaper = Reaper::watch(&folder)?;
        let server = Private::start(&folder, &Binaries::find()?)?;
        Ok(Self { options: server.options(), server: Some(server), folder, _reaper: reaper })
    }

    /// How its superuser connects.
    pub fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// How its superuser connects, as a program is told.
    pub fn url(&self) -> String {
        format!("postgres://perennial@localhost/postgres?host={}/run", self.folder.display())
    }

    /// A fresh database with these migrations, and a role of its own.
    pub async fn database(&self, migrators: &[&Migrator]) -> anyhow::Result<Database> {
        fresh(&self.options, migrators).await
    }

    /// Where its socket is.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("run/.s.PGSQL.5432")
    }

    /// Takes the server away as a crash would: `immediate` in its words.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let file = std::fs::read_to_string(self.folder.join("data/postmaster.pid"))?;
        let postmaster = file.lines().next().context("an empty postmaster.pid")?.trim();
        let sent = Command::new("sh").arg("-c").arg(format!("kill -QUIT {postmaster}")).status()?;
        ensure!(sent.success(), "no SIGQUIT to {postmaster}");
        // It ends by itself: that it cannot be stopped any more is no news.
        drop(self.server.take().context("it is stopped already")?.stop());
        Ok(())
    }

    /// Takes the server away.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.server.take().context("it is stopped already")?.stop()?;
        Ok(())
    }

    /// Brings it back.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        self.server = Some(Private::start(&self.folder, &Binaries::find()?)?);
        Ok(())
    }
}
