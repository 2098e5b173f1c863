//! What can go wrong, and what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Nothing of the batch was written. Drain, or refuse what comes.
    #[error("the spool is full: {bytes} of at most {most} bytes wait, and the batch takes {batch}")]
    Full { bytes: u64, most: u64, batch: u64 },
    /// Never fits, however empty the spool is.
    #[error("a batch of {bytes} bytes is too large: one takes at most 4 GiB")]
    TooLarge { bytes: u64 },
    #[error("the spool {0} is in use by another process; stop that one, or give another folder")]
    InUse(PathBuf),
    /// What was on disk is not what was written. Nothing was changed.
    #[error(
        "{file} is damaged at byte {offset}: {why}; bring the file back as it was, or move it out of the folder \
         (a segment's entries are then given up; without the file `drained`, what is there is delivered again)"
    )]
    Corrupt { file: PathBuf, offset: u64, why: &'static str },
    #[error("{file} has format {format}, which this version does not know; start the one that wrote it")]
    Format { file: PathBuf, format: u32 },
    /// Entries that nobody has seen yet cannot be given up.
    #[error("entry {upto} cannot be drained: only those up to {read} were read")]
    NotRead { upto: u64, read: u64 },
    /// The batch is not in the spool; it may be appended again.
    #[error("{what} {path}: {fault}")]
    Io { what: &'static str, path: PathBuf, fault: io::Error },
    /// What is in the spool can still be drained, but nothing is appended until it is opened again.
    #[error("the spool takes nothing more until it is opened again: {0}")]
    Broken(String),
}

impl SpoolError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |fault| Self::Io { what, path, fault }
    }
}
