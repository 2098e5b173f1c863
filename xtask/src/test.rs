//! `cargo xtask test`: every test of the workspace, and one closing line over all of them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::command::{cargo, shown};
use crate::tools;

/// What libtest's own summaries add up to.
#[derive(Default, Debug, PartialEq)]
struct Tally {
    passed: u64,
    failed: u64,
    /// The names of those that failed.
    names: Vec<String>,
}

pub(crate) fn run() -> Result<()> {
    tools::postgres()?;
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--profile", "checked", "--no-fail-fast"]);
    tests.env("TEST_PYTHON", tools::python()?);
    tests.env("TEST_KAFKA", tools::kafka()?);
    tests.env("TEST_NODE_MODULES", tools::node_modules()?);
    tests.env("TEST_CHROMIUM", tools::chromium()?);
    tests.env("TEST_REDIS", tools::redis()?);
    let (tally, success) = run_and_count(&mut tests)?;
    tally.names.iter().for_each(|name| println!("failed: {name}"));
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if !success || tally.failed > 0 {
        bail!("the tests failed");
    }
    if tally.passed == 0 {
        bail!("no test ran");
    }
    Ok(())
}

/// Hands the output on line by line while it counts.
fn run_and_count(command: &mut Command) -> Result<(Tally, bool)> {
    eprintln!("$ {}", shown(command));
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| shown(command))?;
    let stdout = child.stdout.take().context("the tests have no output")?;
    let mut tally = Tally::default();
    let mut lines = BufReader::new(stdout);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        std::io::stdout().write_all(&line)?;
        tally.count(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok((tally, child.wait()?.success()))
}

impl Tally {
    /// Adds a line such as `test result: ok. 12 passed; 0 failed; 0 ignored; ...` or `test name ... FAILED`.
    fn count(&mut self, line: &str) {
        let failed = line.trim().strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"));
        self.names.extend(failed.map(str::to_owned));
        let Some(result) = line.trim().strip_prefix("test result: ") else { return };
        self.passed += number_before(result, " passed");
        self.failed += number_before(result, " failed");
    }
}

fn number_before(text: &str, word: &str) -> u64 {
    let before = text.split(word).next().unwrap_or_default();
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Tally;

    fn check(lines: &[&str], passed: u64, failed: &[&str]) {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| tally.count(line));
        let names: Vec<_> = failed.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(tally, Tally { passed, failed: names.len() as u64, names });
    }

    #[test]
    fn the_summaries_of_all_binaries_are_added() {
        check(
            &[
                "running 3 tests",
                "test a ... ok",
                "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
                "test rules::b ... FAILED",
                "test c ... FAILED",
                "test result: FAILED. 10 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out",
            ],
            13,
            &["rules::b", "c"],
        );
    }

    #[test]
    fn a_test_that_prints_numbers_adds_nothing() {
        check(&["5 passed; 5 failed", "test a_test ... ok"], 0, &[]);
    }
}
