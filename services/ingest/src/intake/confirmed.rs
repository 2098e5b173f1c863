//! How many partitions the log is known to have.
//!
//! Invariant: nothing waits on disk for a partition that was reckoned by another number than the log's own: a contact's
//! events would go where the contact is not.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use eventlog::Log;

const FILE: &str = "partitions";

/// What this process was told, and whether the log has said the same, now or before.
pub(super) struct Confirmed {
    file: PathBuf,
    partitions: u32,
    is_written: AtomicBool,
}

impl Confirmed {
    /// As a process before has left it in the spool's folder.
    pub(super) fn open(folder: &Path, partitions: u32) -> Self {
        let file = folder.join(FILE);
        let before = fs::read_to_string(&file).ok().and_then(|text| text.trim().parse::<u32>().ok());
        Self { file, partitions, is_written: AtomicBool::new(before == Some(partitions)) }
    }

    /// A log that has answered has the number that it is used with, or this process ends.
    pub(super) fn is_so(&self, log: &dyn Log) -> bool {
        self.is_written.load(Ordering::Acquire) || log.has_answered()
    }

    /// Leaves it for the next process; tries once.
    pub(super) fn write(&self, log: &dyn Log) {
        if !log.has_answered() || self.is_written.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Err(error) = fs::write(&self.file, self.partitions.to_string()) {
            tracing::warn!(
                %error,
                "{} cannot be written: started while the log is away, no events are kept here: {error}",
                self.file.display()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_the_log_never_had_is_not_taken_for_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let so = |partitions| Confirmed::open(folder.path(), partitions).is_written.load(Ordering::Relaxed);
        assert!(!so(4));
        fs::write(folder.path().join(FILE), "4").unwrap();
        assert!(so(4) && !so(8));
    }
}
