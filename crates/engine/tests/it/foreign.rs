//! What a worker makes of a log that is not its own, and of records that are not ours.

use std::sync::Arc;

use bytes::Bytes;
use engine::{Metrics, Settings, WorkerError};
use eventlog::{Topic, TopicPartition, proto::DeadLetter};
use prost::Message;
use testkit::sim::SimLog;

use crate::{
    records::{catalogue, usage},
    start::{AT, start},
};

const DEAD: TopicPartition = TopicPartition { topic: Topic::AccountDead, partition: 0 };
const MIB: usize = 1 << 20;

fn log() -> Arc<SimLog> {
    let log = Arc::new(SimLog::new(1, 1, 1));
    log.put(AT, catalogue());
    log
}

#[test]
fn a_log_that_ends_before_the_checkpoint_is_refused() {
    let (log, disk, metrics) = (log(), Arc::default(), Arc::default());
    (1..5).for_each(|id| _ = log.put(AT, usage("globex", id)));
    let (desk, mut worker) = start(log.clone(), &disk, Settings::default(), &metrics).unwrap();
    while worker.folded_to() < 5 {
        worker.turn(log.now()).unwrap();
    }
    worker.drain();
    while !worker.is_drained() {
        worker.turn(log.now()).unwrap();
        while log.deliver_ack() || desk.perform() {}
    }
    let offset = worker.folded_to();
    start(log, &disk, Settings::default(), &metrics).unwrap();
    let (another, end) = (self::log(), 1);
    let refused = start(another, &disk, Settings::default(), &metrics).err();
    assert_eq!(refused, Some(WorkerError::AnotherLog { at: AT, end, offset }));
}

#[test]
fn a_record_as_large_as_a_batch_becomes_a_letter_that_the_log_takes() {
    let (log, metrics) = (log(), Arc::<Metrics>::default());
    log.set_limit(eventlog::MAX_BATCH_BYTES);
    log.put(AT, Bytes::from(vec![0xff; eventlog::MAX_BATCH_BYTES]));
    let (_desk, mut worker) = start(log.clone(), &Arc::default(), Settings::default(), &metrics).unwrap();
    for _ in 0..10 {
        worker.turn(log.now()).unwrap();
        while log.deliver_ack() {}
    }
    let letters = log.records(DEAD);
    let letter = DeadLetter::decode(letters[0].value.clone()).unwrap();
    assert_eq!((letters.len(), letter.record.len()), (1, MIB));
    let said = format!("{:?}", letter.control);
    assert!(said.contains("(of its 8388608 bytes the first 1048576 are here)"), "{said}");
    assert_eq!(metrics.append_refusals.get(), 0);
}

#[test]
fn a_worker_whose_letters_are_not_taken_reads_no_further() {
    let (log, metrics) = (log(), Arc::<Metrics>::default());
    (0..100).for_each(|_| _ = log.put(AT, Bytes::from_static(&[0xff; 8])));
    let settings = Settings { unacked_records: 10, ..Settings::default() };
    let (_desk, mut worker) = start(log.clone(), &Arc::default(), settings, &metrics).unwrap();
    for _ in 0..10 {
        worker.turn(log.now()).unwrap();
    }
    let read_to = worker.folded_to();
    assert!((1..20).contains(&read_to), "{read_to}");
    while worker.folded_to() < 101 {
        worker.turn(log.now()).unwrap();
        while log.deliver_ack() {}
    }
    assert!(log.records(DEAD).len() >= 100);
}
