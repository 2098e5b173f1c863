//! Tails that a crash in the middle of an append leaves behind.

use std::{fs::File, os::unix::fs::FileExt};

use super::*;

/// Appends two batches and lets `tear` make of the second what a crash might, given where it begins; gives the file.
fn crash(folder: &Path, second: &[&'static str], tear: impl FnOnce(&File, u64)) -> PathBuf {
    let mut spool = open(folder);
    spool.append(&batch(&["one", "two"])).unwrap();
    let path = segments(folder).remove(0);
    let durable = fs::metadata(&path).unwrap().len();
    spool.append(&batch(second)).unwrap();
    drop(spool);
    tear(&File::options().write(true).open(&path).unwrap(), durable);
    path
}

/// Opens what is there: so many bytes are cut and these are kept, and it goes on from there.
fn check(folder: &Path, cut: u64, kept: &[&'static str]) {
    let (mut spool, opened) = opened(folder).unwrap();
    assert_eq!(opened, Opened { cut, missing: Vec::new() });
    assert_eq!(spool.waiting(), kept.len() as u64);
    assert_eq!(spool.append(&batch(&["again"])).unwrap(), kept.len() as u64 + 1);
    drop(spool);
    let (mut spool, opened) = super::opened(folder).unwrap();
    assert_eq!(opened, Opened::default());
    assert_eq!(texts(&drain(&mut spool, 1_000)), [kept, &["again"]].concat());
}

#[test]
fn a_torn_tail_is_cut() {
    for kept in 0..25 {
        let folder = folder();
        crash(folder.path(), &["three"], |file, durable| file.set_len(durable + kept).unwrap());
        check(folder.path(), kept, &["one", "two"]);
    }
}

#[test]
fn a_tail_whose_end_is_zeros_is_cut() {
    for kept in 0..24 {
        let folder = folder();
        crash(folder.path(), &["three"], |file, durable| {
            file.write_all_at(&[0; 25][kept..], durable + kept as u64).unwrap();
        });
        check(folder.path(), 25, &["one", "two"]);
    }
}

#[test]
fn a_batch_with_a_hole_is_cut_at_the_hole() {
    let folder = folder();
    crash(folder.path(), &["three", "four.", "five."], |file, durable| {
        file.write_all_at(&[0; 25], durable + 25).unwrap();
    });
    check(folder.path(), 50, &["one", "two", "three"]);
}

#[test]
fn a_batch_whose_beginning_is_a_hole_is_cut() {
    let folder = folder();
    crash(folder.path(), &["three", "four.", "five."], |file, durable| {
        file.write_all_at(&[0; 25], durable).unwrap();
    });
    check(folder.path(), 75, &["one", "two"]);
}

#[test]
fn a_hole_before_a_later_batch_is_damage() {
    let folder = folder();
    let path = crash(folder.path(), &["three", "four."], |_, _| ());
    let mut spool = open(folder.path());
    spool.append(&batch(&["five."])).unwrap();
    drop(spool);
    let before = fs::read(&path).unwrap();
    // Everything from the second entry to the last: its length is lost, too.
    File::options().write(true).open(&path).unwrap().write_all_at(&[0; 23 + 50], 24 + 23).unwrap();
    let damaged = fs::read(&path).unwrap();
    assert_eq!(before.len(), damaged.len());
    let refused = opened(folder.path()).unwrap_err();
    assert!(matches!(&refused, SpoolError::Corrupt { file, offset: 47, .. } if *file == path), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), damaged);
}

#[test]
fn a_tail_that_is_known_to_have_been_acknowledged_is_damage() {
    for lost in 1..=25 {
        let folder = folder();
        let path = crash(folder.path(), &["three"], |_, _| ());
        open(folder.path()).close().unwrap();
        let length = fs::metadata(&path).unwrap().len();
        File::options().write(true).open(&path).unwrap().set_len(length - lost).unwrap();
        let refused = opened(folder.path()).unwrap_err();
        let at = length - 25;
        assert!(matches!(&refused, SpoolError::Corrupt { offset, .. } if *offset == at), "{refused}");
    }
}

#[test]
fn a_segment_before_the_last_has_no_torn_tail() {
    let folder = folder();
    let mut spool = open(folder.path());
    for _ in 0..3 {
        spool.append(&batch(&["12345", "67890", "abcde"])).unwrap();
    }
    drop(spool);
    let path = segments(folder.path()).remove(0);
    File::options().write(true).open(&path).unwrap().set_len(24 + 5 * 25 + 7).unwrap();
    let refused = opened(folder.path()).unwrap_err();
    assert!(matches!(&refused, SpoolError::Corrupt { file, offset: 149, .. } if *file == path), "{refused}");
    assert!(refused.to_string().contains("move it out of the folder"), "{refused}");
}
