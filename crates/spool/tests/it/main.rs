//! The spool on a real disk, and what crashes and rot make of its files.
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use spool::{Entry, Opened, Options, Spool, SpoolError};
use tempfile::TempDir;

mod faults;
mod golden;
mod model;
mod queue;
mod reopening;
mod rot;
mod torn;

/// Room for six entries of five bytes in a segment.
const SMALL: Options = Options { most_bytes: 1_000, segment_bytes: 24 + 6 * 25 };

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// In memory where there is such a place: for tests of thousands of openings, which an fsync each would slow down.
fn quick_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| folder())
}

fn open(folder: &Path) -> Spool {
    opened(folder).unwrap().0
}

fn opened(folder: &Path) -> Result<(Spool, Opened), SpoolError> {
    Spool::open(folder, SMALL)
}

fn batch(payloads: &[&'static str]) -> Vec<Bytes> {
    payloads.iter().map(|payload| Bytes::from_static(payload.as_bytes())).collect()
}

/// What waits, drained in bites of about so many bytes.
fn drain(spool: &mut Spool, bite: usize) -> Vec<Entry> {
    let mut drained = Vec::new();
    loop {
        let entries = spool.next(bite).unwrap();
        let Some(last) = entries.last() else { return drained };
        spool.drained(last.sequence).unwrap();
        drained.extend(entries);
    }
}

fn texts(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| str::from_utf8(&entry.payload).unwrap()).collect()
}

fn numbers(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.sequence).collect()
}

/// Paths of the segments, in order.
fn segments(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "spool")).collect();
    paths.sort();
    paths
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}
