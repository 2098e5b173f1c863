//! Figures of the events: what anybody could count who has nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::{Figure, Target, Unit, median, share};
use crate::calendar::Day;
use crate::call::{Call, Kind, Said};
use crate::company::OneDay;
use crate::figures as figure;
use crate::truth::{Tier, Truth};
use crate::words;

/// Shares of contacts are counted over the first days, of accounts with so many contacts and events.
const CONTACTS_DAYS: i32 = 112;
const CONTACTS_LEAST: usize = 4;
const EVENTS_LEAST: u32 = 100;
/// A detractor has so long to give notice.
const GOES_WITHIN: i32 = 120;
/// Dispersion is that of accounts that do so much on a weekday.
const BUSY: f64 = 1.0;

/// Core events of one kind of weekdays.
#[derive(Clone, Copy, Default)]
struct Pace {
    days: u32,
    events: u64,
}

#[derive(Default)]
struct OfAccount {
    /// Of usual weekdays, how many, the sum of their events and of its squares.
    days: u32,
    sum: f64,
    squares: f64,
    today: u32,
    contacts: BTreeMap<String, u32>,
    created_on: Option<Day>,
    set_up_days: Option<i32>,
    detractor_on: Vec<Day>,
    notice_on: Option<Day>,
}

#[derive(Default)]
pub(super) struct Seen {
    begin: Option<Day>,
    end: Option<Day>,
    calls: u64,
    core: u64,
    usual: Pace,
    weekend: Pace,
    month_end: Pace,
    beside_august: Pace,
    august: Pace,
    before_christmas: Pace,
    christmas: Pace,
    accounts: BTreeMap<String, OfAccount>,
    titles: (usize, usize),
    german: (usize, usize),
    asked: usize,
    answers: usize,
    visits: BTreeSet<(String, Day)>,
    executives: BTreeSet<String>,
    in_accounts: BTreeMap<String, BTreeSet<String>>,
    tickets: usize,
    touches: usize,
    without_sdk: (Option<Day>, usize),
    renamed: (usize, usize),
}

impl Seen {
    pub(super) fn new(truth: &Truth) -> Self {
        let without_sdk = (Some(truth.dirt.day_without_sdk), 0);
        Self { begin: Some(truth.parameters.begin), end: Some(truth.end), without_sdk, ..Self::default() }
    }

    pub(super) fn see(&mut self, day: &OneDay) {
        self.calls += day.calls.len() as u64;
        self.asked += day.asked as usize;
        let mut core = 0;
        for call in &day.calls {
            match call.kind {
                Kind::Track(event) if is_core(event) => {
                    core += 1;
                    self.used(day.day, call);
                }
                Kind::Track(event) => self.other(day.day, event, call),
                Kind::Identify => self.identified(call),
                Kind::Group => {
                    self.accounts.entry(call.account.to_string()).or_default();
                }
            }
        }
        self.core += core;
        if self.without_sdk.0 == Some(day.day) {
            self.without_sdk.1 += core as usize;
        } else {
            self.paced(day.day, core);
        }
    }

    fn used(&mut self, day: Day, call: &Call) {
        let user = call.user.as_deref().unwrap_or_default();
        let first_days = self.begin.is_some_and(|begin| day.since(begin) < CONTACTS_DAYS);
        let account = self.accounts.entry(call.account.to_string()).or_default();
        account.today += 1;
        if first_days {
            *account.contacts.entry(user.to_owned()).or_default() += 1;
        }
        if self.executives.contains(user) {
            self.visits.insert((user.to_owned(), day));
        }
        if user.starts_with("consultant") {
            self.in_accounts.entry(user.to_owned()).or_default().insert(call.account.to_string());
        }
        self.renamed.0 += usize::from(call.event() == Some(words::RENAMED.0));
        self.renamed.1 += usize::from(call.event() == Some(words::RENAMED.1));
    }

    fn other(&mut self, day: Day, event: &str, call: &Call) {
        let account = self.accounts.entry(call.account.to_string()).or_default();
        match event {
            "Account Created" => account.created_on = Some(day),
            "Setup Completed" => account.set_up_days = account.created_on.map(|created| day.since(created)),
            "Notice Given" => account.notice_on = Some(day),
            "Ticket Opened" => self.tickets += 1,
            "Touch Logged" => self.touches += 1,
            "Survey Answered" if call.said("kind") == Some(&Said::Word("nps")) => {
                self.answers += 1;
                let decides = call.user.as_deref().is_some_and(|user| user.ends_with("-e1"));
                if decides && call.number("score").is_some_and(|score| score <= 6) {
                    account.detractor_on.push(day);
                }
            }
            _ => {}
        }
    }

