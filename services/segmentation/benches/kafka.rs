//! How many records a CPU second segmentation takes from Kafka, decides about and says so there, beside what it takes
//! to consume and decode them.
//!
//!     cargo xtask bench kafka
//!
//! Its worker, by the log's adapter, catches up on a partition with 500 segments in force; its store is in memory. The
//! floor is librdkafka's own consumer with the same settings, which decodes every record once. Each is a process of
//! its own in each of several rounds, over the same records, and the middle one of the ratios counts. It fails if a
//! decision is not in the log in the end.

mod scene;

use std::{
    env,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use chassis::{Tasks, clock};
use contracts::account::AccountRecord;
use engine::{Machine as _, Turn};
use eventlog::{
    Log, NewRecord,
    kafka::{KafkaLog, KafkaOptions, floor::Scan, topics::Topics},
};
use prost::Message as _;
use scene::{AT, RECORDS, WARM};
use testkit::{
    measure::{against, cpu, middle},
    servers::{kafka, kafka_log, keeping},
};

const ROUNDS: usize = 7;
const SEGMENTS: usize = 500;
const GOAL: f64 = 0.5;
/// Records appended at once.
const TOGETHER: usize = 1_000;
const SOON: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(120);

/// The shipped binary's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new()?;
    match words[..] {
        ["fold", brokers, prefix] => runtime.block_on(fold(options(brokers, prefix))),
        ["decode", brokers, prefix] => decode(&options(brokers, prefix)),
        // Cargo says `--bench`.
        _ => runtime.block_on(compare()),
    }
}

fn options(brokers: &str, prefix: &str) -> KafkaOptions {
    KafkaOptions {
        prefix: prefix.to_owned(),
        inbox_partitions: 1,
        account_partitions: 1,
        kind: |stream, record| contracts::kind(stream, record),
        ..KafkaOptions::at(brokers)
    }
}

async fn compare() -> Result<()> {
    let (brokers, mut rounds) = (kafka().brokers(), Vec::new());
    for round in 0..ROUNDS {
        let prefix = format!("round{round}-");
        fill(options(&brokers, &prefix)).await?;
        let [floor, _] = run(&["decode", &brokers, &prefix])?;
        let [folded, decisions] = run(&["fold", &brokers, &prefix])?;
        rounds.push([folded, floor, decisions]);
    }
    let of = |value: fn(&[f64; 3]) -> f64| middle(rounds.iter().map(value));
    println!(
        "Kafka to Kafka, {SEGMENTS} segments: {:.0} records/CPU s, {:.0} decisions on {} records; consumed and decoded \
         only: {:.0} records/CPU s; {}",
        of(|it| it[0]),
        of(|it| it[2]),
        RECORDS - WARM,
        of(|it| it[1]),
        against(of(|it| it[0] / it[1]), GOAL)
    );
    println!("all decisions are in the log; the middle of {ROUNDS} rounds");
    Ok(())
}

/// This program in another part: the two numbers that it says.
fn run(arguments: &[&str]) -> Result<[f64; 2]> {
    let output = Command::new(env::current_exe()?).args(arguments).output()?;
    let (said, complained) = (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{arguments:?} ended with {}:\n{complained}", output.status);
    let numbers = said.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    numbers.try_into().map_err(|_| anyhow::anyhow!("{arguments:?} said {said}"))
}

/// What is measured begins when so many facts were taken, and ends when all were.
struct Spent(Duration);

impl Spent {
    fn begin() -> Result<Self> {
        Ok(Self(cpu(std::process::id())?))
    }

    fn per_second(&self) -> Result<f64> {
        let spent = cpu(std::process::id())? - self.0;
        Ok((RECORDS - WARM) as f64 / spent.as_secs_f64())
    }
}

async fn fold(options: KafkaOptions) -> Result<()> {
    let tasks = Tasks::new();
    let log = kafka_log(options, &tasks).await?;
    let (rate, decisions) = tokio::task::spawn_blocking(move || catch_up(log)).await??;
    println!("{rate} {decisions}");
    tasks.stop();
    tasks.finish(Duration::from_secs(10)).await
}

/// Until everything is folded, and what was decided about it is read back.
fn catch_up(log: Arc<KafkaLog>) -> Result<(f64, u64)> {
    let (mut worker, metrics, desk) = scene::worker(log.clone());
    let (mut begun, started) = (None, Instant::now());
    loop {
        match worker.turn(clock::now())? {
            Turn::Busy => {}
            Turn::Idle { .. } => worker.wait(SOON),
        }
        while desk.perform() {}
        let folded = metrics.folded.get();
        if begun.is_none() && folded >= WARM {
            begun = Some((Spent::begin()?, metrics.yielded.get()));
        }
        if folded >= RECORDS && worker.is_settled() && metrics.decided.get() == metrics.yielded.get() {
            break;
        }
        ensure!(started.elapsed() < PATIENCE, "it has folded {folded} records and goes no further");
    }
    let (spent, before) = begun.context("there was too little to fold")?;
    let rate = spent.per_second()?;
    ensure!(metrics.append_errors.get() == 0, "appends have failed");
    let records = 2 + RECORDS + RECORDS / scene::PASSED_EVERY;
    ensure!(log.end(AT)? > records + metrics.yielded.get(), "what was decided does not stand in the log");
    Ok((rate, metrics.yielded.get() - before))
}

fn decode(options: &KafkaOptions) -> Result<()> {
    let scan = Scan::new(options, AT)?;
    let (mut facts, mut begun, started) = (0, None, Instant::now());
    while facts < RECORDS {
        let read = scan.next(SOON, |value| AccountRecord::decode(value))?;
        if let Some(record) = read.transpose()? {
            facts += u64::from(record.kind.is_some());
        }
        if begun.is_none() && facts >= WARM {
            begun = Some(Spent::begin()?);
        }
        ensure!(started.elapsed() < PATIENCE, "{facts} facts come and no more");
    }
    let spent = begun.context("there was too little to decode")?;
    println!("{} 0", spent.per_second()?);
    Ok(())
}

/// A log of this round's own, in which the facts stand.
async fn fill(options: KafkaOptions) -> Result<()> {
    Topics::new(&options, &keeping())?.apply().await?;
    let tasks = Tasks::new();
    let log = kafka_log(options, &tasks).await?;
    let mut records: Vec<NewRecord> = Vec::new();
    for record in scene::opening(SEGMENTS) {
        records.push(NewRecord { value: record, traceparent: None });
    }
    let mut offset = records.len() as u64;
    for number in 0..RECORDS {
        let usage = scene::usage(number, clock::now());
        for value in [Some(usage), scene::passed(number, offset)].into_iter().flatten() {
            records.push(NewRecord { value, traceparent: None });
            offset += 1;
        }
        if records.len() >= TOGETHER {
            eventlog::append(log.as_ref(), AT, std::mem::take(&mut records)).await?;
        }
    }
    if !records.is_empty() {
        eventlog::append(log.as_ref(), AT, records).await?;
    }
    tasks.stop();
    tasks.finish(Duration::from_secs(10)).await
}
