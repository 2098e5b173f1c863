//! A random account log under three toy services, with crashes, zombies and faults.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use engine::{
    Decided, Metrics, Ports, Projected, Settings, Worker, WorkerError, planted::Bug, read_envelope,
};
use eventlog::{
    Topic, TopicPartition,
    proto::{Cause, DeadLetter},
};
use prost::Message as _;

use super::{
    Desk, Disk, Faults, Rng, SimLog, SimStore,
    chain_facts::SPACES,
    reader::{Place, Reader, same},
    toy::{H, Rank, S, SERVICES, State, Toy, ToyFold, W},
    truth::Truth,
};

pub(super) const AT: TopicPartition = TopicPartition { topic: Topic::Account, partition: 0 };
pub(super) const INBOXES: u32 = 2;

type Shared<T> = Arc<Mutex<T>>;
type Item = Projected<Toy, i64>;
type ToyDisk = Shared<Disk<Item>>;

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A worker of any of the three.
enum AnyWorker {
    H(Worker<ToyFold<H>>),
    S(Worker<ToyFold<S>>),
    W(Worker<ToyFold<W>>),
}

macro_rules! each {
    ($any:expr, $worker:ident => $what:expr) => {
        match $any {
            AnyWorker::H($worker) => $what,
            AnyWorker::S($worker) => $what,
            AnyWorker::W($worker) => $what,
        }
    };
}

/// An owner of the partition for one service.
struct Owner {
    service: usize,
    worker: AnyWorker,
    desk: Desk<Item>,
    /// Its clock less the log's.
    skew: i64,
}

/// What a history was made of.
#[derive(Debug, Default, Clone, Copy)]
pub struct Told {
    pub decisions: usize,
    pub checkpoints: u64,
    pub recoveries: u64,
    pub repairs: u64,
    pub skipped: u64,
}

pub(super) struct History {
    pub(super) rng: Rng,
    pub(super) log: Arc<SimLog>,
    bug: Option<Bug>,
    disks: [ToyDisk; 3],
    metrics: [Arc<Metrics>; 3],
    owners: Vec<Owner>,
    zombies: Vec<Owner>,
    acted: Shared<Vec<u64>>,
    writers: u64,
    settings: Settings,
    pub(super) ids: u64,
    pub(super) commands: Vec<(i64, &'static str, &'static str)>,
    pub(super) versions: [u64; 2],
    pub(super) clocks: [i64; INBOXES as usize],
    speeds: [u64; 3],
    faults: Faults,
}

/// Tells the history of a seed; what is wrong with it, if anything. `bug` is planted for its time.
pub fn tell(seed: u64, bug: Option<Bug>) -> Result<Told, String> {
    engine::planted::plant(bug);
    let told = std::panic::catch_unwind(|| History::new(seed, bug).and_then(History::run));
    engine::planted::plant(None);
    told.unwrap_or_else(|_| Err("panicked".into())).map_err(|wrong| format!("seed {seed}: {wrong}"))
}

impl History {
    fn new(seed: u64, bug: Option<Bug>) -> Result<Self, String> {
        let mut rng = Rng::new(seed);
        let log = Arc::new(SimLog::new(rng.draw(), INBOXES, 1));
        let faults = Faults {
            lost: *rng.pick(&[0, 50, 200]),
            ack_lost: *rng.pick(&[0, 50, 200]),
            behind: *rng.pick(&[0, 20, 200]),
        };
        log.set_faults(faults);
        let settings = Settings {
            checkpoint_records: *rng.pick(&[2, 10, 40]),
            encoded_accounts: *rng.pick(&[1, 2, 1_000]),
            buffered_records: *rng.pick(&[2, 8, 1_000]),
            ..Settings::default()
        };
        let speeds = [(); 3].map(|()| *rng.pick(&[1, 1, 5, 20]));
        let mut history = Self {
            rng,
            log,
            bug,
            disks: Default::default(),
            metrics: Default::default(),
            owners: Vec::new(),
            zombies: Vec::new(),
            acted: Arc::default(),
            writers: 0,
            settings,
            ids: 0,
            commands: Vec::new(),
            versions: [0; 2],
            clocks: [0; INBOXES as usize],
            speeds,
            faults,
        };
        for space in 0..SPACES.len() {
            history.put_catalogue(space);
        }
        for service in 0..3 {
            let owner = history.open(service)?;
            history.owners.push(owner);
        }
        Ok(history)
    }

    fn open(&mut self, service: usize) -> Result<Owner, String> {
        self.writers += 1;
        let mut writer = [0_u8; 16];
        writer[8..].copy_from_slice(&self.writers.to_be_bytes());
        let (desk, store) = Desk::open(&self.disks[service], self.bug);
        let worker = match service {
            0 => self.start(service, store, writer).map(AnyWorker::H),
            1 => self.start(service, store, writer).map(AnyWorker::S),
            _ => self.start(service, store, writer).map(AnyWorker::W),
        };
        let worker = worker.map_err(|error| error.to_string())?;
        let skew = *self.rng.pick(&[0, 0, -300, 300]);
        Ok(Owner { service, worker, desk, skew })
    }

