//! Toy attribution from inbox partitions to account partitions, with crashes, zombies and faults.
//!
//! Contacts send before their account is known (parked, released by a group call, handed to the contact that they turn
//! out to be, or given up by a timer), clients send again, clocks advance. Right means: every partition takes from
//! every inbox partition exactly what a sequential run forwards, in order, and each owner's projected items are those of
//! that run.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use engine::{Forwarded, Forwarder, Metrics, Ports, Settings, planted::Bug, read_envelope};
use eventlog::{
    FORMAT, GENERATION, Key, Log, Topic, TopicPartition, concat_record, control_record,
    proto::{CatalogueVersion, Cause, ClockAdvanced, ClockKind, Header, control},
};
use prost::Message;

use super::{
    Desk, Disk, Faults, Rng, SimLog,
    toy::Toy,
    toy_forwards::{GROUP, LINK, PARKED, State, TRACK, ToyForwards, fold},
};

const CONTACTS: u64 = 8;
const ACCOUNTS: u64 = 5;

/// Items of a projection: offset, index, what.
type Items = BTreeSet<(u64, u32, i64)>;

struct Owner {
    inbox: u32,
    worker: Forwarder<ToyForwards>,
    desk: Desk<Forwarded<i64>>,
}

struct History {
    rng: Rng,
    log: Arc<SimLog>,
    bug: Option<Bug>,
    disks: Vec<Arc<Mutex<Disk<Forwarded<i64>>>>>,
    owners: Vec<Owner>,
    zombies: Vec<Owner>,
    settings: Settings,
    writers: u64,
    clock: i64,
    sent: Vec<(u64, Toy, i64)>,
}

/// Tells the history of a seed: how many forwards were taken, or what is wrong.
pub fn tell(seed: u64, bug: Option<Bug>) -> Result<usize, String> {
    engine::planted::plant(bug);
    let told = std::panic::catch_unwind(|| History::new(seed, bug).and_then(History::run));
    engine::planted::plant(None);
    told.unwrap_or_else(|_| Err("panicked".into())).map_err(|wrong| format!("seed {seed}: {wrong}"))
}

fn inbox_at(partition: u32) -> TopicPartition {
    TopicPartition { topic: Topic::Inbox, partition }
}

fn account_at(partition: u32) -> TopicPartition {
    TopicPartition { topic: Topic::Account, partition }
}

impl History {
    fn new(seed: u64, bug: Option<Bug>) -> Result<Self, String> {
        let mut rng = Rng::new(seed);
        let (inboxes, accounts) = (*rng.pick(&[1, 2, 3]), *rng.pick(&[1, 2, 4]));
        let log = Arc::new(SimLog::new(rng.draw(), inboxes, accounts));
        log.set_faults(Faults {
            lost: *rng.pick(&[0, 50, 200]),
            ack_lost: *rng.pick(&[0, 50, 200]),
            behind: *rng.pick(&[0, 20, 200]),
        });
        let settings = Settings { checkpoint_records: *rng.pick(&[2, 10, 40]), ..Settings::default() };
        let disks = (0..inboxes).map(|_| Arc::default()).collect();
        let (owners, zombies, sent) = (Vec::new(), Vec::new(), Vec::new());
        let mut history =
            Self { rng, log, bug, disks, owners, zombies, settings, writers: 0, clock: 0, sent };
        history.put_everywhere(control::Kind::CatalogueVersion(CatalogueVersion {
            version: 1,
            part: 1,
            parts: 1,
            clock: ClockKind::Log.into(),
            ..CatalogueVersion::default()
        }));
        for inbox in 0..inboxes {
            let owner = history.open(inbox)?;
            history.owners.push(owner);
        }
        Ok(history)
    }

    fn open(&mut self, inbox: u32) -> Result<Owner, String> {
        self.writers += 1;
        let (desk, store) = Desk::open(&self.disks[inbox as usize], self.bug);
        let writer = Bytes::copy_from_slice(&u128::from(self.writers).to_be_bytes());
        let ports = Ports {
            log: self.log.clone(),
            store: Box::new(store),
            act: Box::new(|_, _| {}),
            next_span: Arc::clone,
            writer,
        };
        let metrics: Arc<Metrics> = Arc::default();
        let worker = Forwarder::start(ToyForwards, ports, inbox, self.settings.clone(), metrics);
        Ok(Owner { inbox, worker: worker.map_err(|error| error.to_string())?, desk })
    }

    fn header(account: &str) -> Header {
        Header {
            format: FORMAT,
            generation: GENERATION,
            workspace: "w".into(),
            account: account.into(),
            ..Header::default()
        }
    }

    fn put_everywhere(&mut self, kind: control::Kind) {
        for inbox in 0..self.disks.len() as u32 {
            self.log.put(inbox_at(inbox), control_record(Self::header(""), kind.clone()));
        }
    }

