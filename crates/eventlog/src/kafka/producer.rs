//! The one producer of a process.
//!
//! Invariant: every batch handed over is answered once, when all of its messages have been; in the order of the calls,
//! as far as they land.

use std::sync::{
    Arc, Mutex, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

use rdkafka::{
    ClientConfig, ClientContext, Message, Statistics,
    config::RDKafkaLogLevel,
    error::KafkaError,
    message::DeliveryResult,
    producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer},
    types::RDKafkaErrorCode,
};

use super::{
    headers::{Kind, around},
    sight::Sight,
};
use crate::{Ack, Appended, LogError, NewRecord, TopicPartition};

type Client = ThreadedProducer<Deliveries>;

/// How long what is on its way may take to land when the process ends: workers have waited for theirs before.
const FLUSH: Duration = Duration::from_millis(800);

pub(super) struct Producer {
    config: ClientConfig,
    kind: Kind,
    sight: Sight,
    client: RwLock<Arc<Client>>,
    is_closed: AtomicBool,
}

/// Hears what became of each message of one client.
struct Deliveries {
    sight: Sight,
    /// The client can send no more, and must be made anew.
    is_broken: AtomicBool,
}

/// A batch on its way.
struct Flight(Mutex<Option<Batch>>);

struct Batch {
    left: usize,
    landed: Option<Appended>,
    error: Option<LogError>,
    done: Ack,
}

impl Producer {
    pub(super) fn new(config: ClientConfig, kind: Kind, sight: Sight) -> Result<Self, LogError> {
        let client = create(&config, &sight).map_err(|error| LogError::Poison(error.to_string()))?;
        let client = RwLock::new(Arc::new(client));
        Ok(Self { config, kind, sight, client, is_closed: AtomicBool::new(false) })
    }

    /// Hands over a batch, which is not empty, to a topic of this name.
    pub(super) fn append(&self, topic: &str, at: TopicPartition, records: Vec<NewRecord>, done: Ack) {
        let flight = Arc::new(Flight::new(records.len(), done));
        let client = match self.client() {
            Ok(client) => client,
            Err(error) => return records.iter().for_each(|_| flight.fail(error.clone())),
        };
        let mut refused = None;
        for record in records {
            // What comes after a refusal would leave a gap.
            let sent = match &refused {
                None => self.send(&client, topic, at, &record, &flight),
                Some(error) => Err(LogError::clone(error)),
            };
            if let Err(error) = sent {
                flight.fail(error.clone());
                refused.get_or_insert(error);
            }
        }
    }

    fn send(
        &self,
        client: &Client,
        topic: &str,
        at: TopicPartition,
        record: &NewRecord,
        flight: &Arc<Flight>,
    ) -> Result<(), LogError> {
        let around = around((self.kind)(at.topic, &record.value), record);
        let message = BaseRecord::with_opaque_to(topic, flight.clone())
            .partition(i32::try_from(at.partition).unwrap_or(i32::MAX))
            .key(&around.key)
            .payload(&*record.value)
            .headers(around.headers);
        client.send(message).map_err(|(error, _)| {
            client.context().hear(&error);
            log_error(&error)
        })
    }

    /// A partition's first offset, and one past its last record. Blocks.
    pub(super) fn bounds(
        &self,
        topic: &str,
        partition: i32,
        at_most: Duration,
    ) -> Result<(u64, u64), LogError> {
        let client = self.client()?;
        let (first, end) =
            client.client().fetch_watermarks(topic, partition, at_most).map_err(|error| log_error(&error))?;
        self.sight.seen();
        Ok((first.max(0).unsigned_abs(), end.max(0).unsigned_abs()))
    }

