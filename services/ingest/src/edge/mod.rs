//! The edge: where events enter, over HTTP and gRPC alike.
//!
//! A request is authenticated, each call in it read once and its clock corrected; what names people goes to the
//! directory, what makes no sense to quarantine, the rest to the inbox. Invariant: "taken" is said only after the log
//! has every event and Postgres every name and refusal.

mod b2b;
mod body;
mod browser;
mod call;
pub(crate) mod clock;
mod contract;
mod envelope;
mod hearing;
pub(crate) mod http;
mod limits;
mod names;
mod record;
mod refusal;
mod told;
mod values;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use chassis::metrics::Metrics;
use chassis::postgres::answered_within;
use contracts::log::ClockKind;
use domain::time::Instant;
use eventlog::{Log, NewRecord, Topic, TopicPartition};
use serde_json::value::RawValue;
use sqlx::PgPool;
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::Instrument;

pub(crate) use self::{
    body::measure,
    call::{Call, Contact, Tracked},
    limits::MAX_EVENT,
    record::Prepared,
    refusal::{Refusal, Sender, Unfit},
};
use self::{
    call::Around,
    envelope::{Envelope, Route},
    hearing::{Held, Rooms},
    limits::{MAX_APPEND, MAX_CALLS, MAX_IN_FLIGHT},
    told::Told,
};
use crate::{
    cloudevents::Received,
    directory::Directory,
    intake::{Batch, Intake},
    keys::{Access, Keys, WriteKey},
    quota::Quotas,
    untimed::Untimed,
};

/// A client is told to come again sooner than it gives up waiting.
const ASKED: Duration = Duration::from_secs(5);

/// Everything the edge needs, shared by all requests.
pub(crate) struct Edge {
    pub(crate) pool: PgPool,
    pub(crate) log: Arc<dyn Log>,
    intake: Intake,
    pub(crate) keys: Keys,
    quotas: Quotas,
    pub(crate) untimed: Untimed,
    directory: Directory,
    in_flight: Semaphore,
    rooms: Rooms,
    told: Told,
}

/// What became of a request's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) accepted: u32,
    pub(crate) quarantined: u32,
}

/// A body as it came, with what its headers say about it.
pub(crate) struct Request<'a> {
    pub(crate) route: Route,
    pub(crate) encoding: Option<&'a str>,
    pub(crate) shown: Shown,
    /// What the key shown opens.
    pub(crate) access: Option<Access>,
    pub(crate) body: Bytes,
    pub(crate) held: Held<'a>,
    pub(crate) received: Instant,
}

/// The write key that the `Authorization` header shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The key itself.
    Key(String),
    /// A token that may be a key, where the body names none.
    Token(String),
    Nothing,
}

impl Edge {
    pub(crate) fn new(
        pool: PgPool,
        log: Arc<dyn Log>,
        intake: Intake,
        keys: Keys,
        quotas: Quotas,
        metrics: &Metrics,
    ) -> Self {
        Self {
            pool,
            log,
            intake,
            keys,
            quotas,
            untimed: Untimed::default(),
            directory: Directory::default(),
            in_flight: Semaphore::new(MAX_IN_FLIGHT),
            rooms: Rooms::default(),
            told: Told::new(metrics),
        }
    }

    /// Answers a request, and tells the operator of it.
    pub(crate) async fn answer(
        &self,
        request: impl Future<Output = Result<Taken, Refusal>>,
    ) -> Result<Taken, Refusal> {
        let begun = std::time::Instant::now();
        let answer = request.await;
        self.told.note(&answer, begun.elapsed());
        answer
    }

    /// What the key in a request's header opens, looked at before its body is. `None`: it shows none, or a token that
    /// is none; then the key is in the body.
    pub(crate) async fn look_at(&self, shown: &Shown) -> Result<Option<Access>, Refusal> {
        let now = Instant(chassis::clock::now());
        match shown {
            Shown::Key(key) => self.access(Some(key), now).await.map(Some),
            Shown::Token(token) if WriteKey::parse(token).is_some() => {
                Ok(self.access(Some(token), now).await.ok())
            }
            Shown::Token(_) | Shown::Nothing => Ok(None),
        }
    }

    /// Takes an HTTP request's calls.
    pub(crate) async fn take_body(&self, request: Request<'_>) -> Result<Taken, Refusal> {
        let Request { route, encoding, shown, access, body, mut held, received } = request;
        let body = body::open(encoding, body)?;
        held.take(encoding.map_or(0, |_| body.len()))?;
        let envelope = Envelope::split(route, &body)?;
        let access = match (shown, access, envelope.write_key.as_deref()) {
            (Shown::Key(_), Some(access), _) | (Shown::Token(_), Some(access), None) => access,
            (Shown::Token(token), None, None) => self.access(Some(&token), received).await?,
            (_, _, key) => self.access(key, received).await?,
        };
        held.make_known()?;
        self.take(&access, &envelope, held, received).await
    }

