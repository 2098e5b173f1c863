//! A small cluster on this machine: Kafka, Postgres, and replicas of each service as processes of their own.
//!
//! Invariant: nothing is left behind, however whoever started it ends.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use eventlog::kafka::KafkaOptions;

use crate::servers::{OwnPostgres, Reaper, kafka};

/// The services, in the order in which they build on one another.
pub const SERVICES: [&str; 4] = ["ingest", "health-score", "segmentation", "workflow"];
/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(120);

static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// Where Kafka and Postgres are, and what runs on them.
pub struct Cluster {
    /// First, so that they end before what they stand on.
    replicas: BTreeMap<(&'static str, usize), Replica>,
    program: PathBuf,
    pub kafka: KafkaOptions,
    pub postgres: OwnPostgres,
    arguments: Vec<String>,
}

/// A service's process. Killed when dropped.
pub struct Replica {
    child: Child,
    folder: PathBuf,
    pub http: String,
    pub grpc: String,
    _reaper: Reaper,
}

impl Cluster {
    /// Kafka with its topics, and Postgres; no service yet. `arguments` go to workflow.
    pub async fn new(program: impl Into<PathBuf>, arguments: &[&str]) -> anyhow::Result<Self> {
        Ok(Self {
            program: program.into(),
            kafka: kafka().topics().await?,
            postgres: OwnPostgres::start()?,
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            replicas: BTreeMap::new(),
        })
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
        let replica = Replica::start(self.command(service, number))
            .with_context(|| format!("replica {number} of {service}"))?;
        self.replicas.insert((service, number), replica);
        Ok(())
    }

    pub fn replica(&self, service: &'static str, number: usize) -> Option<&Replica> {
        self.replicas.get(&(service, number))
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
        command.arg(format!("--database-url={}", self.postgres.url()));
        command.arg(format!("--kafka-brokers={brokers}"));
        command.arg(format!("--kafka-prefix={prefix}"));
        command.arg(format!("--kafka-inbox-partitions={inbox_partitions}"));
        command.arg(format!("--kafka-account-partitions={account_partitions}"));
        command.arg(format!("--kafka-instance={service}-{number}"));
        if service == "workflow" {
            command.args(&self.arguments);
        }
        command
    }
}

impl Replica {
    fn start(mut command: Command) -> anyhow::Result<Self> {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("perennial-replica-{}-{number}", std::process::id()));
        let reaper = Reaper::watch(&folder)?;
        fs::create_dir_all(&folder)?;
        let complaints = File::create(folder.join("log"))?;
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
        let mut replica = Self { child, folder, http: String::new(), grpc: String::new(), _reaper: reaper };
        let answers = addresses.recv_timeout(START).ok();
        ensure!(answers.is_some(), "it does not start:\n{}", replica.complaints());
        (replica.http, replica.grpc) = answers.unwrap_or_default();
        Ok(replica)
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn complaints(&self) -> String {
        let said = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
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
