//! What the benchmarks fold: accounts that use things, and conditions over how often.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use chassis::Saver;
use contracts::body;
use domain::{
    decision::Decision,
    fact::{FactKind, Usage},
};
use engine::{Decided, Metrics, Ports, Projected, Settings, Worker};
use eventlog::{
    FORMAT, GENERATION, Log, Topic, TopicPartition, concat_record, control_record,
    proto::{CatalogueVersion, ClockKind, Header, Joined, Passed, Service, control},
};
use segmentation::SegmentFold;
use serde_json::{Map, Value, json};
use testkit::sim::{Desk, Disk};

/// Prime, so that every account meets every event in turn.
const ACCOUNTS: u64 = 2_003;
const EVENTS: u64 = 16;
/// Facts of usage.
pub(crate) const RECORDS: u64 = 200_000;
/// Folded before the clock starts: every account is known and its rules have been looked at once.
pub(crate) const WARM: u64 = 50_000;
/// health-score has passed what stands before this record and its like.
pub(crate) const PASSED_EVERY: u64 = 1_000;
/// Segments whose thresholds are crossed.
const CROSSED: usize = 10;
pub(crate) const AT: TopicPartition = TopicPartition { topic: Topic::Account, partition: 0 };

/// What stands before all facts: so many segments, and that segmentation decides from here on.
pub(crate) fn opening(segments: usize) -> [Bytes; 2] {
    let version = CatalogueVersion {
        version: 1,
        part: 1,
        parts: 1,
        clock: ClockKind::Wall.into(),
        time_zone: "Europe/Berlin".into(),
        fire_playbooks: false,
        document: catalogue(segments).to_string().into_bytes().into(),
    };
    let joined = Joined { service: Service::Segmentation.into() };
    [
        control_record(header(""), control::Kind::CatalogueVersion(version)),
        control_record(header(""), control::Kind::Joined(joined)),
    ]
}

/// Accounts and events in an order that repeats only after all pairs.
pub(crate) fn usage(number: u64, at: i64) -> Bytes {
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

/// What health-score says behind that fact, if it says something there.
pub(crate) fn passed(number: u64, offset: u64) -> Option<Bytes> {
    let passed = Passed { service: Service::HealthScore.into(), offset };
    (number % PASSED_EVERY == PASSED_EVERY - 1)
        .then(|| control_record(header(""), control::Kind::Passed(passed)))
}

/// segmentation's worker over a log, with a store in memory; what it counts, and the desk of that store.
pub(crate) fn worker(
    log: Arc<dyn Log>,
) -> (Worker<SegmentFold>, Arc<Metrics>, Desk<Projected<Decision, ()>>) {
    let (desk, store) = Desk::open(&Arc::new(Mutex::new(Disk::default())), None);
    let ports = Ports {
        log,
        store: Box::new(store),
        act: Box::new(|_: &Decided<_>, _| ()),
        next_span: Arc::clone,
        writer: vec![1; 16].into(),
    };
    let metrics = Arc::new(Metrics::default());
    // No checkpoint in between: encoding accounts is measured elsewhere.
    let settings = Settings { checkpoint_records: u64::MAX, checkpoint_ms: i64::MAX, ..Settings::default() };
    let fold = SegmentFold { met: Saver::default() };
    match Worker::start(fold, ports, 0, settings, metrics.clone()) {
        Ok(worker) => (worker, metrics, desk),
        Err(error) => panic!("the worker does not start: {error}"),
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
