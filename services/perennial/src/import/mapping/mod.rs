//! Which column of a file becomes what: written by people, or guessed from the header and confirmed by them.

mod guess;
mod known;
mod read;
mod shape;
mod show;
mod write;

use std::collections::BTreeMap;

pub(crate) use guess::Guess;
pub(crate) use read::read;
pub(crate) use show::table;

use super::kind::{Kind, Slot};
use super::value::Type;

/// What separates the items of a list, unless it is said.
const LIST: &str = ";";

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mapping {
    pub(crate) kind: Kind,
    pub(crate) slots: BTreeMap<Slot, Source>,
    pub(crate) values: Values,
}

/// The traits or properties.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Values {
    /// An object in the file, as it stands there.
    Whole(String),
    /// By their names.
    Each(BTreeMap<String, Source>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Source {
    pub(crate) origin: Origin,
    pub(crate) kind: Type,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// What stands in this column.
    Column(String),
    /// The same in every row.
    Always(String),
}

impl Source {
    pub(crate) fn column(name: &str, kind: Type) -> Self {
        Self { origin: Origin::Column(name.to_owned()), kind }
    }
}

impl Mapping {
    /// What is missing for a row to be sent.
    pub(crate) fn missing(&self) -> Option<String> {
        let has = |slot| self.slots.contains_key(&slot);
        let slots = self.kind.slots().iter().copied();
        if let Some(slot) = slots.into_iter().find(|slot| self.kind.must_have(*slot) && !has(*slot)) {
            return Some(format!("{} is missing: which column is it?", slot.name()));
        }
        let whose = has(Slot::Contact) || has(Slot::Account);
        (self.kind == Kind::History && !whose)
            .then(|| "neither contact nor account is there: whose history is it?".to_owned())
    }

    /// What becomes of a column, for people.
    fn becomes(&self, column: &str) -> Option<(String, &Source)> {
        let of = |source: &Source| source.origin == Origin::Column(column.to_owned());
        let value = match &self.values {
            Values::Whole(_) => None,
            Values::Each(values) => values.iter().find(|(_, source)| of(source)),
        };
        let what = match self.kind {
            Kind::Accounts | Kind::Contacts => "trait",
            Kind::Contracts => "term",
            Kind::History => "property",
        };
        let value = value.map(|(name, source)| (format!("{what} {name}"), source));
        let slot = self.slots.iter().find(|(_, source)| of(source));
        let slot = slot.map(|(slot, source)| (slot.name().to_owned(), source));
        match (slot, value) {
            (Some((slot, source)), Some((value, _))) => Some((format!("{slot}, {value}"), source)),
            (slot, value) => slot.or(value),
        }
    }
}

#[cfg(test)]
mod tests;
