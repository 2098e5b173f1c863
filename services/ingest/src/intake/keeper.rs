//! The thread that owns the spool: makes durable what comes, many requests by one fsync, and hands it to the log.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use chassis::{
    Shutdown, Tasks,
    metrics::{Metrics, Outcomes},
};
use eventlog::{Log, LogError, NewRecord, Topic, TopicPartition};
use prometheus_client::metrics::gauge::Gauge;
use prost::{DecodeError, Message, bytes::Bytes};
use spool::{Entry, Opened, Options, Spool, SpoolError};
use tokio::sync::oneshot;

use super::{
    Batch, SpoolAt,
    confirmed::Confirmed,
    kept::{self, Kept},
};
use crate::edge::Refusal;

const SEGMENT_BYTES: u64 = 64 << 20;
/// Bytes that are made durable together, and that are on their way to the log at once.
const TOGETHER: usize = 1 << 20;
/// How often it is looked whether to stop, or to try again.
const LOOK: Duration = Duration::from_millis(100);
/// How long to leave a log alone that is away, or a disk that fails.
const AWAY: Duration = Duration::from_millis(500);

/// Hands what is to be kept to the thread.
pub(super) struct Keeper {
    log: Arc<dyn Log>,
    says: Sender<Said>,
    holds: Arc<AtomicBool>,
    partitions: Arc<Confirmed>,
    told: Outcomes,
}

/// Who hears whether it was kept.
type Answer = oneshot::Sender<Result<(), Unkept>>;

/// Why something was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unkept {
    Full,
    Failed,
}

enum Said {
    Keep(Vec<Bytes>, Answer),
    /// A batch on its way has landed, or not.
    Landed(Result<(), LogError>),
}

struct Work {
    spool: Spool,
    log: Arc<dyn Log>,
    said: Receiver<Said>,
    says: Sender<Said>,
    /// Something waits in the spool: what comes waits behind it.
    holds: Arc<AtomicBool>,
    partitions: Arc<Confirmed>,
    on_its_way: Option<OnItsWay>,
    try_at: Instant,
    numbers: Numbers,
}

struct OnItsWay {
    upto: u64,
    entries: u64,
    batches: usize,
    failed: Option<LogError>,
}

/// What operators see.
struct Numbers {
    entries: Gauge,
    bytes: Gauge,
    told: Outcomes,
}

impl Keeper {
    pub(super) fn start(
        log: Arc<dyn Log>,
        at: &SpoolAt,
        metrics: &Metrics,
        tasks: &Tasks,
    ) -> anyhow::Result<Self> {
        let options = Options { most_bytes: at.most_bytes, segment_bytes: SEGMENT_BYTES };
        let (spool, opened) = Spool::open(&at.folder, options).context("opening the spool")?;
        tell(&opened, &spool);
        let (says, said) = channel();
        let holds = Arc::new(AtomicBool::new(!spool.is_empty()));
        let numbers = Numbers::new(metrics);
        let partitions = Arc::new(Confirmed::open(&at.folder, log.partitions(Topic::Inbox)));
        let keeper = Self {
            log: log.clone(),
            says: says.clone(),
            holds: holds.clone(),
            partitions: partitions.clone(),
            told: numbers.told.clone(),
        };
        let (on_its_way, try_at) = (None, Instant::now());
        let work = Work { spool, log, said, says, holds, partitions, on_its_way, try_at, numbers };
        let shutdown = tasks.shutdown();
        tasks.spawn_thread("spool", move || work.run(&shutdown));
        Ok(keeper)
    }

    /// Whether something waits that must not be overtaken.
    pub(super) fn holds(&self) -> bool {
        self.holds.load(Ordering::Acquire)
    }

    /// Returns when the batches are durable.
    pub(super) async fn keep(&self, batches: &[Batch]) -> Result<(), Refusal> {
        if !self.partitions.is_so(&*self.log) {
            return Err(Refusal::away("the log"));
        }
        let (done, kept) = oneshot::channel();
        let records = kept::encode(batches);
        let events = records.len() as u64;
        // Without the thread there is no answer, which is one.
        let _ = self.says.send(Said::Keep(records, done));
        let outcome = match kept.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Unkept::Full)) => Err(full()),
            Ok(Err(Unkept::Failed)) | Err(_) => Err(Refusal::away("the log")),
        };
        self.told.add(if outcome.is_ok() { "kept" } else { "refused" }, events);
        outcome
    }
}

fn full() -> Refusal {
    Refusal::Busy {
        code: "SPOOL_FULL",
        message: "the log is away, and as much as may wait for it waits already: send this again".into(),
        retry_after_s: 5,
    }
}

fn tell(opened: &Opened, spool: &Spool) {
    if !spool.is_empty() {
        tracing::info!("{} events wait in the spool and go to the log now", spool.waiting());
    }
    if opened.cut > 0 {
        tracing::warn!(
            "{} bytes at the end of the spool were cut: of a batch that was never acknowledged",
            opened.cut
        );
    }
    if !opened.missing.is_empty() {
        tracing::error!(missing = ?opened.missing, "events that were acknowledged are missing from the spool: somebody moved them away");
    }
}