    fn start<R: Rank>(
        &self,
        service: usize,
        store: SimStore<Item>,
        writer: [u8; 16],
    ) -> Result<Worker<ToyFold<R>>, WorkerError> {
        let acted = self.acted.clone();
        let ports = Ports {
            log: self.log.clone(),
            store: Box::new(store),
            act: Box::new(move |decided: &Decided<Toy>, _| locked(&acted).push(decided.offset)),
            next_span: Arc::clone,
            writer: Bytes::copy_from_slice(&writer),
        };
        Worker::start(ToyFold::default(), ports, 0, self.settings.clone(), self.metrics[service].clone())
    }

    fn run(mut self) -> Result<Told, String> {
        let mut facts = 20 + self.rng.below(70);
        let kill = *self.rng.pick(&[0, 2, 8]);
        let haunt = *self.rng.pick(&[0, 2, 8]);
        let save = *self.rng.pick(&[50, 300, 900]);
        let prompt = *self.rng.pick(&[20, 100, 400]);
        while facts > 0 {
            if self.rng.luck(80) {
                self.put_fact();
                facts -= 1;
            }
            if self.rng.luck(20) {
                self.log.advance(20);
            }
            if self.rng.luck(prompt) {
                self.log.deliver_ack();
            }
            self.somebody(save)?;
            self.fate(kill, haunt)?;
        }
        self.finish()?;
        self.check()
    }

    /// An owner or a zombie does a little.
    fn somebody(&mut self, save: u64) -> Result<(), String> {
        let count = (self.owners.len() + self.zombies.len()) as u64;
        let at = self.rng.below(count) as usize;
        let owner = if at < 3 { &mut self.owners[at] } else { &mut self.zombies[at - 3] };
        if self.rng.below(self.speeds[owner.service]) != 0 {
            return Ok(());
        }
        let now = self.log.now() + owner.skew;
        let luck = self.rng.below(1_000);
        let many = 1 + self.rng.below(4) as usize;
        match luck {
            0..600 => {
                each!(&mut owner.worker, worker => worker.read(now, many)).map_err(|e| e.to_string())?;
            }
            600..900 => each!(&mut owner.worker, worker => worker.send(now)),
            _ => {
                each!(&mut owner.worker, worker => worker.keep(now, luck.is_multiple_of(2)));
                if self.rng.luck(save) {
                    owner.desk.perform();
                }
            }
        }
        Ok(())
    }

    /// Crashes, and owners that are succeeded and do not know.
    fn fate(&mut self, kill: u64, haunt: u64) -> Result<(), String> {
        if self.rng.luck(kill) {
            let service = self.rng.below(3) as usize;
            self.owners[service] = self.open(service)?;
        }
        if self.rng.luck(haunt) {
            let service = self.rng.below(3) as usize;
            let successor = self.open(service)?;
            self.zombies.push(std::mem::replace(&mut self.owners[service], successor));
        }
        if !self.zombies.is_empty() && self.rng.luck(20) {
            let at = self.rng.below(self.zombies.len() as u64) as usize;
            self.zombies.swap_remove(at);
        }
        Ok(())
    }

    /// The faults end; everybody finishes, and time goes on until nothing more follows.
    fn finish(&mut self) -> Result<(), String> {
        self.zombies.clear();
        self.faults = Faults::default();
        self.log.set_faults(self.faults);
        let mut quiet = 0;
        for round in 0..6_000 {
            let before = self.log.len();
            while self.log.deliver_ack() {}
            self.log.advance(20);
            let now = self.log.now();
            for owner in &mut self.owners {
                let now = now + owner.skew;
                each!(&mut owner.worker, worker => worker.read(now, 1_000)).map_err(|e| e.to_string())?;
                each!(&mut owner.worker, worker => { worker.send(now); worker.keep(now, true) });
                while owner.desk.perform() {}
            }
            let settled = self.owners.iter().all(|owner| each!(&owner.worker, w => w.is_settled()));
            quiet = if settled && self.log.len() == before { quiet + 1 } else { 0 };
            // Long enough for every timer of the toys.
            if quiet > 300 {
                return Ok(());
            }
            if round == 5_999 {
                break;
            }
        }
        Err("it does not come to rest".into())
    }

