//! A write that fails half-way, as on a full disk.

use std::process::Command;

use super::*;

const INSIDE: &str = "SPOOL_TEST_UNDER_A_LIMIT";
const TEST: &str = "faults::a_write_that_fails_half_way_leaves_nothing_behind";

/// Runs itself again under a shell that lets no file grow beyond 16 blocks, and in which that is an error and no signal.
#[test]
fn a_write_that_fails_half_way_leaves_nothing_behind() {
    if std::env::var_os(INSIDE).is_some() {
        return fail_half_way();
    }
    let limited = format!("trap '' XFSZ; ulimit -f 16; exec \"$0\" --exact {TEST}");
    let itself = std::env::current_exe().unwrap();
    let output = Command::new("sh").args(["-c", &limited]).arg(itself).env(INSIDE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn fail_half_way() {
    let folder = folder();
    let options = Options { most_bytes: 1 << 20, segment_bytes: 1 << 20 };
    let mut spool = Spool::open(folder.path(), options).unwrap().0;
    spool.append(&batch(&["one", "two"])).unwrap();
    let path = segments(folder.path()).remove(0);
    let before = fs::read(&path).unwrap();
    for _ in 0..2 {
        let refused = spool.append(&vec![Bytes::from(vec![7; 1 << 10]); 32]).unwrap_err();
        assert!(matches!(&refused, SpoolError::Io { path: failed, .. } if *failed == path), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(spool.waiting(), 2);
    }
    assert_eq!(spool.append(&batch(&["three"])).unwrap(), 3);
    drop(spool);
    let (mut spool, opened) = Spool::open(folder.path(), options).unwrap();
    assert_eq!(opened, Opened::default());
    assert_eq!(texts(&drain(&mut spool, 1_000)), ["one", "two", "three"]);
}
