//! Redis for tests: of one test's own, for it is killed, stopped and flushed.

use std::{
    ffi::OsString,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};

use super::reaper::Reaper;

const START: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);

static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// A Redis that keeps nothing on disk. Its program is `redis-server`, unless `TEST_REDIS` says otherwise.
#[derive(Debug)]
pub struct OwnRedis {
    folder: PathBuf,
    address: SocketAddr,
    server: Option<Child>,
    _reaper: Reaper,
}

impl OwnRedis {
    pub fn start() -> anyhow::Result<Self> {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("perennial-redis-{}-{number}", std::process::id()));
        let reaper = Reaper::watch(&folder)?;
        fs::create_dir_all(&folder)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut own = Self { folder, address, server: None, _reaper: reaper };
        own.start_again()?;
        Ok(own)
    }

    /// Where it is, as a program is told.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let mut server = self.server.take().context("it is stopped already")?;
        server.kill()?;
        server.wait()?;
        Ok(fs::remove_file(self.folder.join("process.pid"))?)
    }

    /// Brings it back, empty.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        let program = std::env::var_os("TEST_REDIS").unwrap_or_else(|| OsString::from("redis-server"));
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("server.log"))?;
        let mut command = Command::new(&program);
        command.args(["--bind", "127.0.0.1", "--port", &self.address.port().to_string()]);
        command.args(["--save", "", "--appendonly", "no", "--loglevel", "warning"]).current_dir(&self.folder);
        let spawned = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn();
        let mut server = spawned.with_context(|| {
            format!("no {}: `cargo xtask test` installs one, TEST_REDIS names another", program.display())
        })?;
        fs::write(self.folder.join("process.pid"), server.id().to_string())?;
        let begun = Instant::now();
        while self.ask("PING").is_err() {
            if let Some(status) = server.try_wait()? {
                bail!("Redis ended with {status}:\n{}", self.log());
            }
            ensure!(begun.elapsed() < START, "Redis did not start:\n{}", self.log());
            thread::sleep(LOOK);
        }
        self.server = Some(server);
        Ok(())
    }

    /// Lets it hang: it takes connections and answers nobody.
    pub fn hang(&self) -> anyhow::Result<()> {
        self.signal("-STOP")
    }

    pub fn go_on(&self) -> anyhow::Result<()> {
        self.signal("-CONT")
    }

    /// Everything in it is gone.
    pub fn flush(&self) -> anyhow::Result<()> {
        let answer = self.ask("FLUSHALL")?;
        ensure!(answer == "+OK", "{answer}");
        Ok(())
    }

    /// The first line that it answers to a command.
    pub fn ask(&self, command: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(START))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let (mut answer, mut byte) = (Vec::new(), [0_u8]);
        while !answer.ends_with(b"\r\n") {
            stream.read_exact(&mut byte)?;
            answer.push(byte[0]);
        }
        Ok(String::from_utf8(answer)?.trim_end().to_owned())
    }

    fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let server = self.server.as_ref().context("it is stopped")?;
        let done = Command::new("kill").args([signal, &server.id().to_string()]).status()?;
        ensure!(done.success(), "kill {signal} ended with {done}");
        Ok(())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("server.log")).unwrap_or_default()
    }
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        // Killed already is as good.
        let _ = self.kill();
    }
}
