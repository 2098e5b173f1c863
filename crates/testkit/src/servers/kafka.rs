//! Apache Kafka for tests: one broker that is its own controller, from the jars that `TEST_KAFKA` names.

use std::{
    ffi::OsString,
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use chassis::Tasks;
use eventlog::{
    Log,
    kafka::{
        KafkaLog, KafkaOptions,
        topics::{Keeping, Topics},
    },
};

use super::reaper::Reaper;

const START: Duration = Duration::from_secs(180);
/// When nothing more is heard for so many milliseconds, there is nothing more.
const SILENCE: &str = "8000";
const LOOK: Duration = Duration::from_millis(50);
const CLUSTER: &str = "cGVyZW5uaWFsLXRlc3RzAA";
/// Small, and quick to start.
const JAVA: [&str; 4] = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"];

static SHARED: OnceLock<OwnKafka> = OnceLock::new();
static FOLDERS: AtomicU32 = AtomicU32::new(0);
static PREFIXES: AtomicU32 = AtomicU32::new(0);

/// The broker that the tests of a binary share. Starts it when first asked for.
///
/// # Panics
/// If there is none to be had: the message says what to do.
pub fn kafka() -> &'static OwnKafka {
    SHARED.get_or_init(|| match OwnKafka::start() {
        Ok(own) => own,
        Err(error) => panic!("no Kafka for tests: {error:#}"),
    })
}

/// A broker, which may be killed and started again.
#[derive(Debug)]
pub struct OwnKafka {
    folder: PathBuf,
    jars: OsString,
    address: SocketAddr,
    advertised: SocketAddr,
    broker: Option<Child>,
    _reaper: Reaper,
}

impl OwnKafka {
    pub fn start() -> anyhow::Result<Self> {
        Self::behind(|_| Ok(None))
    }

    /// One that tells its clients to come to another address: given its own, that of a proxy before it.
    pub fn behind(
        proxy: impl FnOnce(SocketAddr) -> anyhow::Result<Option<SocketAddr>>,
    ) -> anyhow::Result<Self> {
        let jars = std::env::var_os("TEST_KAFKA")
            .context("TEST_KAFKA names no folder of Kafka's jars: `cargo xtask test` installs them")?;
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("perennial-kafka-{}-{number}", std::process::id()));
        let reaper = Reaper::watch(&folder)?;
        fs::create_dir_all(&folder)?;
        let (address, controller) = (free()?, free()?);
        let advertised = proxy(address)?.unwrap_or(address);
        let properties = properties(&folder, address, advertised, controller);
        fs::write(folder.join("server.properties"), properties)?;
        let mut own = Self { folder, jars, address, advertised, broker: None, _reaper: reaper };
        own.format()?;
        own.start_again()?;
        Ok(own)
    }

    /// `host:port` at which clients find the broker.
    pub fn brokers(&self) -> String {
        self.advertised.to_string()
    }

    /// Options for a log of one test's own.
    pub fn options(&self) -> KafkaOptions {
        let prefix = format!("test{}-", PREFIXES.fetch_add(1, Ordering::Relaxed));
        KafkaOptions {
            prefix,
            inbox_partitions: 4,
            account_partitions: 4,
            ..KafkaOptions::at(self.brokers())
        }
    }

    /// Options for a log of one test's own, with its topics made.
    pub async fn topics(&self) -> anyhow::Result<KafkaOptions> {
        let options = self.options();
        Topics::new(&options, &keeping())?.apply().await?;
        Ok(options)
    }

    /// What Kafka's own consumer hears of a topic: of each record the headers (`name:value,name:value`), a tab, and the
    /// key.
    pub fn heard(&self, topic: &str) -> anyhow::Result<Vec<String>> {
        let mut java = self.java("org.apache.kafka.tools.consumer.ConsoleConsumer");
        java.args(["--bootstrap-server", &self.brokers(), "--topic", topic, "--from-beginning"]);
        java.args(["--timeout-ms", SILENCE]);
        for shown in ["print.headers=true", "print.key=true", "print.value=false"] {
            java.args(["--formatter-property", shown]);
        }
        let output = java.stderr(Stdio::null()).output().context("java")?;
        Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
    }

    /// Takes the broker away, as a machine that dies does.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let mut broker = self.broker.take().context("it is stopped already")?;
        broker.kill()?;
        broker.wait()?;
        Ok(fs::remove_file(self.folder.join("process.pid"))?)
    }

    /// Brings it back.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("broker.log"))?;
        let mut java = self.java("kafka.Kafka");
        java.arg(self.folder.join("server.properties"));
        java.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut broker = java.spawn().context("java")?;
        fs::write(self.folder.join("process.pid"), broker.id().to_string())?;
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = broker.try_wait()? {
                bail!("the broker ended with {status}:\n{}", self.log());
            }
            ensure!(begun.elapsed() < START, "the broker did not start:\n{}", self.log());
            thread::sleep(LOOK);
        }
        self.broker = Some(broker);
        Ok(())
    }

    fn format(&self) -> anyhow::Result<()> {
        let mut java = self.java("kafka.tools.StorageTool");
        java.args(["format", "-t", CLUSTER, "-c"]).arg(self.folder.join("server.properties"));
        let output = java.output().context("java")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    fn java(&self, class: &str) -> Command {
        let mut jars = self.jars.clone();
        jars.push("/*");
        let mut java = Command::new("java");
        java.args(JAVA).arg("-cp").arg(jars).arg(class).current_dir(&self.folder);
        java
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("broker.log")).unwrap_or_default()
    }
}

impl Drop for OwnKafka {
    fn drop(&mut self) {
        if let Some(mut broker) = self.broker.take() {
            // Gone already is as good.
            let _ = broker.kill();
            let _ = broker.wait();
            let _ = fs::remove_file(self.folder.join("process.pid"));
        }
    }
}

/// A log, kept running beneath these tasks.
pub async fn kafka_log(options: KafkaOptions, tasks: &Tasks) -> anyhow::Result<Arc<KafkaLog>> {
    let (log, running) = KafkaLog::open(options).await?;
    let until = tasks.shutdown_beneath();
    tasks.spawn_beneath("log", async move { Ok(running.run(until.wait()).await?) });
    let begun = Instant::now();
    while !log.has_answered() {
        ensure!(begun.elapsed() < START, "Kafka does not answer");
        tokio::time::sleep(LOOK).await;
    }
    Ok(log)
}

/// One broker is all there is.
pub fn keeping() -> Keeping {
    Keeping { replication: 1, ..Keeping::default() }
}

fn free() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn properties(folder: &Path, address: SocketAddr, advertised: SocketAddr, controller: SocketAddr) -> String {
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{controller}
listeners=PLAINTEXT://{address},CONTROLLER://{controller}
advertised.listeners=PLAINTEXT://{advertised}
controller.listener.names=CONTROLLER
log.dirs={}
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
num.network.threads=2
num.io.threads=4
log.cleaner.enable=false
",
        folder.join("logs").display()
    )
}
