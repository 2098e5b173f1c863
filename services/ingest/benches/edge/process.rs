//! A process of the benchmark's own, and what it costs.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, ensure};
use testkit::measure::{cpu, cpu_of_threads};

/// What the threads that librdkafka starts are called.
const LIBRDKAFKA: &str = "rdk:";

/// What something costs a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// So many of it a second on the CPU.
    pub(crate) per_second: f64,
    /// The share of that second that librdkafka's own threads take.
    pub(crate) by_librdkafka: f64,
}

/// Ends when this is dropped, or its parent has ended: its standard input ends then.
pub(crate) struct Process {
    child: Child,
    said: Vec<String>,
    ends: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Process {
    /// This program in another part; returns when it has said that it is ready.
    pub(crate) fn start(arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (stdin, stdout) = (child.stdin.take().context("no input")?, child.stdout.take());
        let mut stdout = BufReader::new(stdout.context("no output")?);
        let said = line(&mut stdout)?.split_whitespace().map(str::to_owned).collect();
        Ok(Self { child, said, ends: Mutex::new((stdin, stdout)) })
    }

    /// A word of what it said when it was ready.
    pub(crate) fn said(&self, word: usize) -> Result<&str> {
        self.said.get(word).map(String::as_str).context("it did not say so much")
    }

    /// What it costs to do so many of something.
    pub(crate) async fn cost(&self, count: u64, work: impl Future<Output = Result<()>>) -> Result<Cost> {
        let spent = || anyhow::Ok((cpu(self.child.id())?, cpu_of_threads(self.child.id(), LIBRDKAFKA)?));
        let before = spent()?;
        work.await?;
        let after = spent()?;
        let (spent, by_librdkafka) = (after.0 - before.0, after.1 - before.1);
        Ok(Cost {
            per_second: count as f64 / spent.as_secs_f64(),
            by_librdkafka: by_librdkafka.as_secs_f64() / spent.as_secs_f64(),
        })
    }

    /// Lets it do once more what it does when told to, to the end.
    pub(crate) async fn repeat(&self) -> Result<()> {
        tokio::task::block_in_place(|| {
            let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
            writeln!(ends.0)?;
            line(&mut ends.1).map(drop)
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ended already is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What it says next; the end is an error.
fn line(from: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    ensure!(from.read_line(&mut line)? > 0, "it has ended");
    Ok(line)
}
