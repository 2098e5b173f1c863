//! Comparisons and the values they name.

use super::{Compiler, forms::one_of};
use crate::{
    catalogue::{
        document::{Comparing, FilterDoc, Json},
        problem::{Place, Problems},
    },
    comparison::Comparison,
    decision::Band,
    usage::series::Filter,
    value::{Decimal, Value},
};

/// What is compared, and so what it may be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compared {
    /// A trait or property: anything.
    Value,
    /// A measure: a number, never absent in the way of a trait (`missing` asks that).
    Measure,
    /// Elapsed days, or a score: a number.
    Number,
    /// A band, by its name.
    Band,
}

/// Values of an `in`.
const VALUES_MOST: usize = 100;

const EVERY: [&str; 9] =
    ["is", "is_not", "in", "at_least", "at_most", "more_than", "less_than", "contains", "exists"];

impl Compared {
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Value => &EVERY,
            Self::Measure => &["is", "is_not", "at_least", "at_most", "more_than", "less_than"],
            Self::Number => {
                &["is", "is_not", "in", "at_least", "at_most", "more_than", "less_than", "exists"]
            }
            Self::Band => &["is", "is_not", "in"],
        }
    }

    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Value => !value.is_null(),
            Self::Measure | Self::Number => value.as_decimal().is_some(),
            Self::Band => Band::ALL.iter().any(|band| value.as_text() == Some(band.name())),
        }
    }

    fn wants(self) -> &'static str {
        match self {
            Self::Value => "a truth, a number, a text or a list",
            Self::Measure | Self::Number => "a number of at most six decimals",
            Self::Band => "red, yellow or green",
        }
    }
}

/// The one comparison that is written.
pub(super) fn comparison(
    problems: &mut Problems,
    place: &Place<'_>,
    written: Comparing<'_>,
    compared: Compared,
) -> Option<Comparison> {
    let mut reader = Reader { problems, place, compared };
    let keys = keys(written);
    let [key] = keys[..] else {
        reader.problems.say(place, one_of("a comparison", &keys, compared.keys()));
        return None;
    };
    if !compared.keys().contains(&key) {
        let known = compared.keys().join(", ");
        reader.problems.say(&place.key(key), format!("`{key}` is not asked here; known are {known}"));
        return None;
    }
    None.or_else(|| written.is.and_then(|value| reader.value(key, value)).map(Comparison::Is))
        .or_else(|| written.is_not.and_then(|value| reader.value(key, value)).map(Comparison::IsNot))
        .or_else(|| written.in_.and_then(|values| reader.values(values)).map(Comparison::In))
        .or_else(|| written.at_least.and_then(|n| reader.number(key, n)).map(Comparison::AtLeast))
        .or_else(|| written.at_most.and_then(|n| reader.number(key, n)).map(Comparison::AtMost))
        .or_else(|| written.more_than.and_then(|n| reader.number(key, n)).map(Comparison::MoreThan))
        .or_else(|| written.less_than.and_then(|n| reader.number(key, n)).map(Comparison::LessThan))
        .or_else(|| written.contains.map(|part| Comparison::Contains(part.to_owned())))
        .or_else(|| written.exists.map(Comparison::Exists))
}

fn keys(written: Comparing<'_>) -> Vec<&'static str> {
    let there = [
        written.is.is_some(),
        written.is_not.is_some(),
        written.in_.is_some(),
        written.at_least.is_some(),
        written.at_most.is_some(),
        written.more_than.is_some(),
        written.less_than.is_some(),
        written.contains.is_some(),
        written.exists.is_some(),
    ];
    EVERY.into_iter().zip(there).filter(|(_, there)| *there).map(|(key, _)| key).collect()
}

/// Reads what stands behind a comparison's key.
struct Reader<'p, 'a> {
    problems: &'p mut Problems,
    place: &'a Place<'a>,
    compared: Compared,
}

impl Reader<'_, '_> {
    fn value(&mut self, key: &str, json: &Json) -> Option<Value> {
        let value = read(json).filter(|value| self.compared.takes(value));
        if value.is_none() {
            self.problems.say(&self.place.key(key), format!("{json} is not {}", self.compared.wants()));
        }
        value
    }

    fn values(&mut self, list: &[Json]) -> Option<Vec<Value>> {
        if list.is_empty() || list.len() > VALUES_MOST {
            self.problems.say(&self.place.key("in"), format!("has 1 to {VALUES_MOST} values"));
            return None;
        }
        list.iter().map(|json| self.value("in", json)).collect()
    }

    fn number(&mut self, key: &str, json: &Json) -> Option<Decimal> {
        number(self.problems, &self.place.key(key), json)
    }
}

/// A number of at most six decimals.
pub(super) fn number(problems: &mut Problems, place: &Place<'_>, json: &Json) -> Option<Decimal> {
    let number = read(json).and_then(|value| value.as_decimal());
    if number.is_none() {
        problems.say(place, format!("{json} is not a number of at most six decimals"));
    }
    number
}

fn read(json: &Json) -> Option<Value> {
    Value::from_json(json).ok()
}

impl Compiler<'_> {
    /// Filters on an event's properties.
    pub(super) fn filters(&mut self, place: &Place<'_>, filters: &[FilterDoc]) -> Option<Vec<Filter>> {
        let read = filters.iter().enumerate().map(|(at, doc)| {
            let place = place.item(at);
            self.text(&place.key("property"), &doc.property);
            let comparison = comparison(&mut self.problems, &place, doc.comparing(), Compared::Value)?;
            Some(Filter { property: doc.property.clone(), comparison })
        });
        // All of them are read, so that all problems are said.
        read.collect::<Vec<_>>().into_iter().collect()
    }
}
