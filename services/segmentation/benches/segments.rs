//! How many records a CPU second folds with 0, 10, 500 and 5,000 segments in force.
//!
//! The same records and the same flips in every run: ten segments whose thresholds are crossed, the others compare
//! the same measures with thresholds that nobody reaches. With none, only the counts are kept: the floor.
//!
//!     cargo bench -p segmentation

use std::sync::{Arc, Mutex};

use chassis::Saver;
use contracts::body;
use domain::fact::{FactKind, Usage};
use engine::{Decided, Metrics, Ports, Settings, Worker};
use eventlog::{
    FORMAT, GENERATION, Topic, TopicPartition, concat_record, control_record,
    proto::{CatalogueVersion, ClockKind, Header, Joined, Passed, Service, control},
};
use segmentation::SegmentFold;
use serde_json::{Map, Value, json};
use testkit::sim::{Desk, Disk, SimLog};

/// Prime, so that every account meets every event in turn.
const ACCOUNTS: u64 = 2_003;
const EVENTS: u64 = 16;
const RECORDS: u64 = 200_000;
/// Folded before the clock starts: every account is known and its rules have been looked at once.
const WARM: u64 = 50_000;
const AT: TopicPartition = TopicPartition { topic: Topic::Account, partition: 0 };
const START: i64 = 1_750_000_000_000;
/// Milliseconds between records: 200,000 of them are 70 days.
const PACE: i64 = 30_000;
const CROSSED: usize = 10;

const SEGMENTS: [usize; 4] = [0, 10, 500, 5_000];
/// In each round every number of segments has its turn, the floor first: a machine that is slower for a while is so for
/// all of them. The middle one of the ratios counts.
const ROUNDS: usize = 9;

fn main() {
    let rounds: Vec<[Run; SEGMENTS.len()]> = (0..ROUNDS).map(|_| SEGMENTS.map(measure)).collect();
    println!("segments  records/CPU s  ratio to aggregates only  decisions");
    for (at, segments) in SEGMENTS.into_iter().enumerate() {
        let rate =
            middle(rounds.iter().map(|round| (RECORDS - WARM) as f64 / (round[at].cpu_ns as f64 / 1e9)));
        let ratio = middle(rounds.iter().map(|round| round[at].cpu_ns as f64 / round[0].cpu_ns as f64));
        println!("{segments:8}  {rate:13.0}  {ratio:24.2}  {:9}", rounds[0][at].decisions);
    }
}

fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[derive(Clone, Copy)]
struct Run {
    cpu_ns: u64,
    decisions: u64,
}

fn measure(segments: usize) -> Run {
    let log = Arc::new(SimLog::new(1, 1, 1));
    fill(&log, &catalogue(segments));
    let (desk, store) = Desk::open(&Arc::new(Mutex::new(Disk::default())), None);
    let ports = Ports {
        log: log.clone(),
        store: Box::new(store),
        act: Box::new(|_: &Decided<_>, _| ()),
        next_span: Arc::clone,
        writer: vec![1; 16].into(),
    };
    let metrics = Arc::new(Metrics::default());
    // No checkpoint in between: encoding accounts is measured elsewhere.
    let settings = Settings { checkpoint_records: u64::MAX, checkpoint_ms: i64::MAX, ..Settings::default() };
    let Ok(mut worker) = Worker::start(segment_fold(), ports, 0, settings, metrics.clone()) else {
        panic!("a worker over a log in memory starts");
    };
    let mut fold_to = |records: u64| {
        while metrics.folded.get() < records {
            log.advance(1);
            worker.turn(log.now()).expect("a log in memory does not fail");
            while log.deliver_ack() {}
            while desk.perform() {}
        }
        (cpu_ns(), metrics.yielded.get())
    };
    let (begun, decided_before) = fold_to(WARM);
    let (ended, decided) = fold_to(RECORDS);
    Run { cpu_ns: ended - begun, decisions: decided - decided_before }
}

/// Time on the CPU of this thread.
fn cpu_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split_whitespace().next().and_then(|ns| ns.parse().ok()).expect("Linux tells the time on the CPU")
}

fn fill(log: &SimLog, catalogue: &Value) {
    log.advance(START - log.now());
    let version = CatalogueVersion {
        version: 1,
        part: 1,
        parts: 1,
        clock: ClockKind::Wall.into(),
        time_zone: "Europe/Berlin".into(),
        fire_playbooks: false,
        document: catalogue.to_string().into_bytes().into(),
    };
    log.put(AT, control_record(header(""), control::Kind::CatalogueVersion(version)));
    let joined = Joined { service: Service::Segmentation.into() };
    log.put(AT, control_record(header(""), control::Kind::Joined(joined)));
    for number in 0..RECORDS {
        log.advance(PACE);
        let offset = log.put(AT, usage(number, log.now()));
        if number % 1_000 == 999 {
            let passed = Passed { service: Service::HealthScore.into(), offset };
            log.put(AT, control_record(header(""), control::Kind::Passed(passed)));
        }
    }
}

fn header(account: &str) -> Header {
    Header {
        format: FORMAT,
        generation: GENERATION,
        workspace: "bench".into(),
        account: account.into(),
        ..Header::default()
    }
}

/// Accounts and events in an order that repeats only after all pairs.
fn usage(number: u64, at: i64) -> bytes::Bytes {
    let usage = Usage {
        contact: None,
        event: format!("event {}", (number * 7) % EVENTS),
        properties: Vec::new(),
        active: true,
    };
    let id = u128::from(number) + 100;
    let header = Header {
        id: id.to_be_bytes().to_vec().into(),
        event_at: at,
        original_at: at,
        ..header(&format!("account {}", (number * 31) % ACCOUNTS))
    };
    concat_record(header, &body(FactKind::Usage(usage)))
}

/// `segments` conditions, shared out over a count for each event and three windows.
fn catalogue(segments: usize) -> Value {
    let mut measures = Map::new();
    for event in 0..EVENTS {
        for days in [7, 28, 84] {
            let window = json!({"days": days});
            measures.insert(
                format!("m_{event}_{days}"),
                json!({"count": {"event": format!("event {event}"), "window": window}}),
            );
        }
    }
    let names: Vec<String> = measures.keys().cloned().collect();
    let segment = |index: usize| {
        let threshold = if index < CROSSED { 1 + index % 3 } else { 1_000 + index };
        json!({"when": {"measure": names[index * 5 % names.len()], "at_least": threshold}})
    };
    let segments: Map<String, Value> =
        (0..segments).map(|index| (format!("s_{index}"), segment(index))).collect();
    json!({"measures": measures, "segments": segments})
}

fn segment_fold() -> SegmentFold {
    SegmentFold { met: Saver::default() }
}
