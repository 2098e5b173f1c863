//! CloudEvents from topics of Kafka that are somebody else's: read, understood, and handed to the edge.
//!
//! Invariant: a topic's offset is committed only when the inbox has acknowledged what was made of everything below it,
//! and quarantine has the rest. So an event may be taken twice; attribution drops the repeat.

mod event;

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use chassis::{
    Shutdown, Tasks,
    metrics::{Metrics, Outcomes},
    postgres::{answered, reading},
    trace::{follow, is_sampled},
};
use domain::time::Instant;
use eventlog::{
    LogError,
    kafka::{Foreign, KafkaLog, Others},
};
use sqlx::PgPool;
use tokio::{task::spawn_blocking, time::sleep};
use tracing::Instrument;

pub(crate) use self::event::Received;
use crate::{
    edge::{Edge, Refusal},
    keys::Access,
    store,
};

/// Of the groups that share the topics' partitions among ingest's replicas: one a topic.
const GROUP: &str = "ingest-cloudevents";
/// Records taken at once.
const MOST: usize = 500;
/// How long the first of them is waited for.
const LISTEN: Duration = Duration::from_millis(200);
/// Before something is tried again that is away.
const AGAIN: Duration = Duration::from_millis(500);

/// A topic, and the workspace that its events belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsFrom {
    pub topic: String,
    pub workspace: String,
}

/// Reads a topic, as one of its group: what waits for one workspace holds up no other.
struct Reading {
    kafka: Arc<KafkaLog>,
    edge: Arc<Edge>,
    from: EventsFrom,
    told: Outcomes,
    /// How far it is behind, once it has joined.
    lag: Arc<OnceLock<Arc<AtomicU64>>>,
    shutdown: Shutdown,
}

/// Starts reading. A topic that there is not ends its task with an error; brokers that are away are waited for.
pub(crate) fn start(
    kafka: &Arc<KafkaLog>,
    all: Vec<EventsFrom>,
    edge: Arc<Edge>,
    metrics: &Metrics,
    tasks: &Tasks,
) {
    let told = metrics.outcomes(
        "cloudevents",
        "CloudEvents: taken, quarantined, ignored (tombstones), or put off and tried again",
    );
    let mut lags = Vec::new();
    for from in all {
        let lag: Arc<OnceLock<_>> = Arc::default();
        lags.push(lag.clone());
        let name = format!("cloudevents of {}", from.topic);
        let (kafka, edge, told, shutdown) = (kafka.clone(), edge.clone(), told.clone(), tasks.shutdown());
        tasks.spawn(name, Reading { kafka, edge, from, told, lag, shutdown }.run());
    }
    metrics.gauge("cloudevents_lag_records", "Records of CloudEvents topics still to be taken", move || {
        let known = lags.iter().filter_map(|lag| lag.get());
        let lag = known.map(|lag| lag.load(Ordering::Relaxed)).sum::<u64>();
        i64::try_from(lag).unwrap_or(i64::MAX)
    });
}

impl Reading {
    async fn run(self) -> anyhow::Result<()> {
        let Some(others) = self.join().await.context("CloudEvents")? else { return Ok(()) };
        let others = Arc::new(others);
        // It joins once.
        let _ = self.lag.set(others.lag());
        while !self.shutdown.requested() {
            let reading = others.clone();
            let taken = spawn_blocking(move || reading.take(MOST, LISTEN)).await??;
            if taken.is_empty() || !self.keep_all(&taken).await {
                continue;
            }
            let reading = others.clone();
            spawn_blocking(move || reading.keep(&taken)).await?;
        }
        // Leaving the group takes its time.
        spawn_blocking(move || drop(others)).await?;
        Ok(())
    }

    /// Nothing if the service is to stop before.
    async fn join(&self) -> anyhow::Result<Option<Others>> {
        let mut complained = None;
        while !self.shutdown.requested() {
            let (kafka, topic) = (self.kafka.clone(), self.from.topic.clone());
            let joining = spawn_blocking(move || kafka.read_others(&format!("{GROUP}.{topic}"), &topic));
            match joining.await? {
                Err(LogError::Transient(why)) => {
                    if complained.as_ref() != Some(&why) {
                        tracing::warn!("events of {} cannot be read yet: {why}", self.from.topic);
                        complained = Some(why);
                    }
                    sleep(AGAIN).await;
                }
                joined => return Ok(Some(joined?)),
            }
        }
        Ok(None)
    }

    /// Whether everything is kept: not if the service is to stop before.
    async fn keep_all(&self, taken: &[Foreign]) -> bool {
        let same = |one: &Foreign, next: &Foreign| within(one) == within(next);
        for together in taken.chunk_by(same) {
            let topic = &self.from.topic;
            let span = tracing::error_span!("cloudevents", topic, otel.name = %format_args!("process {topic}"),
                otel.kind = "consumer", trace_id = tracing::field::Empty);
            follow(&span, within(&together[0]));
            if !self.keep(together).instrument(span).await {
                return false;
            }
        }
        true
    }

    /// The same of one trace's. What is away is waited for: nothing behind it goes ahead.
    async fn keep(&self, together: &[Foreign]) -> bool {
        let mut complained = None;
        while !self.shutdown.requested() {
            // What is broken off is read again, and what of it is there already is a repeat.
            let kept = tokio::select! {
                kept = self.try_keep(together) => kept,
                () = self.shutdown.clone().wait() => return false,
            };
            let refusal = match kept {
                Ok(()) => return true,
                Err(refusal) => refusal.to_string(),
            };
            self.told.add("put_off", together.len() as u64);
            if complained.as_ref() != Some(&refusal) {
                let topic = &self.from.topic;
                tracing::warn!(topic, "events of {topic} wait: {refusal}");
                complained = Some(refusal);
            }
            sleep(AGAIN).await;
        }
        false
    }

    async fn try_keep(&self, together: &[Foreign]) -> Result<(), Refusal> {
        let access = self.access().await?;
        let now = Instant(chassis::clock::now());
        let read = together.iter().filter_map(|record| Received::read(record, access.clock, now));
        let events: Vec<Received> = read.collect();
        let ignored = together.len() - events.len();
        let taken = self.edge.take_events(&access, events, now).await?;
        self.told.add("taken", u64::from(taken.accepted));
        self.told.add("quarantined", u64::from(taken.quarantined));
        self.told.add("ignored", ignored as u64);
        Ok(())
    }

    /// The workspace that the events belong to. On a new cluster somebody is still to make it.
    async fn access(&self) -> Result<Access, Refusal> {
        let found = answered(find(&self.edge.pool, &self.from.workspace)).await;
        match found.map_err(|error| Refusal::of_postgres(&error))? {
            Some(access) if access.ready => Ok(access),
            _ => Err(Refusal::no_workspace(&self.from.workspace)),
        }
    }
}

async fn find(pool: &PgPool, workspace: &str) -> sqlx::Result<Option<Access>> {
    let mut tx = reading(pool, workspace).await?;
    Ok(store::workspace(&mut tx, workspace).await?.map(|found| found.access()))
}

/// The trace that a record belongs to, if it is recorded: else it goes along with its neighbours.
fn within(record: &Foreign) -> Option<&str> {
    let said = record.header("ce_traceparent").or_else(|| record.header("traceparent"))?;
    std::str::from_utf8(said).ok().filter(|traceparent| is_sampled(traceparent))
}
