//! What one event costs: an evaluation touches the accounts concerned, however many there are.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use engine::{Metrics, Ports, Settings, Worker, WorkerError};
use eventlog::{Topic, TopicPartition};
use testkit::sim::{
    Desk, Disk, SimLog,
    toy::{H, ToyFold},
};

use crate::records::{catalogue, usage};

const AT: TopicPartition = TopicPartition { topic: Topic::Account, partition: 0 };
const IDLE_ACCOUNTS: u32 = 100_000;

fn turn_until_settled(worker: &mut Worker<ToyFold<H>>, log: &SimLog) -> Result<(), WorkerError> {
    for _ in 0..200 {
        while worker.read(log.now(), 10_000)? > 0 {}
        worker.send(log.now());
        while log.deliver_ack() {}
    }
    Ok(())
}

#[test]
fn one_event_among_100_000_idle_accounts_takes_at_most_10_steps() {
    let log = Arc::new(SimLog::new(1, 1, 1));
    log.put(AT, catalogue());
    for id in 1..=IDLE_ACCOUNTS {
        log.put(AT, usage(&format!("account-{id}"), id));
    }
    let (_desk, store) = Desk::open(&Arc::<Mutex<Disk<_>>>::default(), None);
    let writer = Bytes::from_static(&[1; 16]);
    let ports = Ports {
        log: log.clone(),
        store: Box::new(store),
        act: Box::new(|_, _| {}),
        next_span: Arc::clone,
        writer,
    };
    let metrics: Arc<Metrics> = Arc::default();
    let (checkpoint_records, unacked_records) = (u64::MAX, usize::MAX);
    let settings = Settings { checkpoint_records, unacked_records, ..Settings::default() };
    let mut worker = Worker::start(ToyFold::<H>::default(), ports, 0, settings, metrics.clone()).unwrap();
    turn_until_settled(&mut worker, &log).unwrap();
    let before = metrics.evaluations.get();
    assert!(before >= u64::from(IDLE_ACCOUNTS));
    log.put(AT, usage("account-7", IDLE_ACCOUNTS + 1));
    turn_until_settled(&mut worker, &log).unwrap();
    assert_eq!(worker.state("w", "account-7").map(|state| state.n), Some(2));
    let steps = metrics.evaluations.get() - before;
    assert!(steps <= 10, "{steps} steps");
}
