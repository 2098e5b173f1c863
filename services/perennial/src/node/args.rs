//! What can be set about a process of Perennial.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use chassis::telemetry::{self, Format, Telemetry, Traces};
use clap::{Args, ValueEnum};
use eventlog::kafka::KafkaOptions;
use eventlog::kafka::topics::Keeping;
use tempfile::TempDir;

use super::log::LogSource;
use super::options::{Bind, Source};

/// Where Maven artifacts come from, unless somebody says otherwise.
const REPOSITORY: &str = "https://repo.maven.apache.org/maven2";

#[derive(Args)]
pub(crate) struct ListenArgs {
    /// Where HTTP listens: /v1, /metrics, /livez, /readyz.
    #[arg(long, alias = "http", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen_http: SocketAddr,
    /// Where gRPC listens. It asks nobody who they are: keep it on this machine.
    #[arg(long, alias = "grpc", value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    listen_grpc: SocketAddr,
}

#[derive(Args, Clone)]
pub(crate) struct PostgresArgs {
    /// Use this Postgres server (15 or later) instead of a private one.
    #[arg(long, env = "PERENNIAL_DATABASE_URL", hide_env_values = true, conflicts_with_all = ["data_dir", "no_download"])]
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

/// Where Kafka is, and what its topics are called.
#[derive(Args, Clone)]
pub(crate) struct KafkaArgs {
    /// Brokers of Kafka to ask first, with commas between.
    #[arg(long, value_name = "HOST:PORT,...", value_delimiter = ',', env = "PERENNIAL_KAFKA_BROKERS")]
    kafka_brokers: Vec<String>,
    /// What the names of topics and groups begin with: for several Perennials on one cluster.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    kafka_prefix: String,
    /// Partitions of the inbox's topic; fixed when it is made.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=4096))]
    kafka_inbox_partitions: u32,
    /// Partitions of the account log's topic; fixed when it is made.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=4096))]
    kafka_account_partitions: u32,
    /// A further setting of Kafka's client (librdkafka), e.g. client.rack=eu-1a; repeated, in the environment a line
    /// each.
    #[arg(long, value_name = "NAME=VALUE", value_delimiter = '\n', value_parser = pair)]
    kafka_set: Vec<(String, String)>,
}

/// Where Redis is.
#[derive(Args, Clone)]
pub(crate) struct RedisArgs {
    /// Redis (6 or later), where replicas count quotas together and tell each other what is new:
    /// redis://[[USER]:PASSWORD@]HOST[:PORT]. What is there may be lost at any time. Absent: each replica is for itself.
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// What keys and channels there begin with: for several Perennials on one Redis.
    #[arg(long, value_name = "TEXT", default_value = "perennial:")]
    redis_prefix: String,
}

/// How much may be sent.
#[derive(Args)]
pub(crate) struct QuotaArgs {
    /// Events a second that may come in with a write key that has no quota of its own; 0: as many as there are.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) quota_events_per_second: u32,
}

/// What this replica is called in its group.
#[derive(Args, Clone)]
pub(crate) struct InstanceArgs {
    /// What this replica is called, the same after a restart: then a quick restart keeps its partitions (Kafka's static
    /// membership). Absent: it joins as somebody new.
    #[arg(long, value_name = "NAME")]
    kafka_instance: Option<String>,
}

/// How topics are kept.
#[derive(Args, Clone)]
pub(crate) struct KeepingArgs {
    /// Copies of each partition.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    kafka_replication: u16,
    /// Days that the inbox is kept.
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    kafka_inbox_days: u32,
    /// Days that the account log is kept: it is the archive.
    #[arg(long, value_name = "DAYS", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..))]
    kafka_account_days: u32,
    /// Days that the public feeds are kept: copies of decisions for everybody else.
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    kafka_feed_days: u32,
}

/// What can be set about workflow.
#[derive(Args)]
pub(crate) struct WebhookArgs {
    /// Let webhooks go to this machine: for development.
    #[arg(long)]
    pub(super) allow_loopback_webhooks: bool,
    /// A webhook that has not answered after so many seconds has failed.
    #[arg(long, default_value_t = 20, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(super) longest_call: u64,
    /// Webhooks that one endpoint is sent at once; of all endpoints together it is 64.
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(super) calls_per_endpoint: u8,
}

/// What can be set about ingest in a cluster.
#[derive(Args)]
pub(crate) struct SpoolArgs {
    /// A folder on a disk of this replica's own, where accepted events wait while Kafka is away. Absent: senders are
    /// told to wait.
    #[arg(long, value_name = "FOLDER")]
    spool: Option<PathBuf>,
    /// What waits there takes at most so many MiB; beyond, senders are told to wait. 1,000 events are about 0.5 MiB.
    #[arg(long, value_name = "MIB", default_value_t = 2048, value_parser = clap::value_parser!(u64).range(64..))]
    spool_mib: u64,
}

/// What can be set about events that ingest takes from elsewhere.
#[derive(Args)]
pub(crate) struct EventsArgs {
    /// A topic of Kafka whose CloudEvents are events of a workspace; repeated, or with commas between.
    #[arg(long, value_name = "TOPIC=WORKSPACE", value_delimiter = ',', value_parser = events_from)]
    pub(super) cloudevents_topic: Vec<ingest::EventsFrom>,
}

impl EventsArgs {
    /// Each topic, once.
    pub(super) fn topics(&self) -> Result<Vec<ingest::EventsFrom>> {
        for (place, from) in self.cloudevents_topic.iter().enumerate() {
            let before = self.cloudevents_topic[..place].iter().find(|before| before.topic == from.topic);
            if let Some(before) = before {
                bail!(
                    "--cloudevents-topic names {:?} twice, for the workspaces {:?} and {:?}: an event goes to one",
                    from.topic,
                    before.workspace,
                    from.workspace
                );
            }
        }
        Ok(self.cloudevents_topic.clone())
    }
}

/// What can be set about every service's workers.
#[derive(Args)]
pub(crate) struct WorkerArgs {
    /// Each partition's workers begin a checkpoint after so many records: for tests.
    #[arg(long, hide = true, value_name = "N")]
    pub(super) checkpoint_records: Option<u64>,
}

#[derive(Args)]
pub(crate) struct LogArgs {
    /// What is logged, e.g. info,engine=debug.
    #[arg(long, env = "PERENNIAL_LOG", default_value = "warn")]
    log: String,
    /// How log lines look.
    #[arg(long, value_enum, default_value_t = LogFormat::Pretty)]
    log_format: LogFormat,
}

/// Where spans go.
#[derive(Args, Clone)]
pub(crate) struct TraceArgs {
    /// An OpenTelemetry collector that spans are sent to, by OTLP over gRPC, e.g. http://127.0.0.1:4317. Absent: to
    /// nobody.
    #[arg(long, value_name = "URL")]
    otlp_endpoint: Option<String>,
    /// How many of the traces that begin here are recorded, from 0 to 1. Who sends a `traceparent` has decided that.
    #[arg(long, value_name = "RATIO", default_value_t = 1.0, value_parser = ratio)]
    otlp_ratio: f64,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Pretty,
    Json,
}

impl LogArgs {
    /// Sets up logs and spans of a process that is called so, on a log in Kafka or in Postgres.
    pub(crate) fn init(
        &self,
        traces: &TraceArgs,
        name: &'static str,
        kafka: &KafkaArgs,
    ) -> Result<Telemetry> {
        let format = match self.log_format {
            LogFormat::Pretty => Format::Pretty,
            LogFormat::Json => Format::Json,
        };
        let log = if kafka.kafka_brokers.is_empty() { "postgresql" } else { "kafka" };
        telemetry::init(format, &self.log, traces.traces(name, log).as_ref())
    }
}

impl TraceArgs {
    fn traces(&self, service: &'static str, log: &'static str) -> Option<Traces> {
        let endpoint = self.otlp_endpoint.clone()?;
        Some(Traces { endpoint, ratio: self.otlp_ratio, service, log })
    }
}

impl ListenArgs {
    pub(crate) fn binds(&self) -> (Bind, Bind) {
        let bind = |address| Bind { address, or_any: false };
        (bind(self.listen_http), bind(self.listen_grpc))
    }
}

impl SpoolArgs {
    pub(super) fn at(&self) -> Option<ingest::SpoolAt> {
        let folder = self.spool.clone()?;
        Some(ingest::SpoolAt { folder, most_bytes: self.spool_mib << 20 })
    }
}

impl KafkaArgs {
    /// None if no brokers are named.
    pub(crate) fn options(&self, instance: Option<&InstanceArgs>) -> Option<KafkaOptions> {
        (!self.kafka_brokers.is_empty()).then(|| KafkaOptions {
            prefix: self.kafka_prefix.clone(),
            instance: instance.and_then(|instance| instance.kafka_instance.clone()),
            inbox_partitions: self.kafka_inbox_partitions,
            account_partitions: self.kafka_account_partitions,
            settings: self.kafka_set.iter().cloned().collect::<BTreeMap<_, _>>(),
            kind: |stream, record| contracts::kind(stream, record),
            ..KafkaOptions::at(self.kafka_brokers.join(","))
        })
    }

