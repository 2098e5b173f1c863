//! A small cluster on this machine: Kafka, Postgres, Redis, and replicas of each service as processes of their own.
//!
//! Invariant: nothing is left behind, however whoever started it ends.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt::{Display, Formatter},
    fs::{self, File},
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use eventlog::kafka::KafkaOptions;

use crate::servers::{OwnPostgres, OwnRedis, Reaper, kafka};

/// The services, in the order in which they build on one another.
pub const SERVICES: [&str; 4] = ["ingest", "health-score", "segmentation", "workflow"];
/// Those whose replicas share what may be lost.
const SHARING: [&str; 2] = ["ingest", "workflow"];
/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(120);

static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// Where Kafka, Postgres and Redis are, and what runs on them.
pub struct Cluster {
    /// First, so that they end before what they stand on.
    replicas: BTreeMap<(&'static str, usize), Replica>,
    program: PathBuf,
    pub kafka: KafkaOptions,
    /// How Postgres's superuser connects.
    pub database_url: String,
    pub redis_url: String,
    arguments: BTreeMap<&'static str, Vec<String>>,
    /// Where replicas log, and where those of ingest have their spools.
    folder: Option<PathBuf>,
    _own: Option<(OwnPostgres, OwnRedis)>,
}

/// Why a replica does not answer: it has ended so, or takes too long.
#[derive(Debug)]
pub struct NotStarted {
    pub ended: Option<ExitStatus>,
    said: String,
}

impl Display for NotStarted {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "it does not start ({:?}):\n{}", self.ended, self.said)
    }
}

impl Error for NotStarted {}

/// A service's process. Killed when dropped.
pub struct Replica {
    child: Child,
    log: PathBuf,
    folder: PathBuf,
    pub http: String,
    pub grpc: String,
    _reaper: Reaper,
}

impl Cluster {
    /// Kafka with its topics, Postgres and Redis; no service yet.
    pub async fn new(program: impl Into<PathBuf>) -> anyhow::Result<Self> {
        let (postgres, redis) = (OwnPostgres::start()?, OwnRedis::start()?);
        let on = Self::on(program, kafka().topics().await?, postgres.url(), redis.url());
        Ok(Self { _own: Some((postgres, redis)), ..on })
    }

    /// On a Kafka, with its topics made, a Postgres and a Redis that are there.
    pub fn on(
        program: impl Into<PathBuf>,
        kafka: KafkaOptions,
        database_url: String,
        redis_url: String,
    ) -> Self {
        Self {
            replicas: BTreeMap::new(),
            program: program.into(),
            kafka,
            database_url,
            redis_url,
            arguments: BTreeMap::new(),
            folder: None,
            _own: None,
        }
    }

