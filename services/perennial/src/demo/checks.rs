//! Whether a workspace is fit for the demo.
//!
//! Invariant: one that is refused has heard no event and no definition.

use anyhow::{Result, bail, ensure};
use contracts::health::AwaitClockRequest;
use contracts::ingest::AdvanceClockRequest;
use contracts::log::ClockKind;

use super::replay::{BEGIN, midnight};
use crate::cli::Target;
use crate::commands::{clock, keys, workspaces};
use crate::{clients, myself};

/// The demo's figures hold for nothing but its own events, in days of UTC and on the log's clock from the first
/// purchase on. Moves the clock there, which in a fresh workspace changes nothing.
pub(super) async fn check(target: &Target, write_key: &str) -> Result<()> {
    let name = &target.workspace;
    let workspace = workspaces::get(target).await?;
    if workspace.clock() != ClockKind::Log {
        bail!(
            "workspace {name} goes by the wall clock: {} workspaces create NAME --clock log",
            myself::called()
        );
    }
    let zone = &workspace.time_zone;
    ensure!(zone == "UTC", "workspace {name} has its days in {zone}: the demo's figures hold in UTC");
    check_empty(target).await?;
    keys::check(target, write_key).await?;
    begin(target).await?;
    // Whatever was acknowledged before has been attributed now, and is counted.
    check_empty(target).await
}

async fn check_empty(target: &Target) -> Result<()> {
    let events = workspaces::get(target).await?.events;
    ensure!(
        events == 0,
        "workspace {} has {events} events already: the demo wants an empty one",
        target.workspace
    );
    Ok(())
}

/// Lets every service reach the instant at which the purchases begin.
async fn begin(target: &Target) -> Result<()> {
    let (workspace, to_at) = (|| target.workspace.clone(), midnight(BEGIN)?);
    let request = AdvanceClockRequest { workspace: workspace(), to_at };
    match clients::ingest(&target.grpc).await?.advance_clock(request).await {
        Err(status) if clock::goes_back(&status) => {
            bail!(
                "the clock of workspace {} is past {BEGIN} already: the demo wants a fresh one",
                workspace()
            )
        }
        moved => moved?,
    };
    let request = AwaitClockRequest { workspace: workspace(), to_at };
    clients::health(&target.grpc).await?.await_clock(request).await?;
    Ok(())
}
