//! Everything that was said about one account, as it came. Nothing is summed up.

use std::collections::BTreeSet;

use crate::{catalogue::Events, number::Number, wire::perennial::account::v1 as account};

/// What a trait or a property is. Null is `None` around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Bool(bool),
    Text(String),
    Number(Number),
    List(Vec<Option<Value>>),
}

impl Value {
    /// For people.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Bool(truth) => truth.to_string(),
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.exact(),
            Self::List(items) => texts(items),
        }
    }
}

/// Values by commas, null as nothing.
pub(crate) fn texts(values: &[Option<Value>]) -> String {
    let of = |value: &Option<Value>| value.as_ref().map_or(String::new(), Value::text);
    values.iter().map(of).collect::<Vec<_>>().join(", ")
}

/// One fact about the account. `place` counts the folds of its partition: what was folded before what.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    pub(crate) event_at: i64,
    pub(crate) id: u128,
    pub(crate) place: u64,
    pub(crate) body: Body,
}

#[derive(Debug, Clone)]
pub(crate) enum Body {
    Usage(Usage),
    /// The account's, or a contact's.
    Traits(Option<u128>, Vec<(String, Option<Value>)>),
    Member(u128, bool),
    /// Terms of a contract.
    Terms(String, Vec<(String, Option<Value>)>),
}

#[derive(Debug, Clone)]
pub(crate) struct Usage {
    pub(crate) contact: Option<u128>,
    pub(crate) event: String,
    pub(crate) properties: Vec<(String, Option<Value>)>,
    pub(crate) active: bool,
}

