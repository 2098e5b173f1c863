//! Measures of a catalogue document, and which usage they look at.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::{integer, list, map, name, number, optional, text};
use crate::{condition::Comparison, number::Number};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Measure {
    Windowed {
        aggregate: Aggregate,
        of: Selection,
        window: Window,
    },
    Elapsed {
        first: bool,
        events: Events,
    },
    Change(String),
    Ratio {
        of: String,
        to: String,
        to_at_least: Option<Number>,
    },
    FirstKnown(Vec<String>),
    Trait {
        name: String,
        fades_after: Option<i64>,
    },
    /// Of one set of events, or of the one that belongs to the value of a trait.
    Breadth {
        by: Option<String>,
        sets: BTreeMap<String, BTreeSet<String>>,
        window: Window,
    },
    TraitBefore {
        name: String,
        days: i64,
    },
    DaysUntil(String),
    Contract {
        of: String,
        days: Option<i64>,
        currency: Option<String>,
        verdict: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Count,
    Sum,
    Min,
    Max,
    Average,
    DistinctContacts,
    DistinctValues,
    DaysActive,
    MedianGap,
    MedianPerDay,
}

/// The names of the events that count; `None`: all of them do.
pub(crate) type Events = Option<BTreeSet<String>>;

/// Which usage, and what of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) events: Events,
    pub(crate) property: Option<String>,
    pub(crate) filters: Vec<(String, Comparison)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Window {
    Days { days: i64, before: i64 },
    Hours { hours: i64, before: i64 },
}

/// The events of each set.
pub(super) type Sets = BTreeMap<String, BTreeSet<String>>;

/// An event's name, or a set of them; absent: all.
pub(super) fn events(at: Option<&Json>, sets: &Sets) -> Option<Events> {
    let Some(at) = at else { return Some(None) };
    match text(at, "set") {
        Some(set) => Some(Some(sets.get(&set)?.clone())),
        None => Some(Some(BTreeSet::from([name(at)?]))),
    }
}

pub(super) fn measure(at: &Json, sets: &Sets) -> Option<Measure> {
    let (form, body) = at.as_object()?.iter().next()?;
    Some(match form.as_str() {
        "days_since_first" => Measure::Elapsed { first: true, events: events(body.get("event"), sets)? },
        "days_since_last" => Measure::Elapsed { first: false, events: events(body.get("event"), sets)? },
        "change" => Measure::Change(text(body, "measure")?),
        "ratio" => Measure::Ratio {
            of: text(body, "of")?,
            to: text(body, "to")?,
            to_at_least: optional(body.get("to_at_least"), number)?,
        },
        "first_known" => Measure::FirstKnown(body.as_array()?.iter().map(name).collect::<Option<_>>()?),
        "trait" => Measure::Trait { name: text(body, "name")?, fades_after: integer(body, "fades_after") },
        "breadth" => breadth(body, sets)?,
        "trait_before" => Measure::TraitBefore { name: text(body, "name")?, days: integer(body, "days")? },
        "contract" => Measure::Contract {
            of: name(body).or_else(|| text(body, "of"))?,
            days: integer(body, "days"),
            currency: text(body, "currency"),
            verdict: text(body, "verdict"),
        },
        "days_until" => Measure::DaysUntil(text(body, "trait")?),
        name => Measure::Windowed {
            aggregate: aggregate(name)?,
            of: Selection {
                events: events(body.get("event"), sets)?,
                property: text(body, "property"),
                filters: list(body, "where", filter)?,
            },
            window: window(body.get("window")?)?,
        },
    })
}

fn breadth(at: &Json, known: &Sets) -> Option<Measure> {
    let window = window(at.get("window")?)?;
    let set = |name: &Json| known.get(name.as_str()?).cloned();
    let sets = match at.get("set") {
        Some(one) => BTreeMap::from([(String::new(), set(one)?)]),
        None => map(at, "sets", set)?,
    };
    Some(Measure::Breadth { by: text(at, "by"), sets, window })
}

fn aggregate(name: &str) -> Option<Aggregate> {
    Some(match name {
        "count" => Aggregate::Count,
        "sum" => Aggregate::Sum,
        "min" => Aggregate::Min,
        "max" => Aggregate::Max,
        "average" => Aggregate::Average,
        "distinct_contacts" => Aggregate::DistinctContacts,
        "distinct_values" => Aggregate::DistinctValues,
        "days_active" => Aggregate::DaysActive,
        "median_gap" => Aggregate::MedianGap,
        "median_per_day" => Aggregate::MedianPerDay,
        _ => return None,
    })
}

fn window(at: &Json) -> Option<Window> {
    match integer(at, "hours") {
        Some(hours) => Some(Window::Hours { hours, before: 0 }),
        None => Some(Window::Days { days: integer(at, "days")?, before: integer(at, "before").unwrap_or(0) }),
    }
}

pub(super) fn filter(at: &Json) -> Option<(String, Comparison)> {
    Some((text(at, "property")?, Comparison::read(at)?))
}
