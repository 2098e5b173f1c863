//! Where the machine keeps PostgreSQL's server programs.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::PrivateError;

/// Oldest major version that Perennial runs on.
const OLDEST: u32 = 15;

/// A folder with `initdb`, `postgres` and `pg_ctl` of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    pub dir: PathBuf,
    pub major: u32,
}

impl Binaries {
    /// The newest server programs found on this machine.
    pub fn find() -> Result<Self, PrivateError> {
        let best = candidates().into_iter().filter_map(|dir| Self::at(&dir)).max_by_key(|found| found.major);
        best.ok_or(PrivateError::NoBinaries)
    }

    /// Those in a folder, if they are all there and not too old.
    pub fn at(dir: &Path) -> Option<Self> {
        let dir = dir.join("postgres").canonicalize().ok()?.parent()?.to_owned();
        let whole = ["initdb", "postgres", "pg_ctl"].iter().all(|program| dir.join(program).is_file());
        let major = whole.then(|| major(&dir))??;
        (major >= OLDEST).then_some(Self { dir, major })
    }
}

fn candidates() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let parents = [
        "/usr/lib/postgresql",
        "/usr/local/opt",
        "/opt/homebrew/opt",
        "/usr",
        "/Applications/Postgres.app/Contents/Versions",
    ];
    for parent in parents {
        let Ok(entries) = std::fs::read_dir(parent) else { continue };
        found.extend(entries.flatten().map(|entry| entry.path().join("bin")));
    }
    found.retain(|dir| dir.join("postgres").is_file());
    found
}

/// "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)" is 15.
fn major(dir: &Path) -> Option<u32> {
    let said = Command::new(dir.join("postgres")).arg("--version").output().ok()?;
    read_major(&String::from_utf8_lossy(&said.stdout))
}

fn read_major(said: &str) -> Option<u32> {
    let version = said.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_the_server_says() {
        for (said, major) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15)),
            ("postgres (PostgreSQL) 18beta1\n", Some(18)),
            ("postgres (PostgreSQL) 9.6.24\n", Some(9)),
            ("something else\n", None),
        ] {
            assert_eq!(read_major(said), major, "{said}");
        }
    }
}
