//! Runs as they stand.

use std::collections::BTreeMap;

use contracts::account::RunEnd;
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
    pub until_at: Option<i64>,
    pub awaits_approval: bool,
    pub run_end: i16,
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
                           log_partition, cause_offset, cause_index, fact_id, awaits_approval, run_end)
         SELECT * FROM UNNEST($1::text[], $2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::text[],
                              $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::int[], $12::bigint[],
                              $13::int[], $14::bytea[], $15::boolean[], $16::smallint[])
         ON CONFLICT (workspace, run) DO UPDATE
         SET state = excluded.state, step = excluded.step, until_at = excluded.until_at,
             valid_at = excluded.valid_at, known_at = excluded.known_at, cause_offset = excluded.cause_offset,
             cause_index = excluded.cause_index, fact_id = excluded.fact_id,
             awaits_approval = excluded.awaits_approval, run_end = excluded.run_end
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
        &column(rows, |row| matches!(row.run.state, RunState::Waiting { approval: true, .. })),
        &column(rows, |row| end(row.run.state)),
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn state(state: RunState) -> i16 {
    match state {
        RunState::Started => 1,
        RunState::Waiting { .. } => 2,
        RunState::Ended { .. } => 3,
    }
}

/// As in `perennial.account.v1.RunEnd`.
fn end(state: RunState) -> i16 {
    match state {
        RunState::Started | RunState::Waiting { .. } => 0,
        RunState::Ended { because } => RunEnd::from(because) as i16,
    }
}

fn until(state: RunState) -> Option<i64> {
    match state {
        RunState::Waiting { until, .. } => Some(until.0),
        RunState::Started | RunState::Ended { .. } => None,
    }
}

/// A run by its id.
pub(crate) async fn run(conn: &mut PgConnection, workspace: &str, run: Uuid) -> sqlx::Result<Option<RunRow>> {
    sqlx::query_as!(
        RunRow,
        "SELECT run, account, playbook, state, step, until_at, awaits_approval, run_end, started_at, valid_at
         FROM runs
         WHERE workspace = $1 AND run = $2",
        workspace,
        run
    )
    .fetch_optional(conn)
    .await
}

/// Which runs are asked for; empty: of any.
pub(crate) struct RunFilter {
    pub account: String,
    pub playbook: String,
    /// Only those that wait for somebody's yes.
    pub awaiting_approval: bool,
}

/// The runs that match, newest first.
pub(crate) async fn runs(
    conn: &mut PgConnection,
    workspace: &str,
    filter: &RunFilter,
    before: Option<&Before>,
    limit: i64,
) -> sqlx::Result<Vec<RunRow>> {
    sqlx::query_as!(
        RunRow,
        "SELECT run, account, playbook, state, step, until_at, awaits_approval, run_end, started_at, valid_at
         FROM runs
         WHERE workspace = $1 AND ($2 = '' OR account = $2) AND ($3 = '' OR playbook = $3)
           AND ($7 = false OR awaits_approval)
           AND ($4::bigint IS NULL OR (started_at, run) < ($4, $5))
         ORDER BY started_at DESC, run DESC
         LIMIT $6",
        workspace,
        filter.account,
        filter.playbook,
        before.map(|before| before.at),
        before.map_or(Uuid::nil(), |before| before.id),
        limit,
        filter.awaiting_approval
    )
    .fetch_all(conn)
    .await
}