    fn put_something(&mut self) {
        let ms = self.rng.below(400) as i64;
        self.log.advance(ms);
        if self.rng.luck(100) {
            self.clock += 1_000;
            let to_at = self.clock;
            self.put_everywhere(control::Kind::ClockAdvanced(ClockAdvanced {
                to_at,
                ..ClockAdvanced::default()
            }));
            return;
        }
        let (contact, toy, event_at) = if self.rng.luck(200) && !self.sent.is_empty() {
            self.rng.pick(&self.sent).clone()
        } else {
            let kind = *self.rng.pick(&[GROUP, GROUP, LINK, TRACK, TRACK, TRACK, TRACK, TRACK, TRACK, TRACK]);
            let b = match kind {
                LINK => self.rng.below(CONTACTS) as i64,
                TRACK if self.rng.luck(600) => -1,
                _ => self.rng.below(ACCOUNTS) as i64,
            };
            let toy = Toy { kind, a: self.sent.len() as i64 + 1, b };
            (self.rng.below(CONTACTS), toy, self.clock + 1 + self.rng.below(1_000) as i64)
        };
        self.sent.push((contact, toy.clone(), event_at));
        let contact = format!("c{contact}");
        let inbox = Key::new("w", contact.clone()).partition(self.disks.len() as u32);
        let header = Header { event_at, ..Self::header(&contact) };
        self.log.put(inbox_at(inbox), concat_record(header, &toy.encode_to_vec()));
    }

    fn run(mut self) -> Result<usize, String> {
        let mut left = 20 + self.rng.below(100);
        let kill = *self.rng.pick(&[0, 5, 20]);
        let haunt = *self.rng.pick(&[0, 5, 20]);
        let save = *self.rng.pick(&[50, 300, 900]);
        while left > 0 {
            if self.rng.luck(100) {
                self.put_something();
                left -= 1;
            }
            if self.rng.luck(400) {
                self.log.deliver_ack();
            }
            self.somebody(save)?;
            self.fate(kill, haunt)?;
        }
        self.finish()?;
        self.check()
    }

    fn somebody(&mut self, save: u64) -> Result<(), String> {
        let mine = self.owners.len();
        let at = self.rng.below((mine + self.zombies.len()) as u64) as usize;
        let owner = if at < mine { &mut self.owners[at] } else { &mut self.zombies[at - mine] };
        let now = self.log.now();
        let many = 1 + self.rng.below(3) as usize;
        match self.rng.below(1_000) {
            0..500 => owner.worker.read(now, many).map(|_| ()).map_err(|error| error.to_string())?,
            500..850 => owner.worker.send(now),
            _ => {
                owner.worker.keep(now);
                if self.rng.luck(save) {
                    owner.desk.perform();
                }
            }
        }
        Ok(())
    }

