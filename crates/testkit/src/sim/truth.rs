//! The sequential run: for every fact in the order of the log H, then S with H's decisions, then W with both.
//!
//! It knows nothing of links, gates, checkpoints or recovery; only the rules of steps within a record.

use std::collections::{BTreeMap, VecDeque};

use engine::Wake;
use eventlog::{
    Stored,
    proto::{ClockKind, Header, control},
};
use prost::Message;

use super::toy::{ABOVE, COMMAND, Event, PANICS, SERVICES, State, Toy, UNREADABLE, USE, When};

/// Decisions of one service on one account: the fact's offset, and what was decided; `None`: it was skipped.
pub(super) type Decisions = BTreeMap<(usize, String), Vec<(u64, Option<Toy>)>>;

#[derive(Debug, Clone, Default)]
struct Seat {
    state: State,
    wake: Wake,
    /// Within the present record.
    touched: bool,
    skips: bool,
}

#[derive(Debug, Default)]
struct Account {
    seats: [Seat; 3],
    /// (due, event time, id), fact.
    waiting: BTreeMap<(i64, i64, Vec<u8>), Toy>,
}

#[derive(Debug, Default)]
struct Space {
    version: u64,
    catalogue: i64,
    is_log: bool,
    heard: Vec<Option<i64>>,
    clock: Option<i64>,
    accounts: BTreeMap<String, Account>,
}

#[derive(Debug, Default)]
pub(super) struct Truth {
    spaces: BTreeMap<String, Space>,
    joined: [bool; 3],
    /// The latest append time so far.
    time: Option<i64>,
    pub(super) decisions: Decisions,
}

/// What a record is to one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Main {
    Clock,
    Tick,
    Fact(Event, Option<usize>),
    /// What was in force until here: timers due before go by it.
    Catalogue {
        before: i64,
    },
    Joined(usize),
}

impl Truth {
    /// Folds one fact of the log.
    pub(super) fn fold(&mut self, record: &Stored, header: &Header, control: Option<control::Kind>) {
        self.time = self.time.max(Some(record.appended_at));
        let record = &Stored { appended_at: self.time.unwrap_or_default(), ..record.clone() };
        match control {
            None => self.account_fact(record, header),
            Some(control::Kind::Tick(_)) => self.tick(record),
            Some(control::Kind::Joined(joined)) => {
                let of = |service: &usize| SERVICES[*service] == joined.service() && !self.joined[*service];
                match (0..SERVICES.len()).find(of) {
                    Some(service) => {
                        self.joined[service] = true;
                        self.everybody(record, |_, _, _| Some(Main::Joined(service)));
                    }
                    None => self.tick(record),
                }
            }
            Some(control::Kind::ClockAdvanced(clock)) => {
                let space = self.spaces.entry(header.workspace.clone()).or_default();
                space.heard.resize(clock.inbox_partitions as usize, None);
                let heard = &mut space.heard[clock.inbox_partition as usize];
                *heard = (*heard).max(Some(clock.to_at));
                let lowest = space.heard.iter().copied().min().flatten();
                if lowest > space.clock {
                    space.clock = lowest;
                    self.workspace(record, &header.workspace, Main::Clock);
                }
            }
            Some(control::Kind::CatalogueVersion(version)) => {
                let space = self.spaces.entry(header.workspace.clone()).or_default();
                if version.version != space.version + 1 {
                    return;
                }
                space.version = version.version;
                space.is_log = version.clock() == ClockKind::Log;
                let text = std::str::from_utf8(&version.document).unwrap_or_default();
                let before = std::mem::replace(&mut space.catalogue, text.parse().unwrap_or_default());
                self.workspace(record, &header.workspace, Main::Catalogue { before });
            }
            Some(_) => {}
        }
    }

