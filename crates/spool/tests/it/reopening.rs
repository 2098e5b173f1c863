//! What a process finds that another has left.

use std::fs::File;

use super::*;

/// Three segments of two batches each, nothing drained, closed.
fn three_segments(folder: &Path) {
    let mut spool = open(folder);
    for _ in 0..6 {
        spool.append(&batch(&["12345", "67890", "abcde"])).unwrap();
    }
    spool.close().unwrap();
    assert_eq!(segments(folder).len(), 3);
}

/// Of the numbers that are missing.
fn ends(opened: &Opened) -> Vec<(u64, u64)> {
    opened.missing.iter().map(|range| (range.start, range.end)).collect()
}

#[test]
fn a_spool_goes_on_where_it_was_closed() {
    let folder = folder();
    let mut spool = open(folder.path());
    spool.append(&batch(&["one", "two", "three"])).unwrap();
    spool.next(1_000).unwrap();
    spool.drained(2).unwrap();
    spool.close().unwrap();
    let (mut spool, opened) = opened(folder.path()).unwrap();
    assert_eq!(opened, Opened::default());
    assert_eq!((spool.waiting(), spool.bytes()), (1, 25));
    assert_eq!(spool.append(&batch(&["four"])).unwrap(), 4);
    let entries = drain(&mut spool, 1_000);
    assert_eq!((numbers(&entries), texts(&entries)), (vec![3, 4], vec!["three", "four"]));
}

#[test]
fn after_a_crash_what_was_drained_lately_comes_again() {
    let folder = folder();
    let mut spool = open(folder.path());
    spool.append(&batch(&["one", "two"])).unwrap();
    spool.next(1_000).unwrap();
    spool.drained(1).unwrap();
    drop(spool);
    assert_eq!(texts(&drain(&mut open(folder.path()), 1_000)), ["one", "two"]);
}

#[test]
fn what_is_on_record_does_not_come_again() {
    let folder = folder();
    let mut spool = open(folder.path());
    spool.append(&batch(&["one", "two"])).unwrap();
    spool.next(1_000).unwrap();
    spool.drained(1).unwrap();
    spool.record().unwrap();
    drop(spool);
    assert_eq!(texts(&drain(&mut open(folder.path()), 1_000)), ["two"]);
}

#[test]
fn numbers_go_on_when_everything_was_drained_and_removed() {
    let folder = folder();
    for round in 0..5 {
        let mut spool = open(folder.path());
        assert_eq!(spool.append(&batch(&["one", "two"])).unwrap(), 2 * round + 2);
        drain(&mut spool, 1_000);
        spool.close().unwrap();
        assert_eq!(names(folder.path()), ["drained", "lock"]);
    }
}

#[test]
fn numbers_go_on_when_the_process_died_before_it_removed_what_was_drained() {
    let (folder, copy) = (folder(), folder());
    let mut spool = open(folder.path());
    spool.append(&batch(&["one", "two"])).unwrap();
    fs::copy(&segments(folder.path())[0], copy.path().join("00000000000000000001.spool")).unwrap();
    drain(&mut spool, 1_000);
    spool.close().unwrap();
    fs::copy(folder.path().join("drained"), copy.path().join("drained")).unwrap();
    let mut spool = open(copy.path());
    assert!(spool.is_empty());
    assert_eq!(spool.append(&batch(&["three"])).unwrap(), 3);
    assert_eq!(texts(&drain(&mut spool, 1_000)), ["three"]);
}

#[test]
fn a_second_opener_is_refused() {
    let folder = folder();
    let spool = open(folder.path());
    let refused = opened(folder.path()).unwrap_err();
    assert!(matches!(&refused, SpoolError::InUse(path) if path == folder.path()), "{refused}");
    drop(spool);
    open(folder.path());
}

#[test]
fn a_folder_is_made_with_those_above_it() {
    let folder = folder();
    let deep = folder.path().join("a/b/c");
    open(&deep).append(&batch(&["one"])).unwrap();
    assert_eq!(open(&deep).waiting(), 1);
}

#[test]
fn a_file_that_never_got_its_name_is_no_matter() {
    let folder = folder();
    three_segments(folder.path());
    fs::write(folder.path().join("new"), b"half a sta").unwrap();
    fs::write(folder.path().join("notes.txt"), b"by somebody").unwrap();
    fs::write(folder.path().join("00000000000000000000.spool"), b"numbers begin with 1").unwrap();
    assert_eq!(opened(folder.path()).unwrap().0.waiting(), 18);
}

