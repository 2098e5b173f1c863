//! An SDK in a process of its own, told what to do by lines and answering in lines.

use std::{collections::BTreeMap, path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// How long an SDK may take over one round, its retries included.
const ROUND: Duration = Duration::from_secs(90);
const HOUR_MS: i64 = 3_600_000;

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    SegmentPython,
    SegmentNode,
    RudderPython,
    RudderNode,
    /// In Chromium, a request for each call.
    Browser,
    /// In Chromium, calls in batches.
    BrowserBatching,
}

/// What an SDK says of a round.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    /// Each call's name, and when it was made by the clock of the SDK's machine: milliseconds.
    pub(super) made: BTreeMap<String, f64>,
    /// Calls that reached the error handler.
    pub(super) failed: Vec<String>,
    /// Calls by their message ids.
    pub(super) ids: BTreeMap<String, String>,
}

/// A running SDK. Killed when dropped.
pub(super) struct Program {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    complaints: NamedTempFile,
}

impl Client {
    pub const ALL: [Self; 6] = [
        Self::SegmentPython,
        Self::SegmentNode,
        Self::RudderPython,
        Self::RudderNode,
        Self::Browser,
        Self::BrowserBatching,
    ];

    /// Also a workspace's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SegmentPython => "segment-python",
            Self::SegmentNode => "segment-node",
            Self::RudderPython => "rudder-python",
            Self::RudderNode => "rudder-node",
            Self::Browser => "browser",
            Self::BrowserBatching => "browser-batching",
        }
    }

    /// Whether it is Segment's: those wait as long as they are told to.
    pub(super) fn is_segments(self) -> bool {
        !matches!(self, Self::RudderPython | Self::RudderNode)
    }

    /// Segment's SDK for browsers hands nothing to its error handler where it sends in batches.
    pub(super) fn tells_failures(self) -> bool {
        self != Self::BrowserBatching
    }

    /// Requests in which it sends the seven calls of a round.
    pub(super) fn requests(self) -> usize {
        if self == Self::Browser { 7 } else { 1 }
    }

    /// By how much the clock of its machine is off, milliseconds.
    pub(super) fn clock_ms(self) -> i64 {
        match self {
            Self::SegmentPython | Self::SegmentNode => -3 * HOUR_MS,
            Self::RudderPython | Self::RudderNode => 2 * HOUR_MS,
            Self::Browser | Self::BrowserBatching => 5 * HOUR_MS,
        }
    }

    /// The account that one of its calls is about.
    pub(super) fn account_of(self, call: &str) -> &'static str {
        let in_browser = matches!(self, Self::Browser | Self::BrowserBatching);
        if call == "other" && !in_browser { "bolt" } else { "acme" }
    }

    /// How often it repeats what fails: so that it is through with a round in some seconds. Who tells nobody of what it
    /// gives up does not give up.
    fn retries(self) -> u32 {
        match self {
            Self::SegmentNode => 2,
            _ if self.tells_failures() => 3,
            _ => 1_000,
        }
    }

    fn command(self, url: &str, key: &str) -> Result<Command> {
        let (script, sdk) = match self {
            Self::SegmentPython => ("python_sdk.py", "segment"),
            Self::RudderPython => ("python_sdk.py", "rudder"),
            Self::SegmentNode => ("node_sdk.cjs", "segment"),
            Self::RudderNode => ("node_sdk.cjs", "rudder"),
            Self::Browser => ("browser_sdk.cjs", "standard"),
            Self::BrowserBatching => ("browser_sdk.cjs", "batching"),
        };
        let script = format!("{}/clients/{script}", env!("CARGO_MANIFEST_DIR"));
        let (retries, clock) = (self.retries().to_string(), self.clock_ms().to_string());
        let interpreter = if script.ends_with(".py") { tool("TEST_PYTHON")? } else { "node".into() };
        let mut command = Command::new(interpreter);
        command.args([&script, sdk, url, key, &retries, &clock]);
        command.env("NODE_PATH", tool("TEST_NODE_MODULES")?).env("CHROMIUM", tool("TEST_CHROMIUM")?);
        Ok(command)
    }
}

impl Program {
    /// The SDK, which sends to `url` under `key`.
    pub(super) fn start(client: Client, url: &str, key: &str) -> Result<Self> {
        let complaints = NamedTempFile::new()?;
        let mut child = client
            .command(url, key)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(complaints.reopen()?)
            .kill_on_drop(true)
            .spawn()
            .context("the clients need Node.js: https://nodejs.org")?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let stdin = stdin.context("no standard input")?;
        let lines = BufReader::new(stdout.context("no standard output")?).lines();
        Ok(Self { child, stdin, lines, complaints })
    }

    /// Lets the SDK make all its calls, under this name, and returns when it is through with them.
    pub(super) async fn round(&mut self, name: &str) -> Result<Told> {
        self.stdin.write_all(format!("{name}\n").as_bytes()).await?;
        let line = timeout(ROUND, self.lines.next_line()).await;
        let line = line.with_context(|| format!("not through with {name} for {ROUND:?}"));
        let line = line.and_then(|line| line?.context("it ended"));
        let line = line.with_context(|| format!("it said:\n{}", self.complaints()))?;
        serde_json::from_str(&line).with_context(|| line.clone())
    }

    /// Ends it as a program ends that has nothing more to say.
    pub(super) async fn end(mut self) -> Result<()> {
        drop(self.stdin);
        let status = timeout(ROUND, self.child.wait()).await??;
        ensure!(status.success(), "it ended with {status}");
        Ok(())
    }

    fn complaints(&self) -> String {
        std::fs::read_to_string(self.complaints.path()).unwrap_or_default()
    }
}

fn tool(name: &str) -> Result<PathBuf> {
    let tool =
        std::env::var_os(name).with_context(|| format!("`cargo xtask test` makes what {name} names"))?;
    Ok(tool.into())
}
