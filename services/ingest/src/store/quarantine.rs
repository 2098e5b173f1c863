//! What was refused, with the reason, and the body as it came.

use sqlx::PgConnection;
use uuid::Uuid;

/// One refused event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Version 7: rises with time.
    pub(crate) id: Uuid,
    pub(crate) code: String,
    pub(crate) reason: String,
    pub(crate) message_id: String,
    pub(crate) received_at: i64,
    /// 16 bytes, where the contact is known.
    pub(crate) contact: Option<Vec<u8>>,
    pub(crate) body: Vec<u8>,
}

/// One that may be listed already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewRefused {
    /// The same for a repeat.
    pub(crate) fingerprint: Uuid,
    pub(crate) refused: Refused,
}

/// Keeps refused events; those that are there already stay as they are. In one order everywhere: two clients that
/// repeat the same wait for each other, and not both.
pub(crate) async fn put_quarantine(
    conn: &mut PgConnection,
    workspace: &str,
    new: &[NewRefused],
) -> sqlx::Result<()> {
    let fingerprints: Vec<Uuid> = new.iter().map(|it| it.fingerprint).collect();
    let refused: Vec<&Refused> = new.iter().map(|it| &it.refused).collect();
    let ids: Vec<Uuid> = refused.iter().map(|it| it.id).collect();
    let codes: Vec<String> = refused.iter().map(|it| it.code.clone()).collect();
    let reasons: Vec<String> = refused.iter().map(|it| it.reason.clone()).collect();
    let message_ids: Vec<String> = refused.iter().map(|it| it.message_id.clone()).collect();
    let received_ats: Vec<i64> = refused.iter().map(|it| it.received_at).collect();
    let contacts: Vec<Option<Vec<u8>>> = refused.iter().map(|it| it.contact.clone()).collect();
    let bodies: Vec<Vec<u8>> = refused.iter().map(|it| it.body.clone()).collect();
    sqlx::query!(
        "INSERT INTO quarantine (workspace, id, code, reason, message_id, received_at, contact, body, fingerprint)
         SELECT $1, id, code, reason, message_id, received_at, contact, body, fingerprint
         FROM UNNEST($2::UUID[], $3::TEXT[], $4::TEXT[], $5::TEXT[], $6::BIGINT[], $7::BYTEA[], $8::BYTEA[],
                     $9::UUID[])
              AS new (id, code, reason, message_id, received_at, contact, body, fingerprint)
         ORDER BY fingerprint
         ON CONFLICT DO NOTHING",
        workspace,
        &ids,
        &codes,
        &reasons,
        &message_ids,
        &received_ats,
        &contacts as _,
        &bodies,
        &fingerprints,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes refused events before `before`, the oldest first, at most so many; how many it were.
pub(crate) async fn forget_quarantined(
    conn: &mut PgConnection,
    before: Uuid,
    most: i64,
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM quarantine WHERE (workspace, id) IN
             (SELECT workspace, id FROM quarantine WHERE id < $1 ORDER BY id LIMIT $2)",
        before,
        most,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// One that others have not heard of.
pub(crate) struct Unheard {
    pub(crate) workspace: String,
    pub(crate) id: Uuid,
    pub(crate) code: String,
    pub(crate) reason: String,
    pub(crate) message_id: String,
    pub(crate) received_at: i64,
}

/// Refused events that are not published, the oldest first; nobody else takes them until this transaction ends.
pub(crate) async fn unheard(conn: &mut PgConnection, most: i64) -> sqlx::Result<Vec<Unheard>> {
    sqlx::query_as!(
        Unheard,
        "SELECT workspace, id, code, reason, message_id, received_at FROM quarantine
         WHERE NOT published ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED",
        most,
    )
    .fetch_all(conn)
    .await
}

/// Marks them as published.
pub(crate) async fn heard(conn: &mut PgConnection, those: &[Unheard]) -> sqlx::Result<()> {
    let workspaces: Vec<String> = those.iter().map(|it| it.workspace.clone()).collect();
    let ids: Vec<Uuid> = those.iter().map(|it| it.id).collect();
    sqlx::query!(
        "UPDATE quarantine SET published = TRUE
         FROM UNNEST($1::TEXT[], $2::UUID[]) AS those (workspace, id)
         WHERE quarantine.workspace = those.workspace AND quarantine.id = those.id",
        &workspaces,
        &ids,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Refused events before `before`, newest first, without their bodies.
pub(crate) async fn quarantined_list(
    conn: &mut PgConnection,
    workspace: &str,
    before: Uuid,
    most: i64,
) -> sqlx::Result<Vec<Refused>> {
    sqlx::query_as!(
        Refused,
        r#"SELECT id, code, reason, message_id, received_at, contact, ''::BYTEA AS "body!" FROM quarantine
           WHERE workspace = $1 AND id < $2 ORDER BY id DESC LIMIT $3"#,
        workspace,
        before,
        most,
    )
    .fetch_all(conn)
    .await
}

pub(crate) async fn quarantined(
    conn: &mut PgConnection,
    workspace: &str,
    id: Uuid,
) -> sqlx::Result<Option<Refused>> {
    sqlx::query_as!(
        Refused,
        "SELECT id, code, reason, message_id, received_at, contact, body FROM quarantine
         WHERE workspace = $1 AND id = $2",
        workspace,
        id,
    )
    .fetch_optional(conn)
    .await
}
