//! `perennial up` as a process, on a data directory of its own.
//!
//! Invariant: nothing is left behind, however the test ends.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use chassis::postgres::service_database;
use eventlog::kafka::KafkaOptions;
use sqlx::postgres::PgConnectOptions;
use testkit::servers::{Reaper, kafka};
use tokio::sync::{Mutex, MutexGuard, watch};

/// How long a start may take on a busy machine, the first one with its new cluster included.
const START: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(5);

static HOMES: AtomicU32 = AtomicU32::new(0);
static TURN: Mutex<()> = Mutex::const_new(());

/// What measures time, or loads the machine, does so alone.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    TURN.lock().await
}

/// Where a running Perennial answers.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    pub(crate) http: String,
    pub(crate) grpc: String,
}

/// A folder with a data directory in it, and where the Perennial on that answers just now.
pub(crate) struct Home {
    folder: PathBuf,
    /// Seconds that a webhook may take.
    longest_call: u32,
    /// Records after which workers begin a checkpoint, unless the usual budget holds.
    checkpoint_records: Option<u32>,
    /// Whether webhooks may go to this machine.
    loopback: bool,
    /// What it logs.
    log: &'static str,
    /// What it is told beside.
    arguments: Vec<String>,
    /// The certificate of whom it is to trust, if not of those whom the machine does.
    trusts: Option<PathBuf>,
    /// The data of another home, whose server it uses instead of one of its own.
    beside: Option<PathBuf>,
    /// Where its log is, if that is not in Postgres.
    kafka: Option<Kafka>,
    answers: watch::Sender<Option<Addresses>>,
    _reaper: Reaper,
}

/// A log in Kafka, and what the process is called in its groups: after a restart at once it goes on where it was.
#[derive(Clone)]
pub(crate) struct Kafka {
    pub(crate) options: KafkaOptions,
    instance: String,
}

impl Home {
    pub(crate) fn new(longest_call: u32) -> Result<Self> {
        let number = HOMES.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("perennial-laptop-{}-{number}", std::process::id()));
        let reaper = Reaper::watch(&folder)?;
        fs::create_dir_all(&folder)?;
        Ok(Self {
            folder,
            longest_call,
            checkpoint_records: None,
            loopback: true,
            log: "warn,workflow=info",
            arguments: Vec::new(),
            trusts: None,
            beside: None,
            kafka: None,
            answers: watch::Sender::new(None),
            _reaper: reaper,
        })
    }

    /// Of another process on the same server, set alike.
    pub(crate) fn beside(&self) -> Result<Self> {
        let (checkpoint_records, kafka) = (self.checkpoint_records, self.kafka.clone());
        let kafka = kafka.map(|kafka| Kafka { instance: format!("{}-beside", kafka.instance), ..kafka });
        Ok(Self { checkpoint_records, kafka, beside: Some(self.data()), ..Self::new(self.longest_call)? })
    }

    /// With its log in the tests' Kafka, in topics of its own.
    pub(crate) async fn on_kafka(self) -> Result<Self> {
        let options = kafka().topics().await?;
        Ok(Self { kafka: Some(Kafka { options, instance: "one".to_owned() }), ..self })
    }

    pub(crate) fn kafka(&self) -> Option<&Kafka> {
        self.kafka.as_ref()
    }

    /// With a checkpoint after so many records of each worker.
    pub(crate) fn checkpointing(self, records: u32) -> Self {
        Self { checkpoint_records: Some(records), ..self }
    }

    /// With no webhooks to this machine.
    pub(crate) fn without_loopback(self) -> Self {
        Self { loopback: false, ..self }
    }

    /// Telling every decision.
    pub(crate) fn telling_decisions(self) -> Self {
        Self { log: "warn,workflow=info,perennial::decided=debug", ..self }
    }

    /// Told this beside.
    pub(crate) fn telling(self, arguments: impl IntoIterator<Item = String>) -> Self {
        Self { arguments: arguments.into_iter().collect(), ..self }
    }

    /// Trusting whoever has this certificate, and nobody else.
    pub(crate) fn trusting(self, certificate: &str) -> Result<Self> {
        let file = self.folder.join("trusted.pem");
        fs::write(&file, certificate)?;
        Ok(Self { trusts: Some(file), ..self })
    }

    pub(crate) fn answers(&self) -> watch::Receiver<Option<Addresses>> {
        self.answers.subscribe()
    }

    /// For what a test keeps.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Perennial's own.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("perennial")
    }

    /// One of its databases, as the service that owns it.
    pub(crate) async fn database(&self, name: &str) -> Result<PgConnectOptions> {
        let server = PgConnectOptions::new_without_pgpass().socket(self.data().join("run"));
        Ok(service_database(&server.username("perennial").database("postgres"), name, name).await?)
    }

    /// Takes the Postgres server away as a crash would.
    pub(crate) fn kill_postgres(&self) -> Result<()> {
        let file = fs::read_to_string(self.data().join("data/postmaster.pid"))?;
        signal("KILL", file.lines().next().context("an empty postmaster.pid")?.trim())
    }

    /// What it wrote to standard error, over all its lives.
    pub(crate) fn logged(&self) -> String {
        fs::read_to_string(self.folder.join("up.log")).unwrap_or_default()
    }

    /// The end of it.
    pub(crate) fn complaints(&self) -> String {
        let said = self.logged();
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Kafka {
    fn arguments(&self) -> Vec<String> {
        let KafkaOptions { brokers, prefix, inbox_partitions, account_partitions, .. } = &self.options;
        vec![
            format!("--kafka-brokers={brokers}"),
            format!("--kafka-prefix={prefix}"),
            format!("--kafka-inbox-partitions={inbox_partitions}"),
            format!("--kafka-account-partitions={account_partitions}"),
            format!("--kafka-instance={}", self.instance),
        ]
    }
}

/// A running `perennial up`. Killed when dropped.
pub(crate) struct Perennial<'a> {
    child: Child,
    home: &'a Home,
    listening: Option<JoinHandle<()>>,
}

