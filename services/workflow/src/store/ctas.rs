//! CTAs as they stand, each change of them, and the answers to commands about them.

use std::collections::BTreeMap;

use contracts::account::CtaChanged;
use domain::decision::{CommandAnswered, CtaState, Decision};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Position, column, uuid};

/// A CTA as it stands.
pub(crate) struct CtaRow {
    pub cta: Uuid,
    pub account: String,
    pub change: CtaChanged,
    pub priority: i32,
    pub opened_at: i64,
    pub valid_at: i64,
}

/// Which CTAs: empty and `None` mean any.
#[derive(Debug, Clone, Default)]
pub(crate) struct CtaFilter {
    pub account: String,
    pub owner: String,
    pub state: Option<i16>,
}

/// Where a page of CTAs goes on: behind this one, most urgent first, closed ones last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CtaAfter {
    pub closed: bool,
    pub priority: i32,
    pub opened_at: i64,
    pub cta: Uuid,
}

struct Change<'a> {
    at: &'a Position<'a>,
    cta: Uuid,
    state: i16,
    priority: i32,
    owner: &'a str,
    change: Vec<u8>,
}

impl<'a> Change<'a> {
    fn of(at: &'a Position<'a>) -> Option<Self> {
        let Decision::Cta(changed) = at.decision else { return None };
        Some(Self {
            at,
            cta: uuid(changed.cta.0),
            state: match changed.state {
                CtaState::Open => 1,
                CtaState::Snoozed { .. } => 2,
                CtaState::Closed { .. } => 3,
            },
            priority: changed.priority.cast_signed(),
            owner: &changed.owner,
            change: CtaChanged::from(changed.clone()).encode_to_vec(),
        })
    }
}

