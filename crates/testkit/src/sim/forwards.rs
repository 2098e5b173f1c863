//! Toy attribution from inbox partitions to account partitions, with crashes, zombies and faults.
//!
//! Contacts send before their account is known (parked, released by a group call, or given up by a timer), clients
//! send again, clocks advance. Right means: every account partition takes from every inbox partition exactly what a
//! sequential run forwards, in order, and each owner's projected items are those of that run.

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
    toy_forwards::{GROUP, PARKED, State, TRACK, ToyForwards, fold},
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
            let kind = if self.rng.luck(200) { GROUP } else { TRACK };
            let is_named = kind == GROUP || self.rng.luck(400);
            let b = if is_named { self.rng.below(ACCOUNTS) as i64 } else { -1 };
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
        let targets = self.log.partitions(Topic::Account);
        let mut taken = 0;
        let got: Vec<_> = (0..targets).map(|target| self.taken(target)).collect::<Result<_, _>>()?;
        for owner in &self.owners {
            let (want, items) = self.sequential(owner.inbox, targets)?;
            for (target, want) in want.iter().enumerate() {
                let empty = Vec::new();
                let got = got[target].get(&owner.inbox).unwrap_or(&empty);
                if got != want {
                    let at = got.iter().zip(want).position(|(a, b)| a != b);
                    let at = at.unwrap_or(got.len().min(want.len()));
                    let (had, wanted) = (got.get(at), want.get(at));
                    return Err(format!("{} to {target}: {had:?}, not {wanted:?}", owner.inbox));
                }
                taken += got.len();
            }
            let disk = self.disks[owner.inbox as usize].lock().unwrap_or_else(PoisonError::into_inner);
            let projected: Items =
                disk.items.iter().map(|item| (item.offset, item.index, item.item)).collect();
            if projected != items {
                return Err(format!("{} projected {} of {}", owner.inbox, projected.len(), items.len()));
            }
        }
        Ok(taken)
    }

    /// What an account partition's readers take, by source.
    fn taken(&self, target: u32) -> Result<BTreeMap<u32, Vec<String>>, String> {
        let mut last: BTreeMap<u32, (u64, u32)> = BTreeMap::new();
        let mut taken: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        let at = TopicPartition { topic: Topic::Account, partition: target };
        for record in self.log.records(at) {
            let (header, envelope) = read_envelope(&record).map_err(|error| error.to_string())?;
            let Some(cause) = header.cause else { continue };
            let before = header.before.as_ref().map(Cause::order);
            let from = last.get(&cause.partition).copied();
            let leaps = self.bug == Some(Bug::LinkNotChecked);
            if if leaps { Some(cause.order()) <= from } else { before != from } {
                continue;
            }
            last.insert(cause.partition, cause.order());
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
    fn sequential(&self, inbox: u32, targets: u32) -> Result<(Vec<Vec<String>>, Items), String> {
        let mut states: BTreeMap<String, State> = BTreeMap::new();
        let (mut seen, mut items) = (BTreeSet::new(), BTreeSet::new());
        let mut want = vec![Vec::new(); targets as usize];
        let mut clock: Option<i64> = None;
        let mut time = i64::MIN;
        for record in self.log.records(inbox_at(inbox)) {
            let (header, envelope) = read_envelope(&record).map_err(|error| error.to_string())?;
            time = time.max(record.appended_at);
            let (offset, at) = (record.offset, time);
            let mut index = 0;
            let mut item = |id| {
                items.insert((offset, index, id));
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
                    want.iter_mut().for_each(|want| want.push(format!("clock {}", advanced.to_at)));
                }
                Some(control::Kind::CatalogueVersion(version)) => {
                    want.iter_mut().for_each(|want| want.push(format!("catalogue {}", version.version)));
                }
                Some(_) => states.values_mut().for_each(give_up),
                None => {
                    let toy = Toy::decode(record.value.clone()).map_err(|error| error.to_string())?;
                    if !seen.insert(toy.a) {
                        continue;
                    }
                    let state = states.entry(header.account.clone()).or_default();
                    give_up(state);
                    for (account, id, event_at) in fold(state, &toy, header.event_at, at) {
                        item(id);
                        let account = format!("a{account}");
                        let due = clock.map_or(event_at, |clock| event_at.max(clock + 1));
                        let target = Key::new("w", account.clone()).partition(targets);
                        want[target as usize].push(said(offset, &account, id, due));
                    }
                }
            }
        }
        Ok((want, items))
    }
}

fn said(offset: u64, account: &str, id: i64, due_at: i64) -> String {
    format!("{offset}: {id} for {account} due {due_at}")
}
