//! Measures, each computed from the whole list of facts.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    account::{Fact, Usage, Value},
    calendar::{DAY_MS, HOUR_MS},
    catalogue::{Aggregate, Measure, Selection, Window},
    number::Number,
    view::View,
};

/// Elapsed time in days of 24 hours, exact, never below zero.
pub(crate) fn elapsed_days(since: i64, now: i64) -> Number {
    Number::fraction((now - since).max(0).into(), DAY_MS.into()).unwrap_or(Number::ZERO)
}

/// What a measure needs kept for it beyond the counts that are kept anyway, written out; `None`: nothing.
/// Measures that need the same share it.
pub(crate) fn tracker(measure: &Measure) -> Option<String> {
    let Measure::Windowed { aggregate, of, window } = measure else { return None };
    let hours = matches!(window, Window::Hours { .. });
    let kind = match aggregate {
        Aggregate::Count | Aggregate::DaysActive | Aggregate::MedianGap | Aggregate::MedianPerDay
            if of.filters.is_empty() && !hours =>
        {
            return None;
        }
        Aggregate::Count | Aggregate::DaysActive | Aggregate::MedianGap | Aggregate::MedianPerDay => "count",
        Aggregate::Sum | Aggregate::Min | Aggregate::Max | Aggregate::Average => "numbers",
        Aggregate::DistinctContacts => "contacts",
        Aggregate::DistinctValues => "values",
    };
    let mut filters: Vec<String> = of.filters.iter().map(|filter| format!("{filter:?}")).collect();
    filters.sort();
    filters.dedup();
    Some(format!("{kind} {hours} {:?} {:?} {filters:?}", of.events, of.property))
}

impl Window {
    /// The window of the same length before it.
    pub(crate) fn earlier(self) -> Self {
        match self {
            Self::Days { days, before } => Self::Days { days, before: before + days },
            Self::Hours { hours, before } => Self::Hours { hours, before: before + hours + 1 },
        }
    }
}

