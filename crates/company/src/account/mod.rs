//! An account, day by day: what its people do, what is billed and asked, and what its CSM writes down.
//!
//! Invariant: an account's days come from its own dice; what a day needs of the plan is asked of its `Life`.

mod contract;
mod money;
mod people;
mod service;
mod team;
mod usage;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::calendar::{DAY_MS, Day};
use crate::call::{Call, Kind, Said};
use crate::dice::{Dice, For};
use crate::parameters::Parameters;
use crate::plan::Life;
use crate::portrait::Portrait;
use crate::words;
use people::Who;
use service::Ticket;

pub(crate) use people::{consultant_id, ours_id};

const HOUR_MS: i64 = 3_600_000;
/// People work from this hour of theirs on, and for so many.
const WORK_BEGINS: i64 = 8;
const WORK_HOURS: f64 = 10.0;
/// Machines say what is new at this hour of UTC.
const MACHINES_AT: i64 = 5;

/// A day of the whole company.
pub(crate) struct Today<'a> {
    pub(crate) day: Day,
    pub(crate) season: f64,
    pub(crate) is_first: bool,
    /// Whether the product's events arrive.
    pub(crate) sdk: bool,
    /// Whether the event that is renamed has its new name.
    pub(crate) renamed: bool,
    pub(crate) volume: f64,
    pub(crate) calls: &'a mut Vec<Call>,
    /// How many people are asked how they like it.
    pub(crate) asked: &'a mut u32,
}

pub(crate) struct Account {
    pub(crate) portrait: Portrait,
    pub(crate) life: Life,
    seed: u64,
    id: Arc<str>,
    dice: Dice,
    /// Calls so far: each message has its number.
    calls: u32,
    /// Calls of machines today: one a second.
    machines: i64,
    /// Whom somebody has heard of.
    known: BTreeMap<Who, Arc<str>>,
    /// A consultant's number, who works for two accounts.
    pub(crate) consultant: Option<u32>,
    /// Whether our own staff looks in.
    pub(crate) looked_into: bool,
    /// The slow wave under its usage.
    wave: f64,
    sentiment: i64,
    tickets: u32,
    invoices: u32,
    /// What was begun and is to follow.
    later: Vec<(Day, Later)>,
}

/// What follows on a day to come.
enum Later {
    Visit(u32),
    Bounce(Arc<str>),
    Removal(Arc<str>),
    CloseTicket { user: Arc<str>, ticket: Ticket },
    Pay { invoice: String, amount_minor: i64, due: Day },
    Overdue { invoice: String, amount_minor: i64, due: Day },
    Touch { kind: &'static str, who: Who },
}

impl Account {
    pub(crate) fn new(parameters: &Parameters, portrait: Portrait, life: Life) -> Self {
        let mut dice = Dice::new(parameters.seed, For::Days, portrait.number);
        Self {
            seed: parameters.seed,
            id: portrait.id.as_str().into(),
            calls: 0,
            machines: 0,
            known: BTreeMap::new(),
            consultant: None,
            looked_into: false,
            wave: 0.2 * dice.normal(),
            sentiment: 0,
            tickets: 0,
            invoices: 0,
            later: Vec::new(),
            portrait,
            life,
            dice,
        }
    }

    /// All that happens on a day, by no order of time.
    pub(crate) fn live(&mut self, today: &mut Today) {
        if !self.life.is_customer(today.day) {
            return;
        }
        self.machines = 0;
        if today.is_first || self.life.created == today.day {
            self.appear(today);
        }
        self.follow_up(today);
        self.contract(today);
        self.come_and_go(today);
        if today.sdk {
            self.use_product(today);
        }
        self.ask_for_help(today);
        self.be_surveyed(today);
        self.be_billed(today);
        self.be_looked_after(today);
        self.leave(today);
    }

    fn follow_up(&mut self, today: &mut Today) {
        let (due, later) =
            std::mem::take(&mut self.later).into_iter().partition(|(day, _)| *day <= today.day);
        self.later = later;
        for (_, what) in Vec::from_iter::<Vec<(Day, Later)>>(due) {
            match what {
                Later::Visit(executive) => self.visit(today, executive),
                Later::Bounce(user) => {
                    self.told(today, &user, "Email Bounced", vec![("hard", true.into())]);
                }
                Later::Removal(user) => self.told(today, &user, "Account Removed User", Vec::new()),
                Later::CloseTicket { user, ticket } => {
                    self.close_ticket(today, &user, &ticket);
                }
                Later::Pay { invoice, amount_minor, due } => {
                    self.invoice(today, "Invoice Paid", invoice, amount_minor, due);
                }
                Later::Overdue { invoice, amount_minor, due } => {
                    self.invoice(today, "Invoice Overdue", invoice, amount_minor, due);
                }
                Later::Touch { kind, who } => self.touch(today, kind, who),
            }
        }
    }

    /// Of its seats, those that somebody uses on a day, where chance plays no part.
    fn active_contacts(&self, day: Day) -> usize {
        let seats = f64::from(self.life.contract(&self.portrait, day).seats);
        let used = self.life.seats_used(&self.portrait, day) * self.life.strength(day).sqrt();
        ((seats * used).round() as usize).max(1)
    }

    /// Somebody's time of day, in their working hours: an instant.
    fn at_work(&mut self, today: &Today) -> i64 {
        let hours = (self.dice.unit() + self.dice.unit()) / 2.0 * WORK_HOURS;
        let ahead = i64::from(words::COUNTRIES[self.portrait.country].2);
        today.day.midnight() + (WORK_BEGINS - ahead) * HOUR_MS + (hours * HOUR_MS as f64) as i64
    }

    /// Early in the morning, one second after the one before.
    fn by_machine(&mut self, today: &Today) -> i64 {
        self.machines += 1000;
        (today.day.midnight() + MACHINES_AT * HOUR_MS + self.machines).min(today.day.midnight() + DAY_MS - 1)
    }

    /// What the account itself is said to be.
    fn group(&mut self, today: &mut Today, said: Vec<(&'static str, Said)>) {
        let at = self.by_machine(today);
        self.say(today, Kind::Group, None, at, said);
    }

    /// What a machine tells of somebody.
    fn told(
        &mut self,
        today: &mut Today,
        user: &Arc<str>,
        event: &'static str,
        said: Vec<(&'static str, Said)>,
    ) {
        let at = self.by_machine(today);
        self.say(today, Kind::Track(event), Some(user.clone()), at, said);
    }

    /// What a machine tells of the account: by a user of its own, who is nobody.
    fn told_of_account(&mut self, today: &mut Today, event: &'static str, said: Vec<(&'static str, Said)>) {
        let machine = self.introduced(today, Who::Machine);
        let at = self.by_machine(today);
        self.say(today, Kind::Track(event), Some(machine), at, said);
    }

    fn say(
        &mut self,
        today: &mut Today,
        kind: Kind,
        user: Option<Arc<str>>,
        at: i64,
        said: Vec<(&'static str, Said)>,
    ) {
        self.calls += 1;
        let message_id = format!("s{}-{}-{}", self.seed, self.id, self.calls);
        today.calls.push(Call { kind, message_id, user, account: self.id.clone(), at, said });
    }
}
