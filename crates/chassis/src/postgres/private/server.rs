//! The server's process: made, started, adopted and stopped.

use std::{
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{Binaries, PrivateError, SOCKET, User, orphan};

pub(super) const SUPERUSER: &str = "perennial";
/// Longest that a start may take, crash recovery included.
const START: Duration = Duration::from_secs(120);
/// Longest that processes of a server that died may take to follow it.
const LINGER: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Server {
    data: PathBuf,
    pg_ctl: PathBuf,
    user: Option<User>,
    /// `None`: adopted from a process that was killed.
    child: Option<Child>,
    stopped: bool,
}

impl Server {
    pub(super) fn start(
        dir: &Path,
        socket_dir: &Path,
        binaries: &Binaries,
        user: Option<&User>,
    ) -> Result<Self, PrivateError> {
        let data = dir.join("data");
        if !data.exists() {
            initialise(dir, &data, binaries, user)?;
        }
        let mut server = Self {
            pg_ctl: binaries.dir.join("pg_ctl"),
            user: user.cloned(),
            child: None,
            stopped: false,
            data,
        };
        if orphan::postmaster(&server.data).is_none() {
            server.clear_stale(socket_dir)?;
            server.child = Some(server.spawn(dir, socket_dir, binaries)?);
        }
        server.await_ready(dir)?;
        Ok(server)
    }

    fn spawn(&self, dir: &Path, socket_dir: &Path, binaries: &Binaries) -> Result<Child, PrivateError> {
        let log = dir.join("postgres.log");
        // The log is the server's own; made by it where it runs as somebody else, so opened for appending here.
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(PrivateError::io("cannot open", &log))?;
        let mut command = Command::new(binaries.dir.join("postgres"));
        command.arg("-D").arg(&self.data).arg("-k").arg(socket_dir);
        for setting in SETTINGS {
            command.arg("-c").arg(setting);
        }
        // A process group of its own: Ctrl-C in the terminal must reach Perennial first, which drains and then stops it.
        command
            .current_dir(&self.data)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file);
        run_as(&mut command, self.user.as_ref());
        command.spawn().map_err(PrivateError::io("cannot start", &binaries.dir.join("postgres")))
    }

    fn await_ready(&mut self, dir: &Path) -> Result<(), PrivateError> {
        let deadline = Instant::now() + START;
        while !orphan::is_ready(&self.data) {
            let died = self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(Some(_))));
            if died || Instant::now() > deadline {
                let said = std::fs::read_to_string(dir.join("postgres.log")).unwrap_or_default();
                return Err(PrivateError::Program { program: "postgres", said: last_lines(&said) });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Removes what a server that was killed left lying, once nobody works in the cluster any more.
    fn clear_stale(&self, socket_dir: &Path) -> Result<(), PrivateError> {
        let deadline = Instant::now() + LINGER;
        while orphan::anybody(&self.data) {
            if Instant::now() > deadline {
                return Err(PrivateError::InUse(self.data.clone()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        for path in [
            self.data.join("postmaster.pid"),
            socket_dir.join(SOCKET),
            socket_dir.join(format!("{SOCKET}.lock")),
        ] {
            match std::fs::remove_file(&path) {
                Err(fault) if fault.kind() != std::io::ErrorKind::NotFound => {
                    return Err(PrivateError::io("cannot remove", &path)(fault));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn stop(mut self) -> Result<(), PrivateError> {
        self.shut_down()
    }

    fn shut_down(&mut self) -> Result<(), PrivateError> {
        self.stopped = true;
        let mut command = Command::new(&self.pg_ctl);
        command.args(["stop", "--mode", "fast", "--wait", "--timeout", "30", "--pgdata"]).arg(&self.data);
        run_as(&mut command, self.user.as_ref());
        let stopped = run("pg_ctl", &mut command);
        if let Some(child) = &mut self.child {
            if stopped.is_err() {
                let _ = child.kill();
            }
            // Reaped here, so that no zombie of it looks alive to the next start.
            let _ = child.wait();
        }
        stopped
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.stopped
            && let Err(fault) = self.shut_down()
        {
            tracing::warn!(%fault, "the private PostgreSQL server did not stop: {fault}");
        }
    }
}

const SETTINGS: [&str; 11] = [
    "listen_addresses=",
    "port=5432",
    "unix_socket_permissions=0700",
    "max_connections=100",
    "shared_buffers=32MB",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=512MB",
    "jit=off",
    "log_min_messages=warning",
    "cluster_name=perennial",
];

/// Makes a cluster beside its place and moves it there whole, so that a killed `initdb` leaves nothing in the way.
fn initialise(dir: &Path, data: &Path, binaries: &Binaries, user: Option<&User>) -> Result<(), PrivateError> {
    let fresh = dir.join(format!("data.new-{}", std::process::id()));
    let mut command = Command::new(binaries.dir.join("initdb"));
    command.arg("--pgdata").arg(&fresh).args([
        "--username",
        SUPERUSER,
        "--auth",
        "trust",
        "--encoding",
        "UTF8",
    ]);
    command.args(["--locale", "C", "--data-checksums"]).current_dir(dir);
    run_as(&mut command, user);
    run("initdb", &mut command).inspect_err(|_| {
        let _ = std::fs::remove_dir_all(&fresh);
    })?;
    std::fs::rename(&fresh, data).map_err(PrivateError::io("cannot move into place", data))
}

fn run_as(command: &mut Command, user: Option<&User>) {
    if let Some(user) = user {
        user.run(command);
    }
}

fn run(program: &'static str, command: &mut Command) -> Result<(), PrivateError> {
    let failed = |said: &str| PrivateError::Program { program, said: last_lines(said) };
    let output = command.stdin(Stdio::null()).output().map_err(|fault| failed(&fault.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(&format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )))
}

/// Enough of what a program said to mend it by.
fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(5)..].join("; ")
}
