//! How a life stands on any of its days.
//!
//! Invariant: what is said of a day depends on the plan and the day alone; chance comes on top, where days are made.

use crate::calendar::Day;
use crate::figures as figure;
use crate::plan::Life;
use crate::portrait::Portrait;
use crate::truth::{AfterDeparture, Cause, Change, DecoyKind, Save};

/// How long it takes to come back once a play works, and after an expansion until seats are used as before.
const RECOVERS_DAYS: i32 = 40;
const SETTLES_DAYS: i32 = 120;
/// How fast a dip begins and ends.
const DIP_EDGE_DAYS: i32 = 7;
/// Before it shrinks it uses no more than it will pay for, for so long, and comes down to that for as long.
const SHRINKS_DAYS: i32 = 45;
const SHRUNK: f64 = 0.85;
/// What is done on the first day of onboarding; and who is stuck does not come beyond that.
const FIRST_DAY: f64 = 0.15;
const STUCK_AT: f64 = 0.35;
/// How far into a month after the end of onboarding it grows.
const GROWS_DAYS: i32 = 30;

/// Who does what a champion does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Champion {
    /// The first one, or the so-manieth successor.
    Here(u32),
    Gone,
}

impl Life {
    /// How much is done, 1 being what is usual for it.
    pub(crate) fn strength(&self, day: Day) -> f64 {
        self.beginning(day) * self.going(day) * self.saved(day) * self.dip(day) * self.limping(day)
    }

    fn beginning(&self, day: Day) -> f64 {
        let Some(onboarding) = self.onboarding else { return 1.0 };
        let end = self.created.plus(onboarding.days);
        let reached = if onboarding.stuck { STUCK_AT } else { 0.6 };
        if day < end {
            along(day, (self.created, FIRST_DAY), (end, reached))
        } else {
            along(day, (end, reached), (end.plus(GROWS_DAYS), 1.0))
        }
    }

    fn going(&self, day: Day) -> f64 {
        let Some(churn) = &self.churn else { return 1.0 };
        let floor = match churn.signal_on {
            Some(_) => figure::FLOOR[churn.cause as usize],
            None => 1.0,
        };
        match churn.signal_on {
            _ if day >= churn.notice_on => {
                along(day, (churn.notice_on, floor), (churn.churned_on, figure::AT_THE_END))
            }
            Some(signal) => falling(day, signal, churn.notice_on, floor),
            None => 1.0,
        }
    }

    fn saved(&self, day: Day) -> f64 {
        let factor = |save: &Save| {
            let floor = figure::FLOOR[save.cause as usize];
            if day < save.play_on {
                falling(day, save.signal_on, save.play_on, floor)
            } else {
                along(day, (save.play_on, floor), (save.play_on.plus(RECOVERS_DAYS), 1.0))
            }
        };
        self.saves.iter().map(factor).product()
    }

    fn dip(&self, day: Day) -> f64 {
        let Some(dip) = self.decoys.iter().find(|decoy| decoy.kind == DecoyKind::Dip) else { return 1.0 };
        let down = along(day, (dip.from, 1.0), (dip.from.plus(DIP_EDGE_DAYS), self.dip_to));
        let up = along(day, (dip.to.plus(-DIP_EDGE_DAYS), self.dip_to), (dip.to, 1.0));
        if day < dip.to.plus(-DIP_EDGE_DAYS) { down } else { up }
    }

    fn limping(&self, day: Day) -> f64 {
        let limps = self.departures.iter().any(|departure| {
            departure.after == AfterDeparture::Limps
                && departure.on <= day
                && departure.successor_on.is_none_or(|back| day < back)
        });
        if limps { figure::LIMPING } else { 1.0 }
    }

    /// Of its seats, those that somebody uses when strength is 1.
    pub(crate) fn seats_used(&self, portrait: &Portrait, day: Day) -> f64 {
        let usual = portrait.seats_used * if self.adopts() { 1.0 } else { figure::NEVER_ADOPTED };
        let grown =
            self.expansions.iter().fold(usual, |used, change| self.around(change, portrait, day, used));
        self.contractions.iter().fold(grown, |used, change| self.around(change, portrait, day, used)).min(1.0)
    }