    /// Takes calls that came one by one, each a JSON object.
    pub(crate) async fn take_calls(
        &self,
        key: &str,
        calls: &[String],
        sent_at: Option<Instant>,
        received: Instant,
    ) -> Result<Taken, Refusal> {
        if calls.len() > MAX_CALLS {
            return Err(Refusal::too_many_calls(calls.len()));
        }
        let access = self.access(Some(key), received).await?;
        let mut held = self.rooms.enter(true);
        held.take(calls.iter().map(String::len).sum())?;
        let mut raw: Vec<&RawValue> = Vec::with_capacity(calls.len());
        for (index, text) in calls.iter().enumerate() {
            measure(text.as_bytes())?;
            let call =
                serde_json::from_str(text).map_err(|e| Refusal::Malformed(format!("calls[{index}]: {e}")))?;
            raw.push(call);
        }
        self.take(&access, &Envelope::of_calls(raw, sent_at), held, received).await
    }

    async fn access(&self, key: Option<&str>, received: Instant) -> Result<Access, Refusal> {
        let Some(key) = key else {
            return Err(Refusal::Unauthorized(
                "no write key: send it as the user name of Basic authentication",
            ));
        };
        let key = WriteKey::parse(key).ok_or(Refusal::Unauthorized("this is not a write key"))?;
        let found = answered_within(ASKED, self.keys.find(&self.pool, &key, received.0)).await;
        let found = found.map_err(|error| Refusal::of_postgres(&error))?;
        let access = found.ok_or(Refusal::Unauthorized("nobody has this write key"))?;
        if access.ready { Ok(access) } else { Err(Refusal::away("the workspace is being made; it")) }
    }

    /// Takes events that came otherwise than as calls. Nothing of them is spooled: who reads them elsewhere may read them
    /// again.
    pub(crate) async fn take_events(
        &self,
        access: &Access,
        events: Vec<Received>,
        received: Instant,
    ) -> Result<Taken, Refusal> {
        let _room = self.room(events.len())?;
        let mut held = self.rooms.enter(true);
        held.take(events.iter().map(|event| event.text.len()).sum())?;
        let prepared = {
            let read = events.iter().map(|event| (event.text.as_str(), event.call.clone()));
            Prepared::new(access, received, read)
        };
        self.keep(access, prepared, held, false).await
    }

    async fn take(
        &self,
        access: &Access,
        envelope: &Envelope<'_>,
        held: Held<'_>,
        received: Instant,
    ) -> Result<Taken, Refusal> {
        let _room = self.room(envelope.calls.len())?;
        self.quotas.take(access, envelope.calls.len()).await?;
        let around = Around { envelope, received, clock: access.clock };
        let read = envelope.calls.iter().map(|call| (call.get(), Call::read(call.get(), &around)));
        let prepared = Prepared::new(access, received, read);
        self.keep(access, prepared, held, access.clock == ClockKind::Wall).await
    }

    /// Names to the directory, what makes no sense to quarantine, the rest to the inbox, or for a while onto disk.
    async fn keep(
        &self,
        access: &Access,
        prepared: Prepared,
        mut held: Held<'_>,
        may_be_spooled: bool,
    ) -> Result<Taken, Refusal> {
        held.take(prepared.bytes())?;
        let counted = self.untimed.admit(access, prepared.accepted)?;
        let kept = answered_within(ASKED, self.directory.keep(&self.pool, access, &prepared)).await;
        kept.map_err(|error| Refusal::of_postgres(&error))?;
        let sending = chassis::trace::sending(Topic::Inbox, prepared.records());
        let batches = sending.in_scope(|| self.batches(&prepared));
        self.intake.take(batches, may_be_spooled).instrument(sending).await?;
        fail::fail_point!("edge-acked");
        counted.keep();
        Ok(Taken { accepted: prepared.accepted, quarantined: prepared.quarantined() })
    }

    /// Room for so many events on their way to the log.
    fn room(&self, events: usize) -> Result<SemaphorePermit<'_>, Refusal> {
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        self.in_flight.try_acquire_many(events).map_err(|_| Refusal::Busy {
            code: "TOO_BUSY",
            message: "too many events wait for the log: send this again".into(),
            retry_after_s: 1,
        })
    }

    /// Every partition's records, in batches that it takes.
    fn batches(&self, prepared: &Prepared) -> Vec<Batch> {
        let traceparent = chassis::trace::current();
        let record = |value: &Bytes| NewRecord { value: value.clone(), traceparent: traceparent.clone() };
        let mut batches = Vec::new();
        for (partition, values) in prepared.by_partition(self.log.partitions(Topic::Inbox)) {
            let at = TopicPartition { topic: Topic::Inbox, partition };
            let chunks = chunks(&values);
            batches.extend(chunks.map(|values| Batch { at, records: values.iter().map(record).collect() }));
        }
        batches
    }
}

/// Records in batches that the log takes: what is small as JSON may be larger as a record.
fn chunks(values: &[Bytes]) -> impl Iterator<Item = &[Bytes]> {
    let mut rest = values;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |value: &&Bytes| {
            bytes += value.len();
            bytes <= MAX_APPEND
        };
        let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let (batch, after) = rest.split_at(count);
        rest = after;
        (!batch.is_empty()).then_some(batch)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_go_to_the_log_in_order_and_in_batches_that_it_takes() {
        for (sizes, batches) in
            [(vec![], 0), (vec![10, 20], 1), (vec![MAX_APPEND, 1, 2], 2), (vec![MAX_APPEND + 1, 5], 2)]
        {
            let values: Vec<Bytes> = sizes.iter().map(|size| Bytes::from(vec![0; *size])).collect();
            let chunked: Vec<&[Bytes]> = chunks(&values).collect();
            assert_eq!(chunked.len(), batches, "{sizes:?}");
            assert_eq!(chunked.concat(), values);
        }
    }
}
