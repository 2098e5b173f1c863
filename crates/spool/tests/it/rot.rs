//! Bits that flip.

use super::*;

const WRITTEN: [&str; 9] = ["12345", "67890", "abcde", "12345", "67890", "abcde", "12345", "67890", "abcde"];

/// Two segments, of six entries and of three, of which one is drained.
fn two_segments(folder: &Path) -> Spool {
    let mut spool = open(folder);
    for _ in 0..3 {
        spool.append(&batch(&WRITTEN[..3])).unwrap();
    }
    spool.next(1_000).unwrap();
    spool.drained(1).unwrap();
    spool
}

/// Flips every bit of every file, one at a time, and hands over what opening the folder then gives.
fn flip_each(folder: &Path, mut check: impl FnMut(&str, usize, Result<(Spool, Opened), SpoolError>)) {
    let files: Vec<_> =
        names(folder).into_iter().map(|name| (fs::read(folder.join(&name)).unwrap(), name)).collect();
    for (whole, name) in &files {
        for bit in 0..8 * whole.len() {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(folder.join(name), &flipped).unwrap();
            check(name, bit / 8, opened(folder));
            for (whole, name) in &files {
                fs::write(folder.join(name), whole).unwrap();
            }
        }
    }
}

#[test]
fn after_a_crash_a_flipped_bit_is_damage_or_a_torn_last_batch() {
    let folder = quick_folder();
    drop(two_segments(folder.path()));
    flip_each(folder.path(), |name, byte, opened| match opened {
        Ok((mut spool, opened)) => {
            assert_eq!(name, "00000000000000000007.spool");
            let kept = (byte - 24) / 25;
            assert_eq!(opened, Opened { cut: 75 - 25 * kept as u64, missing: Vec::new() });
            assert_eq!(texts(&drain(&mut spool, 1_000)), WRITTEN[..6 + kept]);
        }
        Err(SpoolError::Corrupt { file, .. } | SpoolError::Format { file, .. }) => {
            assert_eq!(file, folder.path().join(name));
        }
        Err(error) => panic!("{name} at {byte}: {error}"),
    });
}

#[test]
fn after_a_close_every_flipped_bit_is_damage() {
    let folder = quick_folder();
    two_segments(folder.path()).close().unwrap();
    flip_each(folder.path(), |name, byte, opened| match opened {
        Err(SpoolError::Corrupt { file, offset, .. }) => {
            assert_eq!(file, folder.path().join(name));
            assert!(offset <= byte as u64 && byte as u64 - offset < 40);
        }
        Err(SpoolError::Format { file, .. }) => assert_eq!(file, folder.path().join(name)),
        other => panic!("{name} at {byte}: {other:?}"),
    });
}

#[test]
fn rot_that_sets_in_while_the_spool_is_open_is_not_delivered() {
    let folder = quick_folder();
    let mut spool = open(folder.path());
    spool.append(&batch(&["one", "two"])).unwrap();
    let path = segments(folder.path()).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[24 + 23 + 21] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(texts(&spool.next(1_000).unwrap()), ["one"]);
    spool.drained(1).unwrap();
    let refused = spool.next(1_000).unwrap_err();
    assert!(matches!(&refused, SpoolError::Corrupt { file, offset: 47, .. } if *file == path), "{refused}");
}

#[test]
fn rot_in_what_is_drained_is_harmless() {
    let folder = folder();
    let mut spool = two_segments(folder.path());
    let path = segments(folder.path()).remove(0);
    let bytes = fs::read(&path).unwrap();
    spool.next(1_000).unwrap();
    spool.drained(6).unwrap();
    assert!(!path.exists());
    drop(spool);
    fs::write(&path, &bytes[..50]).unwrap();
    assert_eq!(texts(&drain(&mut open(folder.path()), 1_000)), WRITTEN[6..]);
    assert!(!path.exists());
}

#[test]
fn a_segment_under_another_name_is_refused() {
    let folder = folder();
    drop(two_segments(folder.path()));
    let renamed = folder.path().join("00000000000000000008.spool");
    fs::rename(&segments(folder.path())[1], &renamed).unwrap();
    check_refused(folder.path(), &renamed, "its name");
}

#[test]
fn segments_that_overlap_are_refused() {
    let (folder, other) = (folder(), folder());
    two_segments(folder.path()).close().unwrap();
    let mut spool = open(other.path());
    spool.append(&batch(&WRITTEN[..3])).unwrap();
    spool.append(&batch(&WRITTEN[..6])).unwrap();
    let name = "00000000000000000004.spool";
    fs::copy(other.path().join(name), folder.path().join(name)).unwrap();
    check_refused(folder.path(), &folder.path().join(name), "the segment before");
}

#[test]
fn a_segment_that_had_a_successor_has_no_torn_tail() {
    let folder = folder();
    drop(two_segments(folder.path()));
    let paths = segments(folder.path());
    fs::remove_file(&paths[1]).unwrap();
    let mut bytes = fs::read(&paths[0]).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&paths[0], bytes).unwrap();
    check_refused(folder.path(), &paths[0], "checksum");
}

fn check_refused(folder: &Path, damaged: &Path, why: &str) {
    let refused = opened(folder).unwrap_err();
    assert!(matches!(&refused, SpoolError::Corrupt { file, .. } if file == damaged), "{refused}");
    assert!(refused.to_string().contains(why), "{refused}");
}
