//! How the engine writes its own part of a checkpoint: variable-length integers and length-prefixed bytes.
//!
//! Invariant: what `Put` wrote, `Take` reads in the same order; anything else is an error, never a default.

use std::ops::RangeInclusive;

use eventlog::CauseOrder;

use crate::fold::Poison;

/// The last link taken of a chain; `None` before the first.
pub(crate) type Link = Option<CauseOrder>;

/// Appends to a buffer.
#[derive(Debug, Default)]
pub(crate) struct Put(pub(crate) Vec<u8>);

impl Put {
    pub(crate) fn uint(&mut self, mut value: u64) -> &mut Self {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    pub(crate) fn int(&mut self, value: i64) -> &mut Self {
        self.uint(((value << 1) ^ (value >> 63)).cast_unsigned())
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.uint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    pub(crate) fn maybe(&mut self, value: Option<i64>) -> &mut Self {
        match value {
            None => self.uint(0),
            Some(value) => self.uint(1).int(value),
        }
    }

    pub(crate) fn link(&mut self, link: Link) -> &mut Self {
        match link {
            None => self.uint(0),
            Some((offset, index)) => self.uint(u64::from(index) + 1).uint(offset),
        }
    }
}

/// Reads what `Put` wrote.
#[derive(Debug)]
pub(crate) struct Take<'a>(pub(crate) &'a [u8]);

impl<'a> Take<'a> {
    fn ended() -> Poison {
        Poison("a checkpoint that ends too early".into())
    }

    pub(crate) fn uint(&mut self) -> Result<u64, Poison> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or_else(Self::ended)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Poison("a number in a checkpoint that does not end".into()))
    }

    pub(crate) fn small(&mut self) -> Result<u32, Poison> {
        u32::try_from(self.uint()?).map_err(|_| Poison("a number in a checkpoint that is too great".into()))
    }

    pub(crate) fn int(&mut self) -> Result<i64, Poison> {
        let value = self.uint()?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Poison> {
        let length = usize::try_from(self.uint()?).map_err(|_| Self::ended())?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or_else(Self::ended)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(crate) fn text(&mut self) -> Result<String, Poison> {
        String::from_utf8(self.bytes()?.to_vec())
            .map_err(|_| Poison("a name in a checkpoint that is not UTF-8".into()))
    }

    pub(crate) fn maybe(&mut self) -> Result<Option<i64>, Poison> {
        if self.uint()? == 0 { Ok(None) } else { self.int().map(Some) }
    }

    pub(crate) fn link(&mut self) -> Result<Link, Poison> {
        match self.small()? {
            0 => Ok(None),
            index => Ok(Some((self.uint()?, index - 1))),
        }
    }

    /// The first byte of everything stored: the version it was written in.
    pub(crate) fn version(&mut self, known: u64) -> Result<(), Poison> {
        self.version_within(known..=known).map(drop)
    }

    /// Which of the versions that this build reads it is.
    pub(crate) fn version_within(&mut self, known: RangeInclusive<u64>) -> Result<u64, Poison> {
        let version = self.uint()?;
        if known.contains(&version) {
            return Ok(version);
        }
        let latest = known.end();
        Err(Poison(format!("a checkpoint of version {version}, this build reads {latest}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_taken_again() {
        let numbers = [0, 1, -1, 63, -64, 1 << 40, i64::MAX, i64::MIN];
        let mut put = Put::default();
        for number in numbers {
            put.int(number).maybe(Some(number)).maybe(None);
        }
        put.link(None).link(Some((u64::MAX, 7))).bytes(b"x").uint(u64::MAX);
        let mut take = Take(&put.0);
        for number in numbers {
            assert_eq!(take.int(), Ok(number));
            assert_eq!(take.maybe(), Ok(Some(number)));
            assert_eq!(take.maybe(), Ok(None));
        }
        assert_eq!((take.link(), take.link()), (Ok(None), Ok(Some((u64::MAX, 7)))));
        assert_eq!((take.bytes(), take.uint()), (Ok(&b"x"[..]), Ok(u64::MAX)));
        assert!(take.uint().is_err());
    }
}
