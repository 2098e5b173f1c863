//! Workspaces and their write keys.

use std::sync::Arc;

use contracts::log::ClockKind;
use sqlx::{PgConnection, PgPool};

use crate::{keys::Access, pseudonym::PseudonymKey, quota::Quota};

/// A workspace as it is now.
#[derive(Debug, Clone)]
pub(crate) struct StoredWorkspace {
    pub(crate) workspace: String,
    pub(crate) time_zone: String,
    pub(crate) clock: i16,
    pub(crate) clock_at: Option<i64>,
    pub(crate) pseudonym_key: Vec<u8>,
    pub(crate) created_at: i64,
    pub(crate) events_per_second: Option<i32>,
    pub(crate) events: i64,
    /// Of those, how many wait until their contact's account is known.
    pub(crate) waiting: i64,
    /// The newest that is in force everywhere; 0: none.
    pub(crate) catalogue_version: i64,
}

impl StoredWorkspace {
    pub(crate) fn clock(&self) -> ClockKind {
        clock_kind(self.clock)
    }

    /// What opens it to events that come without a key, each of which names its source.
    pub(crate) fn access(&self) -> Access {
        Access {
            workspace: Arc::from(&*self.workspace),
            source: Arc::from(""),
            clock: self.clock(),
            pseudonyms: PseudonymKey::new(&self.pseudonym_key),
            ready: self.catalogue_version > 0,
            // Nobody sends them to this process: it reads them at its own pace.
            quota: Quota::default(),
        }
    }
}

/// A write key without what would let somebody use it.
#[derive(Debug, Clone)]
pub(crate) struct StoredKey {
    pub(crate) prefix: String,
    pub(crate) source: String,
    pub(crate) created_at: i64,
    pub(crate) revoked_at: Option<i64>,
    pub(crate) events_per_second: Option<i32>,
}

fn clock_kind(stored: i16) -> ClockKind {
    ClockKind::try_from(i32::from(stored)).unwrap_or(ClockKind::Unspecified)
}

