//! A cluster of the real binaries on real servers, kept busy while everything goes wrong that can; afterwards its log
//! holds what the oracle computes, and all that was acknowledged.
//!
//! `CHAOS_SEED` and `CHAOS_FAULTS` tell another history: `cargo xtask chaos`.

mod check;
mod conserved;
mod dead;
mod deck;
mod definitions;
mod doors;
mod faults;
mod load;
mod people;
mod receiver;
mod traffic;
mod workers;

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use chassis::Tasks;
use eventlog::kafka::topics::Topics;
use testkit::{
    cluster::Cluster,
    proxy::{Proxy, Target},
    servers::{OwnKafka, OwnPostgres, OwnRedis, keeping},
    sim::Rng,
};
use tokio::{runtime::Handle, task::JoinSet, task::block_in_place, time::sleep};

use self::{
    check::{Found, check},
    doors::Doors,
    faults::Ground,
    load::Load,
    people::People,
    receiver::Receiver,
};
use crate::{log::Log, process::alone};

/// In every run of the tests: the same fifteen kinds of faults in a short time, five points of the code among them; see
/// [`deck`]. The seeds beside it meet the others.
const SEED: u64 = 203;
const FAULTS: usize = ROUND;
/// Faults to one cluster. A seed goes on where the one before it ends its first round: three in a row meet every kind.
const ROUND: usize = 15;
const RATE: usize = 1_000;
const REPLICAS: usize = 2;
const LONGEST_CALL_S: u64 = 2;
/// Between two faults, at most, milliseconds.
const QUIET: u64 = 3_000;
/// Faults that do not happen in time, at most; each is dealt again.
const MISSED: usize = 4;
/// How often what is not yet as it should be is looked at again.
const LOOKS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_survives_what_clusters_do() -> Result<()> {
    let _alone = alone().await;
    let (seed, faults) =
        (told("CHAOS_SEED")?.unwrap_or(SEED), told("CHAOS_FAULTS")?.unwrap_or(FAULTS as u64));
    let (rate, mut left) = (told("CHAOS_RATE")?.unwrap_or(RATE as u64), usize::try_from(faults)?);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut round = 0;
    while left > 0 {
        let first = usize::try_from(seed.wrapping_add(round))?.wrapping_mul(ROUND);
        let faults = left.min(ROUND);
        let mut dice = Rng::new(seed.wrapping_mul(1_000) + round);
        let (found, met) = one_round(&mut dice, first..first + faults, usize::try_from(rate)?)
            .await
            .with_context(|| format!("seed {seed}, round {round}"))?;
        println!("seed {seed}, round {round}, {faults} faults: {found}");
        for kind in met {
            *kinds.entry(kind).or_default() += 1;
        }
        left -= faults;
        round += 1;
    }
    println!("seed {seed}: {faults} faults, all as the oracle computes:\n{kinds:#?}");
    Ok(())
}

/// A number that somebody asked for.
fn told(name: &str) -> Result<Option<u64>> {
    let Some(value) = std::env::var_os(name) else { return Ok(None) };
    let number = value.to_string_lossy().parse().with_context(|| format!("{name} is no number"))?;
    Ok(Some(number))
}

async fn one_round(dice: &mut Rng, faults: Range<usize>, rate: usize) -> Result<(Found, Vec<String>)> {
    let tasks = Tasks::new();
    let folder = tempfile::tempdir()?;
    let receiver = Receiver::start(&tasks).await?;
    let mut ground = Ground::start(dice.draw(), &receiver, folder.path().to_owned()).await?;
    let survived = survive(&mut ground, dice, faults, rate, &tasks).await;
    let survived = survived.with_context(|| complaints(folder.path()));
    drop(ground);
    tasks.stop();
    let finished = tasks.finish(Duration::from_secs(30)).await;
    survived.and_then(|survived| finished.map(|()| survived))
}

