//! Traits of an account or a contact: each the latest of its changes.

use crate::{
    account::TRAITS_MOST,
    bounded::Bounded,
    changes::{Change, Changes},
    fact::Fact,
    time::Instant,
    value::Value,
};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traits {
    pub(crate) by_name: Bounded<Box<str>, Changes<Value>, TRAITS_MOST>,
}

impl Traits {
    /// The value that holds; `None` when it was never set, or set to nothing.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.changes(name)?.current().filter(|value| !value.is_null())
    }

    /// The value that held at an instant, as far as that is remembered.
    pub fn value_at(&self, name: &str, at: Instant) -> Option<&Value> {
        self.changes(name)?.at(at).filter(|value| !value.is_null())
    }

    /// When it was first set after an instant.
    pub(crate) fn set_after(&self, name: &str, at: Instant) -> Option<Instant> {
        self.changes(name)?.after(at)
    }

    /// Since when the value has been what it is; `None` when there is no value.
    pub fn since(&self, name: &str) -> Option<Instant> {
        self.value(name)?;
        self.changes(name)?.since()
    }

    /// When it was last set, to whatever.
    pub fn set_at(&self, name: &str) -> Option<Instant> {
        self.changes(name)?.newest().map(|change| change.at)
    }

    /// Every trait that has a value, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        let current = |changes: &'_ Changes<Value>| changes.current().is_some_and(|value| !value.is_null());
        self.by_name
            .iter()
            .filter(move |(_, changes)| current(changes))
            .filter_map(|(name, changes)| changes.current().map(|value| (&**name, value)))
    }

    pub(crate) fn set(&mut self, traits: &[(String, Value)], fact: &Fact) {
        for (name, value) in traits {
            if let Some(changes) = self.by_name.slot(name.as_str()) {
                changes.set(Change::new(fact.event_at, fact.id, value.clone()));
            }
        }
    }

    pub(crate) fn saturated(&self) -> bool {
        self.by_name.saturated
    }

    fn changes(&self, name: &str) -> Option<&Changes<Value>> {
        self.by_name.get(name)
    }
}
