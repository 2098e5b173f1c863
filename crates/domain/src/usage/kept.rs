//! What is kept of usage: of each event name always, of each series once something belongs to it.

use crate::{
    fact::Usage,
    ids::derived,
    time::{HOUR_MS, Instant},
    usage::{
        buckets::{Buckets, Numbers},
        distinct::Distinct,
        series::{Keeps, SeriesSpec},
        window::{Bucket, Grain},
    },
    value::Value,
};

/// Usage of one event name, or of all: how often on each day, and when first and last by an active contact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Counted {
    pub(crate) seen: Option<Seen>,
    pub(crate) days: Buckets<u32>,
}

/// First and last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) first: Instant,
    pub(crate) last: Instant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SeriesState {
    Counts(Buckets<u32>),
    Numbers(Buckets<Numbers>),
    Distinct(Distinct),
}

/// What one usage adds to a series.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Contribution {
    One,
    Number(i64),
    Key(u128),
}

impl Counted {
    pub(crate) fn add(&mut self, at: Instant, day: Bucket, active: bool) {
        if active {
            let seen = self.seen.get_or_insert(Seen { first: at, last: at });
            *seen = Seen { first: seen.first.min(at), last: seen.last.max(at) };
        }
        if let Some(count) = self.days.slot(day, Grain::Day) {
            *count = count.saturating_add(1);
        }
    }
}

impl Contribution {
    /// What the usage adds, if it belongs to the series and has what the series keeps.
    pub(crate) fn of(usage: &Usage, spec: &SeriesSpec) -> Option<Self> {
        if !spec.takes(usage) {
            return None;
        }
        let property = || usage.property(spec.property.as_deref()?);
        match spec.keeps {
            Keeps::Count => Some(Self::One),
            Keeps::Contacts => usage.contact.map(|contact| Self::Key(contact.0)),
            Keeps::Numbers => property()?.as_decimal().map(|number| Self::Number(number.0)),
            Keeps::Values => {
                property().filter(|value| !value.is_null()).map(|value| Self::Key(key_of(value)))
            }
        }
    }
}

/// 122 bits of a hash over a form of the value that tells all values apart.
fn key_of(value: &Value) -> u128 {
    derived(&[b"value", value.to_json().to_string().as_bytes()])
}

impl SeriesState {
    pub(crate) fn new(keeps: Keeps) -> Self {
        match keeps {
            Keeps::Count => Self::Counts(Buckets::default()),
            Keeps::Numbers => Self::Numbers(Buckets::default()),
            Keeps::Contacts | Keeps::Values => Self::Distinct(Distinct::default()),
        }
    }

    pub(crate) fn add(&mut self, contribution: Contribution, bucket: Bucket, grain: Grain) {
        match (self, contribution) {
            (Self::Counts(buckets), _) => {
                if let Some(count) = buckets.slot(bucket, grain) {
                    *count = count.saturating_add(1);
                }
            }
            (Self::Numbers(buckets), Contribution::Number(number)) => {
                if let Some(numbers) = buckets.slot(bucket, grain) {
                    numbers.add(number);
                }
            }
            (Self::Distinct(distinct), Contribution::Key(key)) => distinct.add(key, bucket, grain),
            // A series keeps one thing, and contributions are made for it.
            (Self::Numbers(_) | Self::Distinct(_), _) => {}
        }
    }

    /// Whether a bucket has turned keys away.
    pub(crate) fn saturated(&self) -> bool {
        match self {
            Self::Distinct(distinct) => distinct.buckets.entries.iter().any(|(_, held)| held.saturated),
            Self::Counts(_) | Self::Numbers(_) => false,
        }
    }
}

/// The hour of UTC that an instant lies in.
pub(crate) fn hour_of(instant: Instant) -> Bucket {
    let hour = instant.0.div_euclid(HOUR_MS);
    Bucket::try_from(hour).unwrap_or(if hour < 0 { Bucket::MIN } else { Bucket::MAX })
}