#[test]
fn a_segment_that_was_begun_and_never_written_is_gone_on_with() {
    let folder = folder();
    three_segments(folder.path());
    let mut other = open(&folder.path().join("other"));
    other.append(&batch(&["12345"; 18])).unwrap();
    other.append(&batch(&["12345"; 6])).unwrap();
    let begun = "00000000000000000019.spool";
    fs::copy(folder.path().join("other").join(begun), folder.path().join(begun)).unwrap();
    File::options().write(true).open(folder.path().join(begun)).unwrap().set_len(24).unwrap();
    let mut spool = open(folder.path());
    assert_eq!(spool.append(&batch(&["more!"])).unwrap(), 19);
    assert_eq!(segments(folder.path()).len(), 4);
    assert_eq!(drain(&mut spool, 1_000).len(), 19);
}

#[test]
fn a_segment_that_was_moved_away_is_reported_missing() {
    let folder = folder();
    three_segments(folder.path());
    fs::remove_file(&segments(folder.path())[1]).unwrap();
    let (mut spool, opened) = opened(folder.path()).unwrap();
    assert_eq!((opened.cut, ends(&opened)), (0, vec![(7, 13)]));
    assert_eq!((spool.waiting(), spool.bytes()), (12, 12 * 25));
    let expected: Vec<_> = (1..=6).chain(13..=18).collect();
    assert_eq!(numbers(&drain(&mut spool, 80)), expected);
}

#[test]
fn the_first_segment_too_is_reported_missing() {
    let folder = folder();
    three_segments(folder.path());
    fs::remove_file(&segments(folder.path())[0]).unwrap();
    let (mut spool, opened) = opened(folder.path()).unwrap();
    assert_eq!(ends(&opened), [(1, 7)]);
    assert_eq!(numbers(&drain(&mut spool, 80)), (7..=18).collect::<Vec<_>>());
}

#[test]
fn numbers_never_go_back_when_the_last_segment_was_moved_away() {
    let folder = folder();
    three_segments(folder.path());
    fs::remove_file(&segments(folder.path())[2]).unwrap();
    let (mut spool, found) = opened(folder.path()).unwrap();
    let next = spool.append(&batch(&["more!"])).unwrap();
    assert!(next > 1 << 40);
    assert_eq!(ends(&found), [(13, next)]);
    drop(spool);
    let (mut spool, found) = opened(folder.path()).unwrap();
    assert_eq!(ends(&found), [(13, next)]);
    assert_eq!(numbers(&drain(&mut spool, 80)), (1..=12).chain([next]).collect::<Vec<_>>());
    spool.close().unwrap();
    let (mut spool, found) = opened(folder.path()).unwrap();
    assert_eq!(found, Opened::default());
    assert_eq!(spool.append(&batch(&["more!"])).unwrap(), next + 1);
}

#[test]
fn without_its_record_a_spool_delivers_all_that_is_there() {
    let folder = folder();
    three_segments(folder.path());
    let mut spool = open(folder.path());
    spool.next(1_000).unwrap();
    spool.drained(6).unwrap();
    spool.close().unwrap();
    fs::remove_file(folder.path().join("drained")).unwrap();
    let (mut spool, opened) = opened(folder.path()).unwrap();
    assert_eq!(opened, Opened::default());
    assert_eq!(spool.append(&batch(&["more!"])).unwrap(), 19);
    assert_eq!(numbers(&drain(&mut spool, 80)), (7..=19).collect::<Vec<_>>());
}

#[test]
fn numbers_never_go_back_when_what_is_left_was_drained_and_removed_too() {
    let folder = folder();
    let mut spool = open(folder.path());
    spool.append(&batch(&["12345"; 4])).unwrap();
    spool.append(&batch(&["12345"; 4])).unwrap();
    spool.close().unwrap();
    fs::remove_file(&segments(folder.path())[1]).unwrap();
    let (mut spool, found) = opened(folder.path()).unwrap();
    assert_eq!(ends(&found).len(), 1);
    drain(&mut spool, 1_000);
    spool.close().unwrap();
    assert_eq!(names(folder.path()), ["drained", "lock"]);
    assert_eq!(open(folder.path()).append(&batch(&["more!"])).unwrap(), ends(&found)[0].1);
}

#[test]
fn a_segment_is_not_gone_on_with_when_the_one_behind_it_was_moved_away() {
    let folder = folder();
    let mut spool = open(folder.path());
    spool.append(&batch(&["12345"; 4])).unwrap();
    spool.append(&batch(&["12345"; 4])).unwrap();
    drop(spool);
    fs::remove_file(&segments(folder.path())[1]).unwrap();
    let next = open(folder.path()).append(&batch(&["fits!"])).unwrap();
    let entries = drain(&mut open(folder.path()), 1_000);
    assert_eq!(numbers(&entries), [1, 2, 3, 4, next]);
}
