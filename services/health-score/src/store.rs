//! What health-score remembers for those who ask: every account's score now, and each change with its cause.
//!
//! Invariant: a row is a function of the decision with its cause, so writing it twice changes nothing.

use std::collections::{BTreeMap, HashMap};

use contracts::account::HealthChanged;
use domain::decision::{Band, Decision};
use engine::{Decided, Projected, Shown};
use prost::Message;
use sqlx::PgConnection;

use crate::fold::Owner;

/// An account's score as it stands.
pub(crate) struct HealthRow {
    pub(crate) account: String,
    /// Empty: nobody.
    pub(crate) owner: String,
    pub(crate) score: Option<i16>,
    pub(crate) change: HealthChanged,
    pub(crate) valid_at: i64,
    pub(crate) known_at: i64,
}

/// One change of an account's score, with the position of the record that caused it.
pub(crate) struct HistoryRow {
    pub(crate) log_partition: i32,
    pub(crate) cause_offset: i64,
    pub(crate) cause_index: i32,
    pub(crate) fact_id: Vec<u8>,
    pub(crate) catalogue_version: i64,
    pub(crate) change: HealthChanged,
    pub(crate) valid_at: i64,
    pub(crate) known_at: i64,
}

/// How many accounts are in a band; `band` is `None` where nothing is known.
pub(crate) struct BandCount {
    pub(crate) band: Option<i16>,
    pub(crate) accounts: i64,
}

/// Where a page of accounts goes on: behind this score (none: 101) and account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct After {
    pub(crate) score: i16,
    pub(crate) account: String,
}

/// Which accounts are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) band: Option<i16>,
    /// `None`: anybody's, and nobody's.
    pub(crate) owner: Option<Owner>,
}

/// Writes decisions that were read back, and owners. Newer ones of the same account win; repeats change nothing.
pub(crate) async fn project(
    conn: &mut PgConnection,
    items: &[Projected<Decision, Owner>],
) -> sqlx::Result<()> {
    let owners: BTreeMap<_, _> =
        items.iter().filter_map(Projected::shown).map(|shown| (&shown.key, shown)).collect();
    if !owners.is_empty() {
        upsert_owners(conn, &owners.into_values().collect::<Vec<_>>()).await?;
    }
    let rows: Vec<Row> = items.iter().filter_map(Projected::decided).filter_map(Row::of).collect();
    if rows.is_empty() {
        return Ok(());
    }
    insert_history(conn, &rows).await?;
    let newest: HashMap<_, _> = rows.iter().map(|row| ((&row.workspace, &row.account), row)).collect();
    upsert_current(conn, &newest.into_values().collect::<Vec<_>>()).await
}

struct Row {
    workspace: String,
    account: String,
    log_partition: i32,
    cause_offset: i64,
    cause_index: i32,
    fact_id: Vec<u8>,
    catalogue_version: i64,
    score: Option<i16>,
    band: Option<i16>,
    change: Vec<u8>,
    valid_at: i64,
    known_at: i64,
}

impl Row {
    fn of(decided: &Decided<Decision>) -> Option<Self> {
        let Decision::Health(change) = &decided.decision else { return None };
        let header = &decided.header;
        let cause = header.cause.as_ref()?;
        Some(Self {
            workspace: header.workspace.clone(),
            account: header.account.clone(),
            log_partition: cause.partition.cast_signed(),
            cause_offset: cause.offset.cast_signed(),
            cause_index: cause.index.cast_signed(),
            fact_id: header.fact_id.to_vec(),
            catalogue_version: header.catalogue_version.cast_signed(),
            score: change.score.map(|score| score.points.into()),
            band: change.score.map(|score| band_number(score.band)),
            change: HealthChanged::from(change.clone()).encode_to_vec(),
            valid_at: header.instant_at,
            known_at: decided.appended_at,
        })
    }
}

/// A band as the tables hold it.
pub(crate) fn band_number(band: Band) -> i16 {
    match band {
        Band::Red => 1,
        Band::Yellow => 2,
        Band::Green => 3,
    }
}

