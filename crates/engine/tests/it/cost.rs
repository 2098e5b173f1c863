//! What one event costs: an evaluation touches the accounts concerned, however many there are.

use std::sync::Arc;

use engine::{Metrics, Settings, Worker, WorkerError};
use testkit::sim::{
    SimLog,
    toy::{H, ToyFold},
};

use crate::{
    records::{catalogue, usage},
    start::{AT, start},
};

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
    let metrics: Arc<Metrics> = Arc::default();
    let (checkpoint_records, unacked_records) = (u64::MAX, usize::MAX);
    let settings = Settings { checkpoint_records, unacked_records, ..Settings::default() };
    let (_desk, mut worker) = start(log.clone(), &Arc::default(), settings, &metrics).unwrap();
    turn_until_settled(&mut worker, &log).unwrap();
    let before = metrics.evaluations.get();
    assert!(before >= u64::from(IDLE_ACCOUNTS));
    log.put(AT, usage("account-7", IDLE_ACCOUNTS + 1));
    turn_until_settled(&mut worker, &log).unwrap();
    assert_eq!(worker.state("w", "account-7").map(|state| state.n), Some(2));
    let steps = metrics.evaluations.get() - before;
    assert!(steps <= 10, "{steps} steps");
}
