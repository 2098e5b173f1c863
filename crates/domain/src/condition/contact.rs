//! Conditions over one contact, and quantifiers over an account's members.

use std::fmt;

use super::{Truth, traits};
use crate::{
    account::{Account, Contact},
    comparison::Comparison,
    quantity::Quantity,
    threshold,
    time::{DAY_MS, Instant},
    value::Value,
};

/// A condition over one contact.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ContactCondition {
    All(Vec<ContactCondition>),
    Any(Vec<ContactCondition>),
    Not(Box<ContactCondition>),
    Trait { name: String, comparison: Comparison },
    TraitSince { name: String, value: Value, days: u32 },
    Missing { name: String },
    Stale { name: String, days: u32 },
    DaysSinceLastSeen(Comparison),
}

/// How many of the members must fulfil it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quantifier {
    Any,
    All,
    None,
    AtLeast(u32),
    /// Of a hundred; of no members it is not known.
    PercentAtLeast(u32),
}

/// What the members say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub surely: u32,
    pub perhaps: u32,
    pub members: u32,
}

impl Quantifier {
    pub fn truth(self, tally: Tally) -> Truth {
        match self {
            Self::Any => at_least(1, tally),
            Self::None => !at_least(1, tally),
            Self::AtLeast(n) => at_least(n, tally),
            Self::PercentAtLeast(_) if tally.members == 0 => Truth::Unknown,
            // At most 10,000 members: the product fits.
            Self::PercentAtLeast(percent) => at_least((tally.members * percent).div_ceil(100), tally),
            Self::All if tally.surely == tally.members => Truth::True,
            Self::All if tally.surely + tally.perhaps < tally.members => Truth::False,
            Self::All => Truth::Unknown,
        }
    }
}

fn at_least(n: u32, tally: Tally) -> Truth {
    if tally.surely >= n {
        Truth::True
    } else if tally.surely + tally.perhaps < n {
        Truth::False
    } else {
        Truth::Unknown
    }
}

impl fmt::Display for Quantifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => write!(f, "any contact"),
            Self::All => write!(f, "all contacts"),
            Self::None => write!(f, "no contact"),
            Self::AtLeast(n) => write!(f, "at least {n} contacts"),
            Self::PercentAtLeast(percent) => write!(f, "at least {percent}% of contacts"),
        }
    }
}

impl ContactCondition {
    /// What the account's members say.
    pub fn tally(&self, account: &Account, now: Instant) -> Tally {
        account.members().fold(Tally::default(), |mut tally, (_, contact)| {
            tally.members += 1;
            match self.truth(contact, now) {
                Truth::True => tally.surely += 1,
                Truth::Unknown => tally.perhaps += 1,
                Truth::False => {}
            }
            tally
        })
    }

    /// The earliest instant after `now` at which it may change for a member, with no new fact.
    pub fn wake(&self, account: &Account, now: Instant) -> Option<Instant> {
        account.members().filter_map(|(_, contact)| self.contact_wake(contact, now)).min()
    }

    /// Whether a contact's usage can change it.
    pub fn reads_usage(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::reads_usage),
            Self::Not(part) => part.reads_usage(),
            Self::DaysSinceLastSeen(_) => true,
            _ => false,
        }
    }

    /// Whether time alone can move it.
    pub(crate) fn is_timed(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::is_timed),
            Self::Not(part) => part.is_timed(),
            Self::TraitSince { .. } | Self::Stale { .. } | Self::DaysSinceLastSeen(_) => true,
            Self::Trait { .. } | Self::Missing { .. } => false,
        }
    }

    /// Of one contact.
    pub(crate) fn truth(&self, contact: &Contact, now: Instant) -> Truth {
        match self {
            Self::All(parts) => {
                parts.iter().fold(Truth::True, |truth, part| truth.and(part.truth(contact, now)))
            }
            Self::Any(parts) => {
                parts.iter().fold(Truth::False, |truth, part| truth.or(part.truth(contact, now)))
            }
            Self::Not(part) => !part.truth(contact, now),
            Self::Trait { name, comparison } => comparison.holds(contact.traits().value(name)).into(),
            Self::TraitSince { name, value, days } => {
                traits::held_for(contact.traits(), name, value, *days, now)
            }
            Self::Missing { name } => contact.traits().value(name).is_none().into(),
            Self::Stale { name, days } => traits::stale(contact.traits(), name, *days, now),
            Self::DaysSinceLastSeen(comparison) => {
                comparison.holds_quantity(days_since(contact.last_seen(), now)).into()
            }
        }
    }

    fn contact_wake(&self, contact: &Contact, now: Instant) -> Option<Instant> {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().filter_map(|part| part.contact_wake(contact, now)).min()
            }
            Self::Not(part) => part.contact_wake(contact, now),
            Self::Trait { .. } | Self::Missing { .. } => None,
            Self::TraitSince { name, days, .. } => {
                traits::after_days(contact.traits().since(name), *days, now)
            }
            Self::Stale { name, days } => traits::after_days(contact.traits().set_at(name), *days, now),
            Self::DaysSinceLastSeen(comparison) => {
                threshold::elapsed_wake(comparison, contact.last_seen()?, now)
            }
        }
    }
}

fn days_since(seen: Option<Instant>, now: Instant) -> Option<Quantity> {
    let elapsed = (now.0 - seen?.0).max(0);
    Quantity::ratio(i128::from(elapsed), i128::from(DAY_MS))
}

impl fmt::Display for ContactCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) => joined(f, parts, " and "),
            Self::Any(parts) => joined(f, parts, " or "),
            Self::Not(part) => write!(f, "not {part}"),
            Self::Trait { name, comparison } => write!(f, "{name} {comparison}"),
            Self::TraitSince { name, value, days } => write!(f, "{name} is {value} for {days} days"),
            Self::Missing { name } => write!(f, "{name} missing"),
            Self::Stale { name, days } => write!(f, "{name} stale for {days} days"),
            Self::DaysSinceLastSeen(comparison) => write!(f, "days since last seen {comparison}"),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[ContactCondition], word: &str) -> fmt::Result {
    let parts: Vec<_> = parts.iter().map(ToString::to_string).collect();
    write!(f, "({})", parts.join(word))
}