    /// Where the log is, if it may lie in Postgres too.
    pub(crate) fn log(&self, instance: &InstanceArgs) -> LogSource {
        self.options(Some(instance))
            .map_or(LogSource::Postgres, |options| LogSource::Kafka(Box::new(options)))
    }
}

impl RedisArgs {
    /// None if no Redis is named. The URL may hold a password, so what is wrong with it is said without it.
    pub(crate) fn options(&self) -> Result<Option<ephemera::Options>> {
        let Some(url) = &self.redis else { return Ok(None) };
        let wrong = |why: String| anyhow!("what --redis (PERENNIAL_REDIS) says is no URL of Redis: {why}");
        let url = url.parse::<ephemera::Url>().map_err(wrong)?;
        Ok(Some(ephemera::Options { prefix: self.redis_prefix.clone(), ..ephemera::Options::at(url) }))
    }
}

impl KeepingArgs {
    pub(crate) fn keeping(&self) -> Keeping {
        Keeping {
            replication: self.kafka_replication,
            inbox_days: self.kafka_inbox_days,
            account_days: self.kafka_account_days,
            feed_days: self.kafka_feed_days,
        }
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn events_from(text: &str) -> Result<ingest::EventsFrom, String> {
    let (topic, workspace) = pair(text).map_err(|_| "it must be TOPIC=WORKSPACE")?;
    if topic.is_empty() || workspace.is_empty() {
        return Err("it must be TOPIC=WORKSPACE".to_owned());
    }
    Ok(ingest::EventsFrom { topic, workspace })
}

fn ratio(text: &str) -> Result<f64, String> {
    let found = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    found.ok_or_else(|| "it must be a number from 0 to 1".to_owned())
}

impl PostgresArgs {
    /// The server that is named, or a private one.
    pub(crate) fn source(&self) -> Result<Source> {
        self.source_or(|| Ok((usual_folder()?, None)))
    }

    pub(super) fn source_or(
        &self,
        usual: impl FnOnce() -> Result<(PathBuf, Option<TempDir>)>,
    ) -> Result<Source> {
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
