//! health-score, started as `perennial` starts it, with a client of its own.

use std::{sync::Arc, time::Duration};

use chassis::{
    Tasks,
    grpc::Reflected,
    metrics::{Metrics, Readiness},
    workers::Workers,
};
use contracts::{
    account::{AccountRecord, AccountTraits, NamedValue, Usage, Value, account_record::Kind, value},
    health::{AwaitClockRequest, health_service_client::HealthServiceClient},
    log::{CatalogueVersion, ClockAdvanced, ClockKind, Header, control},
};
use eventlog::{FORMAT, GENERATION, Key, Log, NewRecord, Topic, TopicPartition, control_record};
use prost::Message;
use serde_json::{Value as Json, json};
use testkit::servers::{Database, LogPlace, postgres};
use tokio::net::TcpListener;
use tonic::transport::Channel;

/// Whether this is the test binary whose logs lie in Kafka.
const ON_KAFKA: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"on_kafka");
pub(crate) const WORKSPACE: &str = "acme";
pub(crate) const DAY: i64 = 86_400_000;

/// A running health-score with databases of its own, over a workspace on the log clock.
pub(crate) struct World {
    pub(crate) client: HealthServiceClient<Channel>,
    pub(crate) database: Database,
    log: Arc<dyn Log>,
    place: LogPlace,
    tasks: Tasks,
}

/// Recency in steps of a week, and a cap while the account is blocked.
pub(crate) fn catalogue() -> Json {
    json!({
        "measures": {"last": {"days_since_last": {}}, "seats": {"trait": {"name": "seats"}}},
        "scorecards": [{
            "name": "card",
            "groups": [{"name": "g", "weight": 1, "measures": [
                {"measure": "last", "weight": 3, "curve": {"steps": [[0, 100], [7, 60], [14, 20]]}},
                {"measure": "seats", "weight": 1, "curve": {"steps": [[0, 0], [10, 100]]}},
            ]}],
            "bands": {"yellow": 40, "green": 70, "hysteresis": 3},
            "caps": [{"name": "blocked", "when": {"trait": "blocked", "is": true}, "at_most": 30}],
        }],
    })
}

impl World {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let (database, place) = (postgres().database(&[]).await?, LogPlace::new(ON_KAFKA, 1, 2).await?);
        let world = Self::start_on(database, place).await?;
        world.apply(1, &catalogue()).await?;
        Ok(world)
    }

    /// Stops, and starts again on the same databases.
    pub(crate) async fn restart(self) -> anyhow::Result<Self> {
        let (database, place) = (self.database.clone(), self.place.clone());
        self.stop().await?;
        Self::start_on(database, place).await
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.tasks.stop();
        self.tasks.finish(Duration::from_secs(15)).await
    }

    async fn start_on(database: Database, place: LogPlace) -> anyhow::Result<Self> {
        let tasks = Tasks::new();
        let log = place.open(&tasks).await?;
        let readiness = Readiness::new();
        let workers = Workers::new(log.clone(), &tasks, &Metrics::new(), &readiness);
        let ports = health_score::Ports { pool: database.pool.clone(), workers };
        let routes = health_score::start(health_score::Config::default(), ports).await?;
        readiness.ready().await;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let reflected = Reflected::default();
        let address = chassis::grpc::serve(listener, routes, reflected, &readiness, &tasks).await?;
        let client =
            HealthServiceClient::new(Channel::from_shared(format!("http://{address}"))?.connect_lazy());
        Ok(Self { client, database, log, place, tasks })
    }

    /// Hands a version of the catalogue to every partition.
    pub(crate) async fn apply(&self, version: u64, document: &Json) -> anyhow::Result<()> {
        let version = CatalogueVersion {
            version,
            part: 1,
            parts: 1,
            clock: ClockKind::Log.into(),
            time_zone: "UTC".into(),
            fire_playbooks: false,
            document: document.to_string().into(),
        };
        self.everywhere(control::Kind::CatalogueVersion(version)).await
    }

    /// Time moves, and everything that follows from it is projected.
    pub(crate) async fn advance(&mut self, to_at: i64) -> anyhow::Result<()> {
        let advanced = ClockAdvanced { to_at, inbox_partition: 0, inbox_partitions: 1 };
        self.everywhere(control::Kind::ClockAdvanced(advanced)).await?;
        let wait = AwaitClockRequest { workspace: WORKSPACE.into(), to_at };
        self.client.await_clock(wait).await?;
        Ok(())
    }

    pub(crate) async fn usage(&self, account: &str, id: u128, at: i64) -> anyhow::Result<()> {
        let usage = Usage { event: "Signed In".into(), active: true, ..Usage::default() };
        self.say(account, id, at, Kind::Usage(usage)).await
    }

    pub(crate) async fn set(
        &self,
        account: &str,
        id: u128,
        at: i64,
        name: &str,
        kind: value::Kind,
    ) -> anyhow::Result<()> {
        let named = NamedValue { name: name.into(), value: Some(Value { kind: Some(kind) }) };
        self.say(account, id, at, Kind::AccountTraits(AccountTraits { traits: vec![named] })).await
    }

    async fn say(&self, account: &str, id: u128, at: i64, kind: Kind) -> anyhow::Result<()> {
        let key = Key::new(WORKSPACE, account);
        let header = Header {
            account: account.into(),
            id: id.to_be_bytes().to_vec().into(),
            event_at: at,
            original_at: at,
            due_at: at,
            ..header()
        };
        let record = AccountRecord { header: Some(header), control: None, kind: Some(kind) };
        let partition = key.partition(self.log.partitions(Topic::Account));
        self.append(partition, record.encode_to_vec().into()).await
    }

    async fn everywhere(&self, kind: control::Kind) -> anyhow::Result<()> {
        let value = control_record(header(), kind);
        for partition in 0..self.log.partitions(Topic::Account) {
            self.append(partition, value.clone()).await?;
        }
        Ok(())
    }

    async fn append(&self, partition: u32, value: bytes::Bytes) -> anyhow::Result<()> {
        let record = NewRecord { value, traceparent: None };
        eventlog::append(&*self.log, TopicPartition { topic: Topic::Account, partition }, vec![record])
            .await?;
        Ok(())
    }
}

fn header() -> Header {
    Header { format: FORMAT, generation: GENERATION, workspace: WORKSPACE.into(), ..Header::default() }
}