impl View<'_> {
    /// A measure's value now; `None` where it is unknown.
    pub(crate) fn measure(&self, name: &str) -> Option<Number> {
        match self.catalogue.measures.get(name)? {
            measure @ Measure::Windowed { aggregate, of, window } => {
                self.windowed(*aggregate, of, *window, self.known_from(measure))
            }
            Measure::Elapsed { first, events } => {
                let active = self.account.active(events);
                let since = if *first { active.min() } else { active.max() };
                since.map(|at| elapsed_days(at, self.now))
            }
            Measure::Change(of) => {
                let measure = self.catalogue.measures.get(of)?;
                let Measure::Windowed { aggregate, of, window } = measure else { return None };
                let from = self.known_from(measure);
                let before = self.windowed(*aggregate, of, window.earlier(), from)?;
                Some(self.windowed(*aggregate, of, *window, from)?.minus(before))
            }
            Measure::Ratio { of, to, to_at_least } => {
                let (of, to) = (self.measure(of)?, self.measure(to)?);
                if to_at_least.is_some_and(|least| to < least) { None } else { of.divided_by(to) }
            }
            Measure::FirstKnown(names) => names.iter().find_map(|name| self.measure(name)),
            Measure::Trait { name, fades_after } => {
                let set_at = self.account.traits().set_at(name)?;
                match self.account.traits().value(name)? {
                    Value::Number(n) => {
                        fades_after.is_none_or(|days| self.now - set_at < days * DAY_MS).then_some(n)
                    }
                    _ => None,
                }
            }
            Measure::Breadth { by, sets, window } => self.breadth(by.as_ref(), sets, *window),
            Measure::TraitBefore { name, days } => {
                match self.account.traits().value_at(name, self.now - days * DAY_MS)? {
                    Value::Number(n) => Some(n),
                    _ => None,
                }
            }
            Measure::DaysUntil(name) => match self.account.traits().value(name)? {
                Value::Text(date) => {
                    let until = self.calendar.date(&date)? - self.calendar.day_of(self.now);
                    Some(Number::whole(until.into()))
                }
                _ => None,
            },
            Measure::Contract { of, days, currency, verdict } => {
                self.of_contracts(of, days.unwrap_or(0), currency.as_deref(), verdict.as_deref())
            }
        }
    }

    /// Of the one set, or of the one that belongs to the value of a trait.
    fn breadth(
        &self,
        by: Option<&String>,
        sets: &BTreeMap<String, BTreeSet<String>>,
        window: Window,
    ) -> Option<Number> {
        let set = match by {
            None => sets.values().next()?,
            Some(name) => match self.account.traits().value(name)? {
                Value::Text(value) => sets.get(&value)?,
                _ => return None,
            },
        };
        let there = |event: &&String| {
            let mut usage = self.account.usage();
            usage.any(|(fact, usage)| usage.event == **event && self.within(window, fact.event_at))
        };
        let size = |n: usize| Number::whole(n as i128);
        size(set.iter().filter(there).count()).divided_by(size(set.len()))
    }

    /// The place of the first fold that counts for a measure.
    fn known_from(&self, measure: &Measure) -> u64 {
        tracker(measure).map_or(0, |tracker| self.activated.get(&tracker).copied().unwrap_or(u64::MAX))
    }

    fn windowed(&self, what: Aggregate, of: &Selection, window: Window, known_from: u64) -> Option<Number> {
        let counted: Vec<(&Fact, &Usage)> = self
            .account
            .usage()
            .filter(|(fact, _)| fact.place >= known_from && self.within(window, fact.event_at))
            .filter(|(_, usage)| of.events.as_ref().is_none_or(|events| events.contains(&usage.event)))
            .filter(|(_, usage)| of.filters.iter().all(|(p, c)| c.of(usage.property(p)) == Some(true)))
            .collect();
        let values = || {
            let property = of.property.as_deref().unwrap_or_default();
            counted.iter().filter_map(move |(_, usage)| usage.property(property))
        };
        let numbers: Vec<Number> = values()
            .filter_map(|value| match value {
                Value::Number(n) => Some(*n),
                _ => None,
            })
            .collect();
        let sum = || numbers.iter().fold(Number::ZERO, |sum, n| sum.minus(Number::ZERO.minus(*n)));
        let size = |n: usize| Number::whole(n as i128);
        Some(match what {
            Aggregate::Count => size(counted.len()),
            Aggregate::Sum => sum(),
            Aggregate::Min => *numbers.iter().min()?,
            Aggregate::Max => *numbers.iter().max()?,
            Aggregate::Average => sum().divided_by(size(numbers.len()))?,
            Aggregate::DistinctContacts => {
                size(counted.iter().filter_map(|(_, usage)| usage.contact).collect::<BTreeSet<_>>().len())
            }
            Aggregate::DistinctValues => {
                size(values().map(|value| format!("{value:?}")).collect::<BTreeSet<_>>().len())
            }
            Aggregate::DaysActive => {
                let day = |(fact, _): &(&Fact, &Usage)| self.calendar.day_of(fact.event_at);
                size(counted.iter().map(day).collect::<BTreeSet<_>>().len())
            }
            Aggregate::MedianGap | Aggregate::MedianPerDay => {
                let mut days: Vec<i64> =
                    counted.iter().map(|(fact, _)| self.calendar.day_of(fact.event_at)).collect();
                days.sort_unstable();
                let each = days.chunk_by(|a, b| a == b);
                let mut numbers: Vec<i64> = if what == Aggregate::MedianGap {
                    let days: Vec<i64> = each.map(|same| same[0]).collect();
                    days.windows(2).map(|pair| pair[1] - pair[0]).collect()
                } else {
                    each.map(|same| same.len() as i64).collect()
                };
                numbers.sort_unstable();
                if numbers.len() < if what == Aggregate::MedianGap { 2 } else { 3 } {
                    return None;
                }
                let (middle, half) = (numbers.len() / 2, numbers.len().is_multiple_of(2));
                let two = if half { numbers[middle - 1] + numbers[middle] } else { 2 * numbers[middle] };
                Number::fraction(two.into(), 2)?
            }
        })
    }

    fn within(&self, window: Window, event_at: i64) -> bool {
        match window {
            Window::Days { days, before } => {
                let last = self.calendar.day_of(self.now) - before;
                let day = self.calendar.day_of(event_at);
                last - days < day && day <= last
            }
            Window::Hours { hours, before } => {
                let last = self.now.div_euclid(HOUR_MS) - before;
                let hour = event_at.div_euclid(HOUR_MS);
                last - hours <= hour && hour <= last
            }
        }
    }
}
