//! What can be set about laptop mode.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use chassis::telemetry::Format;
use clap::{Args, ValueEnum};
use tempfile::TempDir;

/// Where Maven artifacts come from, unless somebody says otherwise.
const REPOSITORY: &str = "https://repo.maven.apache.org/maven2";

/// Calls at once to the demo's own receiver, which is quick where the machine, with eighteen months to replay, is not.
const DEMO_CALLS: u8 = 32;

#[derive(Args)]
pub(crate) struct ListenArgs {
    /// Where HTTP listens: /v1, /metrics, /livez, /readyz.
    #[arg(long, default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Where gRPC listens. It asks nobody who they are: keep it on this machine.
    #[arg(long, default_value = "127.0.0.1:9090")]
    grpc: SocketAddr,
}

#[derive(Args, Clone)]
pub(crate) struct PostgresArgs {
    /// Use this Postgres server (15 or later) instead of a private one.
    #[arg(long, env = "PERENNIAL_DATABASE_URL", conflicts_with_all = ["data_dir", "no_download"])]
    database_url: Option<String>,
    /// Where the private Postgres keeps its data: an empty folder, or one of before. Absent: `~/.local/share/perennial`
    /// (as root `/var/lib/perennial`); of the demo one that goes with it.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Where this machine has no PostgreSQL server, say what to install instead of fetching one.
    #[arg(long)]
    no_download: bool,
    /// From where one is fetched then: a Maven repository, or a mirror of one.
    #[arg(long, env = "PERENNIAL_MAVEN_REPOSITORY", value_name = "URL", default_value = REPOSITORY)]
    maven_repository: String,
}

#[derive(Args)]
pub(crate) struct ServiceArgs {
    /// Let webhooks go to this machine: for development.
    #[arg(long)]
    allow_loopback_webhooks: bool,
    /// A webhook that has not answered after so many seconds has failed.
    #[arg(long, default_value_t = 20, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    longest_call: u64,
    /// Webhooks that one endpoint is sent at once; of all endpoints together it is 64.
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    calls_per_endpoint: u8,
    /// Each partition's workers begin a checkpoint after so many records: for tests.
    #[arg(long, hide = true, value_name = "N")]
    checkpoint_records: Option<u64>,
}

#[derive(Args)]
pub(crate) struct LogArgs {
    /// What is logged, e.g. info,engine=debug.
    #[arg(long, env = "PERENNIAL_LOG", default_value = "warn")]
    pub(crate) log: String,
    /// How log lines look.
    #[arg(long, value_enum, default_value_t = LogFormat::Pretty)]
    log_format: LogFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Pretty,
    Json,
}

/// Everything that laptop mode is told.
pub(crate) struct Settings {
    pub(super) http: Bind,
    pub(super) grpc: Bind,
    pub(super) postgres: Source,
    pub(super) services: ServiceOptions,
}

/// What the services are told.
#[derive(Clone, Copy)]
pub(super) struct ServiceOptions {
    /// Whether webhooks may go to this machine, ...
    pub(super) allow_loopback: bool,
    /// ... and how long each may take.
    pub(super) longest_call: Duration,
    /// Calls to one endpoint at once.
    pub(super) calls_per_endpoint: u8,
    /// Absent: the usual budget.
    pub(super) checkpoint_records: Option<u64>,
}

/// Where to listen, and whether another port will do when that one is taken.
#[derive(Clone, Copy)]
pub(super) struct Bind {
    pub(super) address: SocketAddr,
    pub(super) or_any: bool,
}

pub(super) enum Source {
    Url(String),
    /// A private server in a folder; one that is temporary goes when it is closed.
    Private {
        folder: PathBuf,
        temporary: Option<TempDir>,
        /// Where fetched programs are kept, for all folders.
        shelf: PathBuf,
        /// From where programs may be fetched; absent: from nowhere.
        repository: Option<String>,
    },
}

impl LogArgs {
    pub(crate) fn format(&self) -> Format {
        match self.log_format {
            LogFormat::Pretty => Format::Pretty,
            LogFormat::Json => Format::Json,
        }
    }
}

impl Settings {
    pub(super) fn new(listen: &ListenArgs, postgres: &PostgresArgs, services: &ServiceArgs) -> Result<Self> {
        Ok(Self {
            http: Bind { address: listen.http, or_any: false },
            grpc: Bind { address: listen.grpc, or_any: false },
            postgres: postgres.source(|| Ok((usual_folder()?, None)))?,
            services: ServiceOptions {
                allow_loopback: services.allow_loopback_webhooks,
                longest_call: Duration::from_secs(services.longest_call),
                calls_per_endpoint: services.calls_per_endpoint,
                checkpoint_records: services.checkpoint_records,
            },
        })
    }

    /// An empty folder, the usual ports or free ones, and webhooks to the demo's own receiver.
    pub(crate) fn for_demo(postgres: &PostgresArgs) -> Result<Self> {
        let temporary = || {
            let folder = tempfile::Builder::new().prefix("perennial-demo-").tempdir()?;
            Ok((folder.path().to_owned(), Some(folder)))
        };
        Ok(Self {
            http: Bind { address: SocketAddr::from(([127, 0, 0, 1], 8080)), or_any: true },
            grpc: Bind { address: SocketAddr::from(([127, 0, 0, 1], 9090)), or_any: true },
            postgres: postgres.source(temporary)?,
            services: ServiceOptions {
                allow_loopback: true,
                longest_call: Duration::from_secs(20),
                calls_per_endpoint: DEMO_CALLS,
                checkpoint_records: None,
            },
        })
    }
}

impl PostgresArgs {
    fn source(&self, usual: impl FnOnce() -> Result<(PathBuf, Option<TempDir>)>) -> Result<Source> {
        if let Some(url) = &self.database_url {
            return Ok(Source::Url(url.clone()));
        }
        let (folder, temporary) = match &self.data_dir {
            Some(folder) => (folder.clone(), None),
            None => usual()?,
        };
        let repository = (!self.no_download).then(|| self.maven_repository.clone());
        Ok(Source::Private { folder, temporary, shelf: usual_folder()?, repository })
    }
}

/// As root Postgres runs as another user, who may not enter root's home.
fn usual_folder() -> Result<PathBuf> {
    let home = std::env::home_dir().context("no home folder; say --data-dir")?;
    if home.starts_with("/root") {
        return Ok(PathBuf::from("/var/lib/perennial"));
    }
    Ok(home.join(".local/share/perennial"))
}
