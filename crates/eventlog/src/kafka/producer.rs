//! The one producer of a process.
//!
//! Invariant: every batch handed over is answered once, when all of its messages have been; in the order of the calls to
//! one partition, as far as they land.

use std::{
    ops::Deref,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext, Message as _, Statistics,
    config::RDKafkaLogLevel,
    error::KafkaError,
    message::DeliveryResult,
    producer::{BaseRecord, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer},
    types::RDKafkaErrorCode,
};

use super::{
    KafkaOptions,
    flight::{Flight, Group},
    headers::Kind,
    outlet::{Batch, Message, Outlet},
    sight::Sight,
};
use crate::{Ack, LogError, NewRecord};

/// A client. It is let go of on a thread of its own: it has to wait until its thread has told of every message, and whoever
/// lets go of it may be that thread, or hold what that thread wants.
struct Client(Option<ThreadedProducer<Deliveries>>);

/// How long what is on its way may take to land when the process ends: workers have waited for theirs before.
const FLUSH: Duration = Duration::from_millis(800);
/// How long a client that is let go of may take to tell that what it had on its way has failed.
const TELL: Duration = Duration::from_secs(10);
/// Between looks whether more has gone out.
const LOOK: Duration = Duration::from_millis(20);

pub(super) struct Producer {
    config: ClientConfig,
    kind: Kind,
    sight: Sight,
    client: RwLock<Arc<Client>>,
    is_closed: AtomicBool,
    /// Bytes that wait for others to land before them, and how many may.
    waiting: AtomicUsize,
    most_waiting: usize,
}

/// Hears what became of each message of one client.
struct Deliveries {
    sight: Sight,
    /// The client can send no more, and must be made anew.
    is_broken: AtomicBool,
}

impl Producer {
    pub(super) fn new(config: ClientConfig, options: &KafkaOptions, sight: Sight) -> Result<Self, LogError> {
        let client = create(&config, &sight).map_err(|error| LogError::Poison(error.to_string()))?;
        Ok(Self {
            config,
            kind: options.kind,
            sight,
            client: RwLock::new(Arc::new(client)),
            is_closed: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            most_waiting: options.queue_bytes,
        })
    }

    /// Hands over a batch.
    pub(super) fn append(self: &Arc<Self>, outlet: &Arc<Outlet>, records: Vec<NewRecord>, done: Ack) {
        if self.is_closed.load(Ordering::Acquire) {
            return done(Err(LogError::Transient("the log has stopped".into())));
        }
        if records.is_empty() {
            return done(Err(LogError::Poison("a batch without records".into())));
        }
        let batch = outlet.batch(self.kind, records, done);
        if self.waiting.fetch_add(batch.bytes, Ordering::AcqRel) > self.most_waiting {
            self.waiting.fetch_sub(batch.bytes, Ordering::AcqRel);
            return (batch.done)(Err(LogError::Transient("too much is waiting already".into())));
        }
        outlet.push(batch);
        self.go_on(outlet);
    }

    /// Sends what may be sent to a partition.
    pub(super) fn go_on(self: &Arc<Self>, outlet: &Arc<Outlet>) {
        let mut unsent = Vec::new();
        let late = outlet.next(|batches| unsent = self.send_all(outlet, batches));
        // Whoever is answered may append again: the outlet is free by now.
        for batch in late {
            self.waiting.fetch_sub(batch.bytes, Ordering::AcqRel);
            (batch.done)(Err(LogError::Transient("those before it do not land".into())));
        }
        for (flight, error) in unsent {
            flight.fail(error);
        }
    }

    /// Sends a group; returns each message that could not be sent.
    fn send_all(self: &Arc<Self>, outlet: &Arc<Outlet>, batches: Vec<Batch>) -> Vec<(Arc<Flight>, LogError)> {
        self.waiting.fetch_sub(batches.iter().map(|batch| batch.bytes).sum(), Ordering::AcqRel);
        let group = Group::new(Arc::downgrade(self), outlet.clone(), batches.len());
        let (client, mut unsent) = (self.client(), Vec::new());
        for Batch { messages, done, .. } in batches {
            let flight = Arc::new(Flight::new(group.clone(), messages.len(), done));
            let mut refused = None;
            for message in messages {
                // What comes after a refusal would leave a gap.
                let sent = match (&refused, &client) {
                    (Some(error), _) | (None, Err(error)) => Err(LogError::clone(error)),
                    (None, Ok(client)) => send(client, &group.outlet, &message, &flight),
                };
                if let Err(error) = sent {
                    unsent.push((flight.clone(), error.clone()));
                    refused.get_or_insert(error);
                }
            }
        }
        unsent
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

    /// Refuses what comes from now on, and waits for what is on its way or waits to be. Blocks.
    pub(super) fn close<'a>(&self, outlets: impl Iterator<Item = &'a Arc<Outlet>>) {
        self.is_closed.store(true, Ordering::Release);
        let until = Instant::now() + FLUSH;
        let mut busy: Vec<_> = outlets.collect();
        while !busy.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return tracing::warn!("not all that was to be appended has landed");
            }
            // It goes at once when it is flushed; what waited for it goes when that is answered.
            let look = Instant::now() + left.min(LOOK);
            let client = self.client.read().unwrap_or_else(PoisonError::into_inner).clone();
            let _ = client.flush(left.min(LOOK));
            std::thread::sleep(look.saturating_duration_since(Instant::now()));
            busy.retain(|outlet| !outlet.is_idle());
        }
    }

    /// A client whose state the broker will not hear of any more is replaced: what it had on its way has failed.
    fn client(&self) -> Result<Arc<Client>, LogError> {
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
            *held = fresh;
        }
        Ok(held.clone())
    }
}

