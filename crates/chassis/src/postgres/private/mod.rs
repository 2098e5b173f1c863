//! A Postgres server of Perennial's own: for laptops and tests, where nobody runs one.
//!
//! It lives in one directory, listens on a socket in it and nowhere else, and dies with the process that started it;
//! if that process was killed, the next one adopts the server it left. fsync stays on: what was acknowledged stays.

mod binaries;
mod orphan;
mod server;
mod user;

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

pub use binaries::Binaries;
use server::Server;
use sqlx::postgres::PgConnectOptions;
use user::User;

/// Longest path of a Unix socket, in bytes, everywhere.
const SOCKET_PATH: usize = 103;
const SOCKET: &str = ".s.PGSQL.5432";

/// Why there is no private server: each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    #[error(
        "no PostgreSQL server programs (15 or later) were found on this machine; install them (Debian and Ubuntu: \
         apt-get install postgresql; macOS: brew install postgresql@17), or give --database-url of a server that runs"
    )]
    NoBinaries,
    #[error("{0} is in use by another Perennial; stop it, or give another --data-dir")]
    InUse(PathBuf),
    #[error(
        "{0} holds other things than a database of Perennial's; give an empty or a new folder as --data-dir"
    )]
    Foreign(PathBuf),
    #[error("the path {0} is too long for a socket ({SOCKET_PATH} bytes at most); give a shorter --data-dir")]
    PathTooLong(PathBuf),
    #[error(
        "user {user:?}, as whom PostgreSQL must run here because root may not, cannot pass through {folder}; \
         give another --data-dir, or: chmod a+x {folder}"
    )]
    Closed { user: String, folder: PathBuf },
    #[error("running as root, and this machine has neither a user postgres nor nobody to run PostgreSQL as")]
    NoUser,
    #[error("{program} failed: {said}")]
    Program { program: &'static str, said: String },
    #[error("{what} {path}: {fault}")]
    Io { what: &'static str, path: PathBuf, fault: io::Error },
}

impl PrivateError {
    fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |fault| Self::Io { what, path, fault }
    }
}

/// A running private server. Stopped when dropped.
#[derive(Debug)]
pub struct Private {
    server: Server,
    socket_dir: PathBuf,
    /// Held for as long as the server is ours.
    _lock: File,
}

impl Private {
    /// Starts the server in `dir` (made, with a new cluster, if it is not there), or adopts the one that a killed
    /// process left. Blocks until it takes connections: a second at the first start, tens of milliseconds later.
    pub fn start(dir: &Path, binaries: &Binaries) -> Result<Self, PrivateError> {
        let user = User::to_run_as()?;
        let dir = prepare(dir, user.as_ref())?;
        let lock = lock(&dir)?;
        let socket_dir = dir.join("run");
        if socket_dir.join(SOCKET).as_os_str().len() > SOCKET_PATH {
            return Err(PrivateError::PathTooLong(socket_dir));
        }
        let server = Server::start(&dir, &socket_dir, binaries, user.as_ref())?;
        Ok(Self { server, socket_dir, _lock: lock })
    }

    /// How its superuser connects.
    pub fn options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.socket_dir)
            .username(server::SUPERUSER)
            .database("postgres")
    }

    /// Stops it, letting transactions in flight go: `fast` in the server's words.
    pub fn stop(self) -> Result<(), PrivateError> {
        self.server.stop()
    }
}

/// Makes the directory, and hands it to the server's user where that is another one.
fn prepare(dir: &Path, user: Option<&User>) -> Result<PathBuf, PrivateError> {
    std::fs::create_dir_all(dir).map_err(PrivateError::io("cannot make", dir))?;
    let dir = dir.canonicalize().map_err(PrivateError::io("cannot find", dir))?;
    if !is_ours(&dir).map_err(PrivateError::io("cannot look into", &dir))? {
        return Err(PrivateError::Foreign(dir));
    }
    let run = dir.join("run");
    std::fs::create_dir_all(&run).map_err(PrivateError::io("cannot make", &run))?;
    match user {
        Some(user) => user.own(&dir, &run)?,
        None => set_mode(&run, 0o700)?,
    }
    Ok(dir)
}

/// A server's folder is handed over to its user: it must be nobody else's. What a start makes first is the folder of
/// the socket, then the lock.
fn is_ours(dir: &Path) -> io::Result<bool> {
    if dir.join("lock").exists() {
        return Ok(true);
    }
    for entry in std::fs::read_dir(dir)? {
        if entry?.file_name() != "run" {
            return Ok(false);
        }
    }
    Ok(true)
}

fn set_mode(path: &Path, mode: u32) -> Result<(), PrivateError> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .map_err(PrivateError::io("cannot set the permissions of", path))
}

fn lock(dir: &Path) -> Result<File, PrivateError> {
    let path = dir.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(PrivateError::io("cannot open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(PrivateError::InUse(dir.to_owned())),
        Err(TryLockError::Error(fault)) => Err(PrivateError::io("cannot lock", &path)(fault)),
    }
}
