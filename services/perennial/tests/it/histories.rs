//! Random histories: two workspaces, one on each clock, whose customers, catalogues, commands and deliveries come
//! from the seed, in a world where workers die, live on, and lose appends and acks.

use std::collections::BTreeSet;

use contracts::{
    account::{
        AccountRecord, AttemptReported, CloseCta, CompleteCtaTask, CtaState, DecideRun, ReassignCta,
        RunState, SnoozeCta, TakeCta, account_record::Kind,
    },
    log::ClockKind,
};
use domain::decision::Decision;
use engine::{Settings, planted::Bug};
use eventlog::{Key, Log, Topic, TopicPartition};
use prost::Message as _;

use crate::{
    catalogues::catalogue,
    dice::Dice,
    people::{DAY_MS, HOUR_MS, People},
    records::{Version, clock, fact, version},
    world::{LONGEST_CALL, Place, Weather, World},
};

const ZONES: [&str; 5] = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"];
/// 2026-03-20: days before clocks change in Europe.
const BEGIN: i64 = 20_532 * DAY_MS;

/// What a history is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct History {
    pub(crate) seed: u64,
    pub(crate) place: Place,
    pub(crate) weather: Weather,
    /// Whether definitions change and people command on the way.
    pub(crate) definitions: bool,
    pub(crate) actions: usize,
    /// Records to a checkpoint.
    pub(crate) checkpoints: u64,
}

/// One workspace as those outside see it.
struct Shop {
    name: &'static str,
    people: People,
    clock: ClockKind,
    zone: &'static str,
    version: u64,
    clock_at: i64,
    commands: Vec<(Key, [u8; 16], Kind)>,
}

/// Plays a history to its end, until all is settled.
pub(crate) fn play(of: History) -> World {
    let settings = Settings { checkpoint_records: of.checkpoints, ..Settings::default() };
    let mut world = World::new(of.seed, of.place, of.weather, &settings);
    world.log.advance(BEGIN);
    let mut dice = Dice::new(of.seed ^ 0x1234_5678);
    let clocks = [("calm", ClockKind::Log), ("brisk", ClockKind::Wall)];
    let mut shops: Vec<Shop> = clocks
        .into_iter()
        .map(|(name, clock)| Shop {
            name,
            people: People::new(name, &mut dice),
            clock,
            zone: dice.word(&ZONES),
            version: 0,
            clock_at: BEGIN,
            commands: Vec::new(),
        })
        .collect();
    shops.iter_mut().for_each(|shop| shop.define(&mut world, &mut dice));
    for _ in 0..of.actions {
        let shop = dice.below(shops.len());
        act(&mut shops[shop], &mut world, &mut dice, of.definitions);
        report(&world, &mut dice);
        let steps = dice.below(3 * (of.place.inboxes + 3 * of.place.accounts) as usize);
        world.steps(steps);
    }
    world.settle();
    for shop in &mut shops {
        shop.pass_time(&mut world, 2 * DAY_MS);
    }
    world.settle();
    world
}

fn act(shop: &mut Shop, world: &mut World, dice: &mut Dice, definitions: bool) {
    match dice.below(100) {
        0..=13 => {
            let hours = dice.range(1, 50);
            shop.pass_time(world, hours * HOUR_MS);
        }
        14..=16 if definitions => shop.define(world, dice),
        17..=25 if definitions => shop.command(world, dice),
        _ => shop.say(world, dice),
    }
}

impl Shop {
    fn say(&mut self, world: &World, dice: &mut Dice) {
        let now = world.log.now();
        let event_at = match (self.clock, dice.below(20)) {
            (ClockKind::Log, 0) => self.clock_at - dice.range(0, 5 * DAY_MS),
            (ClockKind::Log, _) => self.clock_at + 1 + dice.range(0, 2 * DAY_MS),
            (_, 0) => now - dice.range(0, 10 * DAY_MS),
            (_, 1) => now + dice.range(0, 300_000),
            _ => now - dice.range(0, 3 * HOUR_MS),
        };
        // Whole hours and days are where the boundaries are.
        let event_at = if dice.once_in(5) { event_at.div_euclid(HOUR_MS) * HOUR_MS } else { event_at };
        let (key, record) = self.people.say(dice, now, event_at);
        world.put(Topic::Inbox, &key, record);
    }

    fn pass_time(&mut self, world: &mut World, ms: i64) {
        if self.clock != ClockKind::Log {
            return world.log.advance(ms);
        }
        self.clock_at += ms;
        let partitions = world.log.partitions(Topic::Inbox);
        for partition in 0..partitions {
            let record = clock(self.name, self.clock_at, partition, partitions);
            world.log.put(TopicPartition { topic: Topic::Inbox, partition }, record.value);
            world.steps(3);
        }
    }

