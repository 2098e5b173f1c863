//! workflow, started as `perennial` starts it, with a client of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
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
    account::{AccountRecord, Usage, account_record::Kind},
    cta::{
        Cta, Endpoint, ListCtasRequest, ListEndpointsRequest, ListNotificationsRequest, Notification,
        cta_service_client::CtaServiceClient,
    },
    log::{CatalogueVersion, Cause, ClockKind, Header, Service, control},
    renewal::renewal_service_client::RenewalServiceClient,
};
use ephemera::{Ephemera, Options};
use eventlog::{FORMAT, GENERATION, Key, Log, NewRecord, Topic, TopicPartition, control_record};
use prost::Message;
use serde_json::{Value as Json, json};
use testkit::servers::{Database, LogPlace, OwnRedis, postgres};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, SemaphorePermit},
};
use tonic::transport::Channel;
use workflow::Config;

use crate::above::pass_everything;

/// Whether this is the test binary whose logs lie in Kafka.
const ON_KAFKA: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"on_kafka");
/// How long something may take that is to happen soon; a retry is due after five seconds.
const SOON: Duration = Duration::from_secs(30);
/// Between looks.
const GLANCE: Duration = Duration::from_millis(20);

pub(crate) const WORKSPACE: &str = "acme";
pub(crate) const ACCOUNT: &str = "globex";

/// Worlds at once: their connections share one server.
static PLACES: Semaphore = Semaphore::const_new(4);

/// A running workflow with databases of its own.
pub(crate) struct World {
    pub(crate) client: CtaServiceClient<Channel>,
    pub(crate) renewals: RenewalServiceClient<Channel>,
    pub(crate) database: Database,
    /// While set, the services above stand still, and so does workflow.
    pub(crate) held: Arc<AtomicBool>,
    log: Arc<dyn Log>,
    log_place: LogPlace,
    tasks: Tasks,
    config: Config,
    place: SemaphorePermit<'static>,
    metrics: Metrics,
    /// What it shares with those beside it.
    redis: Option<Options>,
}

/// Webhooks may go to loopback, and take a second at most.
pub(crate) fn config() -> Config {
    Config {
        longest_call: Duration::from_secs(1),
        allow_loopback: true,
        command_deadline: Duration::from_secs(5),
        ..Config::default()
    }
}

/// Each order opens a risk CTA and calls the webhook.
pub(crate) fn catalogue(url: &str) -> Json {
    json!({
        "endpoints": {"crm": {"url": url}},
        "playbooks": {"win_back": {
            "trigger": {"event": {"name": "Order Completed"}},
            "steps": [
                {"open_cta": {"type": "risk", "title": "Call them", "priority": 2}},
                {"notify": {"endpoint": "crm"}},
            ],
        }},
    })
}

impl World {
    /// A workspace on the wall clock, whose webhooks go to this address.
    pub(crate) async fn start(config: Config, url: &str) -> anyhow::Result<Self> {
        let place = PLACES.acquire().await?;
        let (database, log_place) = (postgres().database(&[]).await?, LogPlace::new(ON_KAFKA, 1, 2).await?);
        let world = Self::start_on(config, database, log_place, place, None).await?;
        world.apply(1, &catalogue(url)).await?;
        Ok(world)
    }

    /// The same, sharing what may be lost by a Redis, once it has found it.
    pub(crate) async fn start_sharing(config: Config, url: &str, redis: &OwnRedis) -> anyhow::Result<Self> {
        let place = PLACES.acquire().await?;
        let (database, log_place) = (postgres().database(&[]).await?, LogPlace::new(ON_KAFKA, 1, 2).await?);
        let at = redis.url().parse::<ephemera::Url>().map_err(|why| anyhow::anyhow!("{why}"))?;
        // Longer than a busy machine may take.
        let options = Options { patience: Duration::from_secs(10), ..Options::at(at) };
        let world = Self::start_on(config, database, log_place, place, Some(options)).await?;
        world.soon("perennial_redis_up 1").await?;
        world.apply(1, &catalogue(url)).await?;
        Ok(world)
    }

    /// Another replica on the same databases, with the same Redis.
    pub(crate) async fn beside(&self) -> anyhow::Result<Self> {
        let place = PLACES.acquire().await?;
        let (database, log_place) = (self.database.clone(), self.log_place.clone());
        let config = self.config.clone();
        let beside = Self::start_on(config, database, log_place, place, self.redis.clone()).await?;
        beside.soon("perennial_redis_up 1").await?;
        Ok(beside)
    }

