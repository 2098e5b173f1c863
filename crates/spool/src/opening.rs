//! Reading what is in the folder, and making it ready. Nothing is changed before everything is found sound.

use std::{collections::VecDeque, ops::Range};

use crate::{
    SpoolError,
    folder::Folder,
    head::Head,
    progress::Progress,
    segment::{self, Flaw, Scan, Segment},
    tail::{self, Tail},
};

/// How far numbers jump where the last segment was moved away: farther than any segment reaches.
const JUMP: u64 = 1 << 40;

/// What was noticed when a spool was opened.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Bytes of a torn tail, which were cut: of a batch that was never acknowledged.
    pub cut: u64,
    /// Numbers of entries that are neither drained nor there: somebody moved their segments away. Where that was the
    /// last segment, the range is wider than what it held.
    pub missing: Vec<Range<u64>>,
}

/// What is in a folder.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) progress: Progress,
    pub(crate) segments: VecDeque<Segment>,
    /// Drained segments, by their first entries.
    pub(crate) spent: Vec<u64>,
    pub(crate) tail: Option<Tail>,
    pub(crate) head: Head,
    /// The number of the next entry to be appended.
    pub(crate) next: u64,
    /// Entries that are not drained, and their bytes.
    pub(crate) waiting: u64,
    pub(crate) bytes: u64,
    pub(crate) opened: Opened,
}

pub(crate) fn open(folder: &Folder) -> Result<Found, SpoolError> {
    let saved = Progress::read(folder)?;
    let mut firsts = segment::in_folder(folder)?;
    let progress = saved.or(firsts.first().map(|first| Progress { drained: first - 1, ..Progress::NONE }));
    let progress = progress.unwrap_or(Progress::NONE);
    // A segment whose successor begins with a drained entry, or right behind one, holds nothing that counts.
    let drained = firsts.windows(2).take_while(|pair| pair[1] <= progress.drained + 1).count();
    let spent = firsts.drain(..drained).collect();
    let scans = scan(folder, &firsts, progress)?;
    let (next, missing) = numbers(&scans, progress);
    let (cut, tail) = settle(folder, scans.last(), progress)?;
    Ok(Found {
        spent,
        tail,
        head: head(&scans, progress),
        next,
        waiting: scans.iter().map(|scan| scan.segment.next.saturating_sub(unread(scan, progress))).sum(),
        bytes: scans.iter().map(|scan| scan.segment.length - scan.undrained).sum(),
        opened: Opened { cut, missing },
        progress,
        segments: scans.into_iter().map(|scan| scan.segment).collect(),
    })
}

/// The number of the first entry that counts, if the segment is not drained.
fn unread(scan: &Scan, progress: Progress) -> u64 {
    scan.segment.first.max(progress.drained + 1)
}

fn head(scans: &[Scan], progress: Progress) -> Head {
    match scans.first() {
        Some(scan) => Head::at(unread(scan, progress), scan.undrained),
        None => Head::at(progress.drained + 1, 0),
    }
}

fn scan(folder: &Folder, firsts: &[u64], progress: Progress) -> Result<Vec<Scan>, SpoolError> {
    let mut scans: Vec<Scan> = Vec::with_capacity(firsts.len());
    for (at, &first) in firsts.iter().enumerate() {
        let path = folder.path_of(&segment::name(first));
        let corrupt = |offset, why| SpoolError::Corrupt { file: path.clone(), offset, why };
        if scans.last().is_some_and(|before| before.segment.next > first) {
            return Err(corrupt(0, "its first entry stands in the segment before, too"));
        }
        let scan = segment::scan(&path, first, progress.drained)?;
        let is_last = at + 1 == firsts.len();
        if let Some(why) = damage(&scan, is_last, progress) {
            return Err(corrupt(scan.segment.length, why));
        }
        scans.push(scan);
    }
    Ok(scans)
}

/// Why the segment may not be taken for one that ends with its last good entry. Torn is only what stands at the very
/// end and was never acknowledged.
fn damage(scan: &Scan, is_last: bool, progress: Progress) -> Option<&'static str> {
    let Segment { first, next, .. } = scan.segment;
    let acknowledged = first == progress.segment && next < progress.next;
    let has_successor = !is_last || first < progress.segment;
    match &scan.flaw {
        Some(Flaw { why, amid, .. }) if *amid || acknowledged || has_successor => Some(why),
        None if acknowledged => Some("it ends before entries that were acknowledged"),
        _ => None,
    }
}

/// The number of the next entry to be appended, and those that are missing.
fn numbers(scans: &[Scan], progress: Progress) -> (u64, Vec<Range<u64>>) {
    let mut expected = progress.drained + 1;
    let mut missing = Vec::new();
    for Scan { segment, .. } in scans {
        if segment.first > expected {
            missing.push(expected..segment.first);
        }
        expected = expected.max(segment.next);
    }
    let last = scans.last().map_or(0, |scan| scan.segment.first);
    if progress.segment > last {
        let next = progress.next + JUMP;
        missing.push(expected..next);
        return (next, missing);
    }
    (expected.max(progress.next), missing)
}

/// Cuts a torn tail, and makes the rest ready to be appended to.
fn settle(
    folder: &Folder,
    last: Option<&Scan>,
    progress: Progress,
) -> Result<(u64, Option<Tail>), SpoolError> {
    let Some(Scan { segment, last_batch, flaw, .. }) = last else {
        return Ok((0, None));
    };
    let path = segment.path(folder);
    let cut = flaw.as_ref().map_or(0, |flaw| flaw.bytes);
    if cut > 0 || segment.next > progress.next {
        tail::settle(&path, *last_batch, segment.length)?;
    }
    Ok((cut, Some(Tail::open(path)?)))
}
