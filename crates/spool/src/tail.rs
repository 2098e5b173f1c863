//! The end of the last segment, where batches are appended.
//!
//! Invariant: the file ends where the last durable batch ends, or the tail is broken.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use crate::SpoolError;

#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    file: File,
    broken: Option<String>,
}

impl Tail {
    pub(crate) fn open(path: PathBuf) -> Result<Self, SpoolError> {
        let file = File::options().append(true).open(&path).map_err(SpoolError::io("opening", &path))?;
        Ok(Self { path, file, broken: None })
    }

    pub(crate) fn sound(&self) -> Result<(), SpoolError> {
        match &self.broken {
            Some(why) => Err(SpoolError::Broken(why.clone())),
            None => Ok(()),
        }
    }

    /// Makes the bytes of a batch durable behind the first `durable` bytes, or cuts off what was written of them.
    ///
    /// A failed fsync is not tried again: the kernel may have dropped the pages that it could not write, or marked them
    /// clean, and a second fsync would then succeed with nothing on disk. A batch that is appended again is written
    /// again, to pages that are new.
    pub(crate) fn append(&mut self, bytes: &[u8], durable: u64) -> Result<(), SpoolError> {
        self.sound()?;
        let Err(fault) = self.file.write_all(bytes).and_then(|()| self.file.sync_data()) else {
            return Ok(());
        };
        if let Err(worse) = self.cut(durable) {
            let path = self.path.display();
            self.broken = Some(format!("writing {path}: {fault}; then cutting it back: {worse}"));
        }
        self.sound()?;
        Err(SpoolError::io("writing", &self.path)(fault))
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.sync_data()
    }
}

/// Cuts a segment that was found to its good entries, and writes those of its last batch once more: if its fsync failed,
/// they may stand in memory only, as pages that the kernel takes for written.
pub(crate) fn settle(path: &Path, last_batch: u64, length: u64) -> Result<(), SpoolError> {
    let settle = || {
        let file = File::options().read(true).write(true).open(path)?;
        file.set_len(length)?;
        let mut batch = vec![0; (length - last_batch) as usize];
        file.read_exact_at(&mut batch, last_batch)?;
        file.write_all_at(&batch, last_batch)?;
        file.sync_all()
    };
    settle().map_err(SpoolError::io("cutting", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Devices that take no fsync, no cut, and (`full`) no byte.
    fn broken_by(device: &str) -> (Tail, SpoolError) {
        let mut tail = Tail::open(device.into()).unwrap();
        let error = tail.append(b"batch", 0).unwrap_err();
        (tail, error)
    }

    #[test]
    fn a_tail_that_can_be_neither_written_nor_cut_is_broken_for_good() {
        for (device, fault) in [("/dev/full", "No space left"), ("/dev/null", "Invalid argument")] {
            let (mut tail, error) = broken_by(device);
            assert!(error.to_string().contains(fault), "{error}");
            for _ in 0..2 {
                let again = tail.append(b"batch", 0).unwrap_err();
                assert!(matches!(&again, SpoolError::Broken(_)), "{again}");
                assert_eq!(again.to_string(), error.to_string());
            }
        }
    }
}
