//! `perennial clock advance` and `perennial await-clock`.

use anyhow::Result;
use clap::{Args, Subcommand};
use contracts::ingest::AdvanceClockRequest;
use contracts::{cta, health, segment};

use crate::cli::Target;
use crate::clients;
use crate::words::InstantArg;

#[derive(Args)]
pub(crate) struct Clock {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Move the time of a log-clock workspace: nothing from before then follows on time.
    Advance {
        /// RFC 3339, or a day.
        to: InstantArg,
    },
}

#[derive(Args)]
pub(crate) struct AwaitClock {
    #[command(flatten)]
    target: Target,
    /// RFC 3339, or a day.
    to: InstantArg,
}

impl Clock {
    pub(crate) async fn run(self) -> Result<()> {
        let Command::Advance { to } = self.command;
        let request = AdvanceClockRequest { workspace: self.target.workspace.clone(), to_at: to.0 };
        clients::ingest(&self.target.grpc).await?.advance_clock(request).await?;
        Ok(())
    }
}

impl AwaitClock {
    pub(crate) async fn run(self) -> Result<()> {
        await_clock(&self.target, self.to.0).await
    }
}

/// Returns once every service has decided, stored and delivered everything up to the instant.
pub(crate) async fn await_clock(target: &Target, to_at: i64) -> Result<()> {
    let workspace = || target.workspace.clone();
    let request = health::AwaitClockRequest { workspace: workspace(), to_at };
    clients::health(&target.grpc).await?.await_clock(request).await?;
    let request = segment::AwaitClockRequest { workspace: workspace(), to_at };
    clients::segments(&target.grpc).await?.await_clock(request).await?;
    let request = cta::AwaitClockRequest { workspace: workspace(), to_at };
    clients::ctas(&target.grpc).await?.await_clock(request).await?;
    Ok(())
}