/// The last of each account's.
async fn upsert_owners(conn: &mut PgConnection, owners: &[&Shown<Owner>]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO owners (workspace, account, owner, fact_offset)
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::bigint[])
         ON CONFLICT (workspace, account) DO UPDATE
         SET owner = excluded.owner, fact_offset = excluded.fact_offset
         WHERE owners.fact_offset <= excluded.fact_offset",
        &column(owners, |shown| shown.key.workspace.clone()),
        &column(owners, |shown| shown.key.account.clone()),
        &column(owners, |shown| shown.shown.as_str().to_owned()),
        &column(owners, |shown| shown.offset.cast_signed()),
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn insert_history(conn: &mut PgConnection, rows: &[Row]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO health_history
             (workspace, account, log_partition, cause_offset, cause_index, fact_id, catalogue_version, change,
              valid_at, known_at)
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::int[], $4::bigint[], $5::int[], $6::bytea[],
                              $7::bigint[], $8::bytea[], $9::bigint[], $10::bigint[])
         ON CONFLICT DO NOTHING",
        &column(rows, |row| row.workspace.clone()),
        &column(rows, |row| row.account.clone()),
        &column(rows, |row| row.log_partition),
        &column(rows, |row| row.cause_offset),
        &column(rows, |row| row.cause_index),
        &column(rows, |row| row.fact_id.clone()),
        &column(rows, |row| row.catalogue_version),
        &column(rows, |row| row.change.clone()),
        &column(rows, |row| row.valid_at),
        &column(rows, |row| row.known_at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn upsert_current(conn: &mut PgConnection, rows: &[&Row]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO health
             (workspace, account, log_partition, cause_offset, cause_index, score, band, change, valid_at, known_at)
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::int[], $4::bigint[], $5::int[], $6::smallint[],
                              $7::smallint[], $8::bytea[], $9::bigint[], $10::bigint[])
         ON CONFLICT (workspace, account) DO UPDATE
         SET log_partition = excluded.log_partition, cause_offset = excluded.cause_offset,
             cause_index = excluded.cause_index, score = excluded.score, band = excluded.band,
             change = excluded.change, valid_at = excluded.valid_at, known_at = excluded.known_at
         WHERE (health.cause_offset, health.cause_index) < (excluded.cause_offset, excluded.cause_index)",
        &column(rows, |row| row.workspace.clone()),
        &column(rows, |row| row.account.clone()),
        &column(rows, |row| row.log_partition),
        &column(rows, |row| row.cause_offset),
        &column(rows, |row| row.cause_index),
        &column(rows, |row| row.score) as _,
        &column(rows, |row| row.band) as _,
        &column(rows, |row| row.change.clone()),
        &column(rows, |row| row.valid_at),
        &column(rows, |row| row.known_at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn column<R, T>(rows: &[R], of: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

/// An account's score; `None`: nothing was ever decided about it.
pub(crate) async fn health(
    conn: &mut PgConnection,
    workspace: &str,
    account: &str,
) -> sqlx::Result<Option<HealthRow>> {
    let row = sqlx::query!(
        r#"SELECT account, COALESCE(owner, '') AS "owner!", score, change, valid_at, known_at
           FROM health LEFT JOIN owners USING (workspace, account)
           WHERE workspace = $1 AND account = $2"#,
        workspace,
        account
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        Ok(HealthRow {
            account: row.account,
            owner: row.owner,
            score: row.score,
            change: read_change(&row.change)?,
            valid_at: row.valid_at,
            known_at: row.known_at,
        })
    })
    .transpose()
}

/// Accounts of a workspace, worst score first, those without a score last.
pub(crate) async fn accounts(
    conn: &mut PgConnection,
    workspace: &str,
    filter: &Filter,
    after: Option<&After>,
    limit: i64,
) -> sqlx::Result<Vec<HealthRow>> {
    let rows = sqlx::query!(
        r#"SELECT account, COALESCE(owner, '') AS "owner!", score, change, valid_at, known_at
           FROM health LEFT JOIN owners USING (workspace, account)
           WHERE workspace = $1 AND ($2::smallint IS NULL OR band = $2) AND ($6::text IS NULL OR owner = $6)
             AND ($3::smallint IS NULL OR (COALESCE(score, 101), account) > ($3, $4))
           ORDER BY COALESCE(score, 101), account
           LIMIT $5"#,
        workspace,
        filter.band,
        after.map(|after| after.score),
        after.map_or("", |after| &after.account),
        limit,
        filter.owner.as_ref().map(Owner::as_str)
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(HealthRow {
                account: row.account,
                owner: row.owner,
                score: row.score,
                change: read_change(&row.change)?,
                valid_at: row.valid_at,
                known_at: row.known_at,
            })
        })
        .collect()
}

/// How many accounts are in each band.
pub(crate) async fn bands(conn: &mut PgConnection, workspace: &str) -> sqlx::Result<Vec<BandCount>> {
    sqlx::query_as!(
        BandCount,
        r#"SELECT band, count(*) AS "accounts!" FROM health WHERE workspace = $1 GROUP BY band"#,
        workspace
    )
    .fetch_all(conn)
    .await
}

/// An account's changes, newest first, behind a cause (its offset and index).
pub(crate) async fn history(
    conn: &mut PgConnection,
    workspace: &str,
    account: &str,
    before: Option<(i64, i32)>,
    limit: i64,
) -> sqlx::Result<Vec<HistoryRow>> {
    let rows = sqlx::query!(
        "SELECT log_partition, cause_offset, cause_index, fact_id, catalogue_version, change, valid_at, known_at
         FROM health_history
         WHERE workspace = $1 AND account = $2
           AND ($3::bigint IS NULL OR (cause_offset, cause_index) < ($3, $4::int))
         ORDER BY cause_offset DESC, cause_index DESC
         LIMIT $5",
        workspace,
        account,
        before.map(|(offset, _)| offset),
        before.map(|(_, index)| index),
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(HistoryRow {
                log_partition: row.log_partition,
                cause_offset: row.cause_offset,
                cause_index: row.cause_index,
                fact_id: row.fact_id,
                catalogue_version: row.catalogue_version,
                change: read_change(&row.change)?,
                valid_at: row.valid_at,
                known_at: row.known_at,
            })
        })
        .collect()
}

fn read_change(bytes: &[u8]) -> sqlx::Result<HealthChanged> {
    HealthChanged::decode(bytes).map_err(|fault| sqlx::Error::Decode(Box::new(fault)))
}
