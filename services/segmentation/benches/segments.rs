//! How many records a CPU second folds with 0, 10, 500 and 5,000 segments in force.
//!
//! The same records and the same flips in every run: ten segments whose thresholds are crossed, the others compare
//! the same measures with thresholds that nobody reaches. With none, only the counts are kept: the floor.
//!
//!     cargo bench -p segmentation --bench segments

mod scene;

use std::sync::Arc;

use scene::{AT, RECORDS, WARM};
use testkit::{measure::middle, sim::SimLog};

const START: i64 = 1_750_000_000_000;
/// Milliseconds between records: 200,000 of them are 70 days.
const PACE: i64 = 30_000;

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

#[derive(Clone, Copy)]
struct Run {
    cpu_ns: u64,
    decisions: u64,
}

fn measure(segments: usize) -> Run {
    let log = Arc::new(SimLog::new(1, 1, 1));
    fill(&log, segments);
    let (mut worker, metrics, desk) = scene::worker(log.clone());
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

fn fill(log: &SimLog, segments: usize) {
    log.advance(START - log.now());
    for record in scene::opening(segments) {
        log.put(AT, record);
    }
    for number in 0..RECORDS {
        log.advance(PACE);
        let offset = log.put(AT, scene::usage(number, log.now()));
        if let Some(passed) = scene::passed(number, offset) {
            log.put(AT, passed);
        }
    }
}
