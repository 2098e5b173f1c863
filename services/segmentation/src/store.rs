//! What segmentation remembers for those who ask: who is in which segment, since when and why, and every enter and
//! leave.
//!
//! Invariant: a row is a function of the decision with its cause, so writing it twice changes nothing.

use std::collections::HashMap;

use contracts::account::MembershipChanged;
use domain::decision::Decision;
use engine::{Decided, Projected};
use prost::Message;
use sqlx::PgConnection;

/// A stay that goes on.
pub(crate) struct MembershipRow {
    pub(crate) account: String,
    pub(crate) segment: String,
    pub(crate) log_partition: i32,
    pub(crate) cause_offset: i64,
    pub(crate) fact_id: Vec<u8>,
    pub(crate) change: MembershipChanged,
    pub(crate) since_at: i64,
    pub(crate) known_at: i64,
}

/// One enter or leave, with the position of the record that caused it.
pub(crate) struct HistoryRow {
    pub(crate) log_partition: i32,
    pub(crate) cause_offset: i64,
    pub(crate) cause_index: i32,
    pub(crate) fact_id: Vec<u8>,
    pub(crate) catalogue_version: i64,
    pub(crate) change: MembershipChanged,
    pub(crate) valid_at: i64,
    pub(crate) known_at: i64,
}

/// A segment's members now, and its enters and leaves over time.
pub(crate) struct SegmentRow {
    pub(crate) segment: String,
    pub(crate) title: String,
    pub(crate) enters: i64,
    pub(crate) leaves: i64,
}

/// Writes decisions that were read back. Newer ones of the same account and segment win; repeats change nothing.
pub(crate) async fn project(conn: &mut PgConnection, items: &[Projected<Decision, ()>]) -> sqlx::Result<()> {
    let rows: Vec<Row> = items.iter().filter_map(Projected::decided).filter_map(Row::of).collect();
    if rows.is_empty() {
        return Ok(());
    }
    insert_history(conn, &rows).await?;
    let newest: HashMap<_, _> =
        rows.iter().map(|row| ((&row.workspace, &row.segment, &row.account), row)).collect();
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
    segment: String,
    member: bool,
    change: Vec<u8>,
    valid_at: i64,
    known_at: i64,
}

impl Row {
    fn of(decided: &Decided<Decision>) -> Option<Self> {
        let Decision::Membership(change) = &decided.decision else { return None };
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
            segment: change.segment.clone(),
            member: change.member,
            change: MembershipChanged::from(change.clone()).encode_to_vec(),
            valid_at: header.instant_at,
            known_at: decided.appended_at,
        })
    }
}

/// Adds to the history what is not there yet, and to the totals what was added.
async fn insert_history(conn: &mut PgConnection, rows: &[Row]) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH added AS (
             INSERT INTO membership_history
                 (workspace, account, log_partition, cause_offset, cause_index, fact_id, catalogue_version, segment,
                  member, change, valid_at, known_at)
             SELECT * FROM UNNEST($1::text[], $2::text[], $3::int[], $4::bigint[], $5::int[], $6::bytea[],
                                  $7::bigint[], $8::text[], $9::boolean[], $10::bytea[], $11::bigint[],
                                  $12::bigint[])
             ON CONFLICT DO NOTHING
             RETURNING workspace, segment, log_partition, member
         )
         INSERT INTO segment_totals (workspace, segment, log_partition, enters, leaves)
         SELECT workspace, segment, log_partition, count(*) FILTER (WHERE member), count(*) FILTER (WHERE NOT member)
         FROM added
         GROUP BY workspace, segment, log_partition
         ON CONFLICT (workspace, segment, log_partition) DO UPDATE
         SET enters = segment_totals.enters + excluded.enters, leaves = segment_totals.leaves + excluded.leaves",
        &column(rows, |row| row.workspace.clone()),
        &column(rows, |row| row.account.clone()),
        &column(rows, |row| row.log_partition),
        &column(rows, |row| row.cause_offset),
        &column(rows, |row| row.cause_index),
        &column(rows, |row| row.fact_id.clone()),
        &column(rows, |row| row.catalogue_version),
        &column(rows, |row| row.segment.clone()),
        &column(rows, |row| row.member),
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
        "INSERT INTO memberships
             (workspace, segment, account, member, log_partition, cause_offset, cause_index, fact_id, change, since_at,
              known_at)
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::boolean[], $5::int[], $6::bigint[], $7::int[],
                              $8::bytea[], $9::bytea[], $10::bigint[], $11::bigint[])
         ON CONFLICT (workspace, segment, account) DO UPDATE
         SET member = excluded.member, log_partition = excluded.log_partition, cause_offset = excluded.cause_offset,
             cause_index = excluded.cause_index, fact_id = excluded.fact_id, change = excluded.change,
             since_at = excluded.since_at, known_at = excluded.known_at
         WHERE (memberships.cause_offset, memberships.cause_index) < (excluded.cause_offset, excluded.cause_index)",
        &column(rows, |row| row.workspace.clone()),
        &column(rows, |row| row.segment.clone()),
        &column(rows, |row| row.account.clone()),
        &column(rows, |row| row.member),
        &column(rows, |row| row.log_partition),
        &column(rows, |row| row.cause_offset),
        &column(rows, |row| row.cause_index),
        &column(rows, |row| row.fact_id.clone()),
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

