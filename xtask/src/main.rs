//! The developer's commands: `cargo xtask test | bench | cluster | chaos | ci | lint | buf | deny | purity | prepare`.
//!
//! Invariant: every command works on a fresh clone. What it needs it installs by ordinary package clients into
//! `.tools/`, or, where that takes a right it does not have, it prints the one line to run and stops.

mod bench;
mod chaos;
mod checks;
mod cluster;
mod command;
mod postgres;
mod prepare;
mod purity;
mod test;
mod tools;

use anyhow::Result;
use clap::{Parser, Subcommand, builder::PossibleValuesParser};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Perennial's commands for developers")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing and run every test.
    Test,
    /// Run a benchmark: docs/benchmarks.md says what they found.
    Bench {
        #[arg(value_parser = PossibleValuesParser::new(bench::names()))]
        name: String,
        /// What it is told.
        #[arg(last = true)]
        told: Vec<String>,
    },
    /// Start Kafka, Postgres, Redis and two replicas of each service, until Ctrl-C.
    Cluster,
    /// Run a cluster among faults, and compare it with the oracle.
    Chaos {
        /// Of which history: the same faults for the same seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// How many faults, fifteen to a cluster.
        #[arg(long, default_value_t = 15)]
        faults: u64,
        /// Events a second.
        #[arg(long, default_value_t = 1_000)]
        rate: u64,
    },
    /// Everything that CI runs, with the time each part took.
    Ci,
    /// Formatting and clippy.
    Lint,
    /// Lint the protobuf files and look for breaking changes.
    Buf,
    /// Licenses, bans and sources of the dependency graph.
    Deny,
    /// Who may know whom: domain does no IO, the oracle knows nothing of what it checks.
    Purity,
    /// Renew the `.sqlx` of every crate, or of those named, against a private Postgres.
    Prepare { only: Vec<String> },
}

fn main() -> Result<()> {
    match Cli::parse().task {
        Task::Test => test::run(),
        Task::Bench { name, told } => bench::run(&name, &told),
        Task::Cluster => cluster::run(),
        Task::Chaos { seed, faults, rate } => chaos::run(seed, faults, rate),
        Task::Ci => checks::ci(),
        Task::Lint => checks::lint(),
        Task::Buf => checks::buf(),
        Task::Deny => checks::deny(),
        Task::Purity => purity::check(),
        Task::Prepare { only } => prepare::run(&only),
    }
}