    fn adopts(&self) -> bool {
        self.churn
            .as_ref()
            .is_none_or(|churn| churn.cause != Cause::NeverAdopted || churn.signal_on.is_none())
    }

    /// What is used around a change of seats: full before there are more, less than will be paid for before there are fewer;
    /// on the day itself nobody comes or goes.
    fn around(&self, change: &Change, portrait: &Portrait, day: Day, usual: f64) -> f64 {
        let seats = f64::from(self.contract(portrait, change.on.plus(-1)).seats);
        let times = f64::from(change.seats) / seats;
        let (before, days) = if times > 1.0 {
            (1.0, (figure::FILLING_DAYS, figure::FULL_DAYS))
        } else {
            (usual.min(times * SHRUNK), (SHRINKS_DAYS, SHRINKS_DAYS))
        };
        let reached = change.on.plus(-days.1);
        if day < change.on {
            along(day, (reached.plus(-days.0), usual), (reached, before))
        } else {
            along(day, (change.on, before / times), (change.on.plus(SETTLES_DAYS), usual))
        }
    }

    /// How people feel about us, 0 being content, and -1 as bad as can be.
    pub(crate) fn mood(&self, day: Day) -> f64 {
        let going = self.churn.iter().filter(|churn| churn.signal_on.is_some_and(|signal| signal <= day));
        let recovers = |save: &Save| save.play_on.plus(RECOVERS_DAYS);
        let saved = self.saves.iter().filter(|save| save.signal_on <= day && day < recovers(save));
        let causes = going.map(|churn| churn.cause).chain(saved.map(|save| save.cause));
        causes.map(sore).fold(0.0, f64::min)
    }

    /// Whether its decision maker is unhappy.
    pub(crate) fn is_unhappy(&self, day: Day) -> bool {
        let going = self.unhappy_before_going && self.trouble().is_some_and(|from| from <= day);
        let mut decoys = self.decoys.iter().filter(|decoy| decoy.kind == DecoyKind::Unhappy);
        going || decoys.any(|decoy| decoy.from <= day && day < decoy.to)
    }

    /// What goes wrong and shows on a day.
    pub(crate) fn trouble_shown(&self, day: Day) -> Option<Cause> {
        let going = self.churn.iter().filter(|churn| churn.signal_on.is_some_and(|signal| signal <= day));
        let saved = self.saves.iter().filter(|save| save.signal_on <= day && day < save.play_on);
        going.map(|churn| churn.cause).chain(saved.map(|save| save.cause)).next()
    }

    pub(crate) fn champion(&self, day: Day) -> Champion {
        let count = self.departures.partition_point(|departure| departure.on <= day);
        let last = count.checked_sub(1).map(|last| self.departures[last]);
        match last {
            Some(last) if last.successor_on.is_none_or(|back| day < back) => Champion::Gone,
            _ => Champion::Here(count as u32),
        }
    }
}

fn sore(cause: Cause) -> f64 {
    match cause {
        Cause::Service => -1.0,
        Cause::Price => -0.6,
        Cause::NeverAdopted => -0.5,
        Cause::ChampionLeft => -0.3,
        Cause::InsolventOrAcquired => -0.2,
        Cause::NoneVisible => 0.0,
    }
}

/// From 1 to the floor in the first part of the time, and then there.
fn falling(day: Day, from: Day, to: Day, floor: f64) -> f64 {
    let days = (f64::from(to.since(from)) * figure::FALLS_OVER) as i32;
    along(day, (from, 1.0), (from.plus(days.max(1)), floor))
}

/// A straight line between two days, and level beyond them.
fn along(day: Day, (from, first): (Day, f64), (to, last): (Day, f64)) -> f64 {
    if day <= from {
        first
    } else if day >= to {
        last
    } else {
        first + (last - first) * f64::from(day.since(from)) / f64::from(to.since(from))
    }
}
