//! A random account log under three toy services, with crashes, zombies and faults.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use engine::{Decided, Metrics, Ports, Settings, Worker, WorkerError, planted::Bug, read_envelope};
use eventlog::{
    FORMAT, GENERATION, Stored, Topic, TopicPartition, concat_record, control_record,
    proto::{CatalogueVersion, Cause, ClockAdvanced, ClockKind, Header, Service, control},
};
use prost::Message;

use super::{
    Desk, Disk, Faults, Rng, SimLog, SimStore,
    toy::{COMMAND, H, PANICS, Rank, S, SERVICES, State, Toy, ToyFold, UNREADABLE, USE, W},
    truth::{Decisions, Truth},
};

const AT: TopicPartition = TopicPartition { topic: Topic::Account, partition: 0 };
const INBOXES: u32 = 2;
const ACCOUNTS: [&str; 4] = ["a", "b", "c", "d"];
/// One workspace on the wall clock, one on the log clock.
const SPACES: [(&str, ClockKind); 2] = [("wall", ClockKind::Wall), ("log", ClockKind::Log)];

/// What a projection is idempotent by: the account, and the decision's cause. Not its own offset: behind a gap it may
/// stand in the log twice, and a reader that starts between takes the earlier one.
type Place = (String, (u64, u32));
type Shared<T> = Arc<Mutex<T>>;
type ToyDisk = Shared<Disk<Decided<Toy>>>;

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
    desk: Desk<Decided<Toy>>,
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