async fn survive(
    ground: &mut Ground,
    dice: &mut Rng,
    faults: Range<usize>,
    rate: usize,
    tasks: &Tasks,
) -> Result<(Found, Vec<String>)> {
    let mut people = People::new(dice.draw(), &ground.doors, &ground.receiver)?;
    let load = Load::new(dice.draw(), &ground.doors, people.open().await?)?;
    let log = Arc::new(Log::in_kafka(ground.cluster.kafka.clone(), tasks).await?);
    let mut busy = JoinSet::new();
    load.begin(rate, &mut busy);
    busy.spawn(load.clone().litter(log.clone(), dice.draw()));
    let enabling = People::new(dice.draw(), &ground.doors, &ground.receiver)?;
    let acting = load.clone().act(people);
    let begun = Instant::now();
    let mut met = Vec::new();
    let mut missed = 0;
    while met.len() < faults.len() {
        let (number, fault) = (met.len() + 1, deck::dealt(faults.start + met.len(), dice));
        let acknowledged = load.acknowledged.load(Ordering::Relaxed);
        println!("{:>7.1?}, {acknowledged} events, fault {number}: {fault:?}", begun.elapsed());
        if fault.happen(ground, &enabling).await.with_context(|| format!("{fault:?}"))? {
            met.push(fault.kind());
        } else {
            missed += 1;
            ensure!(missed <= MISSED, "nobody comes to the points of the code: {fault:?} was the last");
        }
        ground.check_alive()?;
        sleep(Duration::from_millis(dice.below(QUIET))).await;
    }
    load.stop();
    busy.join_all().await.into_iter().collect::<Result<()>>()?;
    let people = block_in_place(|| acting.join()).map_err(|_| anyhow::anyhow!("people panicked"))??;
    load.end().await?;
    // Who falls silent now does so by time alone.
    sleep(definitions::SILENCE).await;
    let acknowledged = load.acknowledged.load(Ordering::Relaxed);
    println!("{:>7.1?}, {acknowledged} events: it is to come to rest", begun.elapsed());
    println!("  the edge answered {:?}", load.answers());
    load.advance().await?;
    let found = examine(ground, &log, &load, &people).await?;
    println!("{:>7.1?}: examined", begun.elapsed());
    Ok((found, met))
}

/// What is decided a moment later is no fault: it is looked at again.
async fn examine(ground: &mut Ground, log: &Log, load: &Load, people: &People) -> Result<Found> {
    let mut looks = 1;
    loop {
        ground.settle(log).await?;
        ground.check_alive()?;
        ground.check_workers().await?;
        let fates = load.traffic().fates.clone();
        let longest_call = i64::try_from(LONGEST_CALL_S * 1_000)?;
        let found = check(log, &ground.doors, &ground.receiver, &fates, people, longest_call).await;
        match found {
            Err(error) if looks < LOOKS => println!("look {looks}: {error:#}"),
            found => return found,
        }
        looks += 1;
    }
}

impl Ground {
    async fn start(seed: u64, receiver: &Receiver, folder: std::path::PathBuf) -> Result<Self> {
        let mut to_kafka = None;
        let kafka = block_in_place(|| {
            OwnKafka::behind(|address| {
                let proxy = Handle::current().block_on(Proxy::start(Target::Tcp(address)))?;
                Ok(Some(to_kafka.insert(proxy).address()))
            })
        })?;
        let postgres = block_in_place(OwnPostgres::start)?;
        let redis = block_in_place(OwnRedis::start)?;
        let to_postgres = Proxy::start(Target::Unix(postgres.socket())).await?;
        let options = kafka.options();
        Topics::new(&options, &keeping())?.apply().await?;
        let url = format!("postgres://perennial@{}/postgres", to_postgres.address());
        let longest_call = format!("--longest-call={LONGEST_CALL_S}");
        let workflow = ["--allow-loopback-webhooks", &longest_call, "--calls-per-endpoint=32"];
        let mut cluster = Cluster::on(env!("CARGO_BIN_EXE_perennial"), options, url, redis.url())
            .telling("workflow", &workflow)
            .telling_all(&["--checkpoint-records=2000"])
            .keeping(folder);
        block_in_place(|| cluster.start_all(REPLICAS))?;
        let doors = Doors::new(seed);
        doors.lead_to(&cluster);
        let to_kafka = to_kafka.context("no proxy before Kafka")?;
        let receiver = receiver.clone();
        Ok(Self { cluster, kafka, postgres, redis, to_kafka, to_postgres, doors, receiver })
    }
}

/// The first errors that every replica logged, and the end of its log.
fn complaints(folder: &std::path::Path) -> String {
    let logs = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let said = logs.filter(|entry| entry.path().extension().is_some_and(|it| it == "log")).map(|entry| {
        let said = std::fs::read_to_string(entry.path()).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        let errors = lines.iter().filter(|line| line.contains(r#""level":"ERROR""#)).take(12);
        let end = &lines[lines.len().saturating_sub(12)..];
        let shown: Vec<&str> = errors.chain(end).copied().collect();
        format!("{}:\n{}\n", entry.file_name().display(), shown.join("\n"))
    });
    said.collect()
}