    fn identified(&mut self, call: &Call) {
        let Some(title) = call.said("title") else { return };
        self.titles.0 += usize::from(*title == Said::Word(""));
        self.titles.1 += 1;
        self.german.0 += usize::from(call.said("locale") == Some(&Said::Word("de")));
        self.german.1 += 1;
        if call.said("role") == Some(&Said::Word("viewer")) {
            self.executives.extend(call.user.as_deref().map(str::to_owned));
        }
    }

    /// What kind of day it was, by the calendar.
    fn paced(&mut self, day: Day, core: u64) {
        let date = day.date();
        let (month, of_month) = (date.month(), date.day());
        let holidays = (month == 12 && of_month >= 21) || (month == 1 && of_month <= 3);
        let ends = date.days_in_month() - of_month < figure::MONTH_END_DAYS;
        let mut paces: Vec<&mut Pace> = Vec::new();
        if day.is_weekend() {
            paces.push(&mut self.weekend);
        } else if ends {
            if !holidays {
                paces.push(&mut self.month_end);
            }
        } else if holidays {
            paces.push(&mut self.christmas);
        } else {
            match month {
                8 => paces.push(&mut self.august),
                7 | 9 => paces.push(&mut self.beside_august),
                12 => paces.push(&mut self.before_christmas),
                _ => {}
            }
            if month != 8 {
                paces.push(&mut self.usual);
            }
        }
        for pace in paces {
            pace.days += 1;
            pace.events += core;
        }
        let usual = !day.is_weekend() && !ends && !holidays && month != 8;
        for account in self.accounts.values_mut() {
            let events = f64::from(std::mem::take(&mut account.today));
            if usual {
                account.days += 1;
                account.sum += events;
                account.squares += events * events;
            }
        }
    }

    pub(super) fn figures(&self, truth: &Truth) -> Vec<Figure> {
        let mut figures = self.of_time();
        figures.extend(self.of_people(truth));
        figures.extend(self.of_onboarding(truth));
        figures.extend(self.of_service(truth));
        figures
    }

    fn of_time(&self) -> Vec<Figure> {
        let beside = |name: &str, target: Target, one: Pace, other: Pace| {
            Figure::new(
                name,
                Unit::Part,
                target,
                one.mean() / other.mean().max(f64::MIN_POSITIVE),
                one.days as usize,
            )
        };
        let busy = self.accounts.values().filter_map(OfAccount::dispersion);
        let dispersion: Vec<f64> = busy.collect();
        let count = dispersion.len();
        vec![
            Figure::new("calls", Unit::Count, Target::None, self.calls as f64, 1),
            Figure::new("core events", Unit::Count, Target::None, self.core as f64, 1),
            Figure::new(
                "variance to mean of weekdays, median",
                Unit::Times,
                Target::None,
                median(dispersion),
                count,
            ),
            beside(
                "a day of a weekend, beside a weekday",
                Target::About(figure::WEEKEND),
                self.weekend,
                self.usual,
            ),
            beside(
                "August, beside July and September",
                Target::About(figure::AUGUST),
                self.august,
                self.beside_august,
            ),
            beside(
                "21 December to 3 January, beside before",
                Target::About(figure::CHRISTMAS),
                self.christmas,
                self.before_christmas,
            ),
            beside(
                "a month's last days, beside others",
                Target::About(figure::MONTH_END),
                self.month_end,
                self.usual,
            ),
        ]
    }

    fn of_people(&self, truth: &Truth) -> Vec<Figure> {
        let shares: Vec<f64> = self.accounts.values().filter_map(OfAccount::top_share).collect();
        let (low, high) = figure::TOP_SHARE;
        let inside = shares.iter().filter(|share| (0.35..=0.50).contains(*share)).count();
        let years: f64 = self.executives.iter().map(|user| months_there(truth, user)).sum();
        let visits = self.visits.len() as f64 / years.max(1.0);
        let count = shares.len();
        vec![
            Figure::new(
                "top contact's share of usage, median",
                Unit::Part,
                Target::Between(low, high),
                median(shares),
                count,
            ),
            Figure::new(
                "accounts with 35 to 50 % of that",
                Unit::Part,
                Target::None,
                share(inside, count),
                count,
            ),
            Figure::new(
                "an executive's visits a month",
                Unit::Times,
                Target::Between(0.0, 2.0),
                visits,
                self.executives.len(),
            ),
            Figure::part("titles that are empty", figure::NO_TITLE, self.titles.0, self.titles.1),
            Figure::part("people who speak German", 0.35, self.german.0, self.german.1),
            Figure::new(
                "consultants seen in two accounts",
                Unit::Count,
                Target::About(truth.dirt.consultants.len() as f64),
                self.in_accounts.values().filter(|accounts| accounts.len() == 2).count() as f64,
                truth.dirt.consultants.len(),
            ),
            Figure::new(
                "core events on the day without SDK",
                Unit::Count,
                Target::About(0.0),
                self.without_sdk.1 as f64,
                1,
            ),
            Figure::new(
                "events under the old name, of both",
                Unit::Part,
                Target::About(0.5),
                share(self.renamed.0, self.renamed.0 + self.renamed.1),
                self.renamed.0 + self.renamed.1,
            ),
        ]
    }

