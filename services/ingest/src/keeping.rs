//! What is kept only for a time.

use std::time::Duration;

use chassis::postgres::answered;
use sqlx::PgPool;
use uuid::Uuid;

use crate::store;

/// How long a refused event is kept, from when it was refused.
const QUARANTINED_FOR_MS: i64 = 30 * 86_400_000;
/// How often it is looked for what is older.
const LOOK: Duration = Duration::from_secs(3_600);
/// Rows of one statement.
const AT_ONCE: i64 = 5_000;

/// Deletes what is kept no longer: at once, and now and then.
pub(crate) async fn keep(pool: PgPool, shutdown: chassis::Shutdown) -> anyhow::Result<()> {
    while !shutdown.requested() {
        match forget(&pool, chassis::clock::now() - QUARANTINED_FOR_MS).await {
            Ok(0) => {}
            Ok(forgotten) => tracing::info!(forgotten, "{forgotten} refused events were kept long enough"),
            Err(error) => tracing::warn!(%error, "old refused events are still there: {error}"),
        }
        tokio::select! {
            () = shutdown.clone().wait() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    Ok(())
}

async fn forget(pool: &PgPool, before_at: i64) -> sqlx::Result<u64> {
    let before = first_id_of(before_at);
    let mut forgotten = 0;
    loop {
        let deleted = answered(forget_some(pool, before)).await?;
        forgotten += deleted;
        if deleted < AT_ONCE.unsigned_abs() {
            return Ok(forgotten);
        }
    }
}

async fn forget_some(pool: &PgPool, before: Uuid) -> sqlx::Result<u64> {
    let mut conn = chassis::postgres::unscoped(pool).await?;
    let deleted = store::forget_quarantined(&mut conn, before, AT_ONCE).await?;
    conn.commit().await?;
    Ok(deleted)
}

/// The lowest id that something refused at an instant can have.
fn first_id_of(at: i64) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(at).unwrap_or(0), &[0; 10]).into_uuid()
}
