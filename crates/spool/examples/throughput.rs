//! What the spool takes and gives on this machine: `cargo run --release -p spool --example throughput [folder]`.
//!
//! 1.8 million events of about 400 bytes, in batches of 100, beside a floor: as many bytes in as many writes, each with
//! its fdatasync, to one plain file, and read from it. The two take turns, so that a busy disk slows both.

use std::{
    error::Error,
    fs::{self, File},
    io::{Read, Write},
    path::Path,
    time::{Duration, Instant},
};

use bytes::Bytes;
use spool::{Options, Spool};

const BATCH: usize = 100;
const BATCHES: usize = 1_000;
const TURNS: usize = 18;
const EVENTS: usize = BATCH * BATCHES * TURNS;
const BITE: usize = 1 << 20;
const OPTIONS: Options = Options { most_bytes: 4 << 30, segment_bytes: 64 << 20 };

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let above = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let folder = Path::new(&above).join("spool-throughput");
    fs::create_dir(&folder)?;
    let measured = measure(&folder);
    fs::remove_dir_all(&folder)?;
    measured
}

fn measure(folder: &Path) -> Outcome<()> {
    let (mut spool, _) = Spool::open(&folder.join("spool"), OPTIONS)?;
    let floor = folder.join("floor");
    let batch = batch();
    let (appending, writing) = append(&mut spool, &mut File::create(&floor)?, &batch)?;
    print("appended", "written", appending, writing);
    let bytes = spool.bytes();
    drop(spool);
    let began = Instant::now();
    let (mut spool, _) = Spool::open(&folder.join("spool"), OPTIONS)?;
    println!("opened: {} MB checked in {:.2} s", bytes >> 20, began.elapsed().as_secs_f64());
    let (draining, reading) = drain(&mut spool, &mut File::open(&floor)?)?;
    print("drained", "read", draining, reading);
    Ok(spool.close()?)
}

fn print(what: &str, plainly: &str, spool: Duration, floor: Duration) {
    let rate = |time: Duration| EVENTS as f64 / time.as_secs_f64();
    let (rate, floor) = (rate(spool), rate(floor));
    println!("{what}: {rate:.0} events/s; {plainly} plainly: {floor:.0}; ratio {:.2}", rate / floor);
}

/// Payloads of 350 to 449 bytes.
fn batch() -> Vec<Bytes> {
    (0..BATCH).map(|at| (0..350 + at).map(|byte| (byte * 31 + at) as u8).collect()).collect()
}

fn append(spool: &mut Spool, floor: &mut File, batch: &[Bytes]) -> Outcome<(Duration, Duration)> {
    let (mut appending, mut writing) = (Duration::ZERO, Duration::ZERO);
    let mut plain = Vec::new();
    for _ in 0..TURNS {
        let began = Instant::now();
        for _ in 0..BATCHES {
            spool.append(batch)?;
        }
        appending += began.elapsed();
        plain.resize((spool.bytes() / spool.waiting()) as usize * BATCH, 7);
        let began = Instant::now();
        for _ in 0..BATCHES {
            floor.write_all(&plain)?;
            floor.sync_data()?;
        }
        writing += began.elapsed();
    }
    Ok((appending, writing))
}

fn drain(spool: &mut Spool, floor: &mut File) -> Outcome<(Duration, Duration)> {
    let (mut draining, mut reading) = (Duration::ZERO, Duration::ZERO);
    let mut block = vec![0; BITE];
    loop {
        let began = Instant::now();
        let entries = spool.next(BITE)?;
        let Some(last) = entries.last() else { return Ok((draining, reading)) };
        spool.drained(last.sequence)?;
        draining += began.elapsed();
        let began = Instant::now();
        let _ = floor.read(&mut block)?;
        reading += began.elapsed();
    }
}
