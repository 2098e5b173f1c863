//! The bytes of format 1, written down once: a build that reads or writes them differently fails here.

use super::*;

const FILES: [&str; 2] = ["00000000000000000001.spool", "drained"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format_1")
}

#[test]
fn what_is_written_has_the_bytes_of_format_1() {
    let folder = folder();
    let mut spool = open(folder.path());
    spool.append(&batch(&["first", "", "third"])).unwrap();
    spool.append(&batch(&["fourth"])).unwrap();
    spool.next(1_000).unwrap();
    spool.drained(2).unwrap();
    spool.close().unwrap();
    for name in FILES {
        assert_eq!(
            fs::read(folder.path().join(name)).unwrap(),
            fs::read(fixtures().join(name)).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn the_bytes_of_format_1_are_read() {
    let folder = folder();
    for name in FILES {
        fs::copy(fixtures().join(name), folder.path().join(name)).unwrap();
    }
    let (mut spool, opened) = opened(folder.path()).unwrap();
    assert_eq!(opened, Opened::default());
    let entries = drain(&mut spool, 1_000);
    assert_eq!((numbers(&entries), texts(&entries)), (vec![3, 4], vec!["third", "fourth"]));
}

#[test]
fn a_format_that_is_not_known_is_refused() {
    let folder = folder();
    for name in FILES {
        let mut bytes = fs::read(fixtures().join(name)).unwrap();
        bytes[8] = 2;
        fs::write(folder.path().join(name), bytes).unwrap();
        let refused = opened(folder.path()).unwrap_err();
        assert!(matches!(&refused, SpoolError::Format { format: 2, .. }), "{refused}");
    }
}
