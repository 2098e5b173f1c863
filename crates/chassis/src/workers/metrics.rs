//! What workers count, as Prometheus sees it: one family a number, labelled by service and partition.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use engine::{Count, Metrics as Counters};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
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

const COUNTERS: [(&str, &str, Read); 13] = [
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
    ("worker_missed", "Records that were gone before they were folded", |c| &c.missed),
    ("worker_pauses", "Turns in which reading waited for the store", |c| &c.pauses),
];

/// What went wrong, by kind.
const ERRORS: [(&str, Read); 5] = [
    ("log_append", |c| &c.append_errors),
    ("log_refused", |c| &c.append_refusals),
    ("log_fetch", |c| &c.fetch_errors),
    ("store", |c| &c.store_errors),
    ("poison", |c| &c.poison),
];

impl Collected {
    /// Counters for a new worker.
    pub(super) fn counters(&self, service: &'static str, partition: u32) -> Arc<Counters> {
        let counters = Arc::new(Counters::default());
        let worker = Worker { service, partition: partition.to_string(), counters: counters.clone() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        counters
    }

    /// Of a worker that has ended: its lag is somebody else's now.
    pub(super) fn forget(&self, service: &str, partition: u32) {
        let partition = partition.to_string();
        let mut workers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|worker| worker.service != service || worker.partition != partition);
    }
}

impl Collector for Collected {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let workers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lags(&mut encoder, &workers)?;
        for (name, help, read) in COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for worker in workers.iter() {
                ConstCounter::new(read(&worker.counters).get())
                    .encode(family.encode_family(&worker.labels())?)?;
            }
        }
        errors(&mut encoder, &workers)
    }
}

fn lags(encoder: &mut DescriptorEncoder<'_>, workers: &[Worker]) -> Result<(), std::fmt::Error> {
    let help = "Records of the partition not yet folded";
    let mut family = encoder.encode_descriptor("worker_lag_records", help, None, MetricType::Gauge)?;
    for worker in workers {
        let records = i64::try_from(worker.counters.lag_records.get()).unwrap_or(i64::MAX);
        ConstGauge::new(records).encode(family.encode_family(&worker.labels())?)?;
    }
    let (help, unit) = ("Age of the oldest record not yet folded", Unit::Seconds);
    let mut family = encoder.encode_descriptor("worker_lag", help, Some(&unit), MetricType::Gauge)?;
    for worker in workers {
        let age = Duration::from_millis(worker.counters.lag_ms.get());
        ConstGauge::new(age.as_secs_f64()).encode(family.encode_family(&worker.labels())?)?;
    }
    Ok(())
}

fn errors(encoder: &mut DescriptorEncoder<'_>, workers: &[Worker]) -> Result<(), std::fmt::Error> {
    let help = "What went wrong, by kind: all but poison was tried again";
    let mut family = encoder.encode_descriptor("worker_errors", help, None, MetricType::Counter)?;
    for worker in workers {
        for (kind, read) in ERRORS {
            let [service, partition] = worker.labels();
            let labels = [service, partition, ("kind", kind)];
            ConstCounter::new(read(&worker.counters).get()).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

impl Worker {
    fn labels(&self) -> [(&'static str, &str); 2] {
        [("service", self.service), ("partition", &self.partition)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    /// What dashboards and alerts are made of: a name that goes is an alert that never fires again.
    #[test]
    fn operators_find_every_number_of_a_worker_by_its_name() {
        let (metrics, collected) = (Metrics::new(), Collected::default());
        metrics.register(|registry| registry.register_collector(Box::new(collected.clone())));
        let counters = collected.counters("health-score", 3);
        counters.lag_ms.set(1_500);
        counters.store_errors.add(2);
        let text = metrics.text();
        let of = r#"service="health-score",partition="3""#;
        for name in [
            "lag_records",
            "folded_total",
            "evaluations_total",
            "decided_total",
            "projected_total",
            "checkpoints_total",
            "ticks_total",
            "refolded_total",
            "repairs_total",
            "skipped_total",
            "repeats_total",
            "recoveries_total",
            "missed_total",
            "pauses_total",
        ] {
            let line = format!("perennial_worker_{name}{{{of}}} 0");
            assert!(text.contains(&line), "no {line} in\n{text}");
        }
        for line in [
            format!("perennial_worker_lag_seconds{{{of}}} 1.5"),
            format!(r#"perennial_worker_errors_total{{{of},kind="store"}} 2"#),
            format!(r#"perennial_worker_errors_total{{{of},kind="log_append"}} 0"#),
            format!(r#"perennial_worker_errors_total{{{of},kind="log_refused"}} 0"#),
            format!(r#"perennial_worker_errors_total{{{of},kind="log_fetch"}} 0"#),
            format!(r#"perennial_worker_errors_total{{{of},kind="poison"}} 0"#),
        ] {
            assert!(text.contains(&line), "no {line} in\n{text}");
        }
    }
}
