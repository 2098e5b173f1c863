//! A private Postgres for the length of one task: in the temporary directory, on a socket of its own, and gone
//! afterwards.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::command::{command, output, run, succeeds};
use crate::tools;

const START: Duration = Duration::from_secs(30);

/// Stopped and removed when it is dropped.
pub(crate) struct Postgres {
    bin: PathBuf,
    home: PathBuf,
    server: Child,
}

impl Postgres {
    pub(crate) fn start() -> Result<Self> {
        let bin = tools::postgres()?;
        let home = std::env::temp_dir().join(format!("perennial-prepare-{}", std::process::id()));
        std::fs::create_dir(&home)?;
        std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o711))?;
        if is_root()? {
            run(command("chown").arg("postgres").arg(&home))?;
        }
        let data = home.join("data");
        run(unprivileged(&bin.join("initdb"))?
            .args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(&data)
            .stdout(std::process::Stdio::null()))?;
        let server = unprivileged(&bin.join("postgres"))?
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "log_min_messages=fatal", "-k"])
            .arg(&home)
            .arg("-D")
            .arg(&data)
            .spawn()?;
        let postgres = Self { bin, home, server };
        postgres.await_start()?;
        Ok(postgres)
    }

    pub(crate) fn create(&self, database: &str) -> Result<()> {
        self.execute("postgres", &format!("CREATE DATABASE {database}"))
    }

    pub(crate) fn execute(&self, database: &str, statement: &str) -> Result<()> {
        run(&mut self.psql(database, &["-c", statement]))
    }

    /// Runs a file of SQL statements.
    pub(crate) fn apply(&self, database: &str, file: &Path) -> Result<()> {
        run(self.psql(database, &["-f"]).arg(file))
    }

    /// How sqlx's macros reach a database.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.home.display())
    }

    fn await_start(&self) -> Result<()> {
        let begun = Instant::now();
        while !succeeds(&mut self.psql("postgres", &["-c", "SELECT 1"])) {
            if begun.elapsed() > START {
                bail!("the private Postgres did not start within {START:?}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn psql(&self, database: &str, args: &[&str]) -> Command {
        let mut psql = command(self.bin.join("psql"));
        psql.args(["-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-h"])
            .arg(&self.home)
            .args(args);
        psql
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let stopped = unprivileged(&self.bin.join("pg_ctl")).and_then(|mut pg_ctl| {
            run(pg_ctl.args(["stop", "-s", "-m", "immediate", "-D"]).arg(self.home.join("data")))
        });
        if let Err(error) = stopped {
            eprintln!("the private Postgres goes on: {error:#}");
        }
        // It ended by the signal; what `wait` says adds nothing.
        let _ = self.server.wait();
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

/// Postgres refuses to run as root: then it runs as `postgres`.
fn unprivileged(program: &Path) -> Result<Command> {
    if !is_root()? {
        return Ok(command(program));
    }
    let mut setpriv = command("setpriv");
    setpriv.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    setpriv.current_dir("/");
    Ok(setpriv)
}

fn is_root() -> Result<bool> {
    Ok(output(command("id").arg("-u")).context("id -u")?.trim() == "0")
}
