//! Cleans up behind a test binary: statics are never dropped, and a test binary may be killed.

use std::{
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

/// Waits until its standard input ends, which it does with the process that holds the other end. Then kills the process
/// that `process.pid` in the folder names, if there is one, stops the server in the folder, or in one within it, and removes
/// the folder.
const SCRIPT: &str = r#"
read -r _
[ -s "$0/process.pid" ] && kill -KILL "$(cat "$0/process.pid")"
for data in "$0"/data "$0"/*/data; do
    server=$(head -n 1 "$data/postmaster.pid" 2>/dev/null)
    [ -n "$server" ] || continue
    kill -INT "$server"
    for _ in $(seq 600); do
        [ -e "$data/postmaster.pid" ] || break
        sleep 0.05
    done
done
rm -rf "$0"
"#;

/// Whoever holds this keeps the folder and its server.
#[derive(Debug)]
pub struct Reaper(Child);

impl Reaper {
    /// Sees to the folder's end. In a process group of its own: Ctrl-C must not reach it.
    pub fn watch(folder: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(SCRIPT).arg(folder).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(command.spawn()?))
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // The folder may be gone already; either way there is nothing more to do.
        drop(self.0.wait());
    }
}