pub(super) async fn project(conn: &mut PgConnection, positions: &[Position<'_>]) -> sqlx::Result<()> {
    let changes: Vec<Change<'_>> = positions.iter().filter_map(Change::of).collect();
    if !changes.is_empty() {
        insert_history(conn, &changes).await?;
        upsert_current(conn, &changes).await?;
    }
    let answers: Vec<_> = positions.iter().filter_map(answer_of).collect();
    if answers.is_empty() { Ok(()) } else { insert_answers(conn, &answers).await }
}

async fn insert_history(conn: &mut PgConnection, rows: &[Change<'_>]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO cta_history
             (workspace, cta, log_partition, cause_offset, cause_index, fact_id, catalogue_version, change, valid_at,
              known_at)
         SELECT * FROM UNNEST($1::text[], $2::uuid[], $3::int[], $4::bigint[], $5::int[], $6::bytea[],
                              $7::bigint[], $8::bytea[], $9::bigint[], $10::bigint[])
         ON CONFLICT DO NOTHING",
        &column(rows, |row| row.at.workspace.to_owned()),
        &column(rows, |row| row.cta),
        &column(rows, |row| row.at.partition),
        &column(rows, |row| row.at.cause_offset),
        &column(rows, |row| row.at.cause_index),
        &column(rows, |row| row.at.fact_id.to_vec()),
        &column(rows, |row| row.at.catalogue_version),
        &column(rows, |row| row.change.clone()),
        &column(rows, |row| row.at.valid_at),
        &column(rows, |row| row.at.known_at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The newest change of each; it was opened at the first of them, unless it is known already.
async fn upsert_current(conn: &mut PgConnection, changes: &[Change<'_>]) -> sqlx::Result<()> {
    let mut newest = BTreeMap::<_, (i64, &Change<'_>)>::new();
    for change in changes {
        let opened = newest.get(&(change.at.workspace, change.cta)).map_or(change.at.valid_at, |it| it.0);
        newest.insert((change.at.workspace, change.cta), (opened, change));
    }
    let rows: Vec<_> = newest.into_values().collect();
    sqlx::query!(
        "INSERT INTO ctas (workspace, cta, account, state, priority, owner, change, opened_at, valid_at, known_at,
                           log_partition, cause_offset, cause_index)
         SELECT * FROM UNNEST($1::text[], $2::uuid[], $3::text[], $4::smallint[], $5::int[], $6::text[],
                              $7::bytea[], $8::bigint[], $9::bigint[], $10::bigint[], $11::int[], $12::bigint[],
                              $13::int[])
         ON CONFLICT (workspace, cta) DO UPDATE
         SET state = excluded.state, priority = excluded.priority, owner = excluded.owner,
             change = excluded.change, valid_at = excluded.valid_at, known_at = excluded.known_at,
             cause_offset = excluded.cause_offset, cause_index = excluded.cause_index
         WHERE (ctas.cause_offset, ctas.cause_index) < (excluded.cause_offset, excluded.cause_index)",
        &column(&rows, |(_, row)| row.at.workspace.to_owned()),
        &column(&rows, |(_, row)| row.cta),
        &column(&rows, |(_, row)| row.at.account.to_owned()),
        &column(&rows, |(_, row)| row.state),
        &column(&rows, |(_, row)| row.priority),
        &column(&rows, |(_, row)| row.owner.to_owned()),
        &column(&rows, |(_, row)| row.change.clone()),
        &column(&rows, |(opened_at, _)| *opened_at),
        &column(&rows, |(_, row)| row.at.valid_at),
        &column(&rows, |(_, row)| row.at.known_at),
        &column(&rows, |(_, row)| row.at.partition),
        &column(&rows, |(_, row)| row.at.cause_offset),
        &column(&rows, |(_, row)| row.at.cause_index),
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn answer_of<'a>(at: &'a Position<'a>) -> Option<(&'a Position<'a>, &'a CommandAnswered)> {
    match at.decision {
        Decision::Answer(answer) => Some((at, answer)),
        _ => None,
    }
}

async fn insert_answers(
    conn: &mut PgConnection,
    rows: &[(&Position<'_>, &CommandAnswered)],
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO answers (workspace, command, account, code, message, known_at)
         SELECT * FROM UNNEST($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[])
         ON CONFLICT DO NOTHING",
        &column(rows, |(at, _)| at.workspace.to_owned()),
        &column(rows, |(_, answer)| uuid(answer.command.0)),
        &column(rows, |(at, _)| at.account.to_owned()),
        &column(rows, |(_, answer)| answer.code.clone()),
        &column(rows, |(_, answer)| answer.message.clone()),
        &column(rows, |(at, _)| at.known_at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// One CTA.
pub(crate) async fn cta(conn: &mut PgConnection, workspace: &str, cta: Uuid) -> sqlx::Result<Option<CtaRow>> {
    let row = sqlx::query_as!(
        CtaBytes,
        "SELECT cta, account, change, priority, opened_at, valid_at FROM ctas WHERE workspace = $1 AND cta = $2",
        workspace,
        cta
    )
    .fetch_optional(conn)
    .await?;
    row.map(CtaBytes::read).transpose()
}

/// CTAs: those to be done before those that are closed, the most urgent first, then the longest open.
pub(crate) async fn ctas(
    conn: &mut PgConnection,
    workspace: &str,
    filter: &CtaFilter,
    after: Option<&CtaAfter>,
    limit: i64,
) -> sqlx::Result<Vec<CtaRow>> {
    let rows = sqlx::query_as!(
        CtaBytes,
        "SELECT cta, account, change, priority, opened_at, valid_at
         FROM ctas
         WHERE workspace = $1 AND ($2 = '' OR account = $2) AND ($3 = '' OR owner = $3)
           AND ($4::smallint IS NULL OR state = $4)
           AND ($5::boolean IS NULL OR (state = 3, priority, opened_at, cta) > ($5, $6::int, $7::bigint, $8::uuid))
         ORDER BY (state = 3), priority, opened_at, cta
         LIMIT $9",
        workspace,
        &filter.account,
        &filter.owner,
        filter.state,
        after.map(|after| after.closed),
        after.map_or(0, |after| after.priority),
        after.map_or(0, |after| after.opened_at),
        after.map_or(Uuid::nil(), |after| after.cta),
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(CtaBytes::read).collect()
}

/// How many CTAs there are in all that match.
pub(crate) async fn count_ctas(
    conn: &mut PgConnection,
    workspace: &str,
    filter: &CtaFilter,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!"
           FROM ctas
           WHERE workspace = $1 AND ($2 = '' OR account = $2) AND ($3 = '' OR owner = $3)
             AND ($4::smallint IS NULL OR state = $4)"#,
        workspace,
        &filter.account,
        &filter.owner,
        filter.state,
    )
    .fetch_one(conn)
    .await
}

/// The answer to a command: its code (empty: done) and message.
pub(crate) async fn answer(
    conn: &mut PgConnection,
    workspace: &str,
    command: Uuid,
) -> sqlx::Result<Option<(String, String)>> {
    let row = sqlx::query!(
        "SELECT code, message FROM answers WHERE workspace = $1 AND command = $2",
        workspace,
        command
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| (row.code, row.message)))
}

struct CtaBytes {
    cta: Uuid,
    account: String,
    change: Vec<u8>,
    priority: i32,
    opened_at: i64,
    valid_at: i64,
}

impl CtaBytes {
    fn read(self) -> sqlx::Result<CtaRow> {
        let change = CtaChanged::decode(self.change.as_slice());
        Ok(CtaRow {
            cta: self.cta,
            account: self.account,
            change: change.map_err(|fault| sqlx::Error::Decode(Box::new(fault)))?,
            priority: self.priority,
            opened_at: self.opened_at,
            valid_at: self.valid_at,
        })
    }
}
