//! segmentation, started as `perennial` starts it, with a client of its own.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use chassis::{
    Tasks,
    grpc::Reflected,
    metrics::{Metrics, Readiness},
    workers::Workers,
};
use contracts::{
    account::{AccountRecord, AccountTraits, NamedValue, Usage, Value, account_record::Kind, value},
    log::{CatalogueVersion, ClockAdvanced, ClockKind, Header, control},
    segment::{AwaitClockRequest, ListSegmentsRequest, segment_service_client::SegmentServiceClient},
};
use eventlog::{FORMAT, GENERATION, Key, Log, NewRecord, Topic, TopicPartition, control_record};
use prost::Message;
use serde_json::{Value as Json, json};
use testkit::servers::{Database, LogPlace, postgres};
use tokio::{net::TcpListener, time::timeout};
use tonic::transport::Channel;

use crate::above::score;

/// Whether this is the test binary whose logs lie in Kafka.
const ON_KAFKA: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"on_kafka");
pub(crate) const WORKSPACE: &str = "acme";
pub(crate) const DAY: i64 = 86_400_000;

/// A running segmentation with databases of its own, over a workspace on the log clock.
pub(crate) struct World {
    pub(crate) client: SegmentServiceClient<Channel>,
    pub(crate) database: Database,
    log: Arc<dyn Log>,
    place: LogPlace,
    tasks: Tasks,
}

/// Silence, a trait, and the score said above.
pub(crate) fn catalogue() -> Json {
    json!({
        "measures": {"last": {"days_since_last": {}}},
        "segments": {
            "silent": {"when": {"measure": "last", "at_least": 7}},
            "paying": {"when": {"trait": "plan", "is": "pro"}},
            "failing": {"when": {"all": [{"health": "band", "is": "red"}, {"health": "score", "at_most": 20}]}},
        },
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
        score(&log, &tasks);
        let readiness = Readiness::new();
        let workers = Workers::new(log.clone(), &tasks, &Metrics::new(), &readiness);
        let ports = segmentation::Ports { pool: database.pool.clone(), workers };
        let routes = segmentation::start(segmentation::Config::default(), ports).await?;
        readiness.ready().await;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let reflected = Reflected::default();
        let address = chassis::grpc::serve(listener, routes, reflected, &readiness, &tasks).await?;
        let client =
            SegmentServiceClient::new(Channel::from_shared(format!("http://{address}"))?.connect_lazy());
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

    /// The catalogue's segments are listed: they are saved beside what is projected.
    pub(crate) async fn until_listed(&mut self, segments: &[&str]) -> anyhow::Result<()> {
        let listed = async {
            loop {
                let request = ListSegmentsRequest { workspace: WORKSPACE.into(), ..Default::default() };
                let known = self.client.list_segments(request).await?.into_inner().segments;
                if known.iter().map(|it| it.segment.as_str()).eq(segments.iter().copied()) {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(20), listed).await.context("the segments are not listed in time")?
    }

    pub(crate) async fn usage(&self, account: &str, id: u128, at: i64, event: &str) -> anyhow::Result<()> {
        let usage = Usage { event: event.into(), active: true, ..Usage::default() };
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