    /// Waits until this is one of its metrics.
    pub(crate) async fn soon(&self, metric: &str) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !self.metrics.text().lines().any(|line| line == metric) {
            ensure!(begun.elapsed() < SOON, "no {metric} in\n{}", self.metrics.text());
            tokio::time::sleep(GLANCE).await;
        }
        Ok(())
    }

    /// How many there are in the account log.
    pub(crate) async fn records(&self) -> anyhow::Result<u64> {
        let log = self.log.clone();
        let ends = move || {
            (0..log.partitions(Topic::Account))
                .map(|partition| log.end(TopicPartition { topic: Topic::Account, partition }))
                .sum::<Result<u64, _>>()
        };
        Ok(tokio::task::spawn_blocking(ends).await??)
    }

    /// Waits until there are more.
    pub(crate) async fn grows(&self, before: u64) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.records().await? == before {
            ensure!(begun.elapsed() < SOON, "nothing is appended");
            tokio::time::sleep(GLANCE).await;
        }
        Ok(())
    }

    /// Stops, and starts again on the same databases.
    pub(crate) async fn restart(self) -> anyhow::Result<Self> {
        let Self { config, database, log_place, place, tasks, redis, .. } = self;
        finish(&tasks).await?;
        Self::start_on(config, database, log_place, place, redis).await
    }

    /// Ends, and leaves the databases to those beside it.
    pub(crate) async fn leave(self) -> anyhow::Result<()> {
        finish(&self.tasks).await
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        finish(&self.tasks).await?;
        self.database.pool.close().await;
        Ok(())
    }

    async fn start_on(
        config: Config,
        database: Database,
        log_place: LogPlace,
        place: SemaphorePermit<'static>,
        redis: Option<Options>,
    ) -> anyhow::Result<Self> {
        let tasks = Tasks::new();
        let log = log_place.open(&tasks).await?;
        let held = Arc::new(AtomicBool::new(false));
        pass_everything(&log, &tasks, &held);
        let readiness = Readiness::new();
        let metrics = Metrics::new();
        let workers = Workers::new(log.clone(), &tasks, &metrics, &readiness);
        let ephemera = match redis.clone() {
            Some(options) => Ephemera::in_redis(options, &metrics, &tasks),
            None => Ephemera::in_process(),
        };
        let ports = workflow::Ports { log: log.clone(), pool: database.pool.clone(), workers, ephemera };
        let routes = workflow::start(config.clone(), ports, &tasks).await?;
        readiness.ready().await;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address =
            chassis::grpc::serve(listener, routes, Reflected::default(), &readiness, &tasks).await?;
        let channel = Channel::from_shared(format!("http://{address}"))?.connect_lazy();
        let client = CtaServiceClient::new(channel.clone());
        let renewals = RenewalServiceClient::new(channel);
        Ok(Self { client, renewals, database, held, log, log_place, tasks, config, place, metrics, redis })
    }

    /// Hands a version of the catalogue to every partition.
    pub(crate) async fn apply(&self, version: u64, document: &Json) -> anyhow::Result<()> {
        let header = Header { workspace: WORKSPACE.into(), ..header(version.into()) };
        let version = CatalogueVersion {
            version,
            part: 1,
            parts: 1,
            clock: ClockKind::Wall.into(),
            time_zone: "UTC".into(),
            fire_playbooks: false,
            document: document.to_string().into(),
        };
        let value = control_record(header, control::Kind::CatalogueVersion(version));
        for partition in 0..self.log.partitions(Topic::Account) {
            let record = NewRecord { value: value.clone(), traceparent: None };
            eventlog::append(&*self.log, TopicPartition { topic: Topic::Account, partition }, vec![record])
                .await?;
        }
        Ok(())
    }

    /// An order of the account.
    pub(crate) async fn order(&self, id: u128) -> anyhow::Result<()> {
        self.order_of(ACCOUNT, id).await
    }

    pub(crate) async fn order_of(&self, account: &str, id: u128) -> anyhow::Result<()> {
        let usage = Usage { event: "Order Completed".into(), active: true, ..Usage::default() };
        self.say(account, id, Kind::Usage(usage)).await?;
        Ok(())
    }

    /// A fact about an account, and where it stands.
    pub(crate) async fn say(&self, account: &str, id: u128, kind: Kind) -> anyhow::Result<Cause> {
        let header = Header { workspace: WORKSPACE.into(), account: account.into(), ..header(id) };
        self.append(account, AccountRecord { header: Some(header), control: None, kind: Some(kind) }).await
    }

    /// What health-score decides from a fact, its first decision about the account.
    pub(crate) async fn decide(&self, account: &str, cause: Cause, kind: Kind) -> anyhow::Result<()> {
        let header = Header {
            workspace: WORKSPACE.into(),
            account: account.into(),
            service: Service::HealthScore.into(),
            cause: Some(cause),
            instant_at: chassis::clock::now(),
            ..header(0)
        };
        self.append(account, AccountRecord { header: Some(header), control: None, kind: Some(kind) }).await?;
        Ok(())
    }

    async fn append(&self, account: &str, record: AccountRecord) -> anyhow::Result<Cause> {
        let partition = Key::new(WORKSPACE, account).partition(self.log.partitions(Topic::Account));
        let record = NewRecord { value: record.encode_to_vec().into(), traceparent: None };
        let at = TopicPartition { topic: Topic::Account, partition };
        let appended = eventlog::append(&*self.log, at, vec![record]).await?;
        Ok(Cause { partition, offset: appended.base_offset, index: 0 })
    }

    /// Lets the services above go on, or stand still.
    pub(crate) fn hold(&self, held: bool) {
        self.held.store(held, Ordering::Relaxed);
    }

    pub(crate) async fn endpoint(&mut self) -> anyhow::Result<Endpoint> {
        self.endpoint_at("").await
    }

    /// The endpoint, once it has this address.
    pub(crate) async fn endpoint_at(&mut self, url: &str) -> anyhow::Result<Endpoint> {
        let begun = Instant::now();
        loop {
            let request = ListEndpointsRequest { workspace: WORKSPACE.into(), ..Default::default() };
            let found = self.client.list_endpoints(request).await?.into_inner().endpoints;
            if let Some(endpoint) = found.into_iter().find(|it| url.is_empty() || it.url == url) {
                return Ok(endpoint);
            }
            ensure!(begun.elapsed() < SOON, "no endpoint");
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// The newest notification, once it is as it should be.
    pub(crate) async fn notification(
        &mut self,
        is_so: impl Fn(&Notification) -> bool,
    ) -> anyhow::Result<Notification> {
        let begun = Instant::now();
        loop {
            let request = ListNotificationsRequest { workspace: WORKSPACE.into(), ..Default::default() };
            let found = self.client.list_notifications(request).await?.into_inner().notifications;
            match found.into_iter().next() {
                Some(notification) if is_so(&notification) => return Ok(notification),
                found => ensure!(begun.elapsed() < SOON, "not soon: {found:?}"),
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// The CTA besides the one given, once it is there.
    pub(crate) async fn another_cta(&mut self, known: &str) -> anyhow::Result<String> {
        let begun = Instant::now();
        loop {
            let request = ListCtasRequest { workspace: WORKSPACE.into(), ..Default::default() };
            let found = self.client.list_ctas(request).await?.into_inner().ctas;
            if let Some(other) = found.into_iter().find(|cta| cta.cta != known) {
                return Ok(other.cta);
            }
            ensure!(begun.elapsed() < SOON, "no other CTA");
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// The one CTA, once it is there.
    pub(crate) async fn cta(&mut self) -> anyhow::Result<Cta> {
        let begun = Instant::now();
        loop {
            let request = ListCtasRequest { workspace: WORKSPACE.into(), ..Default::default() };
            let found = self.client.list_ctas(request).await?.into_inner();
            if found.total_size > 0 {
                ensure!(found.total_size == 1, "more than one CTA: {found:?}");
                return found.ctas.into_iter().next().context("counted and not listed");
            }
            ensure!(begun.elapsed() < SOON, "no CTA");
            tokio::time::sleep(GLANCE).await;
        }
    }
}

async fn finish(tasks: &Tasks) -> anyhow::Result<()> {
    tasks.stop();
    tasks.finish(Duration::from_secs(15)).await
}

fn header(id: u128) -> Header {
    let now = chassis::clock::now();
    Header {
        format: FORMAT,
        generation: GENERATION,
        id: id.to_be_bytes().to_vec().into(),
        event_at: now,
        original_at: now,
        ..Header::default()
    }
}
