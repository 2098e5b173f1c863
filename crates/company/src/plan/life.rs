//! What will happen to one account.

use crate::calendar::Day;
use crate::dice::Dice;
use crate::portrait::Portrait;
use crate::truth::{Change, Churn, Decoy, Departure, Onboarding, Outcome, Save};

/// After another one has come a champion stays for at least so long.
const CHAMPION_STAYS: i32 = 30;
/// Nobody grows or shrinks so shortly before something goes wrong.
const CALM_DAYS: i32 = 60;
/// A term does not shrink so shortly after signing.
const SHRINKS_AFTER: i32 = 150;

#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) created: Day,
    /// The ends of its terms; the last one of who goes is when it goes.
    pub(crate) renewals: Vec<Day>,
    pub(crate) churn: Option<Churn>,
    pub(crate) unhappy_before_going: bool,
    pub(crate) exports_all: bool,
    pub(crate) views_cancellation: bool,
    pub(crate) saves: Vec<Save>,
    pub(crate) decoys: Vec<Decoy>,
    /// Where its dip goes to.
    pub(crate) dip_to: f64,
    /// By day.
    pub(crate) departures: Vec<Departure>,
    pub(crate) expansions: Vec<Change>,
    pub(crate) contractions: Vec<Change>,
    pub(crate) onboarding: Option<Onboarding>,
    pub(crate) trial: bool,
}

impl Life {
    pub(super) fn new(portrait: &Portrait, renewals: Vec<Day>) -> Self {
        Self {
            created: portrait.created,
            renewals,
            churn: None,
            unhappy_before_going: false,
            exports_all: false,
            views_cancellation: false,
            saves: Vec::new(),
            decoys: Vec::new(),
            dip_to: 1.0,
            departures: Vec::new(),
            expansions: Vec::new(),
            contractions: Vec::new(),
            onboarding: None,
            trial: false,
        }
    }

    /// What comes after the end does not happen.
    pub(super) fn end(&mut self, churn: Churn) {
        self.renewals.retain(|day| *day <= churn.churned_on);
        self.churn = Some(churn);
    }

    /// A champion leaves, if there is one then.
    pub(super) fn leaves(&mut self, departure: Departure) {
        let until = |it: &Departure| it.successor_on.map_or(Day(i32::MAX), |day| day.plus(CHAMPION_STAYS));
        let overlaps = |it: &Departure| it.on < until(&departure) && departure.on < until(it);
        if !self.departures.iter().any(overlaps) {
            self.departures.push(departure);
            self.departures.sort_by_key(|it| it.on);
        }
    }

    pub(crate) fn is_customer(&self, day: Day) -> bool {
        self.created <= day && self.churn.as_ref().is_none_or(|churn| day <= churn.churned_on)
    }

    /// When something begins to go wrong, whether it can be seen or not.
    pub(crate) fn trouble(&self) -> Option<Day> {
        self.churn.as_ref().map(|churn| churn.signal_on.unwrap_or(churn.notice_on))
    }

    /// Whether nothing goes wrong between the two days.
    pub(super) fn is_calm(&self, begin: Day, end: Day) -> bool {
        let churns = self.trouble().is_some_and(|day| day.plus(-CALM_DAYS) < end);
        let saved = self.saves.iter().any(|save| save.signal_on < end && begin < save.renewed_on);
        !churns && !saved
    }

    /// One of the ends of its terms between the two days.
    pub(super) fn renewal_within(&self, begin: Day, end: Day, dice: &mut Dice) -> Option<Day> {
        let from = begin.max(self.created.plus(SHRINKS_AFTER));
        let within: Vec<Day> =
            self.renewals.iter().copied().filter(|day| from < *day && *day < end).collect();
        (!within.is_empty()).then(|| dice.one_of(&within))
    }

    /// What it pays for on a day.
    pub(crate) fn contract(&self, portrait: &Portrait, day: Day) -> Change {
        let signed = Change { on: self.created, arr_minor: portrait.arr_minor, seats: portrait.seats };
        let changes = self.expansions.iter().chain(&self.contractions);
        changes
            .filter(|change| change.on <= day)
            .fold(signed, |last, it| if last.on <= it.on { *it } else { last })
    }

    /// The end of the term that a day lies in.
    pub(crate) fn renewal_after(&self, day: Day) -> Option<Day> {
        self.renewals.iter().copied().find(|end| *end >= day)
    }

    pub(crate) fn outcome(&self) -> Outcome {
        if self.churn.is_some() {
            Outcome::Churns
        } else if self.saves.is_empty() {
            Outcome::Stays
        } else {
            Outcome::Saved
        }
    }
}
