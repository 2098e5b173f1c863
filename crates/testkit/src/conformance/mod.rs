//! What every adapter of the log port must keep, whatever is behind it. An adapter's tests run [`PROPERTIES`], each on
//! topics of its own, [`members_share_partitions`], and [`appends_fail_and_succeed_again`] with its server under their
//! control.

mod groups;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use eventlog::{Appended, Log, LogError, MAX_BATCH_BYTES, NewRecord, Stored, Topic, TopicPartition};

pub use groups::{Member, members_share_partitions};

/// Longest that anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);
const MANY: usize = 1 << 20;
const HERE: TopicPartition = TopicPartition { topic: Topic::Account, partition: 0 };
const BESIDE: TopicPartition = TopicPartition { topic: Topic::Account, partition: 1 };

/// A fresh log with at least two partitions a topic, as two processes have it. Called from plain threads.
#[derive(Clone)]
pub struct Subject {
    pub log: Arc<dyn Log>,
    pub other: Arc<dyn Log>,
}

/// A sentence that must hold, and how it is tried.
pub type Property = (&'static str, fn(&Subject));

/// By name: what must hold, checked by a function that panics if it does not.
pub const PROPERTIES: [Property; 11] = [
    ("offsets are dense and records come back as appended", records_come_back),
    ("batches that one caller hands over without waiting land in order", calls_land_in_order),
    ("batches of many writers land in order, and readers skip nothing", nothing_is_skipped),
    ("append time never falls, and the last one's is acknowledged", append_time_never_falls),
    ("an acknowledged record is there at once", acknowledged_is_visible),
    ("a fetch begins anywhere and keeps its limit", fetch_keeps_its_limit),
    ("the end is one past the last record, for each partition by itself", ends_are_exact),
    ("a waiter is woken by an append of either process", waiters_are_woken_by_appends),
    ("a waiter is woken by a wake, and by the time", waiters_are_woken),
    ("what is asked wrongly is poison", nonsense_is_poison),
    ("a batch has a bound, and one within it lands", batches_have_a_bound),
];

fn records_come_back(subject: &Subject) {
    let mut written = Vec::new();
    for size in [1, 2, 7, 1, 100] {
        let batch: Vec<NewRecord> = (0..size).map(|index| record(&format!("{size}.{index}"))).collect();
        let landed = append(&*subject.log, HERE, batch.clone()).expect("an ack");
        assert_eq!(landed.base_offset, written.len() as u64);
        written.extend(batch);
    }
    for log in [&subject.log, &subject.other] {
        log.end(HERE).expect("the end");
        let read = read_to(&**log, HERE, written.len() as u64);
        let back =
            read.into_iter().map(|stored| NewRecord { value: stored.value, traceparent: stored.traceparent });
        assert_eq!(back.collect::<Vec<_>>(), written);
    }
}

fn calls_land_in_order(subject: &Subject) {
    let (acks, acked) = mpsc::channel();
    for number in 0..500_u64 {
        let acks = acks.clone();
        let done = Box::new(move |outcome| acks.send((number, outcome)).expect("somebody listens"));
        subject.log.append(HERE, vec![record(&number.to_string())], done);
    }
    let mut landed = BTreeMap::new();
    for _ in 0..500 {
        let (number, outcome): (u64, Result<Appended, LogError>) =
            acked.recv_timeout(PATIENCE).expect("an ack");
        landed.insert(number, outcome.expect("landed").base_offset);
    }
    assert!(landed.iter().all(|(number, offset)| number == offset), "{landed:?}");
}

fn nothing_is_skipped(subject: &Subject) {
    const WRITERS: u64 = 4;
    const BATCHES: u64 = 60;
    let size = |writer: u64, batch: u64| 1 + (writer + batch) % 9;
    let written = |writer: u64| -> Vec<String> {
        (0..BATCHES)
            .flat_map(|batch| (0..size(writer, batch)).map(move |index| format!("{writer}/{batch}/{index}")))
            .collect()
    };
    let total = (0..WRITERS).map(|writer| written(writer).len() as u64).sum();
    let landed = Mutex::new(BTreeMap::new());
    let views = thread::scope(|scope| {
        let readers: Vec<_> = [&subject.log, &subject.other, &subject.log]
            .map(|log| scope.spawn(move || read_to(&**log, HERE, total)))
            .into();
        for writer in 0..WRITERS {
            let (log, landed) = (if writer % 2 == 0 { &subject.log } else { &subject.other }, &landed);
            scope.spawn(move || {
                for batch in 0..BATCHES {
                    let names: Vec<_> =
                        (0..size(writer, batch)).map(|index| format!("{writer}/{batch}/{index}")).collect();
                    let records = names.iter().map(|name| record(name)).collect();
                    let at = append(&**log, HERE, records).expect("an ack");
                    landed.lock().expect("no panic").insert(names[0].clone(), at.base_offset);
                }
            });
        }
        readers.into_iter().map(|reader| reader.join().expect("a reader")).collect::<Vec<_>>()
    });
    let landed = landed.into_inner().expect("no panic");
    for view in views {
        let view = values(&view);
        for writer in 0..WRITERS {
            let own = format!("{writer}/");
            let read: Vec<&String> = view.iter().filter(|name| name.starts_with(&own)).collect();
            assert_eq!(read, written(writer).iter().collect::<Vec<_>>());
        }
        let firsts = view.iter().zip(0_u64..).filter(|(name, _)| name.ends_with("/0"));
        assert_eq!(firsts.map(|(name, at)| (name.clone(), at)).collect::<BTreeMap<_, _>>(), landed);
    }
}

fn append_time_never_falls(subject: &Subject) {
    let mut landed = Vec::new();
    for number in 0..50 {
        let log = if number % 2 == 0 { &subject.log } else { &subject.other };
        landed.push(append(&**log, HERE, vec![record("x"), record("y")]).expect("an ack"));
    }
    assert!(landed.is_sorted_by_key(|landed| landed.appended_at));
    let read = read_to(&*subject.other, HERE, 100);
    assert!(read.is_sorted_by_key(|stored| stored.appended_at));
    for (batch, acked) in read.chunks(2).zip(landed) {
        assert_eq!(batch[1].appended_at, acked.appended_at);
    }
}

fn acknowledged_is_visible(subject: &Subject) {
    for number in 0..50_u64 {
        append(&*subject.log, HERE, vec![record(&number.to_string())]).expect("an ack");
        assert_eq!(values(&fetch(&*subject.log, HERE, number, MANY)), [number.to_string()]);
        assert_eq!(subject.other.end(HERE), Ok(number + 1));
        assert_eq!(values(&fetch(&*subject.other, HERE, number, MANY)), [number.to_string()]);
    }
}

fn fetch_keeps_its_limit(subject: &Subject) {
    let numbers: Vec<String> = (100..120).map(|number| number.to_string()).collect();
    for batch in numbers.chunks(10) {
        append(&*subject.log, HERE, batch.iter().map(|number| record(number)).collect()).expect("an ack");
    }
    subject.other.end(HERE).expect("the end");
    for log in [&subject.log, &subject.other] {
        assert_eq!(values(&fetch(&**log, HERE, 0, 1)), ["100"]);
        assert_eq!(values(&fetch(&**log, HERE, 13, 1)), ["113"]);
        assert_eq!(values(&fetch(&**log, HERE, 17, MANY)), ["117", "118", "119"]);
        let some = values(&fetch(&**log, HERE, 3, 12));
        assert!(!some.is_empty() && some.len() <= 4 && numbers[3..].starts_with(&some), "{some:?}");
        assert_eq!(fetch(&**log, HERE, 20, MANY), []);
        assert_eq!(fetch(&**log, HERE, 2_000, MANY), []);
    }
}

fn ends_are_exact(subject: &Subject) {
    append(&*subject.log, HERE, vec![record("a"), record("b")]).expect("an ack");
    append(&*subject.log, BESIDE, vec![record("c")]).expect("an ack");
    let inbox = TopicPartition { topic: Topic::Inbox, partition: 0 };
    for log in [&subject.log, &subject.other] {
        assert_eq!([HERE, BESIDE, inbox].map(|at| log.end(at)), [Ok(2), Ok(1), Ok(0)]);
        assert_eq!(values(&fetch(&**log, BESIDE, 0, MANY)), ["c"]);
    }
}

fn waiters_are_woken_by_appends(subject: &Subject) {
    for (offset, writer) in [(0, &subject.log), (1, &subject.other)] {
        thread::scope(|scope| {
            let readers: Vec<_> = [&subject.log, &subject.other]
                .map(|log| scope.spawn(move || read_to(&**log, HERE, offset + 1)))
                .into();
            append(&**writer, HERE, vec![record("news")]).expect("an ack");
            for reader in readers {
                assert_eq!(reader.join().expect("a reader").len() as u64, offset + 1);
            }
        });
    }
}

fn waiters_are_woken(subject: &Subject) {
    let began = Instant::now();
    subject.log.wait(HERE, 0, Duration::from_millis(20));
    assert!(began.elapsed() >= Duration::from_millis(20));
    thread::scope(|scope| {
        let waiter = scope.spawn(|| subject.log.wait(HERE, 0, PATIENCE));
        while !waiter.is_finished() {
            subject.log.wake(HERE);
            thread::yield_now();
        }
    });
    assert!(began.elapsed() < PATIENCE);
    append(&*subject.log, HERE, vec![record("there")]).expect("an ack");
    subject.log.wait(HERE, 0, PATIENCE);
    assert!(began.elapsed() < PATIENCE, "there was something to read");
}

fn nonsense_is_poison(subject: &Subject) {
    let nowhere = TopicPartition { topic: Topic::Account, partition: 1_000 };
    let poison =
        |outcome: Result<(), LogError>| assert!(matches!(outcome, Err(LogError::Poison(_))), "{outcome:?}");
    poison(append(&*subject.log, nowhere, vec![record("x")]).map(drop));
    poison(append(&*subject.log, HERE, Vec::new()).map(drop));
    poison(subject.log.fetch(nowhere, 0, MANY).map(drop));
    poison(subject.log.end(nowhere).map(drop));
    assert_eq!(subject.log.end(HERE), Ok(0));
}

fn batches_have_a_bound(subject: &Subject) {
    let batch = |bytes: usize| {
        let halves = [bytes / 2, bytes - bytes / 2];
        halves.map(|size| NewRecord { value: vec![7; size].into(), traceparent: None }).to_vec()
    };
    let refused = append(&*subject.log, HERE, batch(MAX_BATCH_BYTES + 1));
    assert!(matches!(refused, Err(LogError::Poison(_))), "{refused:?}");
    assert_eq!(subject.log.end(HERE), Ok(0));
    append(&*subject.log, HERE, batch(MAX_BATCH_BYTES)).expect("an ack");
    let read = read_to(&*subject.log, HERE, 2);
    assert_eq!(read.iter().map(|stored| stored.value.len()).sum::<usize>(), MAX_BATCH_BYTES);
}

/// With the server away, appends and reads fail as transient; with it back, everything goes on, and what was
/// acknowledged is there.
pub fn appends_fail_and_succeed_again(log: &dyn Log, mut stop: impl FnMut(), mut start: impl FnMut()) {
    append(log, HERE, vec![record("before")]).expect("an ack");
    stop();
    let failed = append(log, HERE, vec![record("during")]);
    assert!(matches!(failed, Err(LogError::Transient(_))), "{failed:?}");
    assert!(matches!(log.end(HERE), Err(LogError::Transient(_))));
    start();
    let deadline = Instant::now() + PATIENCE;
    let landed = loop {
        match append(log, HERE, vec![record("after")]) {
            Ok(landed) => break landed,
            Err(error) => assert!(Instant::now() < deadline, "still away: {error}"),
        }
    };
    let read = values(&read_to(log, HERE, landed.base_offset + 1));
    assert_eq!(read.first().map(String::as_str), Some("before"));
    assert_eq!(read.last().map(String::as_str), Some("after"));
}

/// Appends, and waits for the ack.
pub fn append(log: &dyn Log, at: TopicPartition, records: Vec<NewRecord>) -> Result<Appended, LogError> {
    let (ack, acked) = mpsc::channel();
    log.append(at, records, Box::new(move |outcome| drop(ack.send(outcome))));
    acked.recv_timeout(PATIENCE).expect("every append is answered")
}

/// Reads from the beginning, as a worker does, until `end` is reached; checks that offsets are dense.
fn read_to(log: &dyn Log, at: TopicPartition, end: u64) -> Vec<Stored> {
    let deadline = Instant::now() + PATIENCE;
    let mut read: Vec<Stored> = Vec::new();
    while (read.len() as u64) < end {
        let next = read.len() as u64;
        let records = fetch(log, at, next, 4_096);
        for (record, offset) in records.iter().zip(next..) {
            assert_eq!(record.offset, offset, "a record was skipped");
        }
        assert!(Instant::now() < deadline, "read {next} of {end}");
        if records.is_empty() {
            log.wait(at, next, Duration::from_millis(100));
        }
        read.extend(records);
    }
    read
}

fn fetch(log: &dyn Log, at: TopicPartition, from: u64, max_bytes: usize) -> Vec<Stored> {
    log.fetch(at, from, max_bytes).expect("a fetch")
}

fn record(value: &str) -> NewRecord {
    let traceparent =
        value.starts_with('7').then(|| Arc::from("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    NewRecord { value: Bytes::from(value.to_owned()), traceparent }
}

fn values(records: &[Stored]) -> Vec<String> {
    records.iter().map(|stored| String::from_utf8_lossy(&stored.value).into_owned()).collect()
}
