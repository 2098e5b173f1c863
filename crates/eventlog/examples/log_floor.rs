//! What the log in Postgres carries on this machine: `cargo run --profile checked -p eventlog --example log_floor`.
//!
//! Starts a private server, appends for two seconds in each of three ways, and reads everything back from disk.

use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use bytes::Bytes;
use chassis::Tasks;
use eventlog::{
    Log, NewRecord, Topic, TopicPartition,
    postgres::{MIGRATOR, PgLog, PgLogOptions},
};
use testkit::{conformance::append, servers::postgres};

const RUN: Duration = Duration::from_secs(2);
const HERE: TopicPartition = TopicPartition { topic: Topic::Account, partition: 0 };

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = postgres().database(&[&MIGRATOR]).await?;
    // So small a tail that reading means reading from Postgres.
    let options = PgLogOptions { tail_bytes: 1, ..PgLogOptions::default() };
    let (log, running) = PgLog::open(database.pool, options).await?;
    let tasks = Tasks::new();
    let shutdown = tasks.shutdown_beneath();
    tasks.spawn_beneath("log", async move {
        running.run(shutdown.wait()).await;
        Ok(())
    });
    tokio::task::spawn_blocking(move || measure(&log)).await??;
    tasks.stop();
    tasks.finish(Duration::from_secs(10)).await
}

fn measure(log: &Arc<PgLog>) -> anyhow::Result<()> {
    let (appends, records) = one_after_the_other(&**log)?;
    println!("one after the other:      {appends:>9.0} appends/s, {records:>9.0} records/s");
    for size in [1, 10, 100] {
        let (appends, records) = a_thousand_in_flight(&**log, size)?;
        println!("1,000 in flight, of {size:>3}:  {appends:>9.0} appends/s, {records:>9.0} records/s");
    }
    let began = Instant::now();
    let mut read = 0_u64;
    loop {
        let records = log.fetch(HERE, read, 1 << 20)?;
        let Some(last) = records.last() else { break };
        read = last.offset + 1;
    }
    println!("read from disk:           {:>28.0} records/s", read as f64 / began.elapsed().as_secs_f64());
    Ok(())
}

fn batch(size: usize) -> Vec<NewRecord> {
    vec![NewRecord { value: Bytes::from_static(&[7; 300]), traceparent: None }; size]
}

fn one_after_the_other(log: &dyn Log) -> anyhow::Result<(f64, f64)> {
    let (began, mut appends) = (Instant::now(), 0_u32);
    while began.elapsed() < RUN {
        append(log, HERE, batch(1))?;
        appends += 1;
    }
    let rate = f64::from(appends) / began.elapsed().as_secs_f64();
    Ok((rate, rate))
}

fn a_thousand_in_flight(log: &dyn Log, size: usize) -> anyhow::Result<(f64, f64)> {
    let (acks, acked) = mpsc::channel();
    let send = || {
        let acks = acks.clone();
        log.append(HERE, batch(size), Box::new(move |outcome| drop(acks.send(outcome))));
    };
    (0..1_000).for_each(|_| send());
    let (began, mut appends) = (Instant::now(), 0_u32);
    while began.elapsed() < RUN {
        acked.recv()??;
        appends += 1;
        send();
    }
    let rate = f64::from(appends) / began.elapsed().as_secs_f64();
    (0..1_000).try_for_each(|_| acked.recv()?.map(drop).map_err(anyhow::Error::from))?;
    Ok((rate, rate * size as f64))
}
