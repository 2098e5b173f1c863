//! The server that a killed process left behind.

use std::path::{Path, PathBuf};

/// The postmaster whose working directory is this cluster, by its process id; zombies are not counted.
pub(super) fn postmaster(data: &Path) -> Option<u32> {
    let said = pid_file(data)?;
    let proc = PathBuf::from("/proc").join(said.to_string());
    if !Path::new("/proc/self").exists() {
        return Some(said);
    }
    let lives_here = proc.join("cwd").read_link().is_ok_and(|cwd| cwd == data);
    (lives_here && !is_zombie(&proc)).then_some(said)
}

/// The first line of `postmaster.pid`.
fn pid_file(data: &Path) -> Option<u32> {
    let file = std::fs::read_to_string(data.join("postmaster.pid")).ok()?;
    file.lines().next()?.trim().parse().ok()
}

fn is_zombie(proc: &Path) -> bool {
    let stat = std::fs::read_to_string(proc.join("stat")).unwrap_or_default();
    stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with('Z'))
}

/// Any process at all that works in this cluster: a postmaster whose pid file is gone, or a backend that outlived it.
pub(super) fn anybody(data: &Path) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else { return false };
    processes.flatten().any(|process| {
        let proc = process.path();
        proc.join("cwd").read_link().is_ok_and(|cwd| cwd == data) && !is_zombie(&proc)
    })
}

/// Whether the postmaster says that it takes connections.
pub(super) fn is_ready(data: &Path) -> bool {
    let file = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    file.lines().nth(7).is_some_and(|status| status.trim() == "ready")
}
