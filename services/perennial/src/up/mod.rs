//! `perennial up`: laptop mode. Every service in one process, on one Postgres.
//!
//! Invariant: the services are the ones that run apart in a cluster, and speak to each other by the log alone.

mod args;
mod databases;
mod first;
mod laptop;
mod live;
mod services;

use std::time::Duration;

use anyhow::Result;
use chassis::{Tasks, telemetry};
use clap::Args;

pub(crate) use args::{PostgresArgs, Settings};
pub(crate) use laptop::Laptop;

/// What SIGTERM leaves to finish.
pub(crate) const DRAIN: Duration = Duration::from_secs(10);

#[derive(Args)]
pub(crate) struct Up {
    #[command(flatten)]
    listen: args::ListenArgs,
    #[command(flatten)]
    postgres: PostgresArgs,
    #[command(flatten)]
    webhooks: args::WebhookArgs,
    #[command(flatten)]
    logs: args::LogArgs,
    /// No line per decision.
    #[arg(long)]
    quiet: bool,
}

impl Up {
    pub(crate) async fn run(self) -> Result<()> {
        telemetry::init(self.logs.format(), &self.logs.log)?;
        let tasks = Tasks::new();
        let settings = Settings::new(&self.listen, &self.postgres, &self.webhooks)?;
        let started = tokio::select! {
            started = self.start(settings, &tasks) => started.map(Some),
            _ = tokio::signal::ctrl_c() => Ok(None),
        };
        if !matches!(started, Ok(Some(_))) {
            tasks.stop();
        }
        let finished = tasks.finish(DRAIN).await;
        match started? {
            Some(laptop) => finished.and(laptop.close()),
            None => finished,
        }
    }

    async fn start(&self, settings: Settings, tasks: &Tasks) -> Result<Laptop> {
        let laptop = Laptop::start(settings, tasks).await?;
        if !self.quiet {
            live::follow(laptop.log(), tasks);
        }
        println!("{}", first::welcome(&laptop).await?);
        Ok(laptop)
    }
}
