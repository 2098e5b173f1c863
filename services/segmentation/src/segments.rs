//! Keeps the segments of the catalogue in segmentation's database, so that those that nobody has entered are listed too.

use chassis::Met;
use sqlx::PgPool;

use crate::store;

pub(crate) async fn save(pool: PgPool, met: Met) -> sqlx::Result<()> {
    let (names, titles): (Vec<_>, Vec<_>) = met.named.into_iter().unzip();
    let mut tx = chassis::postgres::scoped(&pool, &met.workspace).await?;
    store::meet(&mut tx, &met.workspace, met.version.cast_signed(), &names, &titles).await?;
    tx.commit().await
}
