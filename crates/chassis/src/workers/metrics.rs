//! What workers count, as Prometheus sees it: one family a number, labelled by service and partition.

use std::sync::{Arc, Mutex, PoisonError};

use engine::{Count, Metrics as Counters};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

/// The counters of every worker of the process. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Collected(Arc<Mutex<Vec<Worker>>>);

#[derive(Debug)]
struct Worker {
    service: &'static str,
    partition: String,
    counters: Arc<Counters>,
}

type Read = fn(&Counters) -> &Count;

const GAUGES: [(&str, &str, Read); 2] = [
    ("worker_lag_records", "Records of the partition not yet folded", |c| &c.lag_records),
    ("worker_lag_milliseconds", "Age of the oldest record not yet folded", |c| &c.lag_ms),
];

const COUNTERS: [(&str, &str, Read); 16] = [
    ("worker_folded", "Facts folded", |c| &c.folded),
    ("worker_evaluations", "Times that an account was looked at", |c| &c.evaluations),
    ("worker_decided", "Own decisions taken from the log", |c| &c.decided),
    ("worker_projected", "Decisions handed to the store", |c| &c.projected),
    ("worker_checkpoints", "Checkpoints begun", |c| &c.checkpoints),
    ("worker_ticks", "Ticks appended", |c| &c.ticks),
    ("worker_refolded", "Facts folded again after an assignment", |c| &c.refolded),
    ("worker_repairs", "Decisions that the log has otherwise than the fold yields them", |c| &c.repairs),
    ("worker_skipped", "Facts skipped", |c| &c.skipped),
    ("worker_repeats", "Repeated messages dropped", |c| &c.repeats),
    ("worker_recoveries", "Times that a worker began again from its checkpoint", |c| &c.recoveries),
    ("worker_append_errors", "Appends that failed and were made again", |c| &c.append_errors),
    ("worker_append_refusals", "Appends that the log refused", |c| &c.append_refusals),
    ("worker_fetch_errors", "Fetches that failed", |c| &c.fetch_errors),
    ("worker_poison", "Records that could not be read or folded", |c| &c.poison),
    ("worker_pauses", "Turns in which reading waited for the store", |c| &c.pauses),
];

impl Collected {
    /// Counters for a new worker.
    pub(super) fn counters(&self, service: &'static str, partition: u32) -> Arc<Counters> {
        let counters = Arc::new(Counters::default());
        let worker = Worker { service, partition: partition.to_string(), counters: counters.clone() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        counters
    }
}

impl Collector for Collected {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let workers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, help, read) in GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for worker in workers.iter() {
                let value = i64::try_from(read(&worker.counters).get()).unwrap_or(i64::MAX);
                ConstGauge::new(value).encode(family.encode_family(&worker.labels())?)?;
            }
        }
        for (name, help, read) in COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for worker in workers.iter() {
                ConstCounter::new(read(&worker.counters).get())
                    .encode(family.encode_family(&worker.labels())?)?;
            }
        }
        Ok(())
    }
}

impl Worker {
    fn labels(&self) -> [(&'static str, &str); 2] {
        [("service", self.service), ("partition", &self.partition)]
    }
}
