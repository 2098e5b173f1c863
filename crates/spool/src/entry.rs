//! One entry as it stands in a segment: a frame, then the payload.
//!
//! | bytes | of the frame |
//! | --- | --- |
//! | 4 | CRC-32 of all that follows: the rest of the frame, and the payload |
//! | 4 | length of the payload |
//! | 8 | sequence number: one more than that of the entry before |
//! | 4 | place in its batch, from 0 |
//!
//! All numbers are little-endian. The place says which entries were made durable together: what stands before a batch
//! was acknowledged before the batch was written.

use bytes::Bytes;

/// Bytes of a frame.
pub(crate) const FRAME: usize = 20;

/// What was appended, and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub sequence: u64,
    pub payload: Bytes,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    crc: u32,
    length: u32,
    sequence: u64,
    place: u32,
}

impl Frame {
    /// The frame that the bytes begin with, good or not.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (crc, rest) = bytes.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let place = rest.first_chunk()?;
        Some(Self {
            crc: u32::from_le_bytes(*crc),
            length: u32::from_le_bytes(*length),
            sequence: u64::from_le_bytes(*sequence),
            place: u32::from_le_bytes(*place),
        })
    }

    /// The frame of the good entry that the bytes begin with, or why there is none.
    pub(crate) fn check(bytes: &[u8], expected: u64) -> Result<Self, &'static str> {
        const CUT: &str = "an entry is cut short";
        let frame = Self::read(bytes).ok_or(CUT)?;
        if frame.sequence != expected {
            return Err("a sequence number is not the next one");
        }
        let entry = bytes.get(..frame.size()).ok_or(CUT)?;
        if crc32fast::hash(&entry[4..]) != frame.crc {
            return Err("the checksum of an entry is wrong");
        }
        Ok(frame)
    }

    /// Bytes of the entry, with the frame.
    pub(crate) fn size(&self) -> usize {
        FRAME + self.length as usize
    }

    pub(crate) fn begins_a_batch(&self) -> bool {
        self.place == 0
    }

    /// Whether its batch was begun after entry `sequence` was acknowledged.
    fn is_of_a_batch_after(&self, sequence: u64) -> bool {
        self.sequence.checked_sub(u64::from(self.place)).is_some_and(|first| first > sequence)
    }
}

/// Bytes that the entries of a batch take.
pub(crate) fn size_of(batch: &[Bytes]) -> u64 {
    batch.iter().map(|payload| (FRAME + payload.len()) as u64).sum()
}

/// Writes a batch of at most 4 GiB, so that lengths and places fit.
pub(crate) fn write(buffer: &mut Vec<u8>, first: u64, batch: &[Bytes]) {
    buffer.clear();
    for ((payload, sequence), place) in batch.iter().zip(first..).zip(0_u32..) {
        let begin = buffer.len();
        buffer.extend_from_slice(&[0; 4]);
        buffer.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        buffer.extend_from_slice(&sequence.to_le_bytes());
        buffer.extend_from_slice(&place.to_le_bytes());
        buffer.extend_from_slice(payload);
        let crc = crc32fast::hash(&buffer[begin + 4..]);
        buffer[begin..begin + 4].copy_from_slice(&crc.to_le_bytes());
    }
}

/// Whether a batch begun after entry `broken`, which the bytes should begin with, stands whole or in part behind it:
/// then `broken` had been acknowledged.
pub(crate) fn a_later_batch_follows(bytes: &[u8], broken: u64) -> bool {
    let farthest = broken + (bytes.len() / FRAME) as u64;
    (1..bytes.len()).any(|at| {
        let bytes = &bytes[at..];
        Frame::read(bytes).is_some_and(|frame| {
            (broken + 1..=farthest).contains(&frame.sequence)
                && frame.is_of_a_batch_after(broken)
                && Frame::check(bytes, frame.sequence).is_ok()
        })
    })
}
