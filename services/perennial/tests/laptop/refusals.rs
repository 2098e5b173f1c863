//! What the demo refuses, before it has sent anything.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use contracts::{
    ingest::{CreateWorkspaceRequest, admin_service_client::AdminServiceClient},
    log::ClockKind,
};
use jiff::civil::date;
use serde_json::json;
use tokio::{process::Command, time::timeout};

use crate::{
    process::{Addresses, Home, Perennial, alone, program},
    script::midnight,
    stage::Stage,
};

/// However busy the machine is: the demo itself takes longer.
const SOON: Duration = Duration::from_secs(100);

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_refuses_what_its_figures_do_not_hold_for() -> Result<()> {
    let _alone = alone().await;
    let stage = Stage::new(Home::new(20)?.without_loopback()).await?;
    refused(&stage).await.with_context(|| format!("it said:\n{}\n", stage.home.complaints()))?;
    stage.close().await
}

async fn refused(stage: &Stage) -> Result<()> {
    let mut process = Perennial::start(&stage.home).await?;
    let addresses = process.ready().await?;
    for (workspace, time_zone, clock) in [
        ("wall", "UTC", ClockKind::Wall),
        ("berlin", "Europe/Berlin", ClockKind::Log),
        ("late", "UTC", ClockKind::Log),
        ("used", "UTC", ClockKind::Log),
        ("fresh", "UTC", ClockKind::Log),
    ] {
        create(stage, workspace, time_zone, clock).await?;
    }
    stage.client.advance("late", midnight(date(1997, 1, 2))?).await?;
    let (used, fresh) = (stage.client.write_key("used").await?, stage.client.write_key("fresh").await?);
    let call = json!({"type": "track", "event": "Order Completed", "userId": "ana",
        "context": {"groupId": "acme"}, "timestamp": "1996-12-31T12:00:00Z"});
    stage.client.send(&used, &call).await?;
    let own = async |workspace: &str| stage.client.write_key(workspace).await;
    check(&addresses, "nowhere", &fresh, "there is no workspace").await?;
    check(&addresses, "wall", &own("wall").await?, "goes by the wall clock").await?;
    check(&addresses, "berlin", &own("berlin").await?, "has its days in Europe/Berlin").await?;
    check(&addresses, "late", &own("late").await?, "is past 1997-01-01").await?;
    check(&addresses, "used", &used, "has 1 events already").await?;
    check(&addresses, "fresh", &used, "is none of workspace fresh").await?;
    check(&addresses, "fresh", "pk_nobody", "401 Unauthorized").await?;
    for workspace in ["wall", "berlin", "late", "fresh"] {
        let found = stage.client.workspace(workspace).await?;
        ensure!(
            found.events == 0 && found.catalogue_version == 1,
            "{workspace} has heard something: {found:?}"
        );
    }
    check(&addresses, "fresh", &fresh, "--allow-loopback-webhooks").await?;
    let (status, _) = process.terminate().await?;
    ensure!(status.success(), "it ended with {status}");
    Ok(())
}

async fn create(stage: &Stage, workspace: &str, time_zone: &str, clock: ClockKind) -> Result<()> {
    let (workspace, time_zone) = (workspace.to_owned(), time_zone.to_owned());
    let asked = CreateWorkspaceRequest { workspace, time_zone, clock: clock.into() };
    let create = async |channel| AdminServiceClient::new(channel).create_workspace(asked.clone()).await;
    stage.client.ask(create).await?;
    Ok(())
}

/// The demo fails, and says so.
async fn check(addresses: &Addresses, workspace: &str, key: &str, says: &str) -> Result<()> {
    let mut demo = program();
    demo.args(["demo", "--exit", "--workspace", workspace, "--write-key", key]);
    demo.args(["--url", &addresses.http, "--grpc", &addresses.grpc]);
    let mut demo = Command::from(demo);
    let played = demo.kill_on_drop(true).output();
    let output = timeout(SOON, played).await.with_context(|| format!("{workspace} is not refused"))??;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && said.contains(says), "{workspace}: not {says:?} but {said}");
    Ok(())
}
