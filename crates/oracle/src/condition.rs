//! Conditions, by Kleene's three-valued logic: unknown is neither true nor false.

use serde_json::Value as Json;

use crate::{
    account::{Traits, Value},
    calendar::DAY_MS,
    catalogue::{integer, list, number, text, value},
    measure::elapsed_days,
    number::Number,
    story::Band,
    view::View,
};

/// `None`: not known.
pub(crate) type Truth = Option<bool>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Comparison {
    Is(Option<Value>),
    IsNot(Option<Value>),
    In(Vec<Option<Value>>),
    AtLeast(Number),
    AtMost(Number),
    MoreThan(Number),
    LessThan(Number),
    Contains(String),
    Exists(bool),
}

/// A condition over an account; the same tree, asked of a contact, is one over the contact.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// False or unknown.
    NotTrue(Box<Condition>),
    Measure(String, Comparison),
    Trait(String, Comparison),
    TraitFor {
        name: String,
        value: Option<Value>,
        days: i64,
    },
    Score(Comparison),
    Band(Comparison),
    Contacts(Quantifier, Box<Condition>),
    MissingMeasure(String),
    MissingTrait(String),
    MissingScore,
    Stale {
        name: String,
        days: i64,
    },
    LastSeen(Comparison),
    Named(String),
    InSegment(String),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Quantifier {
    All,
    Any,
    None,
    AtLeast(usize),
    PercentAtLeast(usize),
}

impl Comparison {
    pub(crate) fn read(at: &Json) -> Option<Self> {
        at.as_object()?.iter().find_map(|(key, given)| {
            Some(match key.as_str() {
                "is" => Self::Is(value(given)),
                "is_not" => Self::IsNot(value(given)),
                "in" => Self::In(given.as_array()?.iter().map(value).collect()),
                "at_least" => Self::AtLeast(number(given)?),
                "at_most" => Self::AtMost(number(given)?),
                "more_than" => Self::MoreThan(number(given)?),
                "less_than" => Self::LessThan(number(given)?),
                "contains" => Self::Contains(given.as_str()?.to_owned()),
                "exists" => Self::Exists(given.as_bool()?),
                _ => return None,
            })
        })
    }

    /// `None` as the value: it is missing, or null.
    pub(crate) fn of(&self, found: Option<&Value>) -> Truth {
        if let Self::Exists(expected) = self {
            return Some(found.is_some() == *expected);
        }
        let found = found?;
        match (self, found) {
            (Self::Is(expected), _) => Some(expected.as_ref() == Some(found)),
            (Self::IsNot(expected), _) => Some(expected.as_ref() != Some(found)),
            (Self::In(expected), _) => Some(expected.iter().any(|e| e.as_ref() == Some(found))),
            (Self::AtLeast(limit), Value::Number(n)) => Some(n >= limit),
            (Self::AtMost(limit), Value::Number(n)) => Some(n <= limit),
            (Self::MoreThan(limit), Value::Number(n)) => Some(n > limit),
            (Self::LessThan(limit), Value::Number(n)) => Some(n < limit),
            (Self::Contains(part), Value::Text(text)) => Some(text.contains(part.as_str())),
            (Self::Contains(part), Value::List(items)) => {
                Some(items.iter().any(|item| *item == Some(Value::Text(part.clone()))))
            }
            _ => None,
        }
    }

    /// Every number it names.
    pub(crate) fn numbers(&self) -> Vec<Number> {
        let of = |value: &Option<Value>| match value {
            Some(Value::Number(n)) => Some(*n),
            _ => None,
        };
        match self {
            Self::Is(value) | Self::IsNot(value) => of(value).into_iter().collect(),
            Self::In(values) => values.iter().filter_map(of).collect(),
            Self::AtLeast(n) | Self::AtMost(n) | Self::MoreThan(n) | Self::LessThan(n) => vec![*n],
            Self::Contains(_) | Self::Exists(_) => Vec::new(),
        }
    }
}

/// Reads a condition of the document.
pub(crate) fn condition(at: &Json) -> Option<Condition> {
    if at.get("all").is_some() {
        return Some(Condition::All(list(at, "all", condition)?));
    }
    if at.get("any").is_some() {
        return Some(Condition::Any(list(at, "any", condition)?));
    }
    if let Some(inner) = at.get("not") {
        return Some(Condition::Not(Box::new(condition(inner)?)));
    }
    if let Some(name) = text(at, "measure") {
        return Some(Condition::Measure(name, Comparison::read(at)?));
    }
    if let Some(name) = text(at, "trait") {
        return Some(match integer(at, "for_days") {
            Some(days) => Condition::TraitFor { name, value: value(at.get("is")?), days },
            None => Condition::Trait(name, Comparison::read(at)?),
        });
    }
    if let Some(name) = text(at, "named") {
        return Some(Condition::Named(name));
    }
    if let Some(name) = text(at, "segment") {
        return Some(Condition::InSegment(name));
    }
    if let Some(what) = text(at, "health") {
        let comparison = Comparison::read(at)?;
        return Some(if what == "band" { Condition::Band(comparison) } else { Condition::Score(comparison) });
    }
    if let Some(how) = at.get("contacts") {
        return Some(Condition::Contacts(quantifier(how)?, Box::new(condition(at.get("where")?)?)));
    }
    if let Some(what) = at.get("missing") {
        return missing(what);
    }
    if let Some(what) = at.get("stale") {
        return Some(Condition::Stale { name: text(what, "trait")?, days: integer(what, "days")? });
    }
    Comparison::read(at.get("days_since_last_seen")?).map(Condition::LastSeen)
}

