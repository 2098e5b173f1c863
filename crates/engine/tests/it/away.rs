//! What is known of a worker while its log is away.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use engine::{Metrics, Settings};
use eventlog::{Ack, Log, LogError, Membership, NewRecord, Stored, Topic, TopicPartition};
use testkit::sim::SimLog;

use crate::{
    records::{catalogue, usage},
    start::{AT, start},
};

const BACKLOG: u32 = 40;
const AT_MOST: usize = 16;
const HOUR: i64 = 3_600_000;

/// A log that can be away for whoever reads.
struct Switched {
    log: SimLog,
    is_away: AtomicBool,
}

impl Switched {
    fn there(&self) -> Result<&SimLog, LogError> {
        let away = || LogError::Transient("away".into());
        (!self.is_away.load(Ordering::Relaxed)).then_some(&self.log).ok_or_else(away)
    }
}

impl Log for Switched {
    fn partitions(&self, topic: Topic) -> u32 {
        self.log.partitions(topic)
    }

    fn append(&self, at: TopicPartition, records: Vec<NewRecord>, ack: Ack) {
        self.log.append(at, records, ack);
    }

    fn fetch(&self, at: TopicPartition, from: u64, max_bytes: usize) -> Result<Vec<Stored>, LogError> {
        self.there()?.fetch(at, from, max_bytes)
    }

    fn end(&self, at: TopicPartition) -> Result<u64, LogError> {
        self.there()?.end(at)
    }

    fn wait(&self, at: TopicPartition, from: u64, at_most: Duration) {
        self.log.wait(at, from, at_most);
    }

    fn wake(&self, at: TopicPartition) {
        self.log.wake(at);
    }

    fn join(&self, group: &str, topic: Topic) -> Box<dyn Membership> {
        self.log.join(group, topic)
    }
}

#[test]
fn a_worker_with_a_backlog_says_how_old_it_grows_while_the_log_is_away() {
    let log = Arc::new(Switched { log: SimLog::new(1, 1, 1), is_away: AtomicBool::new(false) });
    let appended_at = log.log.now();
    log.log.put(AT, catalogue());
    (1..BACKLOG).for_each(|id| _ = log.log.put(AT, usage(&format!("account-{id}"), id)));
    let metrics = Arc::<Metrics>::default();
    let (_desk, mut worker) = start(log.clone(), &Arc::default(), Settings::default(), &metrics).unwrap();
    assert_eq!(worker.read(appended_at, AT_MOST).unwrap(), AT_MOST);
    log.is_away.store(true, Ordering::Relaxed);
    for later in [5_000, HOUR] {
        worker.read(appended_at + later, AT_MOST).unwrap_err();
        assert_eq!((metrics.lag_records.get(), metrics.lag_ms.get()), (24, later.unsigned_abs()));
    }
    log.is_away.store(false, Ordering::Relaxed);
    while worker.read(appended_at + HOUR + 1_000, AT_MOST).unwrap() > 0 {}
    assert_eq!((metrics.lag_records.get(), metrics.lag_ms.get()), (0, 0));
}
