//! The folder: locked, and synced whenever a name in it comes or goes, since a file whose name is lost is lost.

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use crate::SpoolError;

const LOCK: &str = "lock";
/// What is being written, before it gets its name.
const NEW: &str = "new";

#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    handle: File,
    _lock: Lock,
}

impl Folder {
    /// Makes it if it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self, SpoolError> {
        make(path).map_err(SpoolError::io("making", path))?;
        let lock = Lock::take(path)?;
        let handle = File::open(path).map_err(SpoolError::io("opening", path))?;
        Ok(Self { path: path.to_owned(), handle, _lock: lock })
    }

    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn names(&self) -> Result<Vec<String>, SpoolError> {
        let names = fs::read_dir(&self.path)
            .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>());
        let names = names.map_err(SpoolError::io("reading", &self.path))?;
        Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    /// Makes or replaces a file. Whatever happens, its name stands for all of the old bytes or all of the new.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), SpoolError> {
        let (new, path) = (self.path_of(NEW), self.path_of(name));
        let put = || {
            let mut file = File::create(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            self.handle.sync_all()
        };
        put().map_err(SpoolError::io("writing", &path))
    }

    /// Removes a file, or finds it gone. The removal lasts once the folder is synced.
    pub(crate) fn remove(&self, name: &str) -> Result<(), SpoolError> {
        let path = self.path_of(name);
        match fs::remove_file(&path) {
            Err(fault) if fault.kind() != ErrorKind::NotFound => {
                Err(SpoolError::io("removing", &path)(fault))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn sync(&self) -> Result<(), SpoolError> {
        self.handle.sync_all().map_err(SpoolError::io("syncing", &self.path))
    }
}

/// Held for as long as the folder is ours.
#[derive(Debug)]
struct Lock(File);

impl Lock {
    fn take(folder: &Path) -> Result<Self, SpoolError> {
        let path = folder.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(SpoolError::io("opening", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(SpoolError::InUse(folder.to_owned())),
            Err(TryLockError::Error(fault)) => Err(SpoolError::io("locking", &path)(fault)),
        }
    }
}

impl Drop for Lock {
    /// Closing the file would do, were it not for a child that is just being started and holds it, too.
    fn drop(&mut self) {
        // A lock that cannot be given back goes with the file.
        drop(self.0.unlock());
    }
}

/// Makes a folder and those above it, so that they last.
fn make(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make(above)?;
    fs::create_dir(path)?;
    File::open(above)?.sync_all()
}
