//! `perennial clock advance` and `perennial await-clock`.

use anyhow::Result;
use clap::{Args, Subcommand};
use contracts::ingest::AdvanceClockRequest;
use contracts::{cta, health, segment};

use crate::cli::Target;
use crate::commands::workspaces;
use crate::words::InstantArg;
use crate::{clients, words};

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
        /// RFC 3339, or a day: its midnight in the workspace's time zone.
        to: InstantArg,
    },
}

#[derive(Args)]
pub(crate) struct AwaitClock {
    #[command(flatten)]
    target: Target,
    /// RFC 3339, or a day: its midnight in the workspace's time zone.
    to: InstantArg,
}

impl Clock {
    pub(crate) async fn run(self) -> Result<()> {
        let Command::Advance { to } = self.command;
        let to_at = workspaces::instant(&self.target, to).await?;
        let workspace = self.target.workspace.clone();
        let request = AdvanceClockRequest { workspace: workspace.clone(), to_at };
        clients::ingest(&self.target.grpc).await?.advance_clock(request).await?;
        println!("The clock of workspace {workspace} stands at {}.", words::instant(to_at));
        Ok(())
    }
}

impl AwaitClock {
    pub(crate) async fn run(self) -> Result<()> {
        await_clock(&self.target, workspaces::instant(&self.target, self.to).await?).await
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
