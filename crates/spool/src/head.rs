//! Where the first entry that is not drained stands.

use std::{fs::File, io, path::Path};

use bytes::{Buf, Bytes};

use crate::{
    Entry, SpoolError,
    entry::{FRAME, Frame},
    folder::Folder,
    segment::{self, STAMP, Segment},
};

#[derive(Debug)]
pub(crate) struct Head {
    /// Its number.
    pub(crate) sequence: u64,
    /// In its segment.
    offset: u64,
    /// Its segment, once it was read.
    file: Option<File>,
    /// The entries that were read, from there on.
    read: Bytes,
    read_upto: u64,
}

/// What was drained.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

impl Head {
    pub(crate) fn at(sequence: u64, offset: u64) -> Self {
        Self { sequence, offset, file: None, read: Bytes::new(), read_upto: sequence - 1 }
    }

    pub(crate) fn at_start_of(segment: &Segment) -> Self {
        Self::at(segment.first, STAMP)
    }

    /// Reads entries of the head's segment: of about so many bytes, but one at least, if there is one.
    pub(crate) fn read(
        &mut self,
        folder: &Folder,
        segment: &Segment,
        bytes: usize,
    ) -> Result<Vec<Entry>, SpoolError> {
        if self.offset >= segment.length {
            return Ok(Vec::new());
        }
        let path = segment.path(folder);
        let block = self.block(&path, segment.length, bytes).map_err(SpoolError::io("reading", &path))?;
        let mut entries = Vec::new();
        let mut at = 0;
        for sequence in self.sequence..segment.next {
            match Frame::check(&block[at..], sequence) {
                Ok(frame) => {
                    let end = at + frame.size();
                    entries.push(Entry { sequence, payload: block.slice(at + FRAME..end) });
                    at = end;
                }
                Err(why) if at == 0 => {
                    return Err(SpoolError::Corrupt { file: path, offset: self.offset, why });
                }
                Err(_) => break,
            }
        }
        self.remember(block.slice(..at), entries.len() as u64);
        Ok(entries)
    }

    fn block(&mut self, path: &Path, end: u64, bytes: usize) -> io::Result<Bytes> {
        let file = match self.file.take() {
            Some(file) => file,
            None => File::open(path)?,
        };
        segment::block(self.file.insert(file), self.offset, end, bytes)
    }

    /// What was read farther than that before stays drainable.
    fn remember(&mut self, read: Bytes, entries: u64) {
        if read.len() > self.read.len() {
            self.read = read;
            self.read_upto = self.sequence + entries - 1;
        }
    }

    /// Passes the entries up to this one. Nothing if they were passed before.
    pub(crate) fn pass(&mut self, upto: u64) -> Result<Passed, SpoolError> {
        if upto > self.read_upto {
            return Err(SpoolError::NotRead { upto, read: self.read_upto });
        }
        let mut passed = Passed::default();
        while self.sequence <= upto {
            let size = Frame::read(&self.read).map_or(0, |frame| frame.size());
            self.read.advance(size);
            self.sequence += 1;
            self.offset += size as u64;
            passed.entries += 1;
            passed.bytes += size as u64;
        }
        Ok(passed)
    }
}
