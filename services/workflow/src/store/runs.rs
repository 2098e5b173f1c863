//! Runs as they stand.

use std::collections::BTreeMap;

use domain::decision::{Decision, RunAdvanced, RunState};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Before, Position, column, uuid};

/// A run as it stands.
pub(crate) struct RunRow {
    pub run: Uuid,
    pub account: String,
    pub playbook: String,
    pub state: i16,
    pub step: String,
    pub started_at: i64,
    pub valid_at: i64,
}

struct Advance<'a> {
    at: &'a Position<'a>,
    run: &'a RunAdvanced,
    started_at: i64,
}

/// The newest advance of each; it started at the first of them, unless it is known already.
pub(super) async fn project(conn: &mut PgConnection, positions: &[Position<'_>]) -> sqlx::Result<()> {
    let mut newest = BTreeMap::<_, Advance<'_>>::new();
    for at in positions {
        let Decision::Run(run) = at.decision else { continue };
        let started_at = newest.get(&(at.workspace, run.run)).map_or(at.valid_at, |it| it.started_at);
        newest.insert((at.workspace, run.run), Advance { at, run, started_at });
    }
    let rows: Vec<_> = newest.into_values().collect();
    if rows.is_empty() { Ok(()) } else { upsert(conn, &rows).await }
}

async fn upsert(conn: &mut PgConnection, rows: &[Advance<'_>]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO runs (workspace, run, account, playbook, state, step, until_at, started_at, valid_at, known_at,
                           log_partition, cause_offset, cause_index, fact_id)
         SELECT * FROM UNNEST($1::text[], $2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::text[],
                              $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::int[], $12::bigint[],
                              $13::int[], $14::bytea[])
         ON CONFLICT (workspace, run) DO UPDATE
         SET state = excluded.state, step = excluded.step, until_at = excluded.until_at,
             valid_at = excluded.valid_at, known_at = excluded.known_at, cause_offset = excluded.cause_offset,
             cause_index = excluded.cause_index, fact_id = excluded.fact_id
         WHERE (runs.cause_offset, runs.cause_index) < (excluded.cause_offset, excluded.cause_index)",
        &column(rows, |row| row.at.workspace.to_owned()),
        &column(rows, |row| uuid(row.run.run.0)),
        &column(rows, |row| row.at.account.to_owned()),
        &column(rows, |row| row.run.playbook.clone()),
        &column(rows, |row| state(row.run.state)),
        &column(rows, |row| row.run.step.clone()),
        &column(rows, |row| until(row.run.state)) as _,
        &column(rows, |row| row.started_at),
        &column(rows, |row| row.at.valid_at),
        &column(rows, |row| row.at.known_at),
        &column(rows, |row| row.at.partition),
        &column(rows, |row| row.at.cause_offset),
        &column(rows, |row| row.at.cause_index),
        &column(rows, |row| row.at.fact_id.to_vec()),
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn state(state: RunState) -> i16 {
    match state {
        RunState::Started => 1,
        RunState::Waiting { .. } => 2,
        RunState::Ended => 3,
    }
}

fn until(state: RunState) -> Option<i64> {
    match state {
        RunState::Waiting { until } => Some(until.0),
        RunState::Started | RunState::Ended => None,
    }
}

/// Runs of an account and a playbook (empty: any), newest first.
pub(crate) async fn runs(
    conn: &mut PgConnection,
    workspace: &str,
    account: &str,
    playbook: &str,
    before: Option<&Before>,
    limit: i64,
) -> sqlx::Result<Vec<RunRow>> {
    sqlx::query_as!(
        RunRow,
        "SELECT run, account, playbook, state, step, started_at, valid_at
         FROM runs
         WHERE workspace = $1 AND ($2 = '' OR account = $2) AND ($3 = '' OR playbook = $3)
           AND ($4::bigint IS NULL OR (started_at, run) < ($4, $5))
         ORDER BY started_at DESC, run DESC
         LIMIT $6",
        workspace,
        account,
        playbook,
        before.map(|before| before.at),
        before.map_or(Uuid::nil(), |before| before.id),
        limit
    )
    .fetch_all(conn)
    .await
}
