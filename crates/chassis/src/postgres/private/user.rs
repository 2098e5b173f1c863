//! As whom the server runs: PostgreSQL refuses root, so root lends it another user.

use std::{
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

use super::{PrivateError, set_mode};

/// A user other than the one this process runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    name: String,
    uid: u32,
    gid: u32,
}

impl User {
    /// `None`: the server may run as the user this process runs as.
    pub(super) fn to_run_as() -> Result<Option<Self>, PrivateError> {
        if !running_as_root() {
            return Ok(None);
        }
        let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let user = ["postgres", "nobody"].iter().find_map(|name| Self::named(&known, name));
        user.map(Some).ok_or(PrivateError::NoUser)
    }

    fn named(passwd: &str, name: &str) -> Option<Self> {
        passwd.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [found, _, uid, gid, ..] = fields[..] else { return None };
            (found == name).then_some(())?;
            Some(Self { name: name.to_owned(), uid: uid.parse().ok()?, gid: gid.parse().ok()? })
        })
    }

    /// Makes the server's files this user's, and checks that it can get to them.
    pub(super) fn own(&self, dir: &Path, run: &Path) -> Result<(), PrivateError> {
        for folder in dir.ancestors().skip(1) {
            let mode =
                folder.metadata().map_err(PrivateError::io("cannot look at", folder))?.permissions().mode();
            if mode & 0o001 == 0 {
                return Err(PrivateError::Closed { user: self.name.clone(), folder: folder.to_owned() });
            }
        }
        for (path, mode) in [(dir, 0o711), (run, 0o700)] {
            chown(path, Some(self.uid), Some(self.gid))
                .map_err(PrivateError::io("cannot hand over", path))?;
            set_mode(path, mode)?;
        }
        Ok(())
    }

    pub(super) fn run(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}

/// Whether this process's own files belong to root: what /proc says, or a folder it has just made.
fn running_as_root() -> bool {
    let own = std::fs::metadata("/proc/self").or_else(|_| {
        let probe = std::env::temp_dir().join(format!("perennial-{}", std::process::id()));
        std::fs::create_dir_all(&probe)?;
        let made = std::fs::metadata(&probe);
        std::fs::remove_dir(&probe)?;
        made
    });
    own.is_ok_and(|own| own.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\npostgres2:x:7:7::/:/bin/sh\npostgres:x:112:120:,,,:/x:/bin/bash\n";
        let postgres = User { name: "postgres".into(), uid: 112, gid: 120 };
        assert_eq!(User::named(passwd, "postgres"), Some(postgres));
        assert_eq!(User::named(passwd, "nobody"), None);
    }
}