    /// Refuses what comes from now on, and waits for what is on its way. Blocks.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        let client = self.client.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Err(error) = client.flush(FLUSH) {
            tracing::warn!(%error, "not all that was to be appended has landed: {error}");
        }
    }

    /// A client whose state the broker will not hear of any more is replaced: what it had on its way has failed.
    fn client(&self) -> Result<Arc<Client>, LogError> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(LogError::Transient("the log has stopped".into()));
        }
        let client = self.client.read().unwrap_or_else(PoisonError::into_inner).clone();
        if client.context().is_broken.load(Ordering::Acquire) { self.replaced(&client) } else { Ok(client) }
    }

    /// A new one in place of a broken one, unless somebody else was faster.
    fn replaced(&self, broken: &Arc<Client>) -> Result<Arc<Client>, LogError> {
        let mut held = self.client.write().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&held, broken) {
            tracing::warn!("Kafka's producer cannot go on: a new one takes its place");
            let fresh = create(&self.config, &self.sight);
            let fresh = Arc::new(fresh.map_err(|error| LogError::Transient(error.to_string()))?);
            let old = std::mem::replace(&mut *held, fresh);
            // It waits for its own thread to end, as nobody here may.
            std::thread::spawn(move || drop(old));
        }
        Ok(held.clone())
    }
}

fn create(config: &ClientConfig, sight: &Sight) -> Result<Client, KafkaError> {
    config.create_with_context(Deliveries { sight: sight.clone(), is_broken: AtomicBool::new(false) })
}

/// Only what is too large will never be taken: everything else somebody can mend.
pub(super) fn log_error(error: &KafkaError) -> LogError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
            LogError::Poison("a message over what the topic takes".into())
        }
        Some(RDKafkaErrorCode::QueueFull) => LogError::Transient("too much is waiting already".into()),
        _ => LogError::Transient(error.to_string()),
    }
}

impl Flight {
    fn new(left: usize, done: Ack) -> Self {
        Self(Mutex::new(Some(Batch { left, landed: None, error: None, done })))
    }

    fn land(&self, offset: u64, appended_at: i64) {
        self.answer(|batch| {
            let landed = batch.landed.get_or_insert(Appended { base_offset: offset, appended_at });
            landed.base_offset = landed.base_offset.min(offset);
            landed.appended_at = landed.appended_at.max(appended_at);
        });
    }

    fn fail(&self, error: LogError) {
        self.answer(|batch| batch.error = batch.error.take().or(Some(error)));
    }

    /// One message has its answer; with the last one the batch has its own.
    fn answer(&self, take: impl FnOnce(&mut Batch)) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(batch) = held.as_mut() else { return };
        take(batch);
        batch.left -= 1;
        if batch.left > 0 {
            return;
        }
        let batch = held.take();
        drop(held);
        if let Some(Batch { landed, error, done, .. }) = batch {
            let nothing = || LogError::Transient("nothing has landed".into());
            done(error.map_or_else(|| landed.ok_or_else(nothing), Err));
        }
    }
}

impl Deliveries {
    fn hear(&self, error: &KafkaError) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.is_broken.store(true, Ordering::Release);
        }
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.sight.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.hear(&error);
        self.sight.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.sight.stats(statistics);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Arc<Flight>;

    fn delivery(&self, outcome: &DeliveryResult<'_>, flight: Arc<Flight>) {
        match outcome {
            Ok(message) => {
                self.sight.seen();
                let appended_at = message.timestamp().to_millis().unwrap_or(0);
                match u64::try_from(message.offset()) {
                    Ok(offset) => flight.land(offset, appended_at),
                    // It stands in the log already, nobody says where.
                    Err(_) => flight.fail(LogError::Transient("landed, but where is not known".into())),
                }
            }
            Err((error, _)) => {
                self.hear(error);
                flight.fail(log_error(error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn flight(left: usize) -> (Flight, mpsc::Receiver<Result<Appended, LogError>>) {
        let (says, said) = mpsc::channel();
        (Flight::new(left, Box::new(move |outcome| says.send(outcome).unwrap())), said)
    }

    #[test]
    fn a_batch_is_answered_once_all_of_it_is() {
        let (flight, said) = flight(3);
        flight.land(7, 20);
        flight.land(6, 10);
        assert!(said.try_recv().is_err());
        flight.land(8, 20);
        assert_eq!(said.recv().unwrap(), Ok(Appended { base_offset: 6, appended_at: 20 }));
    }

    #[test]
    fn a_batch_of_which_something_failed_has_failed() {
        let (flight, said) = flight(2);
        flight.land(7, 20);
        flight.fail(LogError::Transient("away".into()));
        flight.land(9, 20);
        assert_eq!(said.recv().unwrap(), Err(LogError::Transient("away".into())));
        assert!(said.recv().is_err(), "once");
    }
}