    fn fate(&mut self, kill: u64, haunt: u64) -> Result<(), String> {
        let inbox = self.rng.below(self.owners.len() as u64) as usize;
        if self.rng.luck(kill) {
            self.owners[inbox] = self.open(inbox as u32)?;
        }
        if self.rng.luck(haunt) {
            let successor = self.open(inbox as u32)?;
            self.zombies.push(std::mem::replace(&mut self.owners[inbox], successor));
        }
        if !self.zombies.is_empty() && self.rng.luck(20) {
            let at = self.rng.below(self.zombies.len() as u64) as usize;
            self.zombies.swap_remove(at);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), String> {
        self.zombies.clear();
        self.log.set_faults(Faults::default());
        let mut quiet = 0;
        for _ in 0..3_000 {
            let before = self.log.len();
            while self.log.deliver_ack() {}
            self.log.advance(20);
            let now = self.log.now();
            for owner in &mut self.owners {
                owner.worker.read(now, 1_000).map_err(|error| error.to_string())?;
                owner.worker.send(now);
                owner.worker.keep(now);
                while owner.desk.perform() {}
            }
            let settled = self.owners.iter().all(|owner| owner.worker.is_settled());
            quiet = if settled && self.log.len() == before { quiet + 1 } else { 0 };
            if quiet > 200 {
                return Ok(());
            }
        }
        Err("it does not come to rest".into())
    }

    fn check(&self) -> Result<usize, String> {
        let accounts = (0..self.log.partitions(Topic::Account)).map(account_at);
        let targets: Vec<_> = accounts.chain((0..self.disks.len() as u32).map(inbox_at)).collect();
        let got: Vec<_> = targets.iter().map(|at| self.taken(*at)).collect::<Result<_, _>>()?;
        let mut taken = 0;
        for owner in &self.owners {
            let run = self.sequential(owner.inbox)?;
            for (at, got) in targets.iter().zip(&got) {
                let empty = Vec::new();
                let got = got.get(&owner.inbox).unwrap_or(&empty);
                let want = run.forwards.get(at).unwrap_or(&empty);
                if got != want {
                    let place = got.iter().zip(want).position(|(a, b)| a != b);
                    let place = place.unwrap_or(got.len().min(want.len()));
                    let (had, wanted) = (got.get(place), want.get(place));
                    return Err(format!("{} to {at}: {had:?}, not {wanted:?}", owner.inbox));
                }
                taken += got.len();
            }
            let disk = self.disks[owner.inbox as usize].lock().unwrap_or_else(PoisonError::into_inner);
            let projected: Items =
                disk.items.iter().map(|item| (item.offset, item.index, item.item)).collect();
            if projected != run.items {
                return Err(format!("{} projected {} of {}", owner.inbox, projected.len(), run.items.len()));
            }
        }
        Ok(taken)
    }

    /// What a partition's readers take, by source.
    fn taken(&self, at: TopicPartition) -> Result<BTreeMap<u32, Vec<String>>, String> {
        let mut chains = Chains::default();
        let mut taken: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for record in self.log.records(at) {
            let (header, envelope) = read_envelope(&record).map_err(|error| error.to_string())?;
            let Some(cause) = header.cause else { continue };
            if !chains.take(&header, self.bug == Some(Bug::LinkNotChecked)) {
                continue;
            }
            let what = match envelope.control.and_then(|control| control.kind) {
                Some(control::Kind::ClockAdvanced(clock)) => format!("clock {}", clock.to_at),
                Some(control::Kind::CatalogueVersion(version)) => format!("catalogue {}", version.version),
                Some(_) => return Err("a control that nobody forwards".into()),
                None => {
                    let toy = Toy::decode(record.value).map_err(|error| error.to_string())?;
                    said(cause.offset, &header.account, toy.a, header.due_at)
                }
            };
            taken.entry(cause.partition).or_default().push(what);
        }
        Ok(taken)
    }

    /// What one inbox partition makes, folded once from its beginning.
    fn sequential(&self, inbox: u32) -> Result<Run, String> {
        let mut states: BTreeMap<String, State> = BTreeMap::new();
        let (mut seen, mut chains, mut run) = (BTreeSet::new(), Chains::default(), Run::default());
        let (accounts, inboxes) = (self.log.partitions(Topic::Account), self.disks.len() as u32);
        let mut clock: Option<i64> = None;
        let mut time = i64::MIN;
        for record in self.log.records(inbox_at(inbox)) {
            let (header, envelope) = read_envelope(&record).map_err(|error| error.to_string())?;
            time = time.max(record.appended_at);
            if !chains.take(&header, false) {
                continue;
            }
            let (offset, at) = (record.offset, time);
            let mut index = 0;
            let mut item = |id| {
                run.items.insert((offset, index, id));
                index += 1;
            };
            let mut give_up = |state: &mut State| {
                if !state.parked.is_empty() && state.since + PARKED <= at {
                    state.parked.drain(..).for_each(|(id, _)| item(-id));
                }
            };
            match envelope.control.and_then(|control| control.kind) {
                Some(control::Kind::ClockAdvanced(advanced)) => {
                    clock = clock.max(Some(advanced.to_at));
                    (0..accounts)
                        .for_each(|to| run.forward(account_at(to), format!("clock {}", advanced.to_at)));
                }
                Some(control::Kind::CatalogueVersion(version)) => {
                    let what = format!("catalogue {}", version.version);
                    (0..accounts).for_each(|to| run.forward(account_at(to), what.clone()));
                }
                Some(_) => states.values_mut().for_each(give_up),
                None => {
                    let toy = Toy::decode(record.value.clone()).map_err(|error| error.to_string())?;
                    if header.cause.is_none() && !seen.insert(toy.a) {
                        continue;
                    }
                    let state = states.entry(header.account.clone()).or_default();
                    give_up(state);
                    let made = fold(state, &toy, &header, at);
                    made.facts.iter().for_each(|(_, id, _)| item(*id));
                    for (account, id, event_at) in made.facts {
                        let account = Key::new("w", format!("a{account}"));
                        let due = clock.map_or(event_at, |clock| event_at.max(clock + 1));
                        let what = said(offset, &account.account, id, due);
                        run.forward(account_at(account.partition(accounts)), what);
                    }
                    for (contact, id, _) in made.messages {
                        let contact = Key::new("w", format!("c{contact}"));
                        let what = said(offset, &contact.account, id, 0);
                        run.forward(inbox_at(contact.partition(inboxes)), what);
                    }
                }
            }
        }
        Ok(run)
    }
}

/// What one inbox partition makes.
#[derive(Default)]
struct Run {
    forwards: BTreeMap<TopicPartition, Vec<String>>,
    items: Items,
}

impl Run {
    fn forward(&mut self, to: TopicPartition, what: String) {
        self.forwards.entry(to).or_default().push(what);
    }
}

/// The last forward taken of each source.
#[derive(Default)]
struct Chains(BTreeMap<u32, (u64, u32)>);

impl Chains {
    /// Whether a record is a forward that follows, or no forward at all.
    fn take(&mut self, header: &Header, leaps: bool) -> bool {
        let Some(cause) = &header.cause else { return true };
        let last = self.0.get(&cause.partition).copied();
        let follows =
            if leaps { Some(cause.order()) > last } else { header.before.as_ref().map(Cause::order) == last };
        if follows {
            self.0.insert(cause.partition, cause.order());
        }
        follows
    }
}

fn said(offset: u64, account: &str, id: i64, due_at: i64) -> String {
    format!("{offset}: {id} for {account} due {due_at}")
}
