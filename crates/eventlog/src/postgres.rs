//! try
pub async fn ends(c: &mut sqlx::PgConnection) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar!("SELECT next_offset FROM eventlog.parts WHERE topic = $1", "x").fetch_all(c).await
}