impl Work {
    /// Keeps and drains until shutdown; what is left then waits on disk for the next start.
    fn run(mut self, shutdown: &Shutdown) -> anyhow::Result<()> {
        while !shutdown.requested() {
            match self.said.recv_timeout(LOOK) {
                Ok(said) => self.hear(said),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.partitions.write(&*self.log);
            self.drain();
            self.show();
        }
        self.spool.close().context("closing the spool")
    }

    /// Also hears what else has been said meanwhile.
    fn hear(&mut self, first: Said) {
        let (mut batch, mut waiting) = (Vec::new(), Vec::new());
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(said) = next {
            match said {
                Said::Landed(outcome) => self.land(outcome),
                Said::Keep(records, done) => {
                    bytes += records.iter().map(Bytes::len).sum::<usize>();
                    batch.extend(records);
                    waiting.push(done);
                }
            }
            next = if bytes < TOGETHER { self.said.try_recv().ok() } else { None };
        }
        if !waiting.is_empty() {
            self.keep(&batch, waiting);
        }
    }

    fn keep(&mut self, batch: &[Bytes], waiting: Vec<Answer>) {
        let kept = self.spool.append(batch).map(drop).map_err(|error| match error {
            SpoolError::Full { .. } => Unkept::Full,
            error => {
                tracing::error!(%error, "events are not kept: {error}");
                Unkept::Failed
            }
        });
        self.holds.store(!self.spool.is_empty(), Ordering::Release);
        for answer in waiting {
            // Who has gone away does not hear it.
            let _ = answer.send(kept);
        }
    }

    fn land(&mut self, outcome: Result<(), LogError>) {
        let Some(on_its_way) = &mut self.on_its_way else { return };
        on_its_way.batches -= 1;
        if let Err(error) = outcome {
            on_its_way.failed.get_or_insert(error);
        }
        if on_its_way.batches > 0 {
            return;
        }
        let Some(OnItsWay { upto, entries, failed, .. }) = self.on_its_way.take() else { return };
        match failed {
            // What of it has landed lands twice: repeats are dropped.
            Some(error) => {
                self.leave_alone(&format!("the log does not take what waits in the spool: {error}"))
            }
            None => self.pass(upto, entries),
        }
    }

    fn pass(&mut self, upto: u64, entries: u64) {
        self.numbers.told.add("drained", entries);
        let drained = self
            .spool
            .drained(upto)
            .and_then(|()| if self.spool.is_empty() { self.spool.record() } else { Ok(()) });
        if let Err(error) = drained {
            tracing::warn!(%error, "what was drained may be drained again: {error}");
        }
        self.holds.store(!self.spool.is_empty(), Ordering::Release);
    }

    /// Sends the next of what waits, if nothing is on its way.
    fn drain(&mut self) {
        if self.on_its_way.is_some() || self.spool.is_empty() || Instant::now() < self.try_at {
            return;
        }
        let entries = match self.spool.next(TOGETHER) {
            Ok(entries) => entries,
            Err(error) => return self.leave_alone(&format!("the spool cannot be read: {error}")),
        };
        let Some(upto) = entries.last().map(|entry| entry.sequence) else { return };
        let count = entries.len() as u64;
        let batches = match by_partition(entries) {
            Ok(batches) => batches,
            Err(error) => {
                return self.leave_alone(&format!("what waits in the spool is not understood: {error}"));
            }
        };
        self.on_its_way = Some(OnItsWay { upto, entries: count, batches: batches.len(), failed: None });
        for (partition, records) in batches {
            let says = self.says.clone();
            let at = TopicPartition { topic: Topic::Inbox, partition };
            // If the thread has ended nobody needs to know.
            let done = move |landed: Result<_, _>| drop(says.send(Said::Landed(landed.map(drop))));
            self.log.append(at, records, Box::new(done));
        }
    }

    fn leave_alone(&mut self, why: &str) {
        tracing::warn!(waiting = self.spool.waiting(), "{why}");
        self.try_at = Instant::now() + AWAY;
    }

    fn show(&self) {
        self.numbers.entries.set(i64::try_from(self.spool.waiting()).unwrap_or(i64::MAX));
        self.numbers.bytes.set(i64::try_from(self.spool.bytes()).unwrap_or(i64::MAX));
    }
}

/// In each partition in the order in which they came.
fn by_partition(entries: Vec<Entry>) -> Result<BTreeMap<u32, Vec<NewRecord>>, DecodeError> {
    let mut batches: BTreeMap<u32, Vec<NewRecord>> = BTreeMap::new();
    for entry in entries {
        let kept = Kept::decode(entry.payload)?;
        batches.entry(kept.partition).or_default().push(kept.into_record());
    }
    Ok(batches)
}

impl Numbers {
    fn new(metrics: &Metrics) -> Self {
        let (entries, bytes) = (Gauge::default(), Gauge::default());
        metrics.register(|registry| {
            registry.register(
                "spool_events",
                "Events that wait on this replica's disk for the log",
                entries.clone(),
            );
            registry.register("spool_bytes", "Bytes of those events", bytes.clone());
        });
        let help =
            "Events kept on disk while the log was away, drained from there, and refused since it was full";
        Self { entries, bytes, told: metrics.outcomes("spooled", help) }
    }
}
