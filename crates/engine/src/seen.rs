//! Which messages were seen: the one place that drops repeats.
//!
//! Invariant: a message is new iff its id did not appear at a smaller offset within 24 hours of append time. Ids go
//! into the checkpoint as append-only blocks, each numbered by the offset it begins at: whoever writes a block of the
//! same number later has all of it and more.

use std::collections::{HashMap, VecDeque};

use crate::{
    codec::{Put, Take},
    fold::Poison,
    planted::{self, Bug},
};

const WINDOW_MS: i64 = 86_400_000;
const VERSION: u64 = 1;

#[derive(Debug, Default)]
pub(crate) struct Seen {
    last: HashMap<u128, i64>,
    /// In order of append time, for forgetting.
    order: VecDeque<(i64, u128)>,
    /// Since the last block.
    fresh: Vec<(i64, u128)>,
    /// Offset the next block begins at.
    from: u64,
    /// Number and newest append time of the blocks kept.
    blocks: VecDeque<(u64, i64)>,
}

impl Seen {
    pub(crate) fn load(from: u64, blocks: &[(u64, Vec<u8>)]) -> Result<Self, Poison> {
        let mut seen = Self { from, ..Self::default() };
        let mut ids = Vec::new();
        for (number, bytes) in blocks {
            let mut take = Take(bytes);
            take.version(VERSION)?;
            let mut newest = i64::MIN;
            for _ in 0..take.uint()? {
                newest = take.int()?;
                let id = <[u8; 16]>::try_from(take.bytes()?).map_err(|_| Poison("a stored id".into()))?;
                ids.push((newest, u128::from_be_bytes(id)));
            }
            seen.blocks.push_back((*number, newest));
        }
        ids.sort_unstable();
        for (at, id) in ids {
            seen.note(at, id);
        }
        Ok(seen)
    }

    fn note(&mut self, at: i64, id: u128) {
        self.last.insert(id, at);
        self.order.push_back((at, id));
    }

    /// Whether the id is new at this append time; from now on it is not.
    pub(crate) fn is_new(&mut self, at: i64, id: u128) -> bool {
        while let Some((old, id)) = self.order.front().copied()
            && at.saturating_sub(old) >= WINDOW_MS
        {
            self.order.pop_front();
            if self.last.get(&id) == Some(&old) {
                self.last.remove(&id);
            }
        }
        let is_new = !self.last.contains_key(&id) || planted::is(Bug::RepeatsCounted);
        self.note(at, id);
        self.fresh.push((at, id));
        is_new
    }

    /// The block of what was seen since the last one and below an offset, and the number below which blocks are
    /// no longer needed.
    pub(crate) fn block(&mut self, upto: u64) -> (Vec<(u64, Vec<u8>)>, u64) {
        let number = std::mem::replace(&mut self.from, upto);
        let fresh = std::mem::take(&mut self.fresh);
        let Some((newest, _)) = fresh.last().copied() else { return (Vec::new(), self.needed_from(number)) };
        let mut put = Put::default();
        put.uint(VERSION).uint(fresh.len() as u64);
        for (at, id) in &fresh {
            put.int(*at).bytes(&id.to_be_bytes());
        }
        self.blocks.push_back((number, newest));
        while self.blocks.front().is_some_and(|(_, last)| newest.saturating_sub(*last) >= WINDOW_MS) {
            self.blocks.pop_front();
        }
        if planted::is(Bug::IdsForgotten) {
            return (Vec::new(), 0);
        }
        (vec![(number, put.0)], self.needed_from(number))
    }

    fn needed_from(&self, otherwise: u64) -> u64 {
        self.blocks.front().map_or(otherwise, |(number, _)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_counts_iff_its_id_has_no_smaller_offset_within_the_window() {
        let log =
            [(0, 1), (5, 1), (WINDOW_MS - 1, 2), (WINDOW_MS, 1), (WINDOW_MS + 5, 3), (3 * WINDOW_MS, 1)];
        let mut seen = Seen::default();
        let mut blocks = Vec::new();
        for (offset, (at, id)) in log.into_iter().enumerate() {
            let expected = !log[..offset].iter().any(|(old, other)| *other == id && at - old < WINDOW_MS);
            assert_eq!(seen.is_new(at, id), expected, "offset {offset}");
            let (block, from) = seen.block(offset as u64 + 1);
            blocks.extend(block);
            blocks.retain(|(number, _)| *number >= from);
            seen = Seen::load(offset as u64 + 1, &blocks).unwrap();
        }
        assert_eq!(blocks.len(), 1);
    }
}
