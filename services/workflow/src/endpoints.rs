//! Keeps the endpoints of the catalogue in workflow's database, from the moment their catalogue version stands in the
//! log: that is when their secrets are made.

use std::time::Duration;

use chassis::Shutdown;
use sqlx::PgPool;
use tokio::{sync::mpsc, time::sleep};

use crate::{fold::Met, store};

/// Before Postgres, being away, is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs until it is to stop.
pub(crate) async fn keep(
    pool: PgPool,
    mut met: mpsc::UnboundedReceiver<Met>,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let stop = shutdown.wait();
    tokio::pin!(stop);
    loop {
        let met = tokio::select! {
            () = &mut stop => return Ok(()),
            Some(met) = met.recv() => met,
        };
        while let Err(error) = save(&pool, &met).await {
            tracing::warn!(%error, workspace = met.workspace, "endpoints cannot be saved, trying again");
            tokio::select! {
                () = &mut stop => return Ok(()),
                () = sleep(PAUSE) => {}
            }
        }
    }
}

async fn save(pool: &PgPool, met: &Met) -> sqlx::Result<()> {
    let (names, urls): (Vec<_>, Vec<_>) = met.endpoints.iter().cloned().unzip();
    let mut tx = chassis::postgres::scoped(pool, &met.workspace).await?;
    store::meet(&mut tx, &met.workspace, met.version.cast_signed(), &names, &urls).await?;
    tx.commit().await
}
