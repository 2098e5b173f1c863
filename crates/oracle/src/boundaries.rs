//! Every instant at which anything about an account could turn without a new fact.
//!
//! Nothing is left out because it seems not to matter: an instant too many costs time, one too few would be an error.

use std::collections::BTreeSet;

use crate::{
    calendar::{DAY_MS, HOUR_MS},
    catalogue::{Catalogue, Measure, Window},
    condition::Condition,
    health::{Points, overall, score_of},
    number::Number,
    view::View,
};

/// Ascending instants after `view.now` and up to `horizon`.
pub(crate) fn boundaries(view: &View<'_>, horizon: i64) -> Vec<i64> {
    let mut found = BTreeSet::from([horizon]);
    windows(view, &mut found);
    midnights(view, horizon, &mut found);
    crossings(view, &mut found);
    trait_ages(view, &mut found);
    found.retain(|at| *at > view.now && *at <= horizon);
    between(view, &mut found);
    found.into_iter().collect()
}

/// A day of usage enters a window, and leaves it; likewise an hour.
fn windows(view: &View<'_>, found: &mut BTreeSet<i64>) {
    let days: BTreeSet<i64> = view.account.usage().map(|(f, _)| view.calendar.day_of(f.event_at)).collect();
    let hours: BTreeSet<i64> = view.account.usage().map(|(f, _)| f.event_at.div_euclid(HOUR_MS)).collect();
    let mut steps = BTreeSet::new();
    let mut hour_steps = BTreeSet::new();
    for measure in view.catalogue.measures.values() {
        let (Measure::Windowed { window, .. } | Measure::Breadth { window, .. }) = measure else { continue };
        for window in [*window, window.earlier()] {
            match window {
                Window::Days { days, before } => steps.extend([before, before + days]),
                Window::Hours { hours, before } => hour_steps.extend([before, before + hours + 1]),
            }
        }
    }
    let first_day = view.calendar.day_of(view.now);
    for day in days.iter().flat_map(|day| steps.iter().map(move |step| day + step)) {
        if day > first_day {
            found.insert(view.calendar.start_of(day));
        }
    }
    found.extend(hours.iter().flat_map(|hour| hour_steps.iter().map(move |step| (hour + step) * HOUR_MS)));
}

/// Days until a date turn at every midnight; a contract begins, is over, or comes to be due at one.
fn midnights(view: &View<'_>, horizon: i64, found: &mut BTreeSet<i64>) {
    let turns = |measure: &Measure| matches!(measure, Measure::DaysUntil(_) | Measure::Contract { .. });
    if view.catalogue.measures.values().any(turns) {
        let days = view.calendar.day_of(view.now) + 1..=view.calendar.day_of(horizon);
        found.extend(days.map(|day| view.calendar.start_of(day)));
    }
}

/// Elapsed time reaches, and passes, every number that the catalogue names.
fn crossings(view: &View<'_>, found: &mut BTreeSet<i64>) {
    let mut since: BTreeSet<i64> = BTreeSet::new();
    for measure in view.catalogue.measures.values() {
        if let Measure::Elapsed { events, .. } = measure {
            since.extend(view.account.active(events).min());
            since.extend(view.account.active(events).max());
        }
    }
    since.extend(view.account.members().into_iter().filter_map(|contact| view.account.last_seen(contact)));
    for days in view.numbers {
        let ms = days.times(Number::whole(DAY_MS.into()));
        let (reached, passed) = (ms.ceiling(), ms.floor() + 1);
        for at in &since {
            found
                .extend([reached, passed].map(|ms| at.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX))));
        }
    }
}

/// A trait has been what it is, or has not been set, for as many days as some rule asks.
fn trait_ages(view: &View<'_>, found: &mut BTreeSet<i64>) {
    let mut set: BTreeSet<i64> = view.account.traits().instants().collect();
    for contact in view.account.members() {
        set.extend(view.account.contact_traits(contact).instants());
    }
    for days in view.ages {
        found.extend(set.iter().map(|at| at + days * DAY_MS));
    }
}

/// Between two neighbours every measure only rises or only falls. Where that may carry a ratio over a number, or the
/// score over a whole point, halve until it shows where.
fn between(view: &View<'_>, found: &mut BTreeSet<i64>) {
    let ratios: Vec<&str> = view
        .catalogue
        .measures
        .keys()
        .map(String::as_str)
        .filter(|m| grows(view.catalogue, m, true))
        .collect();
    let mut from = view.now;
    for to in found.clone() {
        for ratio in &ratios {
            let signs = |at: i64| {
                let value = view.at(at).measure(ratio);
                view.numbers.iter().map(|n| value.map(|value| value.cmp(n))).collect::<Vec<_>>()
            };
            halve(from, to - 1, &|a, b| signs(a) != signs(b), found);
        }
        from = to;
    }
    if !linear_over_time(view.catalogue) {
        return;
    }
    let mut from = view.now;
    for to in found.clone() {
        halve(from, to - 1, &|a, b| score_may_turn(view, a, b), found);
        from = to;
    }
}