/// Whether the workspace is new.
pub(crate) async fn create_workspace(
    conn: &mut PgConnection,
    workspace: &str,
    time_zone: &str,
    clock: ClockKind,
    now: i64,
) -> sqlx::Result<bool> {
    let clock = if clock == ClockKind::Log { 2_i16 } else { 1 };
    let done = sqlx::query!(
        "INSERT INTO workspaces (workspace, time_zone, clock, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (workspace) DO NOTHING",
        workspace,
        time_zone,
        clock,
        now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One workspace.
pub(crate) async fn workspace(
    conn: &mut PgConnection,
    workspace: &str,
) -> sqlx::Result<Option<StoredWorkspace>> {
    sqlx::query_as!(
        StoredWorkspace,
        r#"SELECT workspace, time_zone, clock, clock_at, pseudonym_key, created_at, events_per_second,
                  (SELECT coalesce(sum(events), 0)::BIGINT FROM inbox_counts c
                   WHERE c.workspace = w.workspace) AS "events!",
                  (SELECT coalesce(sum(waiting), 0)::BIGINT FROM inbox_counts c
                   WHERE c.workspace = w.workspace) AS "waiting!",
                  (SELECT coalesce(max(version), 0) FROM catalogue_versions v
                   WHERE v.workspace = w.workspace AND in_force_at IS NOT NULL) AS "catalogue_version!"
           FROM workspaces w WHERE workspace = $1"#,
        workspace,
    )
    .fetch_optional(conn)
    .await
}

/// Workspaces whose id is above `after`, in order.
pub(crate) async fn workspaces(
    conn: &mut PgConnection,
    after: &str,
    most: i64,
) -> sqlx::Result<Vec<StoredWorkspace>> {
    sqlx::query_as!(
        StoredWorkspace,
        r#"SELECT workspace, time_zone, clock, clock_at, pseudonym_key, created_at, events_per_second,
                  (SELECT coalesce(sum(events), 0)::BIGINT FROM inbox_counts c
                   WHERE c.workspace = w.workspace) AS "events!",
                  (SELECT coalesce(sum(waiting), 0)::BIGINT FROM inbox_counts c
                   WHERE c.workspace = w.workspace) AS "waiting!",
                  (SELECT coalesce(max(version), 0) FROM catalogue_versions v
                   WHERE v.workspace = w.workspace AND in_force_at IS NOT NULL) AS "catalogue_version!"
           FROM workspaces w WHERE workspace > $1 ORDER BY workspace LIMIT $2"#,
        after,
        most,
    )
    .fetch_all(conn)
    .await
}

/// Holds the workspace's row until the transaction ends: its clock and its catalogue move one at a time.
pub(crate) async fn lock_workspace(conn: &mut PgConnection, workspace: &str) -> sqlx::Result<bool> {
    let row =
        sqlx::query!(r#"SELECT 1 AS "one!" FROM workspaces WHERE workspace = $1 FOR UPDATE"#, workspace)
            .fetch_optional(conn)
            .await?;
    Ok(row.is_some())
}

/// Holds a name among all processes until the transaction ends.
pub(crate) async fn hold(conn: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name).execute(conn).await?;
    Ok(())
}

pub(crate) async fn set_clock(conn: &mut PgConnection, workspace: &str, to_at: i64) -> sqlx::Result<()> {
    sqlx::query!("UPDATE workspaces SET clock_at = $2 WHERE workspace = $1", workspace, to_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// 32 bytes of Postgres's strong randomness.
pub(crate) async fn chance(conn: &mut PgConnection) -> sqlx::Result<Vec<u8>> {
    sqlx::query_scalar!(
        r#"SELECT decode(replace(gen_random_uuid()::TEXT || gen_random_uuid()::TEXT, '-', ''), 'hex') AS "chance!""#
    )
    .fetch_one(conn)
    .await
}

/// What a key opens, by its hash, unless it was revoked.
pub(crate) async fn find_key(pool: &PgPool, hash: &[u8]) -> sqlx::Result<Option<Access>> {
    let mut conn = chassis::postgres::unscoped(pool).await?;
    let row = sqlx::query!(
        r#"SELECT k.workspace, k.prefix, k.source, w.clock, w.pseudonym_key,
                  k.events_per_second AS of_key, w.events_per_second AS of_workspace,
                  EXISTS (SELECT 1 FROM catalogue_versions v
                          WHERE v.workspace = k.workspace AND v.in_force_at IS NOT NULL) AS "ready!"
           FROM write_keys k JOIN workspaces w ON w.workspace = k.workspace
           WHERE k.hash = $1 AND k.revoked_at IS NULL"#,
        hash,
    )
    .fetch_optional(&mut *conn)
    .await?;
    conn.commit().await?;
    Ok(row.map(|row| Access {
        workspace: Arc::from(row.workspace),
        source: Arc::from(row.source),
        clock: clock_kind(row.clock),
        pseudonyms: PseudonymKey::new(&row.pseudonym_key),
        ready: row.ready,
        quota: Quota {
            key: row.prefix,
            of_key: row.of_key.map(i32::cast_unsigned),
            of_workspace: row.of_workspace.map(i32::cast_unsigned),
        },
    }))
}

/// Whether it was made: not if there is one that begins so.
pub(crate) async fn create_key(
    conn: &mut PgConnection,
    workspace: &str,
    key: &StoredKey,
    hash: &[u8],
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO write_keys (workspace, prefix, hash, source, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING",
        workspace,
        key.prefix,
        hash,
        key.source,
        key.created_at,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The workspace's keys above `after`, in order of prefix; revoked ones too.
pub(crate) async fn keys(
    conn: &mut PgConnection,
    workspace: &str,
    after: &str,
    most: i64,
) -> sqlx::Result<Vec<StoredKey>> {
    sqlx::query_as!(
        StoredKey,
        "SELECT prefix, source, created_at, revoked_at, events_per_second FROM write_keys
         WHERE workspace = $1 AND prefix > $2 ORDER BY prefix LIMIT $3",
        workspace,
        after,
        most,
    )
    .fetch_all(conn)
    .await
}

/// The key as it is then; revoking it again changes nothing.
pub(crate) async fn revoke_key(
    conn: &mut PgConnection,
    workspace: &str,
    prefix: &str,
    now: i64,
) -> sqlx::Result<Option<StoredKey>> {
    sqlx::query_as!(
        StoredKey,
        "UPDATE write_keys SET revoked_at = coalesce(revoked_at, $3) WHERE workspace = $1 AND prefix = $2
         RETURNING prefix, source, created_at, revoked_at, events_per_second",
        workspace,
        prefix,
        now,
    )
    .fetch_optional(conn)
    .await
}

/// The key as it is then.
pub(crate) async fn set_key_quota(
    conn: &mut PgConnection,
    workspace: &str,
    prefix: &str,
    events_per_second: Option<i32>,
) -> sqlx::Result<Option<StoredKey>> {
    sqlx::query_as!(
        StoredKey,
        "UPDATE write_keys SET events_per_second = $3 WHERE workspace = $1 AND prefix = $2
         RETURNING prefix, source, created_at, revoked_at, events_per_second",
        workspace,
        prefix,
        events_per_second,
    )
    .fetch_optional(conn)
    .await
}

pub(crate) async fn set_workspace_quota(
    conn: &mut PgConnection,
    workspace: &str,
    events_per_second: Option<i32>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE workspaces SET events_per_second = $2 WHERE workspace = $1",
        workspace,
        events_per_second,
    )
    .execute(conn)
    .await?;
    Ok(())
}
