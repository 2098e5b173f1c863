//! `cargo xtask bench`: one benchmark, with the servers that it may want.

use anyhow::{Context, Result};

use crate::command::{self, cargo};
use crate::tools;

/// What is measured where.
const BENCHES: [(&str, &str); 6] = [
    ("account", "domain"),
    ("cluster", "perennial"),
    ("edge", "ingest"),
    ("kafka", "segmentation"),
    ("laptop", "perennial"),
    ("segments", "segmentation"),
];

/// The names that there are.
pub(crate) fn names() -> Vec<&'static str> {
    BENCHES.iter().map(|(name, _)| *name).collect()
}

/// What is said after its name goes to it.
pub(crate) fn run(name: &str, told: &[String]) -> Result<()> {
    let (_, krate) = BENCHES.iter().find(|(it, _)| *it == name).context("there is no such benchmark")?;
    tools::postgres()?;
    let mut bench = cargo();
    bench.args(["bench", "-p", krate, "--bench", name]);
    bench.env("TEST_KAFKA", tools::kafka()?).env("TEST_REDIS", tools::redis()?);
    if !told.is_empty() {
        bench.arg("--").args(told);
    }
    command::run(&mut bench)
}
