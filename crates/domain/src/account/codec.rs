//! An account as bytes, for checkpoints: canonical (equal accounts have equal bytes), compact, exact.
//!
//! The first byte is the format's version; a golden fixture of each version is kept, and every version that was ever
//! written can be read.

use thiserror::Error;

use crate::{
    account::{Account, Contact, Traits},
    bounded::Bounded,
    bytes::{Damaged, Reader, Writer},
    changes::{Change, Changes, Run},
    ids::{ContactId, FactId},
    time::Instant,
    usage::{
        buckets::{Buckets, Numbers},
        distinct::{DISTINCT_MOST, Distinct, Held},
        kept::{Counted, Seen, SeriesState},
        series::SeriesId,
        window::Bucket,
    },
    value::{Decimal, Value},
};

const VERSION: u8 = 1;

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
        to.byte(VERSION);
        self.write(&mut to);
        to.bytes
    }

    /// The account that was encoded.
    ///
    /// # Errors
    /// When the bytes are of a later format, or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes);
        match from.byte()? {
            VERSION => {}
            unknown => return Err(DecodeError::UnknownFormat(unknown)),
        }
        let account = Self::read(&mut from)?;
        if from.is_done() { Ok(account) } else { Err(DecodeError::Damaged) }
    }
}

/// A part of an account that knows its bytes.
trait Part: Sized {
    fn write(&self, to: &mut Writer);
    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged>;
}

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
        })
    }
}

impl Part for Contact {
    fn write(&self, to: &mut Writer) {
        self.membership.write(to);
        self.last_seen.write(to);
        self.traits.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self { membership: Part::read(from)?, last_seen: Part::read(from)?, traits: Part::read(from)? })
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
        self.seen.write(to);
        self.days.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self { seen: Part::read(from)?, days: Part::read(from)? })
    }
}

impl Part for Seen {
    fn write(&self, to: &mut Writer) {
        self.first.write(to);
        to.unsigned(i128::from(self.last.0).wrapping_sub(i128::from(self.first.0)) as u128);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        let first = Instant::read(from)?;
        let last = i128::from(first.0).wrapping_add(from.unsigned()? as i128);
        Ok(Self { first, last: Instant(i64::try_from(last).map_err(|_| Damaged)?) })
    }
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

/// Buckets as the newest and the gaps back from it.
fn write_buckets(to: &mut Writer, buckets: impl DoubleEndedIterator<Item = Bucket> + ExactSizeIterator) {
    to.length(buckets.len());
    let mut newest_first = buckets.rev();
    let Some(newest) = newest_first.next() else {
        return;
    };
    to.signed(newest.into());
    let mut later = newest;
    to.gammas(newest_first.map(|bucket| {
        let gap = later.wrapping_sub(bucket) as u32;
        later = bucket;
        gap
    }));
}

fn read_buckets(from: &mut Reader<'_>) -> Result<Vec<Bucket>, Damaged> {
    let count = from.length()?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let mut bucket: Bucket = from.narrow()?;
    let mut buckets = vec![bucket];
    for gap in from.gammas(count - 1)? {
        bucket = bucket.wrapping_sub(gap as Bucket);
        buckets.push(bucket);
    }
    buckets.reverse();
    Ok(buckets)
}

impl Part for Buckets<u32> {
    fn write(&self, to: &mut Writer) {
        write_buckets(to, self.entries.iter().map(|(bucket, _)| *bucket));
        to.gammas(self.entries.iter().map(|(_, count)| *count));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        let buckets = read_buckets(from)?;
        let counts = from.gammas(buckets.len())?;
        Ok(Self { entries: buckets.into_iter().zip(counts).collect() })
    }
}

impl Part for Buckets<Numbers> {
    fn write(&self, to: &mut Writer) {
        write_buckets(to, self.entries.iter().map(|(bucket, _)| *bucket));
        to.gammas(self.entries.iter().map(|(_, numbers)| numbers.count));
        for (_, numbers) in &self.entries {
            to.signed(numbers.sum);
            if numbers.count > 1 {
                to.signed(numbers.min.into());
                to.signed(i128::from(numbers.max) - i128::from(numbers.min));
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        let buckets = read_buckets(from)?;
        let counts = from.gammas(buckets.len())?;
        let numbers = counts.into_iter().map(|count| read_numbers(from, count));
        let entries = buckets.into_iter().zip(numbers).map(|(bucket, numbers)| Ok((bucket, numbers?)));
        Ok(Self { entries: entries.collect::<Result<_, Damaged>>()? })
    }
}

/// A single number is its own sum, least and greatest.
fn read_numbers(from: &mut Reader<'_>, count: u32) -> Result<Numbers, Damaged> {
    let sum = from.signed()?;
    let narrow = |number: i128| i64::try_from(number).map_err(|_| Damaged);
    if count == 1 {
        return Ok(Numbers { count, sum, min: narrow(sum)?, max: narrow(sum)? });
    }
    let min = from.signed()?;
    let max = min.checked_add(from.signed()?).ok_or(Damaged)?;
    Ok(Numbers { count, sum, min: narrow(min)?, max: narrow(max)? })
}

impl Part for Distinct {
    fn write(&self, to: &mut Writer) {
        to.length(self.keys.len());
        for (key, buckets) in &self.keys {
            to.id(*key);
            write_buckets(to, buckets.iter().copied());
        }
        let saturated: Vec<Bucket> = self
            .buckets
            .entries
            .iter()
            .filter(|(_, held)| held.saturated)
            .map(|(bucket, _)| *bucket)
            .collect();
        write_buckets(to, saturated.into_iter());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        let count = from.length()?;
        let keys =
            (0..count).map(|_| Ok((from.id()?, read_buckets(from)?))).collect::<Result<Vec<_>, Damaged>>()?;
        let saturated = read_buckets(from)?;
        let mut held: Vec<Bucket> = keys.iter().flat_map(|(_, buckets)| buckets).copied().collect();
        held.sort_unstable();
        let entries = held
            .chunk_by(|a, b| a == b)
            .map(|same| {
                let keys = u16::try_from(same.len()).unwrap_or(DISTINCT_MOST);
                (same[0], Held { keys, saturated: saturated.binary_search(&same[0]).is_ok() })
            })
            .collect();
        Ok(Self { keys, buckets: Buckets { entries } })
    }
}

impl<T: Part> Part for Changes<T> {
    fn write(&self, to: &mut Writer) {
        self.kept.write(to);
        self.earlier.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self { kept: Part::read(from)?, earlier: Part::read(from)? })
    }
}

impl<T: Part> Part for Change<T> {
    fn write(&self, to: &mut Writer) {
        self.at.write(to);
        to.id(self.fact.0);
        self.value.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self { at: Part::read(from)?, fact: FactId(from.id()?), value: Part::read(from)? })
    }
}

impl<T: Part> Part for Run<T> {
    fn write(&self, to: &mut Writer) {
        self.since.write(to);
        self.until.write(to);
        self.value.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self { since: Part::read(from)?, until: Part::read(from)?, value: Part::read(from)? })
    }
}