    /// Time passes for everybody.
    fn tick(&mut self, record: &Stored) {
        self.everybody(record, |is_log, account, at| {
            let by_wall = |wake: &Wake| !is_log && wake.clock.is_some_and(|wake| wake <= at);
            let is_due = |wake: &Wake| by_wall(wake) || wake.delivery.is_some_and(|wake| wake <= at);
            account.seats.iter().any(|seat| is_due(&seat.wake)).then_some(Main::Tick)
        });
    }

    /// Accounts whose timers on the wall clock (or deliveries) should have fired by an instant.
    pub(super) fn overdue(&self, at: i64) -> usize {
        let late = |wake: Option<i64>| wake.is_some_and(|wake| wake <= at);
        let spaces = self.spaces.values();
        spaces
            .flat_map(|space| space.accounts.values().map(move |account| (space.is_log, account)))
            .flat_map(|(is_log, account)| account.seats.iter().map(move |seat| (is_log, seat.wake)))
            .filter(|(is_log, wake)| late(wake.delivery) || (!is_log && late(wake.clock)))
            .count()
    }

    pub(super) fn state(&self, service: usize, workspace: &str, account: &str) -> Option<&State> {
        Some(&self.spaces.get(workspace)?.accounts.get(account)?.seats[service].state)
    }

    /// Every account there is.
    pub(super) fn accounts(&self) -> Vec<(String, String)> {
        let names = |(name, space): (&String, &Space)| -> Vec<(String, String)> {
            space.accounts.keys().map(|account| (name.clone(), account.clone())).collect()
        };
        self.spaces.iter().flat_map(names).collect()
    }

    fn account_fact(&mut self, record: &Stored, header: &Header) {
        let Ok(toy) = Toy::decode(record.value.clone()) else { return };
        let Some(space) = self.spaces.get_mut(&header.workspace) else { return };
        let account = space.accounts.entry(header.account.clone()).or_default();
        if space.is_log && header.due_at != 0 && Some(header.due_at) > space.clock {
            account.waiting.insert((header.due_at, header.event_at, header.id.to_vec()), toy);
            return;
        }
        let failing = matches!(toy.kind, UNREADABLE | PANICS).then_some(toy.a as usize);
        let main = Main::Fact(event(&toy), failing);
        self.run(record, &header.workspace, &header.account, main);
    }

    fn workspace(&mut self, record: &Stored, workspace: &str, main: Main) {
        let space = &self.spaces[workspace];
        let accounts: Vec<String> = space.accounts.keys().cloned().collect();
        for account in accounts {
            self.run(record, workspace, &account, main);
        }
    }

    fn everybody(&mut self, record: &Stored, main: impl Fn(bool, &Account, i64) -> Option<Main>) {
        for (workspace, account) in self.accounts() {
            let space = &self.spaces[&workspace];
            if let Some(main) = main(space.is_log, &space.accounts[&account], record.appended_at) {
                self.run(record, &workspace, &account, main);
            }
        }
    }

    fn run(&mut self, record: &Stored, workspace: &str, name: &str, main: Main) {
        let Some(space) = self.spaces.get_mut(workspace) else { return };
        let until = if space.is_log { space.clock.unwrap_or(0) } else { record.appended_at };
        let Some(account) = space.accounts.get_mut(name) else { return };
        let mut run = Run {
            account,
            joined: self.joined,
            until,
            record,
            catalogue: space.catalogue,
            said: Default::default(),
        };
        run.all(main);
        for (service, said) in run.said.into_iter().enumerate().filter(|(_, said)| !said.is_empty()) {
            let list = self.decisions.entry((service, format!("{workspace}/{name}"))).or_default();
            list.extend(said.into_iter().map(|decision| (record.offset, decision)));
        }
    }
}

fn event(toy: &Toy) -> Event {
    match toy.kind {
        USE => Event::Use(toy.a),
        COMMAND => Event::Command(toy.a),
        _ => Event::Use(1),
    }
}

/// One record on one account.
struct Run<'a> {
    account: &'a mut Account,
    joined: [bool; 3],
    until: i64,
    record: &'a Stored,
    catalogue: i64,
    said: [Vec<Option<Toy>>; 3],
}

