//! `cargo xtask test`: every test of the workspace, and one closing line over all of them.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::command::{cargo, shown};
use crate::tools;

/// What libtest's own summaries add up to.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    /// Those that failed.
    names: Vec<String>,
    /// What each of them said.
    said: Vec<(String, VecDeque<String>)>,
    /// What comes next is said by the last of these.
    is_saying: bool,
}

/// Of what a test that failed said, the last lines are told again at the end.
const LINES_MOST: usize = 15;

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
    for (name, lines) in &tally.said {
        println!("\n{name} said last:");
        lines.iter().for_each(|line| println!("    {line}"));
    }
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
        self.listen(line.trim_end());
        let Some(result) = line.trim().strip_prefix("test result: ") else { return };
        self.passed += number_before(result, " passed");
        self.failed += number_before(result, " failed");
    }

    /// A test that failed is quoted below `---- NAME stdout ----`.
    fn listen(&mut self, line: &str) {
        let named = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----"));
        if let Some(name) = named {
            self.said.push((name.to_owned(), VecDeque::new()));
            self.is_saying = true;
        } else if line == "failures:" {
            self.is_saying = false;
        } else if let Some((_, lines)) = self.said.last_mut().filter(|_| self.is_saying && !line.is_empty()) {
            lines.push_back(line.to_owned());
            if lines.len() > LINES_MOST {
                lines.pop_front();
            }
        }
    }
}

fn number_before(text: &str, word: &str) -> u64 {
    let before = text.split(word).next().unwrap_or_default();
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Tally;

    fn to_owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn check(lines: &[&str], passed: u64, failed: &[&str]) {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| tally.count(line));
        assert_eq!(
            (tally.passed, tally.failed, &tally.names[..]),
            (passed, failed.len() as u64, &to_owned(failed)[..])
        );
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
    fn what_a_test_that_failed_said_last_is_kept() {
        let mut tally = Tally::default();
        let chatter: Vec<String> = (0..40).map(|line| format!("line {line}")).collect();
        let before = ["test a ... FAILED", "failures:", "", "---- a stdout ----"];
        let after = ["left: 1", "", "failures:", "    a", "test result: FAILED. 0 passed; 1 failed"];
        let lines = before.into_iter().chain(chatter.iter().map(String::as_str)).chain(after);
        lines.for_each(|line| tally.count(line));
        let [(name, said)] = &tally.said[..] else { panic!("{:?}", tally.said) };
        assert_eq!((&name[..], said.len(), said.back().map(|line| &line[..])), ("a", 15, Some("left: 1")));
    }

    #[test]
    fn a_test_that_prints_numbers_adds_nothing() {
        check(&["5 passed; 5 failed", "test a_test ... ok"], 0, &[]);
    }
}
