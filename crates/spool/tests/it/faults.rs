//! Writes that fail, as on a full disk.

use std::process::Command;

use super::*;

/// Lets no file get a name while it lasts: a folder stands where files are written.
struct Blocked(PathBuf);

impl Blocked {
    fn in_folder(folder: &Path) -> Self {
        let blocked = Self(folder.join("new"));
        drop(fs::remove_file(&blocked.0));
        fs::create_dir(&blocked.0).unwrap();
        blocked
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        fs::remove_dir(&self.0).unwrap();
    }
}

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

#[test]
fn after_a_segment_could_not_be_begun_the_one_before_it_takes_no_more() {
    let folder = folder();
    let mut spool = open(folder.path());
    spool.append(&batch(&["12345"; 5])).unwrap();
    let blocked = Blocked::in_folder(folder.path());
    assert!(matches!(spool.append(&batch(&["12345"; 2])), Err(SpoolError::Io { .. })));
    drop(blocked);
    assert_eq!(spool.append(&batch(&["fits!"])).unwrap(), 6);
    assert_eq!(segments(folder.path()).len(), 2);
    assert_eq!(drain(&mut spool, 1_000).len(), 6);
}

#[test]
fn what_could_not_be_recorded_is_drained_all_the_same() {
    let folder = folder();
    let mut spool = open(folder.path());
    spool.append(&batch(&["12345"; 6])).unwrap();
    spool.append(&batch(&["12345"; 6])).unwrap();
    let blocked = Blocked::in_folder(folder.path());
    spool.next(1_000).unwrap();
    assert!(matches!(spool.drained(6), Err(SpoolError::Io { .. })));
    assert_eq!((spool.waiting(), segments(folder.path()).len()), (6, 2));
    drop(blocked);
    spool.record().unwrap();
    assert_eq!(segments(folder.path()).len(), 1);
    drop(spool);
    assert_eq!(numbers(&drain(&mut open(folder.path()), 1_000)), [7, 8, 9, 10, 11, 12]);
}

#[test]
fn a_record_that_failed_takes_no_new_segment_with_it() {
    let folder = folder();
    let mut spool = open(folder.path());
    spool.append(&batch(&["one"])).unwrap();
    let path = segments(folder.path()).remove(0);
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(24).unwrap();
    drop(spool);
    let mut spool = open(folder.path());
    let blocked = Blocked::in_folder(folder.path());
    drop(spool.record());
    drop(blocked);
    assert_eq!(spool.append(&batch(&["one"])).unwrap(), 1);
    spool.record().unwrap();
    drop(spool);
    assert_eq!(texts(&drain(&mut open(folder.path()), 1_000)), ["one"]);
}