    /// The next version, in every partition of both topics, now and then twice.
    fn define(&mut self, world: &mut World, dice: &mut Dice) {
        self.version += 1;
        let document = catalogue(dice).to_string();
        let of = Version {
            workspace: self.name,
            version: self.version,
            clock: self.clock,
            time_zone: self.zone,
            fire_playbooks: dice.once_in(2),
            document: &document,
        };
        let parts = 1 + dice.below(3);
        for topic in [Topic::Inbox, Topic::Account] {
            for partition in 0..world.log.partitions(topic) {
                for _ in 0..if dice.once_in(6) { 2 } else { 1 } {
                    for record in version(&of, parts) {
                        world.log.put(TopicPartition { topic, partition }, record.value);
                    }
                }
                if self.version > 1 {
                    world.steps(3);
                }
            }
        }
    }

    /// Somebody does something about a CTA, or asks again.
    fn command(&mut self, world: &World, dice: &mut Dice) {
        if !self.commands.is_empty() && dice.once_in(5) {
            let (key, id, kind) = dice.pick(&self.commands).clone();
            return world.put(Topic::Account, &key, fact(&key, id, world.log.now(), kind));
        }
        let account = dice.pick(self.people.accounts()).clone();
        let key = Key::new(self.name, account);
        let now = if self.clock == ClockKind::Log { self.clock_at } else { world.log.now() };
        let kind = order(world, &key, now, dice);
        let id = dice.id();
        self.commands.push((key.clone(), id, kind.clone()));
        world.put(Topic::Account, &key, fact(&key, id, world.log.now(), kind));
    }
}

/// What somebody asks of one of the account's CTAs or runs; sometimes of one that is not there.
fn order(world: &World, key: &Key, now: i64, dice: &mut Dice) -> Kind {
    let by = (dice.word(&["ada", "bob", ""])).to_owned();
    let asked = dice.below(8);
    let known = if asked < 6 { ctas(world, key) } else { runs(world, key) };
    let id = if known.is_empty() || dice.once_in(8) { dice.id().to_vec() } else { dice.pick(&known).clone() };
    let cta = id.clone();
    match asked {
        0 => Kind::TakeCta(TakeCta { cta, by }),
        1 => Kind::SnoozeCta(SnoozeCta { cta, by, until_at: now + dice.range(-HOUR_MS, 4 * DAY_MS) }),
        2 | 3 => Kind::CloseCta(CloseCta { cta, by, outcome: (dice.word(&["done", "saved"])).into() }),
        4 => Kind::ReassignCta(ReassignCta { cta, by, owner: (dice.word(&["eve", ""])).into() }),
        5 => {
            Kind::CompleteCtaTask(CompleteCtaTask { cta, by, task: (dice.word(&["call", "ask", ""])).into() })
        }
        _ => Kind::DecideRun(DecideRun { run: id, by, approved: asked == 6 }),
    }
}

/// The account's CTAs as its log shows them, open ones several times.
fn ctas(world: &World, key: &Key) -> Vec<Vec<u8>> {
    let mut ctas = Vec::new();
    for kind in said_of(world, key) {
        if let Kind::CtaChanged(cta) = kind {
            ctas.retain(|known| *known != cta.cta || cta.state() != CtaState::Closed);
            ctas.push(cta.cta);
        }
    }
    ctas
}

/// The account's runs that wait, those for somebody's yes several times.
fn runs(world: &World, key: &Key) -> Vec<Vec<u8>> {
    let mut runs = Vec::new();
    for kind in said_of(world, key) {
        if let Kind::RunAdvanced(run) = kind {
            runs.retain(|known| *known != run.run);
            let times = usize::from(run.state() == RunState::Waiting) + 9 * usize::from(run.awaits_approval);
            runs.extend(std::iter::repeat_n(run.run, times));
        }
    }
    runs
}

fn said_of(world: &World, key: &Key) -> Vec<Kind> {
    let partition = key.partition(world.log.partitions(Topic::Account));
    let records = world.log.records(TopicPartition { topic: Topic::Account, partition });
    let read = records.into_iter().filter_map(|record| AccountRecord::decode(record.value).ok());
    let own = read.filter(|record| {
        record.header.as_ref().is_some_and(|h| h.workspace == key.workspace && h.account == key.account)
    });
    own.filter_map(|record| record.kind).collect()
}

/// Some of the attempts that were due are made, and reported.
fn report(world: &World, dice: &mut Dice) {
    let due = std::mem::take(&mut *world.due.lock().expect("nobody panicked"));
    for decided in due {
        let Decision::Attempt(attempt) = decided.decision else { continue };
        if dice.once_in(5) {
            continue;
        }
        let now = world.log.now();
        let key = Key::new(decided.header.workspace, decided.header.account);
        let kind = Kind::AttemptReported(AttemptReported {
            notification: attempt.notification.0.to_be_bytes().to_vec(),
            attempt: attempt.attempt,
            not_begun: dice.once_in(4),
            permanent: dice.once_in(8),
            status: *dice.pick(&[200, 500, 500, 410, 0]),
            retry_at: if dice.once_in(3) { now + dice.range(0, 2 * HOUR_MS) } else { 0 },
            began_at: now,
            ..AttemptReported::default()
        });
        world.put(Topic::Account, &key, fact(&key, dice.id(), now, kind));
    }
}

