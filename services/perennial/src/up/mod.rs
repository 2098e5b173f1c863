//! `perennial up`: laptop mode. Every service in one process, on one Postgres.
//!
//! Invariant: the services are the ones that run apart in a cluster, and speak to each other by the log alone.

mod args;
mod databases;
mod fetch;
mod first;
mod ground;
mod laptop;
mod live;
mod services;

use std::time::Duration;

use anyhow::Result;
use chassis::{Tasks, telemetry};
use clap::Args;

pub(crate) use args::{PostgresArgs, Settings};
pub(crate) use ground::Ground;
pub(crate) use laptop::Laptop;

/// What SIGTERM leaves to finish.
const DRAIN: Duration = Duration::from_secs(10);

#[derive(Args)]
pub(crate) struct Up {
    #[command(flatten)]
    listen: args::ListenArgs,
    #[command(flatten)]
    postgres: PostgresArgs,
    #[command(flatten)]
    services: args::ServiceArgs,
    #[command(flatten)]
    logs: args::LogArgs,
    /// No line per decision.
    #[arg(long)]
    quiet: bool,
}

impl Up {
    pub(crate) async fn run(self) -> Result<()> {
        telemetry::init(self.logs.format(), &self.logs.log)?;
        let settings = Settings::new(&self.listen, &self.postgres, &self.services)?;
        let (ground, tasks) = (Ground::default(), Tasks::new());
        ground.run(&tasks, start(settings, self.quiet, &ground, &tasks)).await
    }
}

async fn start(settings: Settings, quiet: bool, ground: &Ground, tasks: &Tasks) -> Result<()> {
    let laptop = Laptop::start(settings, ground, tasks).await?;
    if !quiet {
        live::follow(laptop.log(), tasks);
    }
    println!("{}", first::welcome(&laptop).await?);
    Ok(())
}
