//! A queue on disk, in order and bounded: ingest keeps what it has acknowledged here while its log is away.
//!
//! What must stay true:
//!
//! * **Acknowledged is durable.** `append` returns after one fsync for its batch. What it has returned is delivered
//!   until `drained` is told of it.
//! * **In order, at least once.** Progress is recorded lazily, so after a crash some entries are delivered again. Every
//!   event carries an id, and repeats are dropped downstream.
//! * **Numbers never go back**, not even when everything was drained and every segment is gone.
//! * **Nothing is skipped in silence.** What a crash can leave behind, a torn batch at the very end that was never
//!   acknowledged, is cut. Any other damage is refused, with the file and the offset, and nothing is changed. An operator
//!   brings the file back, or moves it out of the folder and so gives up what it holds; then the spool opens without
//!   it, and says in `Opened` which numbers are missing.
//!
//! Torn and damaged look alike in the last batch, which nothing vouches for until there is another behind it or progress
//! was recorded: damage to it is taken for a torn tail. Of a batch that was not acknowledged, entries may stay.
//!
//! A folder holds segments (`00000000000000000001.spool`: a stamp, then entries), the file `drained`, a lock, and `new`,
//! a file that has no name yet. Anything else in it is left alone.

mod entry;
mod error;
mod folder;
mod head;
mod opening;
mod progress;
mod segment;
mod stamp;
mod tail;

use std::{collections::VecDeque, io::ErrorKind, path::Path};

use bytes::Bytes;

pub use self::{entry::Entry, error::SpoolError, opening::Opened};
use self::{
    folder::Folder,
    head::{Head, Passed},
    opening::Found,
    progress::Progress,
    segment::Segment,
    tail::Tail,
};

/// Drained bytes after which progress is recorded at the latest: what a crash delivers again, at most.
const RECORD_BYTES: u64 = 8 << 20;

#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// That entries which are not drained may take, with their frames. The folder may take one segment more: that which
    /// is drained in part goes as a whole.
    pub most_bytes: u64,
    /// That a segment takes before another is begun. A larger batch has a segment of its own.
    pub segment_bytes: u64,
}

/// Owned by one thread. Dropped without `close` it is as after a crash.
#[derive(Debug)]
pub struct Spool {
    options: Options,
    folder: Folder,
    /// In order. The first holds the head, unless nothing waits; the last may have a tail.
    segments: VecDeque<Segment>,
    head: Head,
    tail: Option<Tail>,
    /// The number of the next entry to be appended.
    next: u64,
    waiting: u64,
    bytes: u64,
    recorded: Progress,
    /// Drained since then.
    unrecorded_bytes: u64,
    /// Drained segments, by their first entries, which go once that is recorded.
    spent: Vec<u64>,
    buffer: Vec<u8>,
}

impl Spool {
    /// Opens the spool in a folder, which is made if it is not there, and locks it. Reads all that is not drained.
    pub fn open(folder: &Path, options: Options) -> Result<(Self, Opened), SpoolError> {
        let folder = Folder::open(folder)?;
        let Found { progress, segments, spent, tail, head, next, waiting, bytes, opened } =
            opening::open(&folder)?;
        let mut spool = Self {
            options,
            folder,
            segments,
            head,
            tail,
            next,
            waiting,
            bytes,
            recorded: progress,
            unrecorded_bytes: 0,
            spent,
            buffer: Vec::new(),
        };
        spool.leave_drained();
        spool.remove_spent()?;
        Ok((spool, opened))
    }

    /// Entries that are not drained.
    pub fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Bytes of those, with their frames.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Makes a batch durable, as a whole, by one fsync; callers coalesce. Gives the number of its last entry. After an
    /// error nothing of it is in the spool.
    pub fn append(&mut self, batch: &[Bytes]) -> Result<u64, SpoolError> {
        let bytes = entry::size_of(batch);
        self.check_room(bytes)?;
        if batch.is_empty() {
            return Ok(self.next - 1);
        }
        self.ready_for(bytes)?;
        let (Some(segment), Some(tail)) = (self.segments.back_mut(), &mut self.tail) else {
            return Err(SpoolError::Broken("there is no segment to append to".into()));
        };
        entry::write(&mut self.buffer, self.next, batch);
        tail.append(&self.buffer, segment.length)?;
        self.next += batch.len() as u64;
        segment.next = self.next;
        segment.length += bytes;
        self.waiting += batch.len() as u64;
        self.bytes += bytes;
        Ok(self.next - 1)
    }

    /// Entries from the first that is not drained, in order, of about so many bytes, but one at least: none if none
    /// waits. They go on waiting until they are drained.
    pub fn next(&mut self, at_most_bytes: usize) -> Result<Vec<Entry>, SpoolError> {
        match self.segments.front() {
            Some(segment) => self.head.read(&self.folder, segment, at_most_bytes),
            None => Ok(Vec::new()),
        }
    }

    /// Says that everything up to this entry has been delivered; it must have been read. This is recorded when 8 MiB
    /// were drained, when a segment was, and by `record`. After an error the entries are drained all the same, but a
    /// crash may deliver them again.
    pub fn drained(&mut self, upto_sequence: u64) -> Result<(), SpoolError> {
        let Passed { entries, bytes } = self.head.pass(upto_sequence)?;
        self.waiting -= entries;
        self.bytes -= bytes;
        self.unrecorded_bytes += bytes;
        if self.leave_drained() || self.unrecorded_bytes >= RECORD_BYTES {
            self.record()?;
        }
        Ok(())
    }

