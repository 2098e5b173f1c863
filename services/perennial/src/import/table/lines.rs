//! A file's lines, one at a time, however large it is.
//!
//! Invariant: no line is held beyond `MOST` bytes; a longer one is cut and says so.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes of a line: far more than a call may have.
pub(super) const MOST: u64 = 256 * 1024;
const BUFFER: usize = 256 * 1024;
/// What programs of Windows begin a file in UTF-8 with, and know it by.
pub(crate) const MARK: &[u8] = b"\xef\xbb\xbf";

/// A place between lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// From the beginning of the file.
    pub(crate) byte: u64,
    /// How many lines come before.
    pub(crate) lines: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Without its end, nor the mark of UTF-8 that a file may begin with.
    pub(super) bytes: Vec<u8>,
    /// From 1.
    pub(super) number: u64,
    /// Where the next one begins.
    pub(super) next: Mark,
    pub(super) cut: bool,
}

pub(super) struct Lines {
    file: BufReader<File>,
    at: Mark,
    /// Whether the file begins with the mark of UTF-8.
    pub(super) marked: bool,
    /// Read already, and put back.
    back: VecDeque<Line>,
}

impl Lines {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = BufReader::with_capacity(BUFFER, File::open(path)?);
        Ok(Self { file, at: Mark::default(), marked: false, back: VecDeque::new() })
    }

    pub(super) fn go_to(&mut self, mark: Mark) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(mark.byte))?;
        self.at = mark;
        self.back.clear();
        Ok(())
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.back.pop_front() {
            return Ok(Some(line));
        }
        let mut bytes = Vec::new();
        let mut read = self.file.by_ref().take(MOST).read_until(b'\n', &mut bytes)? as u64;
        let cut = read == MOST && bytes.last() != Some(&b'\n');
        if cut {
            read += self.skip()?;
        }
        if read == 0 {
            return Ok(None);
        }
        if self.at == Mark::default() && bytes.starts_with(MARK) {
            bytes.drain(..MARK.len());
            self.marked = true;
        }
        self.at = Mark { byte: self.at.byte + read, lines: self.at.lines + 1 };
        Ok(Some(Line { bytes: bare(bytes), number: self.at.lines, next: self.at, cut }))
    }

    /// Lines that shall come again, in their order.
    pub(super) fn put_back(&mut self, lines: Vec<Line>) {
        for line in lines.into_iter().rev() {
            self.back.push_front(line);
        }
    }

    /// The rest of a line.
    fn skip(&mut self) -> io::Result<u64> {
        let mut skipped = 0;
        loop {
            let buffer = self.file.fill_buf()?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(buffer.len(), |end| end + 1);
            self.file.consume(length);
            skipped += length as u64;
            if end.is_some() || length == 0 {
                return Ok(skipped);
            }
        }
    }
}

fn bare(mut bytes: Vec<u8>) -> Vec<u8> {
    for end in [b'\n', b'\r'] {
        bytes.pop_if(|last| *last == end);
    }
    bytes
}