/// Takes the segments of a catalogue version. An older version changes nothing.
pub(crate) async fn meet(
    conn: &mut PgConnection,
    workspace: &str,
    version: i64,
    names: &[String],
    titles: &[String],
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO segments (workspace, segment, title, catalogue_version, in_catalogue)
         SELECT $1, name, title, $2, true FROM UNNEST($3::text[], $4::text[]) AS met (name, title)
         WHERE NOT EXISTS (SELECT FROM segments WHERE workspace = $1 AND catalogue_version > $2)
         ON CONFLICT (workspace, segment) DO UPDATE
         SET title = excluded.title, catalogue_version = excluded.catalogue_version, in_catalogue = true
         WHERE segments.catalogue_version < excluded.catalogue_version",
        workspace,
        version,
        names,
        titles
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE segments SET in_catalogue = false, catalogue_version = $2
         WHERE workspace = $1 AND catalogue_version < $2",
        workspace,
        version
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether the catalogue has a segment of this name.
pub(crate) async fn is_segment(
    conn: &mut PgConnection,
    workspace: &str,
    segment: &str,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM segments
                         WHERE workspace = $1 AND segment = $2 AND in_catalogue) AS "is!""#,
        workspace,
        segment
    )
    .fetch_one(conn)
    .await
}

/// The segments of the catalogue, by name.
pub(crate) async fn segments(
    conn: &mut PgConnection,
    workspace: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<SegmentRow>> {
    sqlx::query_as!(
        SegmentRow,
        r#"SELECT segment, title, coalesce(sum(enters), 0)::bigint AS "enters!",
                  coalesce(sum(leaves), 0)::bigint AS "leaves!"
           FROM segments LEFT JOIN segment_totals USING (workspace, segment)
           WHERE workspace = $1 AND segment > $2 AND in_catalogue
           GROUP BY segment, title
           ORDER BY segment
           LIMIT $3"#,
        workspace,
        after,
        limit
    )
    .fetch_all(conn)
    .await
}

/// A page of stays that go on: of one account (by segment), or of one segment (by account).
pub(crate) enum Stays<'a> {
    OfAccount { account: &'a str, after_segment: &'a str },
    InSegment { segment: &'a str, after_account: &'a str },
}

pub(crate) async fn memberships(
    conn: &mut PgConnection,
    workspace: &str,
    stays: Stays<'_>,
    limit: i64,
) -> sqlx::Result<Vec<MembershipRow>> {
    match stays {
        Stays::OfAccount { account, after_segment } => {
            account_memberships(conn, workspace, account, after_segment, limit).await
        }
        Stays::InSegment { segment, after_account } => {
            members(conn, workspace, segment, after_account, limit).await
        }
    }
}

async fn account_memberships(
    conn: &mut PgConnection,
    workspace: &str,
    account: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<MembershipRow>> {
    let rows = sqlx::query_as!(
        StoredMembership,
        "SELECT account, segment, log_partition, cause_offset, fact_id, change, since_at, known_at
         FROM memberships
         WHERE workspace = $1 AND account = $2 AND member AND segment > $3
         ORDER BY segment
         LIMIT $4",
        workspace,
        account,
        after,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(MembershipRow::try_from).collect()
}

async fn members(
    conn: &mut PgConnection,
    workspace: &str,
    segment: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<MembershipRow>> {
    let rows = sqlx::query_as!(
        StoredMembership,
        "SELECT account, segment, log_partition, cause_offset, fact_id, change, since_at, known_at
         FROM memberships
         WHERE workspace = $1 AND segment = $2 AND member AND account > $3
         ORDER BY account
         LIMIT $4",
        workspace,
        segment,
        after,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(MembershipRow::try_from).collect()
}

/// An account's enters and leaves, of one segment or of any, newest first, behind a cause (its offset and index).
pub(crate) async fn history(
    conn: &mut PgConnection,
    workspace: &str,
    account: &str,
    segment: Option<&str>,
    before: Option<(i64, i32)>,
    limit: i64,
) -> sqlx::Result<Vec<HistoryRow>> {
    let rows = sqlx::query!(
        "SELECT log_partition, cause_offset, cause_index, fact_id, catalogue_version, change, valid_at, known_at
         FROM membership_history
         WHERE workspace = $1 AND account = $2 AND ($3::text IS NULL OR segment = $3)
           AND ($4::bigint IS NULL OR (cause_offset, cause_index) < ($4, $5::int))
         ORDER BY cause_offset DESC, cause_index DESC
         LIMIT $6",
        workspace,
        account,
        segment,
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

struct StoredMembership {
    account: String,
    segment: String,
    log_partition: i32,
    cause_offset: i64,
    fact_id: Vec<u8>,
    change: Vec<u8>,
    since_at: i64,
    known_at: i64,
}

impl TryFrom<StoredMembership> for MembershipRow {
    type Error = sqlx::Error;

    fn try_from(row: StoredMembership) -> sqlx::Result<Self> {
        Ok(Self {
            account: row.account,
            segment: row.segment,
            log_partition: row.log_partition,
            cause_offset: row.cause_offset,
            fact_id: row.fact_id,
            change: read_change(&row.change)?,
            since_at: row.since_at,
            known_at: row.known_at,
        })
    }
}

fn read_change(bytes: &[u8]) -> sqlx::Result<MembershipChanged> {
    MembershipChanged::decode(bytes).map_err(|fault| sqlx::Error::Decode(Box::new(fault)))
}
