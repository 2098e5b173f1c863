//! Keeps the endpoints of the catalogue in workflow's database, from the moment their catalogue version stands in the
//! log: that is when their secrets are made.

use chassis::Met;
use sqlx::PgPool;

use crate::store;

pub(crate) async fn save(pool: PgPool, met: Met) -> sqlx::Result<()> {
    let (names, urls): (Vec<_>, Vec<_>) = met.named.into_iter().unzip();
    let mut tx = chassis::postgres::scoped(&pool, &met.workspace).await?;
    store::meet(&mut tx, &met.workspace, met.version.cast_signed(), &names, &urls).await?;
    tx.commit().await
}
