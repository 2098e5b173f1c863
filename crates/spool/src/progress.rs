//! The file `drained`: how far the spool was drained, and what was given away, so that numbers never go back.

use std::{fs, io::ErrorKind};

use crate::{SpoolError, folder::Folder, stamp};

const KIND: &[u8; 8] = b"perdrain";
const NAME: &str = "drained";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Every entry up to this one is drained, perhaps more.
    pub(crate) drained: u64,
    /// Every entry before this one was acknowledged, perhaps more.
    pub(crate) next: u64,
    /// The segment that is appended to, by its first entry; 0 if there is none.
    pub(crate) segment: u64,
}

impl Progress {
    /// That of a spool in which nothing has ever been.
    pub(crate) const NONE: Self = Self { drained: 0, next: 1, segment: 0 };

    pub(crate) fn read(folder: &Folder) -> Result<Option<Self>, SpoolError> {
        let path = folder.path_of(NAME);
        let bytes = match fs::read(&path) {
            Err(fault) if fault.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(SpoolError::io("reading", &path))?,
        };
        let [drained, next, segment] = stamp::read(KIND, &bytes, &path)?;
        Ok(Some(Self { drained, next, segment }))
    }

    pub(crate) fn save(self, folder: &Folder) -> Result<(), SpoolError> {
        folder.put(NAME, &stamp::write(KIND, [self.drained, self.next, self.segment]))
    }
}