impl Part for Value {
    fn write(&self, to: &mut Writer) {
        match self {
            Self::Null => to.byte(0),
            Self::Bool(false) => to.byte(1),
            Self::Bool(true) => to.byte(2),
            Self::Text(text) => {
                to.byte(3);
                to.text(text);
            }
            Self::Decimal(number) => {
                to.byte(4);
                to.signed(number.0.into());
            }
            Self::List(items) => {
                to.byte(5);
                items.write(to);
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(match from.byte()? {
            0 => Self::Null,
            1 => Self::Bool(false),
            2 => Self::Bool(true),
            3 => Self::Text(from.text()?.to_owned()),
            4 => Self::Decimal(Decimal(from.narrow()?)),
            5 => Self::List(Part::read(from)?),
            _ => return Err(Damaged),
        })
    }
}

impl<K: Part, V: Part, const LIMIT: usize> Part for Bounded<K, V, LIMIT> {
    fn write(&self, to: &mut Writer) {
        self.entries.write(to);
        self.saturated.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self { entries: Part::read(from)?, saturated: Part::read(from)? })
    }
}

impl<T: Part> Part for Vec<T> {
    fn write(&self, to: &mut Writer) {
        to.length(self.len());
        self.iter().for_each(|item| item.write(to));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        let count = from.length()?;
        (0..count).map(|_| Part::read(from)).collect()
    }
}

impl<T: Part> Part for Option<T> {
    fn write(&self, to: &mut Writer) {
        to.byte(u8::from(self.is_some()));
        self.iter().for_each(|item| item.write(to));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        if bool::read(from)? { Part::read(from).map(Some) } else { Ok(None) }
    }
}

impl<A: Part, B: Part> Part for (A, B) {
    fn write(&self, to: &mut Writer) {
        self.0.write(to);
        self.1.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok((Part::read(from)?, Part::read(from)?))
    }
}

impl Part for bool {
    fn write(&self, to: &mut Writer) {
        to.byte(u8::from(*self));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        match from.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Damaged),
        }
    }
}

impl Part for Instant {
    fn write(&self, to: &mut Writer) {
        to.signed(self.0.into());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        from.narrow().map(Self)
    }
}

impl Part for Box<str> {
    fn write(&self, to: &mut Writer) {
        to.text(self);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        from.text().map(Into::into)
    }
}

impl Part for ContactId {
    fn write(&self, to: &mut Writer) {
        to.id(self.0);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        from.id().map(Self)
    }
}

impl Part for SeriesId {
    fn write(&self, to: &mut Writer) {
        to.bytes.extend_from_slice(&self.0.to_be_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut id = 0_u64;
        for _ in 0..8 {
            id = (id << 8) | u64::from(from.byte()?);
        }
        Ok(Self(id))
    }
}