fn create(config: &ClientConfig, sight: &Sight) -> Result<Client, KafkaError> {
    let deliveries = Deliveries { sight: sight.clone(), is_broken: AtomicBool::new(false) };
    Ok(Client(Some(config.create_with_context(deliveries)?)))
}

impl Deref for Client {
    type Target = ThreadedProducer<Deliveries>;

    fn deref(&self) -> &Self::Target {
        self.0.as_ref().unwrap_or_else(|| unreachable!("it is there until it is dropped"))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let Some(client) = self.0.take() else { return };
        std::thread::spawn(move || {
            client.purge(PurgeConfig::default().queue().inflight());
            if let Err(error) = client.flush(TELL) {
                tracing::warn!(%error, "Kafka's client does not tell what became of all that it had: {error}");
            }
        });
    }
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

fn send(client: &Client, outlet: &Outlet, message: &Message, flight: &Arc<Flight>) -> Result<(), LogError> {
    let record = BaseRecord::with_opaque_to(&outlet.topic, flight.clone())
        .partition(outlet.partition)
        .key(&message.around.key)
        .payload(&*message.value)
        .headers(message.around.headers.clone());
    client.send(record).map_err(|(error, _)| {
        client.context().hear(&error);
        log_error(&error)
    })
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

    use super::{super::settings::Configs, *};
    use crate::{Appended, Stream, Topic};

    /// Longer than a client takes to tell.
    const SOON: Duration = Duration::from_secs(60);

    /// One whose broker nobody hears of, so that all it sends is on its way until it lets go of it.
    fn producer() -> Arc<Producer> {
        let options = KafkaOptions::at("127.0.0.1:9");
        let config = Configs::new(&options).unwrap().producer;
        Arc::new(Producer::new(config, &options, Sight::default()).unwrap())
    }

    fn outlet(partition: u32) -> Arc<Outlet> {
        Outlet::new("t".to_owned(), Stream::Topic(Topic::Inbox), partition)
    }

    fn record() -> Vec<NewRecord> {
        vec![NewRecord { value: vec![1].into(), traceparent: None }]
    }

    #[test]
    fn what_a_broken_client_had_on_its_way_has_failed_and_a_new_one_sends_what_comes() {
        let (producer, one, other) = (producer(), outlet(1), outlet(2));
        let (says, said) = mpsc::channel();
        let again = (producer.clone(), one.clone(), says.clone());
        // Whoever hears of it appends again, within the call that tells.
        let done = move |outcome: Result<Appended, LogError>| {
            let (producer, one, says) = again;
            says.send(outcome).unwrap();
            producer.append(&one, record(), Box::new(move |outcome| says.send(outcome).unwrap()));
        };
        producer.append(&one, record(), Box::new(done));
        let broken = producer.client.read().unwrap().clone();
        broken.context().is_broken.store(true, Ordering::Release);
        drop(broken);
        assert!(said.try_recv().is_err(), "it is on its way");
        producer.append(&other, record(), Box::new(drop));
        assert!(matches!(said.recv_timeout(SOON).unwrap(), Err(LogError::Transient(_))));
        let client = producer.client.read().unwrap().clone();
        assert!(!client.context().is_broken.load(Ordering::Acquire));
        // The last that holds them let go of them here, and what is on its way fails then.
        drop((client, producer));
        assert!(matches!(said.recv_timeout(SOON).unwrap(), Err(LogError::Transient(_))));
    }

    #[test]
    fn a_batch_without_records_is_refused() {
        let (says, said) = mpsc::channel();
        producer().append(&outlet(1), Vec::new(), Box::new(move |outcome| says.send(outcome).unwrap()));
        assert!(matches!(said.try_recv().unwrap(), Err(LogError::Poison(_))));
    }
}