struct History {
    rng: Rng,
    log: Arc<SimLog>,
    bug: Option<Bug>,
    disks: [ToyDisk; 3],
    metrics: [Arc<Metrics>; 3],
    owners: Vec<Owner>,
    zombies: Vec<Owner>,
    acted: Shared<Vec<u64>>,
    writers: u64,
    settings: Settings,
    ids: u64,
    commands: Vec<(i64, &'static str, &'static str)>,
    versions: [u64; 2],
    clocks: [i64; INBOXES as usize],
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
        let log = Arc::new(SimLog::new(rng.next(), INBOXES, 1));
        let faults = Faults { lost: *rng.pick(&[0, 50, 200]), ack_lost: *rng.pick(&[0, 50, 200]) };
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
        store: SimStore<Decided<Toy>>,
        writer: [u8; 16],
    ) -> Result<Worker<ToyFold<R>>, WorkerError> {
        let acted = self.acted.clone();
        let ports = Ports {
            log: self.log.clone(),
            store: Box::new(store),
            act: Box::new(move |decided: &Decided<Toy>| locked(&acted).push(decided.offset)),
            writer: Bytes::copy_from_slice(&writer),
        };
        Worker::start(ToyFold::default(), ports, 0, self.settings.clone(), self.metrics[service].clone())
    }

    fn header(&mut self, workspace: &str, account: &str) -> Header {
        self.ids += 1;
        let id = u128::from(self.ids) + (u128::from(self.rng.next()) << 64);
        Header {
            format: FORMAT,
            generation: GENERATION,
            workspace: workspace.into(),
            account: account.into(),
            id: Bytes::copy_from_slice(&id.to_be_bytes()),
            event_at: self.log.now(),
            ..Header::default()
        }
    }

    fn put(&mut self, header: Header, toy: Toy) {
        self.log.put(AT, concat_record(header, &toy.encode_to_vec()));
    }

    fn put_catalogue(&mut self, space: usize) {
        let (name, clock) = SPACES[space];
        self.versions[space] += 1;
        let number = self.rng.below(9) + 1;
        let version = CatalogueVersion {
            version: self.versions[space],
            part: 1,
            parts: 1,
            clock: clock.into(),
            document: number.to_string().into(),
            ..CatalogueVersion::default()
        };
        let header = self.header(name, "");
        let record = control_record(header, control::Kind::CatalogueVersion(version));
        self.log.put(AT, record.clone());
        if self.rng.luck(300) {
            self.log.put(AT, record);
        }
    }

    /// Somebody says something.
    fn put_fact(&mut self) {
        let ms = self.rng.below(200) as i64;
        self.log.advance(ms);
        let account = *self.rng.pick(&ACCOUNTS);
        let is_log = self.rng.luck(400);
        let luck = self.rng.below(1_000);
        let space = usize::from(is_log);
        match luck {
            0..600 if is_log => self.put_due(account),
            0..600 => {
                let header = self.header("wall", account);
                let a = 1 + self.rng.below(4) as i64;
                self.put(header, Toy { kind: USE, a, b: 0 });
            }
            600..720 => self.put_command(SPACES[space].0, account),
            720..760 => self.put_catalogue(space),
            760..800 => {
                let header = self.header("wall", account);
                let kind = *self.rng.pick(&[UNREADABLE, PANICS]);
                let a = self.rng.below(3) as i64;
                self.put(header, Toy { kind, a, b: 0 });
            }
            _ => self.put_clock(),
        }
    }

    /// A fact of the log-clock workspace, due after the clock of every inbox partition.
    fn put_due(&mut self, account: &str) {
        let header = self.header("log", account);
        let event_at = self.clocks.iter().max().copied().unwrap_or(0) + 1 + self.rng.below(1_500) as i64;
        let a = 1 + self.rng.below(4) as i64;
        self.put(Header { event_at, due_at: event_at, ..header }, Toy { kind: USE, a, b: 0 });
    }

    fn put_clock(&mut self) {
        let inbox = self.rng.below(u64::from(INBOXES)) as usize;
        self.clocks[inbox] += self.rng.below(1_500) as i64;
        let clock = ClockAdvanced {
            to_at: self.clocks[inbox],
            inbox_partition: inbox as u32,
            inbox_partitions: INBOXES,
        };
        let header = self.header("log", "");
        self.log.put(AT, control_record(header, control::Kind::ClockAdvanced(clock)));
    }

    fn put_command(&mut self, space: &'static str, account: &str) {
        let account = ACCOUNTS.iter().find(|name| **name == account).copied().unwrap_or("a");
        let again = self.rng.luck(300) && !self.commands.is_empty();
        let (id, space, account) =
            if again { *self.rng.pick(&self.commands) } else { (self.ids as i64 + 1, space, account) };
        self.commands.push((id, space, account));
        let header = self.header(space, account);
        let header = Header { request_id: header.id.clone(), ..header };
        self.put(header, Toy { kind: COMMAND, a: id, b: 0 });
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
        let late = truth.overdue(self.log.now() - 2_000);
        if late > 0 {
            return Err(format!("{late} timers never fired"));
        }
        self.check_stores(&strict)?;
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

    /// What was projected is what was decided.
    fn check_stores(&self, reader: &Reader) -> Result<(), String> {
        for (service, disk) in self.disks.iter().enumerate() {
            let place = |item: &Decided<Toy>| {
                let account = format!("{}/{}", item.header.workspace, item.header.account);
                (account, item.header.cause.as_ref().map(Cause::order).unwrap_or_default())
            };
            let projected: BTreeMap<Place, Toy> =
                locked(disk).items.iter().map(|item| (place(item), item.decision.clone())).collect();
            if projected != reader.said[service] {
                return Err(format!(
                    "{:?} projected {} of {}",
                    SERVICES[service],
                    projected.len(),
                    reader.said[service].len()
                ));
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

fn same(what: &str, truth: &Decisions, taken: &Decisions) -> Result<(), String> {
    for key in truth.keys().chain(taken.keys()) {
        let (want, got) = (truth.get(key), taken.get(key));
        if want != got {
            let (want, got) = (want.map_or(&[][..], Vec::as_slice), got.map_or(&[][..], Vec::as_slice));
            let at = want.iter().zip(got).position(|(a, b)| a != b).unwrap_or(want.len().min(got.len()));
            let (wanted, had) = (want.get(at), got.get(at));
            return Err(format!("{what} of {key:?}: at {at} {had:?}, not {wanted:?}"));
        }
    }
    Ok(())
}

/// What every reader of decisions does, written down once more.
struct Reader {
    obeys_passed: bool,
    /// The planted bug: any later decision is taken.
    leaps: bool,
    last: BTreeMap<(usize, String), (u64, u32)>,
    passed: [Option<u64>; 3],
    taken: Decisions,
    said: [BTreeMap<Place, Toy>; 3],
}

impl Reader {
    fn new(obeys_passed: bool, bug: Option<Bug>) -> Self {
        let (last, taken) = (BTreeMap::new(), Decisions::new());
        Self {
            obeys_passed,
            leaps: bug == Some(Bug::LinkNotChecked),
            last,
            passed: [None; 3],
            taken,
            said: Default::default(),
        }
    }

    /// Takes a record; whether it is a fact.
    fn take(&mut self, record: &Stored, header: &Header, control: Option<&control::Kind>) -> bool {
        if let Some(control::Kind::Passed(passed)) = control {
            if let Some(service) = SERVICES.iter().position(|service| *service == passed.service()) {
                self.passed[service] = self.passed[service].max(Some(passed.offset));
            }
            return false;
        }
        let (Some(cause), true) = (&header.cause, header.service() != Service::Ingest) else { return true };
        let Some(service) = SERVICES.iter().position(|service| *service == header.service()) else {
            return false;
        };
        let key = (service, format!("{}/{}", header.workspace, header.account));
        let before = header.before.as_ref().map(Cause::order);
        let is_late = self.obeys_passed && Some(cause.offset) <= self.passed[service];
        let last = self.last.get(&key).copied();
        let follows = if self.leaps { Some(cause.order()) > last } else { before == last };
        if !follows || is_late {
            return false;
        }
        self.last.insert(key.clone(), cause.order());
        let toy = match control {
            Some(_) => None,
            None => Toy::decode(record.value.clone()).ok(),
        };
        if let Some(toy) = &toy {
            self.said[service].insert((key.1.clone(), cause.order()), toy.clone());
        }
        self.taken.entry(key).or_default().push((cause.offset, toy));
        false
    }
}
