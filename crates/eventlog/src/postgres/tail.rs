//! The newest records of a partition, in memory, and who waits for more.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::Stored;

/// What the tail says to a reader.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// All there is from there on, up to the limit; perhaps nothing.
    Here(Vec<Stored>),
    /// Not kept here: ask Postgres.
    Elsewhere,
}

#[derive(Debug)]
pub(super) struct Tail {
    most_bytes: usize,
    kept: Mutex<Kept>,
    changed: Condvar,
}

/// Records are dense and in order; the last one kept may lie below the end (another process appended).
#[derive(Debug)]
struct Kept {
    records: VecDeque<Stored>,
    bytes: usize,
    /// One past the last record known of.
    end: u64,
    wakes: u64,
}

impl Tail {
    pub(super) fn new(end: u64, most_bytes: usize) -> Self {
        let kept = Kept { records: VecDeque::new(), bytes: 0, end, wakes: 0 };
        Self { most_bytes, kept: Mutex::new(kept), changed: Condvar::new() }
    }

    pub(super) fn read(&self, from: u64, max_bytes: usize) -> Read {
        let kept = self.lock();
        if from >= kept.end {
            return Read::Here(Vec::new());
        }
        let first = kept.records.front().map_or(kept.end, |record| record.offset);
        if from < first || from >= kept.kept_to() {
            return Read::Elsewhere;
        }
        let skip = usize::try_from(from - first).unwrap_or(usize::MAX);
        let mut bytes = 0_usize;
        let fits = |record: &&Stored| {
            let fits = bytes == 0 || bytes + record.value.len() <= max_bytes;
            bytes += record.value.len().max(1);
            fits
        };
        Read::Here(kept.records.iter().skip(skip).take_while(fits).cloned().collect())
    }

    /// Takes records that have just been committed by this process.
    pub(super) fn landed(&self, records: Vec<Stored>) {
        let Some(first) = records.first() else { return };
        let mut kept = self.lock();
        if kept.kept_to() != first.offset {
            kept.records.clear();
            kept.bytes = 0;
        }
        kept.push(records, self.most_bytes);
        drop(kept);
        self.changed.notify_all();
    }

    /// Takes records read from Postgres, if they continue what is kept.
    pub(super) fn extend(&self, records: &[Stored]) {
        let mut kept = self.lock();
        let Some(last) = records.last() else { return };
        if kept.records.is_empty() && last.offset + 1 == kept.end {
            kept.push(records.to_vec(), self.most_bytes);
            return;
        }
        let next = kept.kept_to();
        if let Some(position) = records.iter().position(|record| record.offset == next) {
            kept.push(records[position..].to_vec(), self.most_bytes);
        }
    }

    /// Learns that the partition reaches to `end`.
    pub(super) fn reaches(&self, end: u64) {
        let mut kept = self.lock();
        if end > kept.end {
            kept.end = end;
            drop(kept);
            self.changed.notify_all();
        }
    }

    pub(super) fn wake(&self) {
        self.lock().wakes += 1;
        self.changed.notify_all();
    }

    pub(super) fn wait(&self, from: u64, at_most: Duration) {
        let kept = self.lock();
        let wakes = kept.wakes;
        drop(self.changed.wait_timeout_while(kept, at_most, |kept| kept.end <= from && kept.wakes == wakes));
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// One past the last record kept; the end if none is.
    fn kept_to(&self) -> u64 {
        self.records.back().map_or(self.end, |record| record.offset + 1)
    }

    fn push(&mut self, records: Vec<Stored>, most_bytes: usize) {
        for record in records {
            self.bytes += record.value.len();
            self.end = self.end.max(record.offset + 1);
            self.records.push_back(record);
        }
        while self.bytes > most_bytes && self.records.len() > 1 {
            let dropped = self.records.pop_front().map_or(0, |record| record.value.len());
            self.bytes -= dropped;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn records(offsets: std::ops::Range<u64>) -> Vec<Stored> {
        let record = |offset| Stored {
            offset,
            appended_at: 0,
            value: Bytes::from_static(b"0123456789"),
            traceparent: None,
        };
        offsets.map(record).collect()
    }

    fn offsets(read: Read) -> Option<Vec<u64>> {
        match read {
            Read::Here(records) => Some(records.iter().map(|record| record.offset).collect()),
            Read::Elsewhere => None,
        }
    }

    #[test]
    fn what_has_landed_is_read_from_memory_up_to_the_limit() {
        let tail = Tail::new(5, 1_000);
        tail.landed(records(5..9));
        assert_eq!(offsets(tail.read(5, 1_000)), Some(vec![5, 6, 7, 8]));
        assert_eq!(offsets(tail.read(6, 20)), Some(vec![6, 7]));
        assert_eq!(offsets(tail.read(6, 1)), Some(vec![6]));
        assert_eq!(offsets(tail.read(9, 1_000)), Some(vec![]));
        assert_eq!(offsets(tail.read(4, 1_000)), None);
    }

    #[test]
    fn a_gap_left_by_another_process_is_never_skipped() {
        let tail = Tail::new(0, 1_000);
        tail.landed(records(0..2));
        tail.landed(records(4..6));
        assert_eq!(offsets(tail.read(1, 1_000)), None);
        assert_eq!(offsets(tail.read(4, 1_000)), Some(vec![4, 5]));
        tail.reaches(8);
        assert_eq!(offsets(tail.read(6, 1_000)), None);
        tail.extend(&records(5..8));
        assert_eq!(offsets(tail.read(4, 1_000)), Some(vec![4, 5, 6, 7]));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let tail = Tail::new(0, 30);
        tail.landed(records(0..9));
        assert_eq!(offsets(tail.read(6, 1_000)), Some(vec![6, 7, 8]));
        assert_eq!(offsets(tail.read(5, 1_000)), None);
    }

    #[test]
    fn a_waiter_is_woken_by_a_record_and_by_a_wake() {
        for wake in [false, true] {
            let tail = Tail::new(0, 30);
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| tail.wait(0, Duration::from_secs(60)));
                while !waiter.is_finished() {
                    if wake {
                        tail.wake()
                    } else {
                        tail.landed(records(0..1))
                    }
                    std::thread::yield_now();
                }
            });
        }
    }
}
