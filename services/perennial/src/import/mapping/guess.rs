//! A mapping by what the columns are called and what is in them.
//!
//! Invariant: it is never used unless somebody has seen it, or has said that they need not.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::known::{self, plain, snake};
use super::shape::{self, Hint};
use super::{Mapping, Source, Values};
use crate::import::aside;
use crate::import::kind::{Kind, Slot, is_whole};
use crate::import::table::{Form, Table};
use crate::import::value::Type;

pub(crate) struct Guess {
    pub(crate) mapping: Mapping,
    pub(crate) left_out: Vec<String>,
    /// What somebody should look at.
    pub(crate) notes: Vec<String>,
}

impl Guess {
    pub(crate) fn of(kind: Kind, table: &Table) -> Self {
        Guessing::new(kind, table).guess()
    }
}

struct Guessing<'a> {
    kind: Kind,
    table: &'a Table,
    /// Columns that nothing was made of yet.
    rest: Vec<&'a str>,
    notes: Vec<String>,
}

impl<'a> Guessing<'a> {
    fn new(kind: Kind, table: &'a Table) -> Self {
        let names = table.header().iter().map(String::as_str);
        let rest = names.filter(|name| !name.is_empty() && !aside::is_ours(name)).collect();
        Self { kind, table, rest, notes: Vec::new() }
    }

    fn guess(mut self) -> Guess {
        let mut slots: BTreeMap<Slot, Source> = BTreeMap::new();
        for slot in self.kind.slots() {
            if let Some(column) = self.take(&known::slot(self.kind, *slot)) {
                slots.insert(*slot, self.slot(*slot, column));
            }
        }
        if self.kind == Kind::Contacts && !slots.contains_key(&Slot::Id) {
            // The address is the id as well, and stays a trait.
            let email =
                self.rest.iter().find(|name| matches!(plain(name).as_str(), "email" | "emailaddress"));
            slots.extend(email.map(|email| (Slot::Id, Source::column(email, Type::Text))));
        }
        let whole = self.rest.iter().position(|name| is_whole(name) && *name == self.kind.values());
        let values = match whole {
            Some(at) => Values::Whole(self.rest.remove(at).to_owned()),
            None => Values::Each(self.values()),
        };
        let mapping = Mapping { kind: self.kind, slots, values };
        let left_out = self.rest.iter().map(|name| (*name).to_owned()).collect();
        Guess { mapping, left_out, notes: self.notes }
    }

    /// The column that is called by the first of the spellings that any is.
    fn take(&mut self, spellings: &[&str]) -> Option<&'a str> {
        let at = spellings
            .iter()
            .find_map(|spelling| self.rest.iter().position(|name| plain(name) == *spelling))?;
        Some(self.rest.remove(at))
    }

    fn slot(&mut self, slot: Slot, column: &'a str) -> Source {
        if slot != Slot::Time {
            return Source::column(column, Type::Text);
        }
        let values = self.sample(column);
        let fits = |kind: &Type| values.iter().filter(|value| kind.read(value, None).is_ok()).count();
        let kinds = shape::orders(&values).map(|order| Type::Time(order, TimeZone::UTC));
        // Of equal ones the usual, which is the first.
        let kind = kinds.into_iter().rev().max_by_key(fits).unwrap_or(Type::Text);
        self.note(column, &kind, &values);
        Source::column(column, kind)
    }

    fn values(&mut self) -> BTreeMap<String, Source> {
        let mut found: Vec<(&str, String, Option<Hint>)> = Vec::new();
        for known in known::traits(self.kind) {
            if let Some(column) = self.take(known.spellings) {
                found.push((column, known.name.to_owned(), Some(known.hint)));
            }
        }
        let rest = std::mem::take(&mut self.rest);
        for column in rest {
            // Of a contract nothing else is kept.
            if self.sample(column).is_empty() || self.kind == Kind::Contracts {
                self.rest.push(column);
                continue;
            }
            let name = if self.is_of_objects() { column.to_owned() } else { snake(column) };
            found.push((column, name, None));
        }
        let place = |column: &str| self.table.header().iter().position(|name| name == column);
        found.sort_by_key(|(column, ..)| place(column));
        let mut values = BTreeMap::new();
        for (column, name, hint) in found {
            let (name, source) = self.value(column, name, hint);
            if name.is_empty() || values.contains_key(&name) {
                self.rest.push(column);
            } else {
                values.insert(name, source);
            }
        }
        values
    }

    fn value(&mut self, column: &str, name: String, hint: Option<Hint>) -> (String, Source) {
        let values = self.sample(column);
        let minor = plain(column).ends_with("minor") || plain(column).ends_with("cents");
        let kind = shape::kind(if minor { Some(Hint::Number) } else { hint }, &values);
        self.note(column, &kind, &values);
        let is_money = matches!(kind, Type::Money(..)) && !name.ends_with("_minor");
        (if is_money { format!("{name}_minor") } else { name }, Source::column(column, kind))
    }

    fn note(&mut self, column: &str, kind: &Type, values: &[Value]) {
        if shape::is_either_way(kind, values) {
            self.notes.push(format!("{column}: nothing tells the day from the month; is the order right?"));
        }
        let address = |value: &Value| value.as_str().is_some_and(|text| text.contains('@'));
        if self.kind == Kind::Accounts && values.iter().any(address) {
            self.notes.push(format!(
                "{column}: of an account no e-mail addresses are kept, for they name people: use names or ids"
            ));
        }
    }

    fn is_of_objects(&self) -> bool {
        self.table.form() == Form::Ndjson
    }

    /// What stands in the column's first rows.
    fn sample(&self, column: &str) -> Vec<Value> {
        let Some(column) = self.table.column(column) else { return Vec::new() };
        let values = self.table.sample().iter().filter_map(|row| row.get(&column));
        values.filter(|value| !value.is_null()).collect()
    }
}