/// Adds the instants in (from, to] at which something turns, given whether it may turn between two instants.
fn halve(from: i64, to: i64, may_turn: &dyn Fn(i64, i64) -> bool, found: &mut BTreeSet<i64>) {
    if from >= to || !may_turn(from, to) {
        return;
    }
    if to - from == 1 {
        found.insert(to);
        return;
    }
    let middle = from + (to - from) / 2;
    halve(from, middle, may_turn, found);
    halve(middle, to, may_turn, found);
}

/// The score rises with every measure's points: what the lowest and the highest points give bounds it.
fn score_may_turn(view: &View<'_>, a: i64, b: i64) -> bool {
    let (a, b) = (view.at(a), view.at(b));
    let Some(card) = a.scorecard() else { return false };
    let (a, b) = (a.points(card), b.points(card));
    let pick = |pick: fn(i128, i128) -> i128| -> Points {
        let both = |(a, b): (&Option<i128>, &Option<i128>)| Some(pick((*a)?, (*b)?));
        a.iter().zip(&b).map(|(a, b)| a.iter().zip(b).map(both).collect()).collect()
    };
    let score = |points: Points| overall(card, &points).map(score_of);
    score(pick(i128::min)) != score(pick(i128::max))
}

fn linear_over_time(catalogue: &Catalogue) -> bool {
    let mut measures = catalogue.scorecards.iter().flat_map(|card| &card.groups).flat_map(|g| &g.measures);
    measures.any(|m| m.curve.linear && grows(catalogue, &m.measure, false))
}

/// Whether a measure moves with elapsed time: by itself, or as a ratio.
fn grows(catalogue: &Catalogue, measure: &str, ratios_only: bool) -> bool {
    match catalogue.measures.get(measure) {
        Some(Measure::Elapsed { .. }) => !ratios_only,
        Some(Measure::Ratio { of, to, .. }) => grows(catalogue, of, false) || grows(catalogue, to, false),
        Some(Measure::FirstKnown(of)) => !ratios_only && of.iter().any(|one| grows(catalogue, one, false)),
        _ => false,
    }
}

/// Every number that anything is compared with, and zero.
pub(crate) fn numbers(catalogue: &Catalogue) -> BTreeSet<Number> {
    let mut numbers = BTreeSet::from([Number::ZERO]);
    each_condition(catalogue, &mut |condition| match condition {
        Condition::Measure(_, comparison) | Condition::LastSeen(comparison) => {
            numbers.extend(comparison.numbers());
        }
        _ => {}
    });
    let groups = catalogue.scorecards.iter().flat_map(|card| &card.groups);
    for measure in groups.flat_map(|group| &group.measures) {
        numbers.extend(measure.curve.points.iter().map(|(x, _)| *x));
    }
    numbers
}

/// Every "for n days".
pub(crate) fn ages(catalogue: &Catalogue) -> BTreeSet<i64> {
    let mut ages = BTreeSet::new();
    each_condition(catalogue, &mut |condition| match condition {
        Condition::TraitFor { days, .. } | Condition::Stale { days, .. } => {
            ages.insert(*days);
        }
        _ => {}
    });
    ages.extend(catalogue.measures.values().filter_map(|measure| match measure {
        Measure::TraitBefore { days, .. } => Some(*days),
        Measure::Trait { fades_after, .. } => *fades_after,
        _ => None,
    }));
    ages
}

fn each_condition(catalogue: &Catalogue, seen: &mut dyn FnMut(&Condition)) {
    let cards = &catalogue.scorecards;
    let roots = catalogue
        .conditions
        .values()
        .chain(catalogue.segments.values().map(|segment| &segment.stays))
        .chain(cards.iter().filter_map(|card| card.applies.as_ref()))
        .chain(cards.iter().flat_map(|card| card.caps.iter().map(|cap| &cap.when)))
        .chain(catalogue.playbooks.values().flat_map(|playbook| playbook.conditions()))
        .chain(catalogue.routing.iter().filter_map(|(when, _)| when.as_ref()));
    roots.for_each(|root| each_part(root, seen));
}

fn each_part(condition: &Condition, seen: &mut dyn FnMut(&Condition)) {
    seen(condition);
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| each_part(part, seen)),
        Condition::Not(inner) | Condition::NotTrue(inner) | Condition::Contacts(_, inner) => {
            each_part(inner, seen);
        }
        _ => {}
    }
}
