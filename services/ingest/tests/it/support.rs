//! ingest, started as `perennial` starts it, with clients of its own.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use chassis::{
    Tasks,
    grpc::Reflected,
    metrics::{Metrics, Readiness},
    workers::Workers,
};
use contracts::{
    account::{AccountRecord, account_record},
    catalogue::catalogue_service_client::CatalogueServiceClient,
    ingest::{
        CreateWorkspaceRequest, CreateWriteKeyRequest, GetContactRequest, GetContactResponse,
        ListQuarantineRequest, admin_service_client::AdminServiceClient,
        ingest_service_client::IngestServiceClient,
    },
    log::{ClockKind, Header},
};
use ephemera::{Ephemera, Options};
use eventlog::{
    Log, Stored, Topic, TopicPartition,
    kafka::{KafkaLog, KafkaOptions},
};
use prost::Message;
use serde_json::Value as Json;
use testkit::servers::{Database, LogPlace, OwnRedis, kafka_log, postgres};
use tokio::{net::TcpListener, time::timeout};
use tonic::transport::Channel;

use crate::switch::Switch;

/// Whether this is the test binary whose logs lie in Kafka.
const ON_KAFKA: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"on_kafka");
/// How long something may take that is to happen soon.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A running ingest with databases of its own.
pub(crate) struct Ingest {
    pub(crate) admin: AdminServiceClient<Channel>,
    pub(crate) ingest: IngestServiceClient<Channel>,
    pub(crate) catalogue: CatalogueServiceClient<Channel>,
    pub(crate) log: Arc<dyn Log>,
    /// Takes the log away from it.
    pub(crate) switch: Arc<Switch>,
    pub(crate) database: Database,
    pub(crate) http: reqwest::Client,
    pub(crate) metrics: Metrics,
    /// What it shares with those beside it.
    redis: Option<Options>,
    address: SocketAddr,
    log_place: LogPlace,
    /// Where events of others are.
    kafka: Option<KafkaOptions>,
    tasks: Tasks,
    log_tasks: Tasks,
}

/// An answer of the HTTP API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

