//! `perennial clock advance` and `perennial await-clock`.

use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use contracts::ingest::AdvanceClockRequest;
use contracts::{cta, health, segment};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::cli::Target;
use crate::commands::workspaces;
use crate::words::InstantArg;
use crate::{clients, words};

/// Before a service is asked again, and how often one that cannot tell.
const AGAIN: Duration = Duration::from_millis(200);
const AWAY_MOST: u32 = 300;

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

/// The same, for as long as it takes.
pub(crate) async fn settle(target: &Target, to_at: i64) -> Result<()> {
    let Target { grpc, workspace, .. } = target;
    let workspace = || workspace.clone();
    let mut client = clients::health(grpc).await?;
    patiently(async || client.await_clock(health::AwaitClockRequest { workspace: workspace(), to_at }).await)
        .await?;
    let mut client = clients::segments(grpc).await?;
    patiently(async || {
        client.await_clock(segment::AwaitClockRequest { workspace: workspace(), to_at }).await
    })
    .await?;
    let mut client = clients::ctas(grpc).await?;
    patiently(async || client.await_clock(cta::AwaitClockRequest { workspace: workspace(), to_at }).await)
        .await
}

/// Asks again when the server's own patience ends first, and for a minute when it cannot tell: it may be starting, or
/// not have heard of the workspace yet.
async fn patiently<T>(mut ask: impl AsyncFnMut() -> Result<T, Status>) -> Result<()> {
    let mut away = 0;
    loop {
        match ask().await {
            Ok(_) => return Ok(()),
            Err(status) if status.code() == Code::DeadlineExceeded => away = 0,
            Err(status) if status.code() == Code::Unavailable && away < AWAY_MOST => away += 1,
            Err(status) => return Err(status.into()),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Whether an advance was refused because the clock is further already.
pub(crate) fn goes_back(status: &Status) -> bool {
    let reason = status.get_details_error_info().map(|info| info.reason);
    status.code() == Code::FailedPrecondition && reason.as_deref() == Some("CLOCK_GOES_BACK")
}
