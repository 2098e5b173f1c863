//! A file of entries. Its name is the number of its first entry, so that names sort as entries do.
//!
//! It gets its name once its stamp is durable: a named segment without a whole stamp is damaged, not torn.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use crate::{
    SpoolError,
    entry::{self, Frame},
    folder::Folder,
    stamp,
};

const KIND: &[u8; 8] = b"perspool";
/// Bytes before the first entry.
pub(crate) const STAMP: u64 = stamp::size(1) as u64;
const SUFFIX: &str = ".spool";
/// Bytes that are read at once where nobody says how many.
const BLOCK: usize = 1 << 20;

/// What is durable of it.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) first: u64,
    /// The number after its last entry.
    pub(crate) next: u64,
    /// Bytes, with the stamp.
    pub(crate) length: u64,
}

impl Segment {
    /// A segment without entries, on disk.
    pub(crate) fn begin(folder: &Folder, first: u64) -> Result<Self, SpoolError> {
        folder.put(&name(first), &stamp::write(KIND, [first]))?;
        Ok(Self { first, next: first, length: STAMP })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.next == self.first
    }

    pub(crate) fn path(&self, folder: &Folder) -> PathBuf {
        folder.path_of(&name(self.first))
    }
}

pub(crate) fn name(first: u64) -> String {
    format!("{first:020}{SUFFIX}")
}

/// The first entries' numbers of the segments in the folder, in order.
pub(crate) fn in_folder(folder: &Folder) -> Result<Vec<u64>, SpoolError> {
    let names = folder.names()?;
    let number = |file: &String| {
        let first = file.strip_suffix(SUFFIX)?.parse().ok()?;
        (first > 0 && *file == name(first)).then_some(first)
    };
    let mut firsts: Vec<u64> = names.iter().filter_map(number).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// What stands between two offsets, of about so many bytes: one entry at least, if there is a whole one.
pub(crate) fn block(file: &File, from: u64, to: u64, bytes: usize) -> io::Result<Bytes> {
    let rest = usize::try_from(to - from).unwrap_or(usize::MAX);
    let block = exactly(file, from, rest.min(bytes.max(entry::FRAME)))?;
    match Frame::read(&block).map(|frame| frame.size()) {
        Some(size) if size > block.len() && size <= rest => exactly(file, from, size),
        _ => Ok(block),
    }
}

fn exactly(file: &File, from: u64, bytes: usize) -> io::Result<Bytes> {
    let mut block = vec![0; bytes];
    file.read_exact_at(&mut block, from)?;
    Ok(block.into())
}

/// What a segment holds, from its stamp to its end or to its first flaw.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) segment: Segment,
    /// Where the first entry that is not drained stands, or will.
    pub(crate) undrained: u64,
    /// Where the last batch begins.
    pub(crate) last_batch: u64,
    pub(crate) flaw: Option<Flaw>,
}

/// What stands behind the last good entry.
#[derive(Debug)]
pub(crate) struct Flaw {
    pub(crate) why: &'static str,
    /// Bytes from there to the end of the file.
    pub(crate) bytes: u64,
    /// Whether a good entry of a later batch is among them: no torn write leaves that behind.
    pub(crate) amid: bool,
}

/// Reads the segment that begins with entry `first`, of which those up to `drained` count no more.
pub(crate) fn scan(path: &Path, first: u64, drained: u64) -> Result<Scan, SpoolError> {
    let reading = || SpoolError::io("reading", path);
    let file = File::open(path).map_err(reading())?;
    let length = file.metadata().map_err(reading())?.len();
    check_stamp(&exactly(&file, 0, length.min(STAMP) as usize).map_err(reading())?, first, path)?;
    let segment = Segment { first, next: first, length: STAMP };
    let mut scan = Scan { segment, undrained: STAMP, last_batch: STAMP, flaw: None };
    while scan.flaw.is_none() && scan.segment.length < length {
        let at = scan.segment.length;
        let block = block(&file, at, length, BLOCK).map_err(reading())?;
        if let Err(why) = scan.pass(&block, drained) {
            let rest = exactly(&file, at, (length - at) as usize).map_err(reading())?;
            let amid = entry::a_later_batch_follows(&rest, scan.segment.next);
            scan.flaw = Some(Flaw { why, bytes: length - at, amid });
        }
    }
    Ok(scan)
}

fn check_stamp(bytes: &[u8], first: u64, path: &Path) -> Result<(), SpoolError> {
    match stamp::read(KIND, bytes, path)? {
        [stamped] if stamped == first => Ok(()),
        _ => {
            let why = "it does not begin with the entry that its name says";
            Err(SpoolError::Corrupt { file: path.to_owned(), offset: 0, why })
        }
    }
}

impl Scan {
    /// Passes the good entries that a block begins with; there is a flaw if that is none.
    fn pass(&mut self, block: &[u8], drained: u64) -> Result<(), &'static str> {
        let mut rest = block;
        while !rest.is_empty() {
            match Frame::check(rest, self.segment.next) {
                Ok(frame) => {
                    rest = &rest[frame.size()..];
                    self.take(frame, drained);
                }
                Err(why) if rest.len() == block.len() => return Err(why),
                Err(_) => break,
            }
        }
        Ok(())
    }

    fn take(&mut self, frame: Frame, drained: u64) {
        if frame.begins_a_batch() {
            self.last_batch = self.segment.length;
        }
        self.segment.length += frame.size() as u64;
        if self.segment.next <= drained {
            self.undrained = self.segment.length;
        }
        self.segment.next += 1;
    }
}