impl Ingest {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        Self::start_with(ingest::Config::default()).await
    }

    pub(crate) async fn start_with(config: ingest::Config) -> anyhow::Result<Self> {
        let (database, log_place) = (postgres().database(&[]).await?, LogPlace::new(ON_KAFKA, 4, 4).await?);
        Self::start_on(database, log_place, None, config, None).await
    }

    /// One that reads events of others.
    pub(crate) async fn start_reading(kafka: KafkaOptions, config: ingest::Config) -> anyhow::Result<Self> {
        let (database, log_place) = (postgres().database(&[]).await?, LogPlace::new(ON_KAFKA, 4, 4).await?);
        Self::start_on(database, log_place, Some(kafka), config, None).await
    }

    /// One that shares what may be lost by a Redis, once it has found it.
    pub(crate) async fn start_sharing(config: ingest::Config, redis: &OwnRedis) -> anyhow::Result<Self> {
        let (database, log_place) = (postgres().database(&[]).await?, LogPlace::new(ON_KAFKA, 4, 4).await?);
        let url = redis.url().parse::<ephemera::Url>().map_err(|why| anyhow::anyhow!("{why}"))?;
        // Longer than a busy machine may take.
        let options = Options { patience: Duration::from_secs(10), ..Options::at(url) };
        let ingest = Self::start_on(database, log_place, None, config, Some(options)).await?;
        ingest.soon("perennial_redis_up 1").await?;
        Ok(ingest)
    }

    /// Another replica on the same databases, with the same Redis.
    pub(crate) async fn beside(&self, config: ingest::Config) -> anyhow::Result<Self> {
        let (database, log_place) = (self.database.clone(), self.log_place.clone());
        let beside = Self::start_on(database, log_place, None, config, self.redis.clone()).await?;
        for replica in [self, &beside] {
            replica.soon("perennial_redis_replicas 2").await?;
        }
        Ok(beside)
    }

    /// Waits until this is one of its metrics.
    pub(crate) async fn soon(&self, metric: &str) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !self.metrics.text().lines().any(|line| line == metric) {
            ensure!(begun.elapsed() < SOON, "no {metric} in\n{}", self.metrics.text());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Stops, and starts again on the same databases.
    pub(crate) async fn restart(self) -> anyhow::Result<Self> {
        self.restart_with(ingest::Config::default()).await
    }

    pub(crate) async fn restart_with(self, config: ingest::Config) -> anyhow::Result<Self> {
        let (database, log_place) = (self.database.clone(), self.log_place.clone());
        let (kafka, redis) = (self.kafka.clone(), self.redis.clone());
        self.stop().await?;
        Self::start_on(database, log_place, kafka, config, redis).await
    }

    /// How it ends by itself.
    pub(crate) async fn ended(self) -> anyhow::Result<()> {
        timeout(SOON, self.tasks.finish(Duration::from_secs(10))).await?
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.tasks.stop();
        self.tasks.finish(Duration::from_secs(10)).await?;
        self.stop_log().await
    }

    /// Takes the log away, beneath a service that runs on.
    pub(crate) async fn stop_log(&self) -> anyhow::Result<()> {
        self.log_tasks.stop();
        self.log_tasks.finish(Duration::from_secs(10)).await
    }

    async fn start_on(
        database: Database,
        log_place: LogPlace,
        kafka: Option<KafkaOptions>,
        config: ingest::Config,
        redis: Option<Options>,
    ) -> anyhow::Result<Self> {
        let log_tasks = Tasks::new();
        let log = log_place.open(&log_tasks).await?;
        let tasks = Tasks::new();
        let readiness = Readiness::new();
        let metrics = Metrics::new();
        let switch = Arc::new(Switch::new(log.clone()));
        let workers = Workers::new(switch.clone(), &tasks, &metrics, &readiness);
        let ephemera = match redis.clone() {
            Some(options) => Ephemera::in_redis(options, &metrics, &tasks),
            None => Ephemera::in_process(),
        };
        let ports = ingest::Ports {
            log: switch.clone(),
            pool: database.pool.clone(),
            workers,
            kafka: open_kafka(kafka.as_ref(), &log_tasks).await?,
            ephemera,
        };
        let started = ingest::start(config, ports).await?;
        readiness.ready().await;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let router = started.http.merge(chassis::metrics::router(metrics.clone(), readiness.clone()));
        let address = chassis::http::serve(listener, router, &tasks)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let grpc =
            chassis::grpc::serve(listener, started.grpc, Reflected::default(), &readiness, &tasks).await?;
        let channel = Channel::from_shared(format!("http://{grpc}"))?.connect_lazy();
        Ok(Self {
            admin: AdminServiceClient::new(channel.clone()),
            ingest: IngestServiceClient::new(channel.clone()),
            catalogue: CatalogueServiceClient::new(channel),
            http: reqwest::Client::new(),
            metrics,
            redis,
            log,
            switch,
            database,
            address,
            log_place,
            kafka,
            tasks,
            log_tasks,
        })
    }

    /// A workspace in UTC and a write key of it.
    pub(crate) async fn workspace(&mut self, workspace: &str, clock: ClockKind) -> anyhow::Result<String> {
        let (time_zone, workspace) = ("UTC".to_owned(), workspace.to_owned());
        let asked = CreateWorkspaceRequest { workspace: workspace.clone(), time_zone, clock: clock.into() };
        let made =
            self.admin.create_workspace(asked).await?.into_inner().workspace.context("no workspace")?;
        ensure!(made.catalogue_version == 1, "made without a catalogue");
        let asked = CreateWriteKeyRequest { workspace, source: String::new() };
        Ok(self.admin.create_write_key(asked).await?.into_inner().secret)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Posts a body with a key as the user name.
    pub(crate) async fn post(
        &self,
        key: &str,
        path: &str,
        body: impl Into<reqwest::Body>,
    ) -> anyhow::Result<Answer> {
        answer(self.http.post(self.url(path)).basic_auth(key, Some("")).body(body)).await
    }

    /// Posts what must be taken.
    pub(crate) async fn send(&self, key: &str, path: &str, body: &Json) -> anyhow::Result<()> {
        let answer = self.post(key, path, body.to_string()).await?;
        ensure!(answer.status == 200 && answer.text == r#"{"success": true}"#, "{answer:?}");
        Ok(())
    }

    /// Everything that stands in a topic, partition after partition.
    pub(crate) async fn records(&self, topic: Topic) -> anyhow::Result<Vec<Stored>> {
        Ok(self.partitions(topic).await?.concat())
    }

    /// Everything that stands in each partition of a topic.
    pub(crate) async fn partitions(&self, topic: Topic) -> anyhow::Result<Vec<Vec<Stored>>> {
        let log = self.log.clone();
        let read = move |partition| read(log.as_ref(), TopicPartition { topic, partition });
        let partitions = 0..self.log.partitions(topic);
        tokio::task::spawn_blocking(move || partitions.map(read).collect()).await?
    }

    /// What the metrics say of something.
    pub(crate) async fn counted(&self, metric: &str) -> anyhow::Result<u64> {
        let text = self.http.get(self.url("/metrics")).send().await?.text().await?;
        let value = text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
        value.map_or(Ok(0), |value| Ok(value.parse()?))
    }

    /// What accounts of a workspace have in their logs, links taken: a forward that stands there twice counts once.
    pub(crate) async fn facts(&self, workspace: &str) -> anyhow::Result<Vec<(Header, account_record::Kind)>> {
        let mut taken: BTreeMap<(u32, u64, u32, String), (Header, account_record::Kind)> = BTreeMap::new();
        for record in self.records(Topic::Account).await? {
            let record = AccountRecord::decode(record.value)?;
            let (Some(header), Some(kind)) = (record.header, record.kind) else { continue };
            let cause = header.cause.unwrap_or_default();
            if header.workspace == workspace {
                let place = (cause.partition, cause.offset, cause.index, header.account.clone());
                taken.entry(place).or_insert((header, kind));
            }
        }
        Ok(taken.into_values().collect())
    }

    /// The same once there are so many of them; fails if there are ever more.
    pub(crate) async fn facts_soon(
        &self,
        workspace: &str,
        count: usize,
    ) -> anyhow::Result<Vec<(Header, account_record::Kind)>> {
        let begun = Instant::now();
        loop {
            let facts = self.facts(workspace).await?;
            ensure!(facts.len() <= count, "{} facts, not {count}: {facts:?}", facts.len());
            if facts.len() == count {
                return Ok(facts);
            }
            ensure!(begun.elapsed() < SOON, "{} facts and no more, not {count}", facts.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Codes of what was refused, newest first, once there are so many.
    pub(crate) async fn quarantined_soon(
        &mut self,
        workspace: &str,
        count: usize,
    ) -> anyhow::Result<Vec<String>> {
        let begun = Instant::now();
        loop {
            let asked = ListQuarantineRequest { workspace: workspace.to_owned(), ..Default::default() };
            let found = self.admin.list_quarantine(asked).await?.into_inner().quarantined;
            if found.len() == count {
                return Ok(found.into_iter().map(|it| it.code).collect());
            }
            ensure!(
                found.len() < count && begun.elapsed() < SOON,
                "{} refused, not {count}: {found:?}",
                found.len()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn contact(
        &mut self,
        workspace: &str,
        contact: &str,
    ) -> anyhow::Result<GetContactResponse> {
        let asked = GetContactRequest { workspace: workspace.to_owned(), contact: contact.to_owned() };
        Ok(self.admin.get_contact(asked).await?.into_inner())
    }

    /// The contact once it belongs to these accounts.
    pub(crate) async fn contact_in(
        &mut self,
        workspace: &str,
        contact: &str,
        accounts: &[&str],
    ) -> anyhow::Result<GetContactResponse> {
        let begun = Instant::now();
        loop {
            let found = self.contact(workspace, contact).await?;
            if found.accounts == accounts {
                return Ok(found);
            }
            ensure!(begun.elapsed() < SOON, "{found:?} is not in {accounts:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn read(log: &dyn Log, at: TopicPartition) -> anyhow::Result<Vec<Stored>> {
    let end = log.end(at)?;
    let mut records: Vec<Stored> = Vec::new();
    loop {
        let from = records.last().map_or(0, |record| record.offset + 1);
        if from >= end {
            return Ok(records);
        }
        records.extend(log.fetch(at, from, 1 << 20)?);
    }
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, text: response.text().await? })
}

async fn open_kafka(options: Option<&KafkaOptions>, tasks: &Tasks) -> anyhow::Result<Option<Arc<KafkaLog>>> {
    match options {
        Some(options) => Ok(Some(kafka_log(options.clone(), tasks).await?)),
        None => Ok(None),
    }
}