    /// Makes durable what was drained, and removes segments that are: worth its fsyncs when the spool has been emptied
    /// and the log is back, lest a crash much later delivers old entries again.
    pub fn record(&mut self) -> Result<(), SpoolError> {
        // A segment without entries is as good as new. A broken tail stays, so that appending goes on to say so.
        let is_used = self.segments.back().is_some_and(|segment| !segment.is_empty());
        let is_sound = self.tail.as_ref().is_none_or(|tail| tail.sound().is_ok());
        if self.is_empty() && is_used && is_sound {
            self.tail = None;
            self.spent.extend(self.segments.drain(..).map(|segment| segment.first));
        }
        self.save()
    }

    /// Records what was drained, and unlocks the folder.
    pub fn close(mut self) -> Result<(), SpoolError> {
        self.record()
    }

    fn check_room(&self, batch: u64) -> Result<(), SpoolError> {
        if batch > u64::from(u32::MAX) {
            return Err(SpoolError::TooLarge { bytes: batch });
        }
        let Options { most_bytes: most, .. } = self.options;
        if self.bytes + batch > most {
            return Err(SpoolError::Full { bytes: self.bytes, most, batch });
        }
        Ok(())
    }

    /// Sees to it that the last segment takes a batch of so many bytes.
    fn ready_for(&mut self, bytes: u64) -> Result<(), SpoolError> {
        if let Some(tail) = &self.tail {
            tail.sound()?;
        }
        if !self.segments.back().is_some_and(|segment| self.takes(segment, bytes)) {
            self.begin_segment()?;
        }
        // On record before anything is in it: should it be moved away, numbers must go on behind it.
        if self.segments.back().is_some_and(|segment| segment.first != self.recorded.segment) {
            self.save()?;
        }
        Ok(())
    }

    fn takes(&self, segment: &Segment, bytes: u64) -> bool {
        let fits = segment.is_empty() || segment.length + bytes <= self.options.segment_bytes;
        self.tail.is_some() && segment.next == self.next && fits
    }

    fn begin_segment(&mut self) -> Result<(), SpoolError> {
        // Even if this fails: the new segment may be there, and then nothing may be appended to the one before it.
        self.tail = None;
        let segment = Segment::begin(&self.folder, self.next)?;
        self.tail = Some(Tail::open(segment.path(&self.folder))?);
        if self.is_empty() {
            self.spent.extend(self.segments.drain(..).map(|segment| segment.first));
            self.head = Head::at_start_of(&segment);
        }
        self.segments.push_back(segment);
        Ok(())
    }

    /// Goes on from segments that are wholly drained; the last stays, for what is appended. Whether there were any.
    fn leave_drained(&mut self) -> bool {
        let before = self.spent.len();
        while self.segments.len() > 1 && self.segments[0].next <= self.head.sequence {
            self.spent.extend(self.segments.pop_front().map(|segment| segment.first));
            self.head = Head::at_start_of(&self.segments[0]);
        }
        self.spent.len() > before
    }

    fn save(&mut self) -> Result<(), SpoolError> {
        let segment = self.segments.back().map_or(0, |segment| segment.first);
        let progress = Progress { drained: self.head.sequence - 1, next: self.next, segment };
        if progress != self.recorded {
            self.save_as(progress)?;
            self.recorded = progress;
            self.unrecorded_bytes = 0;
        }
        self.remove_spent()
    }

    /// On a full disk the drained segments go first, or nothing would ever make room. A crash in between has them
    /// taken for missing.
    fn save_as(&mut self, progress: Progress) -> Result<(), SpoolError> {
        match progress.save(&self.folder) {
            Err(SpoolError::Io { fault, .. }) if fault.kind() == ErrorKind::StorageFull => {
                self.remove_spent()?;
                progress.save(&self.folder)
            }
            saved => saved,
        }
    }

    fn remove_spent(&mut self) -> Result<(), SpoolError> {
        if self.spent.is_empty() {
            return Ok(());
        }
        for first in &self.spent {
            self.folder.remove(&segment::name(*first))?;
        }
        self.spent.clear();
        self.folder.sync()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_spool_takes_nothing_and_is_drained_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { most_bytes: 1_000, segment_bytes: 100 };
        let (mut spool, _) = Spool::open(folder.path(), options).unwrap();
        let batch = [Bytes::from_static(b"payload")];
        spool.append(&batch).unwrap();
        // Takes neither a byte nor a cut.
        spool.tail = Some(Tail::open("/dev/full".into()).unwrap());
        for _ in 0..5 {
            assert!(matches!(spool.append(&batch), Err(SpoolError::Broken(_))));
            assert_eq!(spool.waiting(), 1);
        }
        assert_eq!(spool.next(1_000).unwrap().len(), 1);
        spool.drained(1).unwrap();
        spool.record().unwrap();
        assert!(matches!(spool.append(&batch), Err(SpoolError::Broken(_))));
        drop(spool);
        let (mut spool, _) = Spool::open(folder.path(), options).unwrap();
        assert_eq!((spool.waiting(), spool.append(&batch).unwrap()), (0, 2));
    }
}
