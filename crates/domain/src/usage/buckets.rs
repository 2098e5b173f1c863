//! Numbers by bucket: one entry for each day or hour in which something happened.
//!
//! Invariant: entries rise, and none lies further back from the newest than its grain keeps.

use crate::usage::window::{Bucket, Grain, Span};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Buckets<T> {
    pub(crate) entries: Vec<(Bucket, T)>,
}

/// Numbers of a property in one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) count: u32,
    /// Millionths, as are the others.
    pub(crate) sum: i128,
    pub(crate) min: i64,
    pub(crate) max: i64,
}

impl<T> Default for Buckets<T> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<T: Default> Buckets<T> {
    /// The entry of this bucket, new if need be; `None` when it lies too far back.
    pub(crate) fn slot(&mut self, bucket: Bucket, grain: Grain) -> Option<&mut T> {
        let place = match self.entries.last() {
            Some((newest, _)) if *newest == bucket => self.entries.len() - 1,
            Some((newest, _)) if *newest > bucket => return self.late_slot(bucket, *newest, grain),
            _ => {
                self.entries.push((bucket, T::default()));
                self.drop_before(oldest_kept(bucket, grain));
                self.entries.len() - 1
            }
        };
        Some(&mut self.entries[place].1)
    }

    fn late_slot(&mut self, bucket: Bucket, newest: Bucket, grain: Grain) -> Option<&mut T> {
        if bucket < oldest_kept(newest, grain) {
            return None;
        }
        let place = self.entries.partition_point(|(known, _)| *known < bucket);
        if self.entries[place].0 != bucket {
            self.entries.insert(place, (bucket, T::default()));
        }
        Some(&mut self.entries[place].1)
    }

    fn drop_before(&mut self, oldest: Bucket) {
        if self.entries.first().is_some_and(|(bucket, _)| *bucket < oldest) {
            let gone = self.entries.partition_point(|(bucket, _)| *bucket < oldest);
            self.entries.drain(..gone);
        }
    }
}

impl<T> Buckets<T> {
    /// What happened in a span that ends at the current bucket.
    pub(crate) fn within(&self, span: Span, current: Bucket) -> &[(Bucket, T)] {
        let (first, last) = span.at(current);
        let begin = self.entries.partition_point(|(bucket, _)| *bucket < first);
        // Windows mostly end at the newest bucket.
        let end = match self.entries.last() {
            Some((newest, _)) if *newest <= last => self.entries.len(),
            _ => self.entries.partition_point(|(bucket, _)| *bucket <= last),
        };
        self.entries.get(begin..end).unwrap_or_default()
    }

    /// The first current bucket after this one at which an entry has come into the span or gone from it.
    pub(crate) fn next_shift(&self, span: Span, current: Bucket) -> Option<Bucket> {
        let (first, last) = span.at(current);
        let from =
            |least: Bucket| self.entries.get(self.entries.partition_point(|(bucket, _)| *bucket < least));
        let leaves = from(first).map(|(bucket, _)| bucket.saturating_add(span.far).saturating_add(1));
        let enters = from(last.saturating_add(1)).map(|(bucket, _)| bucket.saturating_add(span.near));
        leaves.into_iter().chain(enters).min()
    }
}

/// The oldest bucket that stays when this one is the newest.
pub(crate) fn oldest_kept(newest: Bucket, grain: Grain) -> Bucket {
    newest.saturating_sub(grain.kept() - 1)
}

impl Default for Numbers {
    fn default() -> Self {
        Self { count: 0, sum: 0, min: i64::MAX, max: i64::MIN }
    }
}

impl Numbers {
    pub(crate) fn add(&mut self, number: i64) {
        self.merge(&Self { count: 1, sum: i128::from(number), min: number, max: number });
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}
