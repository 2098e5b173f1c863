//! Templates of the catalogue, and the threads that messages belong to.

use domain::time::DAY_MS;
use sqlx::PgConnection;

/// Then nobody answers a thread any more.
const THREADS_KEPT_MS: i64 = 400 * DAY_MS;

/// Takes the messages of a catalogue version. An older version changes nothing.
pub(crate) async fn meet_messages(
    conn: &mut PgConnection,
    workspace: &str,
    version: i64,
    names: &[String],
    texts: &[String],
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO messages (workspace, message, texts, catalogue_version)
         SELECT $1, name, texts, $2
         FROM UNNEST($3::text[], $4::text[]) AS met (name, texts)
         WHERE NOT EXISTS (SELECT FROM messages WHERE workspace = $1 AND catalogue_version > $2)
         ON CONFLICT (workspace, message) DO UPDATE
         SET texts = excluded.texts, catalogue_version = excluded.catalogue_version
         WHERE messages.catalogue_version < excluded.catalogue_version",
        workspace,
        version,
        names,
        texts
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("DELETE FROM messages WHERE workspace = $1 AND catalogue_version < $2", workspace, version)
        .execute(conn)
        .await?;
    Ok(())
}

/// The templates of a message, as JSON.
pub(crate) async fn message(
    conn: &mut PgConnection,
    workspace: &str,
    message: &str,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        "SELECT texts FROM messages WHERE workspace = $1 AND message = $2",
        workspace,
        message
    )
    .fetch_optional(conn)
    .await
}

/// The first message of a thread.
pub(crate) async fn thread(
    conn: &mut PgConnection,
    workspace: &str,
    endpoint: &str,
    thread: &str,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        "SELECT first FROM threads WHERE workspace = $1 AND endpoint = $2 AND thread = $3",
        workspace,
        endpoint,
        thread
    )
    .fetch_optional(conn)
    .await
}

/// A thread begins, if it did not before; old ones end.
pub(crate) async fn begin_thread(
    conn: &mut PgConnection,
    workspace: &str,
    endpoint: &str,
    thread: &str,
    first: &str,
    at: i64,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO threads (workspace, endpoint, thread, first, begun_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING",
        workspace,
        endpoint,
        thread,
        first,
        at
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM threads WHERE workspace = $1 AND begun_at < $2",
        workspace,
        at - THREADS_KEPT_MS
    )
    .execute(conn)
    .await?;
    Ok(())
}
