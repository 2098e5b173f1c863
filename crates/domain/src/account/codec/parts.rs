//! The bytes of what accounts are made of.

use crate::{
    bounded::Bounded,
    bytes::{Damaged, Reader, Writer},
    changes::{Change, Changes, Run},
    ids::{ContactId, FactId},
    time::Instant,
    usage::series::SeriesId,
    value::{Decimal, Value},
};

/// A part of an account that knows its bytes.
pub(super) trait Part: Sized {
    fn write(&self, to: &mut Writer);
    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged>;
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
        self.fact.write(to);
        self.value.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self { at: Part::read(from)?, fact: Part::read(from)?, value: Part::read(from)? })
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
        Ok(Self::new(Part::read(from)?, Part::read(from)?))
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
        to.signed(i128::from(to.base) - i128::from(self.0));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        let at = i128::from(from.base).checked_sub(from.signed()?).ok_or(Damaged)?;
        i64::try_from(at).map(Self).map_err(|_| Damaged)
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

/// As changes keep it: the upper half, and the lower one only where there is no upper one.
impl Part for FactId {
    fn write(&self, to: &mut Writer) {
        let (upper, lower) = ((self.0 >> 64) as u64, self.0 as u64);
        to.half(upper);
        if upper == 0 {
            to.half(lower);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        let upper = from.half()?;
        Ok(Self(if upper == 0 { from.half()?.into() } else { u128::from(upper) << 64 }))
    }
}

impl Part for SeriesId {
    fn write(&self, to: &mut Writer) {
        to.half(self.0);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        from.half().map(Self)
    }
}