/// What the services decided in a history is what the oracle computes, and every fact is where it belongs.
pub(crate) fn check(world: &World) -> Result<(), String> {
    let log = world.records(Topic::Account);
    let inbox = world.records(Topic::Inbox);
    let (given, taken) = oracle::handed_on(&inbox);
    if given != taken {
        return Err(format!("handed on: {taken:#?}, not {given:#?}"));
    }
    let (should, did) = (oracle::attributed(&inbox), oracle::forwarded(&log));
    if should != did {
        let missing: Vec<_> = should.iter().filter(|fact| !did.contains(fact)).take(3).collect();
        let surplus: Vec<_> = did.iter().filter(|fact| !should.contains(fact)).take(3).collect();
        return Err(format!(
            "attribution: {} facts, not {}: missing {missing:#?}, surplus {surplus:#?}",
            did.len(),
            should.len()
        ));
    }
    let (truth, deliveries) = oracle::truth_with_deliveries(&log, LONGEST_CALL);
    check_deliveries(&deliveries, &oracle::said_of_deliveries(&log))?;
    let said = oracle::said(&log);
    for (account, story) in &truth {
        let nothing = oracle::Story::default();
        let told = said.get(account).unwrap_or(&nothing);
        differ(&story.health, &told.health).map_err(|d| format!("{account:?} health {d}"))?;
        differ(&story.memberships, &told.memberships).map_err(|d| format!("{account:?} memberships {d}"))?;
        differ(&story.work, &told.work).map_err(|d| format!("{account:?} work {d}"))?;
    }
    if world.all_repairs() > 0 {
        return Err(format!("{} decisions of the log were not those of a refold", world.all_repairs()));
    }
    match said.keys().find(|account| !truth.contains_key(account)) {
        Some(account) => Err(format!("{account:?}: nothing should have been said")),
        None => Ok(()),
    }
}

/// Every attempt that was asked for, and every end, is the oracle's.
fn check_deliveries(truth: &oracle::Deliveries, said: &oracle::Deliveries) -> Result<(), String> {
    for account in truth.keys().chain(said.keys()) {
        let of = |all: &oracle::Deliveries| all.get(account).cloned().unwrap_or_default();
        differ(&of(truth), &of(said)).map_err(|d| format!("{account:?} deliveries {d}"))?;
    }
    Ok(())
}

fn differ<T: PartialEq + std::fmt::Debug>(truth: &[T], said: &[T]) -> Result<(), String> {
    if truth == said {
        return Ok(());
    }
    let at = truth.iter().zip(said).take_while(|(a, b)| a == b).count();
    Err(format!(
        "differ at {at} of {} and {}:\ntruth {:#?}\nsaid {:#?}",
        truth.len(),
        said.len(),
        truth.get(at),
        said.get(at)
    ))
}

/// A history of every kind: 1 and 4 partitions, 64 in every tenth, in three sorts of weather, with and without changes of
/// definitions and commands.
pub(crate) fn history(seed: u64, bug: Option<Bug>) -> History {
    let (inboxes, accounts) = match seed % 10 {
        9 => (4, 64),
        n if n % 2 == 0 => (1, 1),
        _ => (2, 4),
    };
    History {
        seed,
        place: Place { inboxes, accounts, bug },
        weather: [Weather::FAIR, Weather::ROUGH, Weather::STORM][(seed % 3) as usize],
        definitions: !seed.is_multiple_of(4),
        actions: 90,
        checkpoints: [20, 5, 60][(seed / 3 % 3) as usize],
    }
}

#[test]
fn random_histories_are_decided_as_the_oracle_computes() {
    let wrong: Vec<(u64, String)> = seeds()
        .filter_map(|seed| {
            let world = play(history(seed, None));
            check(&world).err().map(|why| (seed, why))
        })
        .collect();
    wrong.iter().for_each(|(seed, why)| println!("seed {seed}: {why}"));
    assert!(
        wrong.is_empty(),
        "{} are wrong: {:?}",
        wrong.len(),
        wrong.iter().map(|(s, _)| s).collect::<Vec<_>>()
    );
}

/// What is compared of notifications is not nothing.
#[test]
fn notifications_of_random_histories_are_asked_for_again_delivered_dropped_and_gone() {
    let mut met = BTreeSet::new();
    for seed in 0..400 {
        let log = play(history(seed, None)).records(Topic::Account);
        met.extend(oracle::said_of_deliveries(&log).into_values().flatten().map(|turn| match turn {
            oracle::Turn::Asked { attempt, .. } if attempt > 1 => "asked again".to_owned(),
            oracle::Turn::Asked { .. } => "asked".to_owned(),
            oracle::Turn::Settled { state, .. } => state,
        }));
        if ["asked", "asked again", "delivered", "dropped", "gone"].iter().all(|turn| met.contains(*turn)) {
            return;
        }
    }
    panic!("only {met:?}");
}

/// From PERENNIAL_SEED on, PERENNIAL_HISTORIES of them.
#[expect(clippy::disallowed_methods, reason = "a longer run, or one seed again, is asked for from outside")]
fn seeds() -> std::ops::Range<u64> {
    let asked = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let from = asked("PERENNIAL_SEED").unwrap_or(0);
    from..from + asked("PERENNIAL_HISTORIES").unwrap_or(1_000)
}