    fn check(&mut self) -> Result<Told, String> {
        let records = self.log.records(AT);
        let mut truth = Truth::default();
        let mut strict = Reader::new(true, self.bug);
        let mut lenient = Reader::new(false, self.bug);
        for record in &records {
            let (header, envelope) = read_envelope(record).map_err(|error| error.to_string())?;
            let control = envelope.control.and_then(|control| control.kind);
            if strict.take(record, &header, control.as_ref()) {
                truth.fold(record, &header, control.clone());
            }
            lenient.take(record, &header, control.as_ref());
        }
        same("decisions", &truth.decisions, &strict.taken)?;
        same("decisions that Passed covers", &truth.decisions, &lenient.taken)?;
        self.check_letters(&strict)?;
        let late = truth.overdue(self.log.now() - 2_000);
        if late > 0 {
            return Err(format!("{late} timers never fired"));
        }
        self.check_stores(&strict, &truth)?;
        self.check_states(&truth)?;
        let mut acted = HashSet::new();
        if let Some(twice) = locked(&self.acted).iter().find(|offset| !acted.insert(**offset)) {
            return Err(format!("acted twice upon {twice}"));
        }
        let sum = |count: fn(&Metrics) -> u64| self.metrics.iter().map(|metrics| count(metrics)).sum();
        let told = Told {
            decisions: strict.taken.values().map(Vec::len).sum(),
            checkpoints: self.disks.iter().map(|disk| locked(disk).checkpoints).sum(),
            recoveries: sum(|metrics| metrics.recoveries.get()),
            repairs: sum(|metrics| metrics.repairs.get()),
            skipped: sum(|metrics| metrics.skipped.get()),
        };
        if told.repairs > 0 { Err(format!("{} repairs", told.repairs)) } else { Ok(told) }
    }

    /// Whoever skipped a fact has sent it to the dead letters.
    fn check_letters(&self, reader: &Reader) -> Result<(), String> {
        let dead = TopicPartition { topic: Topic::AccountDead, ..AT };
        let mut sent = HashSet::new();
        for letter in self.log.records(dead) {
            let letter = DeadLetter::decode(letter.value).map_err(|error| error.to_string())?;
            let header = letter.header.unwrap_or_default();
            sent.insert((header.service(), header.cause.map(|cause| cause.offset)));
        }
        for ((service, account), said) in &reader.taken {
            for (offset, _) in said.iter().filter(|(_, toy)| toy.is_none()) {
                if !sent.contains(&(SERVICES[*service], Some(*offset))) {
                    return Err(format!("no letter of {:?} about {offset} of {account}", SERVICES[*service]));
                }
            }
        }
        Ok(())
    }

    /// What was projected is what was decided, and what is shown is what the states have.
    fn check_stores(&self, reader: &Reader, truth: &Truth) -> Result<(), String> {
        for (service, disk) in self.disks.iter().enumerate() {
            let place = |item: &Decided<Toy>| {
                let account = format!("{}/{}", item.header.workspace, item.header.account);
                (account, item.header.cause.as_ref().map(Cause::order).unwrap_or_default())
            };
            let items = locked(disk).items.clone();
            let decided = items.iter().filter_map(Projected::decided);
            let projected: BTreeMap<Place, Toy> =
                decided.map(|item| (place(item), item.decision.clone())).collect();
            if projected != reader.said[service] {
                return Err(format!(
                    "{:?} projected {} of {}",
                    SERVICES[service],
                    projected.len(),
                    reader.said[service].len()
                ));
            }
            let mut shown: Vec<_> = items.iter().filter_map(Projected::shown).collect();
            shown.sort_by_key(|shown| shown.offset);
            for last in shown.iter().map(|shown| (&shown.key, shown.shown)).collect::<BTreeMap<_, _>>() {
                let (key, sum) = last;
                let state = truth.state(service, &key.workspace, &key.account);
                if state.map(|state| state.n) != Some(sum) {
                    return Err(format!("{:?} shows {sum} of {key:?}, not {state:?}", SERVICES[service]));
                }
            }
        }
        Ok(())
    }

    /// The states are those of the sequential run, also after a restart from the checkpoint.
    fn check_states(&mut self, truth: &Truth) -> Result<(), String> {
        self.compare_states(truth, "lived")?;
        for service in 0..3 {
            self.owners[service] = self.open(service)?;
        }
        for _ in 0..3 {
            let now = self.log.now();
            for owner in &mut self.owners {
                each!(&mut owner.worker, worker => worker.read(now, 10_000)).map_err(|e| e.to_string())?;
            }
        }
        self.compare_states(truth, "recovered")
    }

    fn compare_states(&self, truth: &Truth, how: &str) -> Result<(), String> {
        for owner in &self.owners {
            for (workspace, account) in truth.accounts() {
                let has: Option<&State> = each!(&owner.worker, worker => worker.state(&workspace, &account));
                let should = truth.state(owner.service, &workspace, &account);
                let waits_only = has.is_none() && should == Some(&State::default());
                if has != should && !waits_only {
                    let service = SERVICES[owner.service];
                    return Err(format!("{how} {service:?} {workspace}/{account}: {has:?}, not {should:?}"));
                }
            }
        }
        Ok(())
    }
}
