//! Compact bytes: variable-length integers, and runs of small numbers as Elias gamma bits.
//!
//! Invariant: what `Writer` writes `Reader` reads back; a reader refuses bytes that are cut short, and never panics.

use thiserror::Error;

/// The bytes are not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the bytes are cut short or damaged")]
pub(crate) struct Damaged;

#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
    /// Milliseconds that instants and days are written relative to.
    pub(crate) base: i64,
}

#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    /// As the writer's.
    pub(crate) base: i64,
}

impl Writer {
    pub(crate) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Seven bits a byte, least first.
    pub(crate) fn unsigned(&mut self, mut number: u128) {
        while number >= 0x80 {
            self.bytes.push((number as u8) | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    /// Small either way: 0, -1, 1, -2, ...
    pub(crate) fn signed(&mut self, number: i128) {
        self.unsigned(((number << 1) ^ (number >> 127)) as u128);
    }

    pub(crate) fn length(&mut self, length: usize) {
        self.unsigned(length as u128);
    }

    /// An id: sixteen bytes, as it is random.
    pub(crate) fn id(&mut self, id: u128) {
        self.bytes.extend_from_slice(&id.to_be_bytes());
    }

    /// Eight bytes of a hash.
    pub(crate) fn half(&mut self, half: u64) {
        self.bytes.extend_from_slice(&half.to_be_bytes());
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.length(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Numbers from 1 up, in bits, padded to a byte.
    pub(crate) fn gammas(&mut self, numbers: impl Iterator<Item = u32>) {
        let (mut pending, mut held) = (0_u128, 0_u32);
        for number in numbers {
            let width = number.max(1).ilog2();
            pending = (pending << (2 * width + 1)) | u128::from(number.max(1));
            held += 2 * width + 1;
            while held >= 8 {
                held -= 8;
                self.bytes.push((pending >> held) as u8);
            }
            pending &= (1 << held) - 1;
        }
        if held > 0 {
            self.bytes.push((pending << (8 - held)) as u8);
        }
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, base: 0 }
    }

    /// Whether everything was read.
    pub(crate) fn is_done(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Damaged> {
        let (first, rest) = self.bytes.split_first().ok_or(Damaged)?;
        self.bytes = rest;
        Ok(*first)
    }

    pub(crate) fn unsigned(&mut self) -> Result<u128, Damaged> {
        let mut number = 0_u128;
        for shift in (0..128).step_by(7) {
            let byte = self.byte()?;
            number |= u128::from(byte & 0x7f).checked_shl(shift).ok_or(Damaged)?;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Damaged)
    }

    pub(crate) fn signed(&mut self) -> Result<i128, Damaged> {
        let folded = self.unsigned()?;
        Ok(((folded >> 1) as i128) ^ -((folded & 1) as i128))
    }

    /// A number of a narrower type.
    pub(crate) fn narrow<T: TryFrom<i128>>(&mut self) -> Result<T, Damaged> {
        T::try_from(self.signed()?).map_err(|_| Damaged)
    }

    /// A length that what remains could hold, at least one bit each.
    pub(crate) fn length(&mut self) -> Result<usize, Damaged> {
        let length = usize::try_from(self.unsigned()?).map_err(|_| Damaged)?;
        if length.div_ceil(8) > self.bytes.len() { Err(Damaged) } else { Ok(length) }
    }

    pub(crate) fn id(&mut self) -> Result<u128, Damaged> {
        let (id, rest) = self.bytes.split_first_chunk().ok_or(Damaged)?;
        self.bytes = rest;
        Ok(u128::from_be_bytes(*id))
    }

    pub(crate) fn half(&mut self) -> Result<u64, Damaged> {
        let (half, rest) = self.bytes.split_first_chunk().ok_or(Damaged)?;
        self.bytes = rest;
        Ok(u64::from_be_bytes(*half))
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Damaged> {
        let length = self.length()?;
        let (text, rest) = self.bytes.split_at_checked(length).ok_or(Damaged)?;
        self.bytes = rest;
        std::str::from_utf8(text).map_err(|_| Damaged)
    }

    pub(crate) fn gammas(&mut self, count: usize) -> Result<Vec<u32>, Damaged> {
        let mut bits = Bits { bytes: self.bytes, at: 0 };
        let numbers = (0..count).map(|_| bits.gamma()).collect::<Result<Vec<_>, _>>()?;
        self.bytes = self.bytes.get(bits.at.div_ceil(8)..).ok_or(Damaged)?;
        Ok(numbers)
    }
}

#[derive(Debug)]
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn bit(&mut self) -> Result<u32, Damaged> {
        let byte = self.bytes.get(self.at / 8).ok_or(Damaged)?;
        let bit = (byte >> (7 - self.at % 8)) & 1;
        self.at += 1;
        Ok(u32::from(bit))
    }

    fn gamma(&mut self) -> Result<u32, Damaged> {
        let mut width = 0;
        while self.bit()? == 0 {
            width += 1;
        }
        if width > 31 {
            return Err(Damaged);
        }
        (0..width).try_fold(1_u32, |number, _| Ok((number << 1) | self.bit()?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            unsigned: u128, signed: i128, text: String, gammas in proptest::collection::vec(1..u32::MAX, 0..20),
            small in proptest::collection::vec(1..5_u32, 0..50),
        ) {
            let mut writer = Writer::default();
            writer.unsigned(unsigned);
            writer.signed(signed);
            writer.text(&text);
            writer.gammas(gammas.iter().copied());
            writer.gammas(small.iter().copied());
            writer.id(unsigned);
            let mut reader = Reader::new(&writer.bytes);
            prop_assert_eq!(reader.unsigned(), Ok(unsigned));
            prop_assert_eq!(reader.signed(), Ok(signed));
            prop_assert_eq!(reader.text(), Ok(text.as_str()));
            prop_assert_eq!(reader.gammas(gammas.len()), Ok(gammas));
            prop_assert_eq!(reader.gammas(small.len()), Ok(small));
            prop_assert_eq!(reader.id(), Ok(unsigned));
            prop_assert!(reader.is_done());
        }
    }
}