    fn of_onboarding(&self, truth: &Truth) -> Vec<Figure> {
        let tiers = [("A", Tier::A), ("B", Tier::B), ("C", Tier::C)];
        let of_tier = |(name, tier): (&str, Tier)| {
            let accounts = truth.accounts.iter().filter(|account| {
                account.tier == tier && account.onboarding.is_some_and(|onboarding| !onboarding.stuck)
            });
            let days: Vec<f64> =
                accounts.filter_map(|it| Some(f64::from(self.accounts.get(&it.id)?.set_up_days?))).collect();
            let (count, target) = (days.len(), Target::About(figure::ONBOARDING_DAYS[tier as usize]));
            Figure::new(format!("onboarding of tier {name}, median"), Unit::Days, target, median(days), count)
        };
        tiers.map(of_tier).into_iter().filter(|figure| figure.of > 0).collect()
    }

    fn of_service(&self, truth: &Truth) -> Vec<Figure> {
        let end = self.end.unwrap_or(truth.end);
        let detractors = self.accounts.values().flat_map(|account| {
            let notice = account.notice_on.unwrap_or(Day(i32::MAX));
            let open =
                account.detractor_on.iter().filter(move |day| **day < notice && day.plus(GOES_WITHIN) < end);
            open.map(move |day| day.plus(GOES_WITHIN) < notice)
        });
        let detractors: Vec<bool> = detractors.collect();
        let renew = detractors.iter().filter(|renews| **renews).count();
        let months: f64 = truth.accounts.iter().map(|account| account_months(truth, account)).sum();
        let weeks = f64::from(truth.end.since(truth.parameters.begin)) / 7.0;
        let csms = f64::from(truth.parameters.csms);
        vec![
            Figure::part("answers to the quarter's survey", figure::ANSWER, self.answers, self.asked),
            Figure::part(
                "detractors who decide and renew",
                figure::DETRACTORS_RENEW,
                renew,
                detractors.len(),
            ),
            Figure::new(
                "tickets of an account and month",
                Unit::Times,
                Target::None,
                self.tickets as f64 / months.max(1.0),
                self.tickets,
            ),
            Figure::new(
                "touches of a CSM and week",
                Unit::Times,
                Target::None,
                self.touches as f64 / weeks / csms,
                self.touches,
            ),
        ]
    }
}

impl Pace {
    fn mean(self) -> f64 {
        self.events as f64 / f64::from(self.days.max(1))
    }
}

impl OfAccount {
    fn dispersion(&self) -> Option<f64> {
        let days = f64::from(self.days);
        let mean = self.sum / days.max(1.0);
        (mean >= BUSY).then(|| (self.squares / days - mean * mean) / mean)
    }

    fn top_share(&self) -> Option<f64> {
        let (top, all) = (self.contacts.values().max()?, self.contacts.values().sum::<u32>());
        (self.contacts.len() >= CONTACTS_LEAST && all >= EVENTS_LEAST)
            .then(|| f64::from(*top) / f64::from(all))
    }
}

fn is_core(event: &str) -> bool {
    event == words::RENAMED.1 || words::CORE.iter().any(|(core, _)| *core == event)
}

/// How long somebody's account was one during the history.
fn months_there(truth: &Truth, user: &str) -> f64 {
    let id = user.split('-').next().unwrap_or_default();
    truth
        .accounts
        .iter()
        .find(|account| account.id == id)
        .map_or(0.0, |account| account_months(truth, account))
}

fn account_months(truth: &Truth, account: &crate::truth::Account) -> f64 {
    let from = account.created_on.max(truth.parameters.begin);
    let to = account.churn.as_ref().map_or(truth.end, |churn| churn.churned_on.min(truth.end));
    f64::from(to.since(from).max(0)) / 30.4
}