fn quantifier(at: &Json) -> Option<Quantifier> {
    match at.as_str() {
        Some("any") => Some(Quantifier::Any),
        Some("all") => Some(Quantifier::All),
        Some("none") => Some(Quantifier::None),
        Some(_) => None,
        None => {
            let size = |key| usize::try_from(integer(at, key)?).ok();
            size("at_least")
                .map(Quantifier::AtLeast)
                .or_else(|| size("percent_at_least").map(Quantifier::PercentAtLeast))
        }
    }
}

fn missing(what: &Json) -> Option<Condition> {
    if let Some(name) = text(what, "measure") {
        return Some(Condition::MissingMeasure(name));
    }
    if let Some(name) = text(what, "trait") {
        return Some(Condition::MissingTrait(name));
    }
    what.get("health").map(|_| Condition::MissingScore)
}

impl View<'_> {
    /// Whether a condition holds of the account.
    pub(crate) fn holds(&self, condition: &Condition) -> Truth {
        match condition {
            Condition::All(parts) => and(parts.iter().map(|part| self.holds(part))),
            Condition::Any(parts) => or(parts.iter().map(|part| self.holds(part))),
            Condition::Not(inner) => self.holds(inner).map(|truth| !truth),
            Condition::NotTrue(inner) => Some(self.holds(inner) != Some(true)),
            Condition::Measure(name, comparison) => {
                comparison.of(self.measure(name).map(Value::Number).as_ref())
            }
            Condition::Score(comparison) => {
                let score = self.health.score.map(|score| Value::Number(Number::whole(score.into())));
                comparison.of(score.as_ref())
            }
            Condition::Band(comparison) => {
                comparison.of(self.health.band.map(|band| Value::Text(band_name(band).into())).as_ref())
            }
            Condition::Contacts(how, inner) => self.contacts(*how, inner),
            Condition::MissingMeasure(name) => Some(self.measure(name).is_none()),
            Condition::MissingScore => Some(self.health.score.is_none()),
            Condition::Named(name) => self.holds(self.catalogue.conditions.get(name)?),
            Condition::InSegment(name) => Some(self.inside.contains(name)),
            Condition::LastSeen(_) => None,
            of_traits => self.holds_of_traits(of_traits, &self.account.traits()),
        }
    }

    fn contacts(&self, how: Quantifier, inner: &Condition) -> Truth {
        let truths: Vec<Truth> =
            self.account.members().into_iter().map(|contact| self.holds_of(contact, inner)).collect();
        let members = truths.len();
        match how {
            Quantifier::All => and(truths.into_iter()),
            Quantifier::Any => or(truths.into_iter()),
            Quantifier::None => or(truths.into_iter()).map(|truth| !truth),
            Quantifier::AtLeast(n) => {
                let surely = truths.iter().filter(|truth| **truth == Some(true)).count();
                let perhaps = truths.iter().filter(|truth| **truth != Some(false)).count();
                if surely >= n { Some(true) } else { (perhaps < n).then_some(false) }
            }
            Quantifier::PercentAtLeast(percent) => {
                let enough = |truths: usize| truths * 100 >= percent * members;
                let surely = truths.iter().filter(|truth| **truth == Some(true)).count();
                let perhaps = truths.iter().filter(|truth| **truth != Some(false)).count();
                if members == 0 {
                    None
                } else if enough(surely) {
                    Some(true)
                } else {
                    (!enough(perhaps)).then_some(false)
                }
            }
        }
    }

    pub(crate) fn holds_of(&self, contact: u128, condition: &Condition) -> Truth {
        match condition {
            Condition::All(parts) => and(parts.iter().map(|part| self.holds_of(contact, part))),
            Condition::Any(parts) => or(parts.iter().map(|part| self.holds_of(contact, part))),
            Condition::Not(inner) => self.holds_of(contact, inner).map(|truth| !truth),
            Condition::LastSeen(comparison) => {
                let seen = self.account.last_seen(contact);
                comparison.of(seen.map(|at| Value::Number(elapsed_days(at, self.now))).as_ref())
            }
            of_traits => self.holds_of_traits(of_traits, &self.account.contact_traits(contact)),
        }
    }

    fn holds_of_traits(&self, condition: &Condition, traits: &Traits) -> Truth {
        match condition {
            Condition::Trait(name, comparison) => comparison.of(traits.value(name).as_ref()),
            Condition::TraitFor { name, value, days } => {
                let found = traits.value(name)?;
                let since = traits.since(name)?;
                Some(Some(&found) == value.as_ref() && self.now - since >= days * DAY_MS)
            }
            Condition::MissingTrait(name) => Some(traits.value(name).is_none()),
            Condition::Stale { name, days } => {
                let set = traits.set_at(name).filter(|_| traits.value(name).is_some());
                Some(set.is_none_or(|at| self.now - at >= days * DAY_MS))
            }
            _ => None,
        }
    }
}

/// False where one is false; else unknown where one is unknown.
fn and(truths: impl Iterator<Item = Truth>) -> Truth {
    let truths: Vec<Truth> = truths.collect();
    if truths.contains(&Some(false)) { Some(false) } else { (!truths.contains(&None)).then_some(true) }
}

/// True where one is true; else unknown where one is unknown.
fn or(truths: impl Iterator<Item = Truth>) -> Truth {
    and(truths.map(|truth| truth.map(|t| !t))).map(|truth| !truth)
}

fn band_name(band: Band) -> &'static str {
    match band {
        Band::Red => "red",
        Band::Yellow => "yellow",
        Band::Green => "green",
    }
}
