//! An account as bytes, for checkpoints: canonical (equal accounts have equal bytes), compact, exact.
//!
//! The first byte is the format's version; a golden fixture of each version is kept, and every version that was ever
//! written can be read.

mod buckets;
mod parts;

use parts::Part;
use thiserror::Error;

use crate::{
    account::{Account, Contact, Traits},
    bounded::Bounded,
    bytes::{Damaged, Reader, Writer},
    changes::{Change, Changes},
    time::{DAY_MS, Instant},
    usage::{
        buckets::Buckets,
        kept::{Counted, Seen, SeriesState},
        window::Bucket,
    },
};

/// Without contracts, ...
const VERSION: u8 = 1;
/// ... and with them, behind the rest.
const CONTRACTS: u8 = 2;

/// Why bytes are no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    #[error("an account in format {0}, which this build does not know")]
    UnknownFormat(u8),
    #[error("the bytes are cut short or damaged")]
    Damaged,
}

impl From<Damaged> for DecodeError {
    fn from(_: Damaged) -> Self {
        Self::Damaged
    }
}

impl Account {
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writer::default();
        let has_contracts = self.contracts.iter().next().is_some();
        to.byte(if has_contracts { CONTRACTS } else { VERSION });
        to.base = self.last_seen().map_or(0, |seen| seen.0);
        to.signed(to.base.into());
        self.write(&mut to);
        if has_contracts {
            self.contracts.write(&mut to);
        }
        to.bytes
    }

    /// The account that was encoded.
    ///
    /// # Errors
    /// When the bytes are of a later format, or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes);
        let format = from.byte()?;
        if !matches!(format, VERSION | CONTRACTS) {
            return Err(DecodeError::UnknownFormat(format));
        }
        from.base = from.narrow()?;
        let mut account = Self::read(&mut from)?;
        if format == CONTRACTS {
            account.contracts = Part::read(&mut from)?;
        }
        if from.is_done() { Ok(account) } else { Err(DecodeError::Damaged) }
    }
}

/// All of it but its contracts.
impl Part for Account {
    fn write(&self, to: &mut Writer) {
        self.traits.write(to);
        self.contacts.write(to);
        self.usage.write(to);
        self.events.write(to);
        self.series.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self {
            traits: Part::read(from)?,
            contacts: Part::read(from)?,
            usage: Part::read(from)?,
            events: Part::read(from)?,
            series: Part::read(from)?,
            contracts: Bounded::default(),
        })
    }
}

/// What a contact has, in one byte: nearly all have joined once, and not left.
mod has {
    pub(super) const JOINED_ONCE: u8 = 1;
    pub(super) const CHANGES: u8 = 2;
    pub(super) const SEEN: u8 = 4;
    pub(super) const TRAITS: u8 = 8;
    pub(super) const ALL: u8 = 15;
}

impl Part for Contact {
    fn write(&self, to: &mut Writer) {
        let membership = match (self.membership.kept.as_slice(), &self.membership.earlier) {
            ([], None) => 0,
            ([Change { value: true, .. }], None) => has::JOINED_ONCE,
            _ => has::CHANGES,
        };
        let seen = if self.last_seen.is_some() { has::SEEN } else { 0 };
        let traits = if self.traits == Traits::default() { 0 } else { has::TRAITS };
        to.byte(membership | seen | traits);
        match membership {
            has::JOINED_ONCE => {
                self.membership.kept.iter().for_each(|joined| (joined.at, joined.fact).write(to))
            }
            has::CHANGES => self.membership.write(to),
            _ => {}
        }
        self.last_seen.iter().for_each(|seen| seen.write(to));
        if traits != 0 {
            self.traits.write(to);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        let what = from.byte()?;
        if what > has::ALL {
            return Err(Damaged);
        }
        let membership = match what & (has::JOINED_ONCE | has::CHANGES) {
            0 => Changes::default(),
            has::JOINED_ONCE => {
                let (at, fact) = Part::read(from)?;
                Changes { kept: vec![Change { at, fact, value: true }], earlier: None }
            }
            has::CHANGES => Part::read(from)?,
            _ => return Err(Damaged),
        };
        let last_seen = if what & has::SEEN == 0 { None } else { Some(Part::read(from)?) };
        let traits = if what & has::TRAITS == 0 { Traits::default() } else { Part::read(from)? };
        Ok(Self { membership, last_seen, traits })
    }
}

impl Part for Traits {
    fn write(&self, to: &mut Writer) {
        self.by_name.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self { by_name: Part::read(from)? })
    }
}

impl Part for Counted {
    fn write(&self, to: &mut Writer) {
        self.days.write(to);
        to.byte(u8::from(self.seen.is_some()));
        let (first_day, last_day) = ends(&self.days);
        if let Some(Seen { first, last }) = &self.seen {
            to.signed(i128::from(first.0) - first_day);
            to.signed(i128::from(last.0) - last_day);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        let days = Buckets::read(from)?;
        if !bool::read(from)? {
            return Ok(Self { seen: None, days });
        }
        let (first_day, last_day) = ends(&days);
        let mut near = |day: i128| {
            let at = day.checked_add(from.signed()?).ok_or(Damaged)?;
            i64::try_from(at).map(Instant).map_err(|_| Damaged)
        };
        Ok(Self { seen: Some(Seen { first: near(first_day)?, last: near(last_day)? }), days })
    }
}

/// About when the first and the last day that are kept were, in milliseconds: first and last use lie mostly there.
fn ends(days: &Buckets<u32>) -> (i128, i128) {
    let about =
        |entry: Option<&(Bucket, u32)>| entry.map_or(0, |(day, _)| i128::from(*day) * i128::from(DAY_MS));
    (about(days.entries.first()), about(days.entries.last()))
}

impl Part for SeriesState {
    fn write(&self, to: &mut Writer) {
        match self {
            Self::Counts(buckets) => {
                to.byte(0);
                buckets.write(to);
            }
            Self::Numbers(buckets) => {
                to.byte(1);
                buckets.write(to);
            }
            Self::Distinct(distinct) => {
                to.byte(2);
                distinct.write(to);
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(match from.byte()? {
            0 => Self::Counts(Part::read(from)?),
            1 => Self::Numbers(Part::read(from)?),
            2 => Self::Distinct(Part::read(from)?),
            _ => return Err(Damaged),
        })
    }
}
