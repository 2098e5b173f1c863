//! Versions of workspaces' catalogues, and which of them every partition has.

use sqlx::PgConnection;

/// A version to be stored.
#[derive(Debug, Clone)]
pub(crate) struct NewVersion<'a> {
    pub(crate) version: i64,
    /// Canonical JSON.
    pub(crate) document: &'a str,
    pub(crate) fire_playbooks: bool,
    pub(crate) applied_by: &'a str,
    pub(crate) applied_at: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct StoredVersion {
    pub(crate) version: i64,
    pub(crate) document: String,
    pub(crate) fire_playbooks: bool,
    pub(crate) applied_by: String,
    pub(crate) applied_at: i64,
    pub(crate) in_force_at: Option<i64>,
}

pub(crate) async fn newest_version(
    conn: &mut PgConnection,
    workspace: &str,
) -> sqlx::Result<Option<StoredVersion>> {
    sqlx::query_as!(
        StoredVersion,
        "SELECT version, document, fire_playbooks, applied_by, applied_at, in_force_at FROM catalogue_versions
         WHERE workspace = $1 ORDER BY version DESC LIMIT 1",
        workspace,
    )
    .fetch_optional(conn)
    .await
}

pub(crate) async fn version(
    conn: &mut PgConnection,
    workspace: &str,
    version: i64,
) -> sqlx::Result<Option<StoredVersion>> {
    sqlx::query_as!(
        StoredVersion,
        "SELECT version, document, fire_playbooks, applied_by, applied_at, in_force_at FROM catalogue_versions
         WHERE workspace = $1 AND version = $2",
        workspace,
        version,
    )
    .fetch_optional(conn)
    .await
}

/// Versions below `before`, newest first.
pub(crate) async fn versions(
    conn: &mut PgConnection,
    workspace: &str,
    before: i64,
    most: i64,
) -> sqlx::Result<Vec<StoredVersion>> {
    sqlx::query_as!(
        StoredVersion,
        "SELECT version, document, fire_playbooks, applied_by, applied_at, in_force_at FROM catalogue_versions
         WHERE workspace = $1 AND version < $2 ORDER BY version DESC LIMIT $3",
        workspace,
        before,
        most,
    )
    .fetch_all(conn)
    .await
}

pub(crate) async fn insert_version(
    conn: &mut PgConnection,
    workspace: &str,
    new: &NewVersion<'_>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO catalogue_versions (workspace, version, document, fire_playbooks, applied_by, applied_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        workspace,
        new.version,
        new.document,
        new.fire_playbooks,
        new.applied_by,
        new.applied_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Versions that not every partition has, oldest first.
pub(crate) async fn to_hand_over(
    conn: &mut PgConnection,
    workspace: &str,
) -> sqlx::Result<Vec<StoredVersion>> {
    sqlx::query_as!(
        StoredVersion,
        "SELECT version, document, fire_playbooks, applied_by, applied_at, in_force_at FROM catalogue_versions
         WHERE workspace = $1 AND in_force_at IS NULL ORDER BY version",
        workspace,
    )
    .fetch_all(conn)
    .await
}

pub(crate) async fn workspaces_to_hand_over(conn: &mut PgConnection) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        "SELECT DISTINCT workspace FROM catalogue_versions WHERE in_force_at IS NULL ORDER BY workspace"
    )
    .fetch_all(conn)
    .await
}

pub(crate) async fn mark_in_force(
    conn: &mut PgConnection,
    workspace: &str,
    version: i64,
    now: i64,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE catalogue_versions SET in_force_at = $3 WHERE workspace = $1 AND version = $2",
        workspace,
        version,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}