impl<'a> Perennial<'a> {
    /// Starts it; it answers a little later.
    pub(crate) fn spawn(home: &'a Home) -> Result<Self> {
        let complaints = File::options().create(true).append(true).open(home.folder.join("up.log"))?;
        let mut command = program();
        command.args([
            "up",
            "--quiet",
            "--log",
            home.log,
            "--log-format",
            "json",
            "--listen-http",
            "127.0.0.1:0",
            "--listen-grpc",
            "127.0.0.1:0",
        ]);
        command.args(["--longest-call", &home.longest_call.to_string()]);
        if let Some(records) = home.checkpoint_records {
            command.args(["--checkpoint-records", &records.to_string()]);
        }
        command.args(home.loopback.then_some("--allow-loopback-webhooks"));
        command.args(&home.arguments);
        command.envs(home.trusts.iter().map(|file| ("SSL_CERT_FILE", file)));
        command.args(home.kafka.iter().flat_map(Kafka::arguments));
        match &home.beside {
            None => command.arg("--data-dir").arg(home.data()),
            Some(data) => {
                let server = format!("postgres://perennial@localhost/postgres?host={}/run", data.display());
                command.args(["--database-url", &server])
            }
        };
        let mut child = command.stdout(Stdio::piped()).stderr(complaints).spawn()?;
        fs::write(home.folder.join("process.pid"), child.id().to_string())?;
        let said = child.stdout.take().context("no standard output")?;
        let answers = home.answers.clone();
        let listening = std::thread::spawn(move || listen(said, &answers));
        Ok(Self { child, home, listening: Some(listening) })
    }

    /// Starts it; returns once it answers.
    pub(crate) async fn start(home: &'a Home) -> Result<Self> {
        let mut started = Self::spawn(home)?;
        started.ready().await?;
        Ok(started)
    }

    pub(crate) async fn ready(&mut self) -> Result<Addresses> {
        let begun = Instant::now();
        loop {
            if let Some(answers) = self.home.answers.borrow().clone() {
                return Ok(answers);
            }
            self.is_up()?;
            ensure!(begun.elapsed() < START, "it does not start:\n{}", self.home.complaints());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Fails if it has ended.
    pub(crate) fn is_up(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("it ended by itself, {status}:\n{}", self.home.complaints()),
        }
    }

    /// SIGKILL: it does not get to do anything about it.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.is_up()?;
        self.end();
        Ok(())
    }

    /// SIGTERM: returns how it ended, and after how long.
    pub(crate) async fn terminate(mut self) -> Result<(ExitStatus, Duration)> {
        self.is_up()?;
        let begun = Instant::now();
        signal("TERM", &self.child.id().to_string())?;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok((status, begun.elapsed()));
            }
            ensure!(begun.elapsed() < START, "it does not end:\n{}", self.home.complaints());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Nobody is sent to its addresses any more: another process may get them.
    fn end(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        self.listening.take().map(JoinHandle::join);
        self.home.answers.send_replace(None);
        drop(fs::remove_file(self.home.folder.join("process.pid")));
    }
}

impl Drop for Perennial<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

/// The binary, untouched by what the machine's user has set.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perennial"));
    command.stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PERENNIAL_"))
    {
        command.env_remove(name);
    }
    command
}

/// Reads what it prints: its addresses, once it answers.
fn listen(said: ChildStdout, answers: &watch::Sender<Option<Addresses>>) {
    let (mut http, mut grpc) = (None, None);
    for line in BufReader::new(said).lines().map_while(Result::ok) {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("HTTP"), Some(uri)) => http = Some(uri.to_owned()),
            (Some("gRPC"), Some(uri)) => grpc = Some(uri.to_owned()),
            (Some("What"), Some("to")) => {
                if let (Some(http), Some(grpc)) = (http.take(), grpc.take()) {
                    answers.send_replace(Some(Addresses { http, grpc }));
                }
            }
            _ => {}
        }
    }
}

fn signal(name: &str, process: &str) -> Result<()> {
    let script = format!("kill -{name} {process}");
    ensure!(Command::new("sh").arg("-c").arg(&script).status()?.success(), "{script} failed");
    Ok(())
}