    /// What a service is told beside where everything is.
    pub fn telling(mut self, service: &'static str, arguments: &[&str]) -> Self {
        let told = self.arguments.entry(service).or_default();
        told.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Keeps in a folder what replicas log, over all their lives, and ingest's spools.
    pub fn keeping(self, folder: PathBuf) -> Self {
        Self { folder: Some(folder), ..self }
    }

    /// What every service is told.
    pub fn telling_all(self, arguments: &[&str]) -> Self {
        SERVICES.into_iter().fold(self, |cluster, service| cluster.telling(service, arguments))
    }

    /// Starts so many replicas of each service; returns once all answer.
    pub fn start_all(&mut self, replicas: usize) -> anyhow::Result<()> {
        for service in SERVICES {
            (0..replicas).try_for_each(|number| self.start(service, number))?;
        }
        Ok(())
    }

    /// Starts a replica, which may have run before; returns once it answers.
    pub fn start(&mut self, service: &'static str, number: usize) -> anyhow::Result<()> {
        self.start_with(service, number, &[])
    }

    /// Starts it with something in its environment.
    pub fn start_with(
        &mut self,
        service: &'static str,
        number: usize,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        let mut command = self.command(service, number);
        command.envs(environment.iter().copied());
        let log = self.folder.as_ref().map(|folder| folder.join(format!("{service}-{number}.log")));
        let replica =
            Replica::start(command, log).with_context(|| format!("replica {number} of {service}"))?;
        self.replicas.insert((service, number), replica);
        Ok(())
    }

    pub fn replica(&self, service: &'static str, number: usize) -> Option<&Replica> {
        self.replicas.get(&(service, number))
    }

    pub fn replica_mut(&mut self, service: &'static str, number: usize) -> Option<&mut Replica> {
        self.replicas.get_mut(&(service, number))
    }

    /// Those that run: service, number, and the replica.
    pub fn replicas(&self) -> impl Iterator<Item = (&'static str, usize, &Replica)> {
        self.replicas.iter().map(|((service, number), replica)| (*service, *number, replica))
    }

    /// SIGKILL.
    pub fn kill(&mut self, service: &'static str, number: usize) -> anyhow::Result<()> {
        self.replicas.remove(&(service, number)).context("there is no such replica")?;
        Ok(())
    }

    /// Where gRPC of the first replicas answers: `NAME=ADDRESS` of each service.
    pub fn grpc(&self) -> Vec<String> {
        let first = |service| Some(format!("{service}={}", self.replicas.get(&(service, 0))?.grpc));
        SERVICES.into_iter().filter_map(first).collect()
    }

    /// What the replicas wrote to standard error, the end of it.
    pub fn complaints(&self) -> String {
        let said = self
            .replicas
            .iter()
            .map(|((service, number), replica)| format!("{service} {number}:\n{}\n", replica.complaints()));
        said.collect()
    }

    fn command(&self, service: &str, number: usize) -> Command {
        let KafkaOptions { brokers, prefix, inbox_partitions, account_partitions, .. } = &self.kafka;
        let mut command = Command::new(&self.program);
        command.args([
            service,
            "--listen-http=127.0.0.1:0",
            "--listen-grpc=127.0.0.1:0",
            "--log-format=json",
        ]);
        command.arg(format!("--database-url={}", self.database_url));
        command.arg(format!("--kafka-brokers={brokers}"));
        command.arg(format!("--kafka-prefix={prefix}"));
        command.arg(format!("--kafka-inbox-partitions={inbox_partitions}"));
        command.arg(format!("--kafka-account-partitions={account_partitions}"));
        command.arg(format!("--kafka-instance={service}-{number}"));
        if SHARING.contains(&service) {
            command.arg(format!("--redis={}", self.redis_url));
        }
        if let (Some(folder), "ingest") = (&self.folder, service) {
            command.arg(format!("--spool={}", folder.join(format!("spool-{number}")).display()));
        }
        command.args(self.arguments.get(service).into_iter().flatten());
        command
    }
}

impl Replica {
    fn start(mut command: Command, log: Option<PathBuf>) -> anyhow::Result<Self> {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("perennial-replica-{}-{number}", std::process::id()));
        let reaper = Reaper::watch(&folder)?;
        fs::create_dir_all(&folder)?;
        let log = log.unwrap_or_else(|| folder.join("log"));
        let complaints = File::options().create(true).append(true).open(&log)?;
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PERENNIAL_") {
                command.env_remove(name);
            }
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(complaints).spawn()?;
        fs::write(folder.join("process.pid"), child.id().to_string())?;
        let said = child.stdout.take().context("no standard output")?;
        let (says, addresses) = mpsc::channel();
        std::thread::spawn(move || listen(said, &says));
        let (http, grpc) = (String::new(), String::new());
        let mut replica = Self { child, log, folder, http, grpc, _reaper: reaper };
        match addresses.recv_timeout(START) {
            Ok(answers) => (replica.http, replica.grpc) = answers,
            Err(why) => {
                // What says no more has ended, or is about to.
                let has_ended = why == mpsc::RecvTimeoutError::Disconnected;
                let ended = if has_ended { Some(replica.child.wait()?) } else { None };
                return Err(NotStarted { ended, said: replica.complaints() }.into());
            }
        }
        Ok(replica)
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal such as `STOP`.
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.id())).status()?;
        ensure!(sent.success(), "no SIG{name} to process {}", self.id());
        Ok(())
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    fn complaints(&self) -> String {
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // Gone already is as good.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_file(self.folder.join("process.pid")));
    }
}

/// Reads what it prints to its end: `NAME is up: HTTP URI, gRPC URI`.
fn listen(said: ChildStdout, says: &mpsc::Sender<(String, String)>) {
    for line in BufReader::new(said).lines().map_while(Result::ok) {
        let Some((_, addresses)) = line.split_once("HTTP ") else { continue };
        if let Some((http, grpc)) = addresses.split_once(", gRPC ") {
            // Who waited too long has gone.
            drop(says.send((http.to_owned(), grpc.trim().to_owned())));
        }
    }
}
