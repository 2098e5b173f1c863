//! Notifications and every attempt at them.

use domain::decision::{
    AttemptDue, AttemptReported, Decision, NotificationRequested, NotificationSettled, NotificationState,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Before, Position, column, uuid};

/// A notification as it stands; state 0: open.
pub(crate) struct NotificationRow {
    pub notification: Uuid,
    pub account: String,
    pub playbook: String,
    pub channel: String,
    pub recipient: String,
    pub body: String,
    pub state: i16,
    pub requested_at: i64,
}

/// An attempt, as far as it is known.
pub(crate) struct AttemptRow {
    pub notification: Uuid,
    pub attempt: i32,
    pub status: Option<i32>,
    pub error: Option<String>,
    pub began_at: Option<i64>,
    pub took_ms: Option<i32>,
}

/// What is to be sent, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub recipient: String,
    pub body: String,
}

pub(super) async fn project(conn: &mut PgConnection, positions: &[Position<'_>]) -> sqlx::Result<()> {
    let (mut requests, mut attempts, mut settled) = (Vec::new(), Vec::new(), Vec::new());
    for at in positions {
        match at.decision {
            Decision::Notification(request) => requests.push((at, request)),
            Decision::Attempt(due) => attempts.push((at, *due)),
            Decision::Settled(end) => settled.push((at, *end)),
            _ => {}
        }
    }
    if !requests.is_empty() {
        insert_requests(conn, &requests).await?;
    }
    if !attempts.is_empty() {
        insert_attempts(conn, &attempts).await?;
    }
    if settled.is_empty() { Ok(()) } else { settle(conn, &settled).await }
}

async fn insert_requests(
    conn: &mut PgConnection,
    rows: &[(&Position<'_>, &NotificationRequested)],
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO notifications
             (workspace, notification, account, playbook, run, step, channel, recipient, body, requested_at,
              known_at, log_partition, cause_offset, cause_index, fact_id)
         SELECT * FROM UNNEST($1::text[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[],
                              $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::int[], $13::bigint[],
                              $14::int[], $15::bytea[])
         ON CONFLICT DO NOTHING",
        &column(rows, |(at, _)| at.workspace.to_owned()),
        &column(rows, |(_, request)| uuid(request.notification.0)),
        &column(rows, |(at, _)| at.account.to_owned()),
        &column(rows, |(_, request)| request.playbook.clone()),
        &column(rows, |(_, request)| uuid(request.run.0)),
        &column(rows, |(_, request)| request.step.clone()),
        &column(rows, |(_, request)| request.channel.name().to_owned()),
        &column(rows, |(_, request)| request.recipient.clone()),
        &column(rows, |(_, request)| request.body.clone()),
        &column(rows, |(at, _)| at.valid_at),
        &column(rows, |(at, _)| at.known_at),
        &column(rows, |(at, _)| at.partition),
        &column(rows, |(at, _)| at.cause_offset),
        &column(rows, |(at, _)| at.cause_index),
        &column(rows, |(at, _)| at.fact_id.to_vec()),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// In the order of `outcomes`, which writes the same rows: neither waits for the other in a circle.
async fn insert_attempts(conn: &mut PgConnection, rows: &[(&Position<'_>, AttemptDue)]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO attempts (workspace, notification, attempt, due_at)
         SELECT * FROM UNNEST($1::text[], $2::uuid[], $3::int[], $4::bigint[])
             AS asked (workspace, notification, attempt, due_at)
         ORDER BY workspace, notification, attempt
         ON CONFLICT (workspace, notification, attempt) DO UPDATE SET due_at = excluded.due_at",
        &column(rows, |(at, _)| at.workspace.to_owned()),
        &column(rows, |(_, due)| uuid(due.notification.0)),
        &column(rows, |(_, due)| due.attempt.cast_signed()),
        &column(rows, |(at, _)| at.known_at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Asks whether it is settled by `settled_at`, not by `state`: that would let the planner walk all open notifications.
async fn settle(conn: &mut PgConnection, rows: &[(&Position<'_>, NotificationSettled)]) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE notifications
         SET state = settled.state, settled_at = settled.known_at
         FROM UNNEST($1::text[], $2::uuid[], $3::smallint[], $4::bigint[])
             AS settled (workspace, notification, state, known_at)
         WHERE notifications.workspace = settled.workspace
           AND notifications.notification = settled.notification AND notifications.settled_at IS NULL",
        &column(rows, |(at, _)| at.workspace.to_owned()),
        &column(rows, |(_, end)| uuid(end.notification.0)),
        &column(rows, |(_, end)| state(end.state)),
        &column(rows, |(at, _)| at.known_at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn state(state: NotificationState) -> i16 {
    match state {
        NotificationState::Delivered => 1,
        NotificationState::Dropped => 2,
        NotificationState::Failed => 3,
        NotificationState::Gone => 4,
    }
}

/// Writes down what the sender saw of attempts, each once, with the workspaces they are of. That one was not begun takes
/// nothing from who began it.
pub(crate) async fn outcomes(conn: &mut PgConnection, rows: &[(&str, &AttemptReported)]) -> sqlx::Result<()> {
    let begun = |row: &AttemptReported, value: i64| row.begun.then_some(value);
    sqlx::query!(
        "INSERT INTO attempts (workspace, notification, attempt, status, error, began_at, took_ms)
         SELECT * FROM UNNEST($1::text[], $2::uuid[], $3::int[], $4::int[], $5::text[], $6::bigint[], $7::int[])
             AS seen (workspace, notification, attempt, status, error, began_at, took_ms)
         ORDER BY workspace, notification, attempt
         ON CONFLICT (workspace, notification, attempt) DO UPDATE
         SET status = excluded.status, error = excluded.error, began_at = excluded.began_at,
             took_ms = excluded.took_ms
         WHERE excluded.began_at IS NOT NULL OR attempts.began_at IS NULL",
        &column(rows, |(workspace, _)| (*workspace).to_owned()),
        &column(rows, |(_, seen)| uuid(seen.notification.0)),
        &column(rows, |(_, seen)| seen.attempt.cast_signed()),
        &column(rows, |(_, seen)| i32::from(seen.status.unwrap_or_default())),
        &column(rows, |(_, seen)| seen.error.clone()),
        &column(rows, |(_, seen)| begun(seen, seen.began_at.0)) as &[Option<i64>],
        &column(rows, |(_, seen)| seen.took_ms.cast_signed()),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What notifications, known by their workspace and id, are to say, and to whom: of those that are there.
pub(crate) async fn requests(
    conn: &mut PgConnection,
    asked: &[&(String, Uuid)],
) -> sqlx::Result<Vec<(Uuid, Request)>> {
    let rows = sqlx::query!(
        "SELECT notifications.notification, notifications.recipient, notifications.body
         FROM UNNEST($1::text[], $2::uuid[]) AS asked (workspace, notification)
         JOIN notifications ON notifications.workspace = asked.workspace
                           AND notifications.notification = asked.notification",
        &column(asked, |(workspace, _)| workspace.clone()),
        &column(asked, |(_, notification)| *notification)
    )
    .fetch_all(conn)
    .await?;
    let request = |recipient, body| Request { recipient, body };
    Ok(rows.into_iter().map(|row| (row.notification, request(row.recipient, row.body))).collect())
}

/// Whether a notification of the workspace is not settled.
pub(crate) async fn any_open(conn: &mut PgConnection, workspace: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM notifications WHERE workspace = $1 AND state = 0) AS "open!""#,
        workspace
    )
    .fetch_one(conn)
    .await
}

/// Notifications about an account (empty: any), newest first.
pub(crate) async fn notifications(
    conn: &mut PgConnection,
    workspace: &str,
    account: &str,
    before: Option<&Before>,
    limit: i64,
) -> sqlx::Result<Vec<NotificationRow>> {
    sqlx::query_as!(
        NotificationRow,
        "SELECT notification, account, playbook, channel, recipient, body, state, requested_at
         FROM notifications
         WHERE workspace = $1 AND ($2 = '' OR account = $2)
           AND ($3::bigint IS NULL OR (requested_at, notification) < ($3, $4))
         ORDER BY requested_at DESC, notification DESC
         LIMIT $5",
        workspace,
        account,
        before.map(|before| before.at),
        before.map_or(Uuid::nil(), |before| before.id),
        limit
    )
    .fetch_all(conn)
    .await
}

/// Every attempt at these notifications, in order.
pub(crate) async fn attempts(
    conn: &mut PgConnection,
    workspace: &str,
    notifications: &[Uuid],
) -> sqlx::Result<Vec<AttemptRow>> {
    sqlx::query_as!(
        AttemptRow,
        "SELECT notification, attempt, status, error, began_at, took_ms
         FROM attempts
         WHERE workspace = $1 AND notification = ANY($2)
         ORDER BY notification, attempt",
        workspace,
        notifications
    )
    .fetch_all(conn)
    .await
}