impl Run<'_> {
    fn all(&mut self, main: Main) {
        for (service, seat) in self.account.seats.iter_mut().enumerate() {
            seat.touched = false;
            seat.skips = main == Main::Fact(Event::Use(1), Some(service));
        }
        // Who joins decides from that step on: timers due before still decide nothing.
        let (joined, catalogue) = (self.joined, self.catalogue);
        if let Main::Joined(joined) = main {
            self.joined[joined] = false;
        }
        if let Main::Catalogue { before } = main {
            self.catalogue = before;
        }
        self.clock();
        (self.joined, self.catalogue) = (joined, catalogue);
        match main {
            Main::Clock | Main::Tick => {}
            Main::Fact(event, _) => self.step(self.until, event, |_, _| true),
            Main::Catalogue { .. } => self.step(self.until, Event::Catalogue, |_, _| true),
            Main::Joined(joined) => self.step(self.until, Event::Joined, |service, _| service == joined),
        }
        let at = self.record.appended_at;
        self.step(self.until, Event::Deliver, |_, seat| {
            (seat.touched || matches!(main, Main::Tick | Main::Joined(_)))
                && seat.wake.delivery.is_some_and(|wake| wake <= at)
        });
        for (service, seat) in self.account.seats.iter_mut().enumerate() {
            if seat.skips {
                self.said[service] = vec![None];
                seat.wake.clock = seat.wake.clock.map(|wake| wake.max(self.until + 1));
                seat.wake.delivery = seat.wake.delivery.map(|wake| wake.max(at + 1));
            }
        }
    }

    /// Timers and waiting facts up to the account's time.
    fn clock(&mut self) {
        loop {
            let until = self.until;
            let seats = self.account.seats.iter().filter(|seat| !seat.skips);
            let timer = seats.filter_map(|seat| seat.wake.clock).filter(|wake| *wake <= until).min();
            let waiting = self.account.waiting.keys().next().filter(|key| key.0 <= until).cloned();
            match (timer, waiting) {
                (Some(at), waiting) if waiting.as_ref().is_none_or(|waiting| at <= waiting.0) => {
                    self.step(at, Event::Time, |_, seat| seat.wake.clock.is_some_and(|wake| wake <= at));
                }
                (_, Some(key)) => {
                    let Some(toy) = self.account.waiting.remove(&key) else { return };
                    self.step(key.0, event(&toy), |_, _| true);
                }
                (_, None) => return,
            }
        }
    }

    fn step(&mut self, instant: i64, event: Event, concerns: impl Fn(usize, &Seat) -> bool) {
        let appended_at = self.record.appended_at;
        let when = When { instant, appended_at, catalogue: self.catalogue };
        let mut decided: VecDeque<(usize, Toy)> = VecDeque::new();
        for (service, services_above) in ABOVE.iter().enumerate() {
            let from = |other: &usize| services_above.contains(&SERVICES[*other]);
            let above: Vec<Toy> =
                decided.iter().filter(|(other, _)| from(other)).map(|(_, toy)| toy.clone()).collect();
            let seat = &mut self.account.seats[service];
            let own = concerns(service, seat);
            if seat.skips || (!own && above.is_empty()) {
                continue;
            }
            seat.touched = true;
            let event = if own { event } else { Event::Time };
            seat.state.take(when, event, &above);
            if self.joined[service] {
                for toy in seat.state.decide(service, when, event) {
                    seat.state.apply(when, &toy);
                    self.said[service].push(Some(toy.clone()));
                    decided.push_back((service, toy));
                }
            }
            let wake = seat.state.wake(service, instant);
            let delivery = wake
                .delivery
                .map(|wake| if event == Event::Deliver { wake.max(appended_at + 1) } else { wake });
            seat.wake = Wake { clock: wake.clock.map(|wake| wake.max(instant + 1)), delivery };
        }
    }
}
