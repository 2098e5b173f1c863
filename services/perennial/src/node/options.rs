//! What a process is told, however that was said.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use chassis::telemetry::Telemetry;
use tempfile::TempDir;

use super::args::{EventsArgs, PostgresArgs, QuotaArgs, SpoolArgs, WebhookArgs, WorkerArgs};
use super::log::LogSource;
use super::message_args::{DirectoryArgs, MessageArgs};
use super::services::Role;

/// Calls at once to the demo's own receiver, which is quick where the machine, with eighteen months to replay, is not.
const DEMO_CALLS: u8 = 32;

/// Everything that a process is told.
pub(crate) struct Settings {
    pub(crate) roles: Vec<Role>,
    pub(crate) http: Bind,
    pub(crate) grpc: Bind,
    pub(crate) postgres: Source,
    pub(crate) log: LogSource,
    /// Where Redis is; absent: what replicas might share stays in the process.
    pub(crate) redis: Option<ephemera::Options>,
    pub(crate) services: ServiceOptions,
    pub(crate) telemetry: Telemetry,
}

/// What the services are told.
#[derive(Clone)]
pub(crate) struct ServiceOptions {
    /// Whether webhooks may go to this machine, ...
    pub(super) allow_loopback: bool,
    /// ... and how long each may take.
    pub(super) longest_call: Duration,
    /// Calls to one endpoint at once.
    pub(super) calls_per_endpoint: u8,
    /// How e-mail is sent, if it is.
    pub(super) mail: Option<workflow::Mail>,
    /// Where contacts have names.
    pub(super) directory: Option<String>,
    /// Where Slack's API is.
    pub(super) slack_api: String,
    /// Absent: the usual budget.
    pub(super) checkpoint_records: Option<u64>,
    /// Where ingest keeps events while the log is away.
    pub(super) spool: Option<ingest::SpoolAt>,
    /// Where ingest takes events from, beside those that are sent.
    pub(super) events_from: Vec<ingest::EventsFrom>,
    /// Of write keys that have no quota of their own.
    pub(super) quota: Option<ephemera::Rate>,
}

/// Where to listen, and whether another port will do when that one is taken.
#[derive(Clone, Copy)]
pub(crate) struct Bind {
    pub(super) address: SocketAddr,
    pub(super) or_any: bool,
}

pub(crate) enum Source {
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

impl Default for ServiceOptions {
    fn default() -> Self {
        Self {
            allow_loopback: false,
            longest_call: Duration::from_secs(20),
            calls_per_endpoint: 8,
            mail: None,
            directory: None,
            slack_api: workflow::SLACK_API.to_owned(),
            checkpoint_records: None,
            spool: None,
            events_from: Vec::new(),
            quota: None,
        }
    }
}

impl ServiceOptions {
    /// With a spool for ingest, if one is named.
    pub(crate) fn spooling(self, spool: &SpoolArgs) -> Self {
        Self { spool: spool.at(), ..self }
    }

    /// With events of others, if topics are named.
    pub(crate) fn reading(self, events: &EventsArgs) -> Result<Self> {
        Ok(Self { events_from: events.topics()?, ..self })
    }

    /// With a quota for write keys that have none of their own.
    pub(crate) fn with_quota(self, quota: &QuotaArgs) -> Self {
        Self { quota: ephemera::Rate::new(quota.quota_events_per_second), ..self }
    }

    /// With what messages to people need.
    pub(crate) fn telling(self, messages: &MessageArgs) -> Result<Self> {
        Ok(Self { mail: messages.mail()?, slack_api: messages.slack_api.clone(), ..self })
    }

    /// With names from a directory, if one is named.
    pub(crate) fn naming(self, directory: &DirectoryArgs) -> Self {
        Self { directory: directory.directory.clone(), ..self }
    }

    pub(crate) fn new(worker: &WorkerArgs, webhooks: Option<&WebhookArgs>) -> Self {
        let options = Self { checkpoint_records: worker.checkpoint_records, ..Self::default() };
        let Some(webhooks) = webhooks else { return options };
        Self {
            allow_loopback: webhooks.allow_loopback_webhooks,
            longest_call: Duration::from_secs(webhooks.longest_call),
            calls_per_endpoint: webhooks.calls_per_endpoint,
            ..options
        }
    }
}

impl Settings {
    /// An empty folder, the usual ports or free ones, and webhooks to the demo's own receiver.
    pub(crate) fn for_demo(postgres: &PostgresArgs, telemetry: Telemetry) -> Result<Self> {
        let temporary = || {
            let folder = tempfile::Builder::new().prefix("perennial-demo-").tempdir()?;
            Ok((folder.path().to_owned(), Some(folder)))
        };
        let bind = |port| Bind { address: SocketAddr::from(([127, 0, 0, 1], port)), or_any: true };
        let usual = ServiceOptions::default();
        Ok(Self {
            roles: Role::ALL.into(),
            http: bind(8080),
            grpc: bind(9090),
            postgres: postgres.source_or(temporary)?,
            log: LogSource::Postgres,
            redis: None,
            services: ServiceOptions { allow_loopback: true, calls_per_endpoint: DEMO_CALLS, ..usual },
            telemetry,
        })
    }
}
