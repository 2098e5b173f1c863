//! Appending and draining.

use super::*;

#[test]
fn entries_come_back_in_order_and_in_bites() {
    let folder = folder();
    let mut spool = open(folder.path());
    assert_eq!(spool.append(&batch(&["one", "two", "three"])).unwrap(), 3);
    assert_eq!(spool.append(&batch(&["four"])).unwrap(), 4);
    assert_eq!((spool.waiting(), spool.bytes()), (4, 4 * 20 + 15));
    let entries = spool.next(50).unwrap();
    assert_eq!((numbers(&entries), texts(&entries)), (vec![1, 2], vec!["one", "two"]));
    spool.drained(2).unwrap();
    assert_eq!((spool.waiting(), spool.bytes()), (2, 2 * 20 + 9));
    assert_eq!(texts(&drain(&mut spool, 1)), ["three", "four"]);
    assert_eq!((spool.is_empty(), spool.bytes()), (true, 0));
}

#[test]
fn an_entry_larger_than_the_bite_comes_alone() {
    let folder = folder();
    let mut spool = open(folder.path());
    spool.append(&batch(&["a payload of some length", "", "more"])).unwrap();
    for expected in ["a payload of some length", "", "more"] {
        let entries = spool.next(0).unwrap();
        assert_eq!(texts(&entries), [expected]);
        spool.drained(entries[0].sequence).unwrap();
    }
    assert_eq!(spool.next(0).unwrap(), []);
}

#[test]
fn what_is_read_waits_until_it_is_drained() {
    let folder = folder();
    let mut spool = open(folder.path());
    spool.append(&batch(&["one", "two"])).unwrap();
    for _ in 0..2 {
        assert_eq!(texts(&spool.next(1_000).unwrap()), ["one", "two"]);
    }
    spool.drained(1).unwrap();
    spool.drained(1).unwrap();
    assert_eq!(texts(&spool.next(1_000).unwrap()), ["two"]);
}

#[test]
fn only_what_was_read_is_drained() {
    let folder = folder();
    let mut spool = open(folder.path());
    spool.append(&batch(&["one", "two", "three"])).unwrap();
    assert!(matches!(spool.drained(1), Err(SpoolError::NotRead { upto: 1, read: 0 })));
    spool.next(50).unwrap();
    spool.next(1).unwrap();
    assert!(matches!(spool.drained(3), Err(SpoolError::NotRead { upto: 3, read: 2 })));
    assert_eq!(spool.waiting(), 3);
    spool.drained(2).unwrap();
    assert_eq!(spool.waiting(), 1);
}

#[test]
fn appending_and_draining_may_alternate() {
    let folder = folder();
    let mut spool = open(folder.path());
    let mut drained = Vec::new();
    for round in 1..=40 {
        assert_eq!(spool.append(&batch(&["first", "other"])).unwrap(), 2 * round);
        let entries = spool.next(25).unwrap();
        spool.drained(entries[0].sequence).unwrap();
        drained.extend(entries);
        if round % 10 == 0 {
            drained.extend(drain(&mut spool, 60));
        }
    }
    assert_eq!(numbers(&drained), (1..=80).collect::<Vec<_>>());
    assert_eq!(texts(&drained), ["first", "other"].repeat(40));
}

#[test]
fn an_empty_batch_is_nothing() {
    let folder = folder();
    let mut spool = open(folder.path());
    assert_eq!(spool.append(&[]).unwrap(), 0);
    assert_eq!(names(folder.path()), ["lock"]);
    spool.append(&batch(&["one"])).unwrap();
    assert_eq!(spool.append(&[]).unwrap(), 1);
}

#[test]
fn a_full_spool_refuses_and_keeps_what_it_has() {
    let folder = folder();
    let mut spool = open(folder.path());
    while spool.append(&batch(&["12345", "67890", "abcde"])).is_ok() {}
    let before = segments(folder.path()).iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>();
    let refused = spool.append(&batch(&["12345", "67890"])).unwrap_err();
    assert!(matches!(refused, SpoolError::Full { bytes: 975, most: 1_000, batch: 50 }), "{refused}");
    let after = segments(folder.path()).iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>();
    assert_eq!(before, after);
    assert_eq!(spool.append(&batch(&["fits!"])).unwrap(), 40);
    assert_eq!(numbers(&drain(&mut spool, 100)), (1..=40).collect::<Vec<_>>());
    assert_eq!(spool.append(&batch(&["12345", "67890"])).unwrap(), 42);
}

#[test]
fn a_batch_of_more_than_four_gibibytes_is_refused() {
    let folder = folder();
    let options = Options { most_bytes: u64::MAX, ..SMALL };
    let mut spool = Spool::open(folder.path(), options).unwrap().0;
    let batch = vec![Bytes::from(vec![0; 1 << 20]); 1 << 12];
    assert!(matches!(spool.append(&batch), Err(SpoolError::TooLarge { .. })));
    assert_eq!(names(folder.path()), ["lock"]);
}

#[test]
fn a_batch_larger_than_a_segment_has_one_of_its_own() {
    let folder = folder();
    let mut spool = open(folder.path());
    spool.append(&batch(&["small"])).unwrap();
    spool.append(&batch(&["12345"; 20])).unwrap();
    spool.append(&batch(&["small"])).unwrap();
    let lengths =
        segments(folder.path()).iter().map(|path| fs::metadata(path).unwrap().len()).collect::<Vec<_>>();
    assert_eq!(lengths, [24 + 25, 24 + 20 * 25, 24 + 25]);
    assert_eq!(drain(&mut spool, 70).len(), 22);
}

#[test]
fn segments_go_once_they_are_drained() {
    let folder = folder();
    let mut spool = open(folder.path());
    for _ in 0..6 {
        spool.append(&batch(&["12345", "67890", "abcde"])).unwrap();
    }
    assert_eq!(segments(folder.path()).len(), 3);
    let last = spool.next(1_000).unwrap().last().unwrap().sequence;
    spool.drained(last - 1).unwrap();
    assert_eq!(segments(folder.path()).len(), 3);
    spool.drained(last).unwrap();
    assert_eq!(segments(folder.path()).len(), 2);
    drain(&mut spool, 1_000);
    assert_eq!(segments(folder.path()).len(), 1);
    spool.record().unwrap();
    assert_eq!(names(folder.path()), ["drained", "lock"]);
}

#[test]
fn drained_megabytes_are_on_record_before_their_segment_ends() {
    let folder = folder();
    let options = Options { most_bytes: 1 << 30, segment_bytes: 1 << 30 };
    let mut spool = Spool::open(folder.path(), options).unwrap().0;
    let megabyte = Bytes::from(vec![7; 1 << 20]);
    spool.append(&vec![megabyte; 13]).unwrap();
    for _ in 0..12 {
        let read = spool.next(1).unwrap();
        spool.drained(read[0].sequence).unwrap();
    }
    drop(spool);
    assert_eq!(Spool::open(folder.path(), options).unwrap().0.waiting(), 13 - 8);
}
