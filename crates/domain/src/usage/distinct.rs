//! Who, or which values, by bucket: sets of 128-bit keys.
//!
//! Invariant: a bucket holds its smallest keys, at most `DISTINCT_MOST`, and knows when it has turned one away; a
//! key lies in the table exactly as long as a bucket holds it.

use crate::usage::{
    buckets::{Buckets, oldest_kept},
    window::{Bucket, Grain, Span},
};

/// Different contacts or values counted in one day (or hour); beyond it a distinct count is a lower bound.
pub const DISTINCT_MOST: u16 = 500;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Distinct {
    /// Rising by key, each with its buckets, rising.
    pub(crate) keys: Vec<(u128, Vec<Bucket>)>,
    pub(crate) buckets: Buckets<Held>,
}

/// How many keys a bucket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Held {
    pub(crate) keys: u16,
    pub(crate) saturated: bool,
}

impl Distinct {
    pub(crate) fn add(&mut self, key: u128, bucket: Bucket, grain: Grain) {
        let oldest = self.buckets.entries.first().map(|(bucket, _)| *bucket);
        let Some(held) = self.buckets.slot(bucket, grain) else {
            return;
        };
        let place = self.keys.partition_point(|(known, _)| *known < key);
        if self.keys.get(place).is_none_or(|(known, _)| *known != key) {
            self.keys.insert(place, (key, Vec::new()));
        }
        let days = &mut self.keys[place].1;
        if let Err(at) = days.binary_search(&bucket) {
            days.insert(at, bucket);
            held.keys += 1;
        }
        if held.keys > DISTINCT_MOST {
            *held = Held { keys: DISTINCT_MOST, saturated: true };
            self.turn_away_greatest(bucket);
        }
        self.drop_expired(oldest, bucket, grain);
    }

    /// Keys that came in a span ending at the current bucket.
    pub(crate) fn count(&self, span: Span, current: Bucket) -> usize {
        let (first, last) = span.at(current);
        let came = |buckets: &[Bucket]| {
            let next = buckets.partition_point(|bucket| *bucket < first);
            buckets.get(next).is_some_and(|bucket| *bucket <= last)
        };
        self.keys.iter().filter(|(_, buckets)| came(buckets)).count()
    }

    /// Whether a count over the span is a lower bound.
    pub(crate) fn saturated(&self, span: Span, current: Bucket) -> bool {
        self.buckets.within(span, current).iter().any(|(_, held)| held.saturated)
    }

    fn turn_away_greatest(&mut self, bucket: Bucket) {
        let holder = self.keys.iter().rposition(|(_, buckets)| buckets.binary_search(&bucket).is_ok());
        let Some(place) = holder else {
            return;
        };
        let buckets = &mut self.keys[place].1;
        buckets.retain(|held| *held != bucket);
        if buckets.is_empty() {
            self.keys.remove(place);
        }
    }

    /// A new newest bucket may have pushed old ones out.
    fn drop_expired(&mut self, oldest_before: Option<Bucket>, bucket: Bucket, grain: Grain) {
        let first = oldest_kept(bucket, grain);
        if oldest_before.is_none_or(|oldest| oldest >= first) {
            return;
        }
        for (_, buckets) in &mut self.keys {
            buckets.retain(|bucket| *bucket >= first);
        }
        self.keys.retain(|(_, buckets)| !buckets.is_empty());
    }
}
