//! A program that keeps every event and counts anew each time.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// Every event counted anew.
pub(super) fn naive(
    story: &Story,
    set: &SeriesSet,
    measure: &Measure,
    all: &[Measure],
    now: Instant,
) -> Option<Quantity> {
    let value = |ix: MeasureIx| naive(story, set, &all[ix.0 as usize], all, now);
    match &measure.kind {
        MeasureKind::Windowed { window, .. } => naive_over(story, set, measure, *window, now),
        MeasureKind::Since { end, events } => {
            let times = usages(story).filter(|(_, usage)| usage.active && events.takes(&usage.event));
            let from = match end {
                End::First => times.map(|(at, _)| at).min(),
                End::Last => times.map(|(at, _)| at).max(),
            }?;
            Quantity::ratio((now.0 - from.0).max(0).into(), DAY_MS.into())
        }
        MeasureKind::Change { of } => {
            let of = &all[of.0 as usize];
            let before = match of.window().unwrap() {
                Window::Days { days, before } => (Window::Days { days, before: before + days }, 0),
                Window::Hours { hours } => (Window::Hours { hours }, i64::from(hours + 1) * HOUR_MS),
            };
            let earlier = naive_over(story, set, of, before.0, now.plus_ms(-before.1))?;
            naive_over(story, set, of, of.window().unwrap(), now)?.checked_sub(earlier)
        }
        MeasureKind::Ratio { of, to, to_at_least } => {
            let to = value(*to)?;
            if to_at_least.is_some_and(|least| to < least) { None } else { value(*of)?.checked_div(to) }
        }
        MeasureKind::FirstKnown { of } => of.iter().find_map(|ix| value(*ix)),
        MeasureKind::Trait { .. }
        | MeasureKind::TraitBefore { .. }
        | MeasureKind::DaysUntil { .. }
        | MeasureKind::Contract(_) => None,
    }
}

fn usages(story: &Story) -> impl Iterator<Item = (Instant, &Usage)> {
    story.facts.iter().filter_map(|fact| match &fact.kind {
        FactKind::Usage(usage) => Some((fact.event_at, usage)),
        _ => None,
    })
}

/// As many are below it as above.
fn naive_median(mut values: Vec<i128>, least: usize) -> Option<Quantity> {
    if values.len() < least {
        return None;
    }
    values.sort_unstable();
    while values.len() > 2 {
        values = values[1..values.len() - 1].to_vec();
    }
    Quantity::ratio(values.iter().sum(), values.len() as i128)
}

fn naive_over(
    story: &Story,
    set: &SeriesSet,
    measure: &Measure,
    window: Window,
    now: Instant,
) -> Option<Quantity> {
    let MeasureKind::Windowed { aggregate, source, .. } = &measure.kind else {
        unreachable!("only windowed measures come here");
    };
    let (events, spec) = match source {
        crate::measure::Source::Always { events } | crate::measure::Source::Sets { events, .. } => {
            (events, None)
        }
        crate::measure::Source::Series { id, events } => (events, set.spec(*id)),
    };
    let within = |at: Instant| match window {
        Window::Days { days, before } => {
            let age = i64::from(story.calendar.day_of(now).0) - i64::from(story.calendar.day_of(at).0);
            age >= i64::from(before) && age < i64::from(before) + i64::from(days)
        }
        Window::Hours { hours } => {
            let age = now.0.div_euclid(HOUR_MS) - at.0.div_euclid(HOUR_MS);
            (0..=i64::from(hours)).contains(&age)
        }
    };
    let taken: Vec<(Instant, &Usage)> = usages(story)
        .filter(|(at, usage)| within(*at) && events.takes(&usage.event))
        .filter(|(_, usage)| spec.is_none_or(|spec| spec.takes(usage)))
        .collect();
    let numbers: Vec<i128> = taken
        .iter()
        .filter_map(|(_, usage)| usage.property("paid")?.as_decimal())
        .map(|number| i128::from(number.0))
        .collect();
    let distinct = |mut keys: Vec<String>| {
        keys.sort_unstable();
        keys.dedup();
        Some(Quantity::int(keys.len() as i128))
    };
    let scale = i128::from(Decimal::SCALE);
    match aggregate {
        Aggregate::Sum => Quantity::ratio(numbers.iter().sum(), scale),
        Aggregate::Min => Quantity::ratio(*numbers.iter().min()?, scale),
        Aggregate::Max => Quantity::ratio(*numbers.iter().max()?, scale),
        Aggregate::Average => Quantity::ratio(numbers.iter().sum(), numbers.len() as i128 * scale),
        Aggregate::DistinctContacts => {
            distinct(taken.iter().filter_map(|(_, usage)| Some(format!("{:?}", usage.contact?))).collect())
        }
        Aggregate::DistinctValues => distinct(
            taken.iter().filter_map(|(_, usage)| Some(format!("{:?}", usage.property("paid")?))).collect(),
        ),
        _ => {
            let days: Vec<i32> = taken.iter().map(|(at, _)| story.calendar.day_of(*at).0).collect();
            let used: BTreeSet<&str> = taken.iter().map(|(_, usage)| usage.event.as_str()).collect();
            naive_of_days(*aggregate, days, used.len(), events.names().count())
        }
    }
}

/// Given the day of each event, how many different ones there were, and how many there might be.
fn naive_of_days(aggregate: Aggregate, days: Vec<i32>, used: usize, of: usize) -> Option<Quantity> {
    let mut by_day: BTreeMap<i32, i128> = BTreeMap::new();
    days.iter().for_each(|day| *by_day.entry(*day).or_default() += 1);
    let different: Vec<i128> = by_day.keys().map(|day| i128::from(*day)).collect();
    match aggregate {
        Aggregate::DaysActive => Some(Quantity::int(different.len() as i128)),
        Aggregate::MedianGap => naive_median(different.windows(2).map(|pair| pair[1] - pair[0]).collect(), 2),
        Aggregate::MedianPerDay => naive_median(by_day.into_values().collect(), 3),
        Aggregate::Breadth => Quantity::ratio(used as i128, of as i128),
        _ => Some(Quantity::int(days.len() as i128)),
    }
}