impl Usage {
    pub(crate) fn property(&self, name: &str) -> Option<&Value> {
        self.properties.iter().find(|(n, _)| n == name)?.1.as_ref()
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Account {
    pub(crate) facts: Vec<Fact>,
}

/// Changes of traits, oldest first by (event time, id).
pub(crate) struct Traits(Vec<(i64, u128, String, Option<Value>)>);

impl Account {
    /// All usage with its event time and the place at which it was folded.
    pub(crate) fn usage(&self) -> impl Iterator<Item = (&Fact, &Usage)> {
        self.facts.iter().filter_map(|fact| match &fact.body {
            Body::Usage(usage) => Some((fact, usage)),
            _ => None,
        })
    }

    /// Event times of active usage, of some events or of all.
    pub(crate) fn active(&self, events: &Events) -> impl Iterator<Item = i64> {
        self.usage()
            .filter(move |(_, usage)| {
                usage.active && events.as_ref().is_none_or(|names| names.contains(&usage.event))
            })
            .map(|(fact, _)| fact.event_at)
    }

    pub(crate) fn last_seen(&self, contact: u128) -> Option<i64> {
        self.usage().filter(|(_, u)| u.active && u.contact == Some(contact)).map(|(f, _)| f.event_at).max()
    }

    pub(crate) fn traits(&self) -> Traits {
        self.traits_of(None)
    }

    pub(crate) fn contact_traits(&self, contact: u128) -> Traits {
        self.traits_of(Some(contact))
    }

    fn traits_of(&self, whose: Option<u128>) -> Traits {
        self.said(|body| match body {
            Body::Traits(of, named) if *of == whose => Some(named),
            _ => None,
        })
    }

    /// The ids of its contracts.
    pub(crate) fn contracts(&self) -> BTreeSet<&str> {
        let contracts = self.facts.iter().filter_map(|fact| match &fact.body {
            Body::Terms(contract, _) => Some(contract.as_str()),
            _ => None,
        });
        contracts.collect()
    }

    pub(crate) fn terms(&self, contract: &str) -> Traits {
        self.said(|body| match body {
            Body::Terms(of, named) if of == contract => Some(named),
            _ => None,
        })
    }

    fn said(&self, of: impl Fn(&Body) -> Option<&Vec<(String, Option<Value>)>>) -> Traits {
        let mut changes = Vec::new();
        for fact in &self.facts {
            let named = of(&fact.body).into_iter().flatten();
            changes.extend(named.map(|(n, v)| (fact.event_at, fact.id, n.clone(), v.clone())));
        }
        changes.sort_by_key(|change| (change.0, change.1));
        Traits(changes)
    }

    /// Contacts of whom the last word is that they are members.
    pub(crate) fn members(&self) -> BTreeSet<u128> {
        let mut said: Vec<(i64, u128, u128, bool)> = self
            .facts
            .iter()
            .filter_map(|fact| match fact.body {
                Body::Member(contact, member) => Some((fact.event_at, fact.id, contact, member)),
                _ => None,
            })
            .collect();
        said.sort_unstable();
        let mut members = BTreeSet::new();
        for (_, _, contact, member) in said {
            if member {
                members.insert(contact)
            } else {
                members.remove(&contact)
            };
        }
        members
    }
}

impl Traits {
    fn of<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = (i64, &'a Option<Value>)> {
        self.0.iter().filter(move |change| change.2 == name).map(|change| (change.0, &change.3))
    }

    pub(crate) fn value(&self, name: &str) -> Option<Value> {
        self.of(name).next_back()?.1.clone()
    }

    /// The value at an instant. Of the last 32 settings each is remembered, of those before only how long the last value
    /// had been the same by then.
    pub(crate) fn value_at(&self, name: &str, at: i64) -> Option<Value> {
        let all: Vec<(i64, &Option<Value>)> = self.of(name).collect();
        let (before, kept) = all.split_at(all.len().saturating_sub(32));
        if let Some((_, value)) = kept.iter().rev().find(|(set, _)| *set <= at) {
            return (*value).clone();
        }
        let (_, last) = before.last()?;
        let (since, _) = before.iter().rev().take_while(|(_, value)| value == last).last()?;
        if *since <= at { (*last).clone() } else { None }
    }

    /// When the present value began: the earliest of the equal changes that end in the last one.
    pub(crate) fn since(&self, name: &str) -> Option<i64> {
        let (_, now) = self.of(name).next_back()?;
        self.of(name).rev().take_while(|(_, value)| *value == now).last().map(|(at, _)| at)
    }

    /// When it was last set, to whatever value.
    pub(crate) fn set_at(&self, name: &str) -> Option<i64> {
        self.of(name).next_back().map(|(at, _)| at)
    }

    /// Every instant at which anything was set.
    pub(crate) fn instants(&self) -> impl Iterator<Item = i64> {
        self.0.iter().map(|change| change.0)
    }
}

/// Reads a fact's body; `None` where the record is none about the account.
pub(crate) fn body(kind: account::account_record::Kind) -> Option<Body> {
    use account::account_record::Kind;
    Some(match kind {
        Kind::Usage(usage) => Body::Usage(Usage {
            contact: id(&usage.contact),
            event: usage.event,
            properties: named(usage.properties),
            active: usage.active,
        }),
        Kind::AccountTraits(traits) => Body::Traits(None, named(traits.traits)),
        Kind::ContactTraits(traits) => Body::Traits(Some(id(&traits.contact)?), named(traits.traits)),
        Kind::ContactMembership(said) => Body::Member(id(&said.contact)?, said.member),
        Kind::ContractTerms(said) => Body::Terms(said.contract, named(said.terms)),
        _ => return None,
    })
}

/// 16 bytes as a number; `None` where there are not 16.
pub(crate) fn id(bytes: &[u8]) -> Option<u128> {
    bytes.try_into().ok().map(u128::from_be_bytes)
}

pub(crate) fn named(values: Vec<account::NamedValue>) -> Vec<(String, Option<Value>)> {
    values.into_iter().map(|named| (named.name, named.value.and_then(value))).collect()
}

fn value(value_: account::Value) -> Option<Value> {
    use account::value::Kind;
    Some(match value_.kind? {
        Kind::Bool(truth) => Value::Bool(truth),
        Kind::Text(text) => Value::Text(text),
        Kind::Decimal(millionths) => Value::Number(Number::millionths(millionths.into())),
        Kind::List(list) => Value::List(list.values.into_iter().map(value).collect()),
    })
}
