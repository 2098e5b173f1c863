//! The log's SQL.

use bytes::Bytes;
use sqlx::{PgConnection, PgPool};

use super::batch;
use crate::{LogError, Stored, Topic, TopicPartition};

/// Rows that one fetch looks at, at most.
const ROWS: i64 = 4_096;

/// A row to append.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) at: TopicPartition,
    pub(super) records: i32,
    pub(super) body: Vec<u8>,
}

/// Where a row landed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Landed {
    pub(super) at: TopicPartition,
    pub(super) base_offset: u64,
    pub(super) appended_at: i64,
}

/// The log's fault as its callers see it: away, or wrong.
pub(super) fn log_error(error: &sqlx::Error) -> LogError {
    if is_away(error) { LogError::Transient(error.to_string()) } else { LogError::Poison(error.to_string()) }
}

/// Whether trying again later may help: the server is away, starting, stopping or too busy, or broke off to resolve a
/// conflict.
pub fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            ["08", "40", "53", "55", "57", "58"].iter().any(|class| code.starts_with(class))
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// Whether a row fell into a time that no segment covers.
pub(super) fn lacks_segment(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("23514"))
}

/// Refuses a server that acknowledges what a power cut would take back.
pub(super) async fn check_durable(pool: &PgPool) -> Result<(), LogError> {
    let settings = sqlx::query!(
        r#"SELECT current_setting('fsync') AS "fsync!",
            current_setting('synchronous_commit') AS "synchronous_commit!",
            current_setting('full_page_writes') AS "full_page_writes!""#
    )
    .fetch_one(pool)
    .await
    .map_err(|error| log_error(&error))?;
    for (name, value) in [
        ("fsync", settings.fsync),
        ("synchronous_commit", settings.synchronous_commit),
        ("full_page_writes", settings.full_page_writes),
    ] {
        if value == "off" {
            return Err(LogError::Poison(format!("{name} is off: acknowledged records could be lost")));
        }
    }
    Ok(())
}

/// Creates a topic, or checks that it has as many partitions as it should.
pub(super) async fn create_topic(pool: &PgPool, topic: Topic, partitions: u32) -> Result<(), LogError> {
    let wanted = i32::try_from(partitions).unwrap_or(i32::MAX);
    let found = make_topic(pool, topic, wanted).await.map_err(|error| log_error(&error))?;
    if found == wanted {
        return Ok(());
    }
    let name = topic.name();
    Err(LogError::Poison(format!("topic {name} was created with {found} partitions, not {wanted}")))
}

async fn make_topic(pool: &PgPool, topic: Topic, partitions: i32) -> sqlx::Result<i32> {
    let mut transaction = pool.begin().await?;
    sqlx::query!(
        "INSERT INTO eventlog.topics (topic, partitions) VALUES ($1, $2) ON CONFLICT (topic) DO NOTHING",
        topic.name(),
        partitions
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "INSERT INTO eventlog.parts (topic, partition)
        SELECT topic, generate_series(0, partitions - 1) FROM eventlog.topics WHERE topic = $1
        ON CONFLICT (topic, partition) DO NOTHING",
        topic.name()
    )
    .execute(&mut *transaction)
    .await?;
    let found = sqlx::query_scalar!("SELECT partitions FROM eventlog.topics WHERE topic = $1", topic.name())
        .fetch_one(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(found)
}

/// Makes segments for what is appended during the next `ahead` milliseconds; how many.
pub(super) async fn create_segments(
    pool: &PgPool,
    topic: Topic,
    width: i64,
    ahead: i64,
) -> sqlx::Result<i32> {
    sqlx::query_scalar!(
        r#"SELECT eventlog.create_segments($1, $2, eventlog.now_ms(), eventlog.now_ms() + $3) AS "made!""#,
        topic.name(),
        width,
        ahead
    )
    .fetch_one(pool)
    .await
}

/// Drops segments older than `keep` milliseconds that no group needs; how many.
pub(super) async fn drop_segments(pool: &PgPool, topic: Topic, width: i64, keep: i64) -> sqlx::Result<i32> {
    sqlx::query_scalar!(
        r#"SELECT eventlog.drop_segments($1, $2, eventlog.now_ms() - $3) AS "dropped!""#,
        topic.name(),
        width,
        keep
    )
    .fetch_one(pool)
    .await
}

/// A group needs nothing below an offset any more.
pub(super) async fn commit(
    pool: &PgPool,
    group: &str,
    topic: Topic,
    partition: u32,
    offset: u64,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO eventlog.commits (member_group, topic, partition, next_offset) VALUES ($1, $2, $3, $4)
        ON CONFLICT (member_group, topic, partition) DO UPDATE
        SET next_offset = GREATEST(commits.next_offset, excluded.next_offset)",
        group,
        topic.name(),
        partition.cast_signed(),
        offset.cast_signed()
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Appends one row per partition, in one statement: heads are locked in the partitions' order, so that two processes
/// cannot wait for each other.
pub(super) async fn append(connection: &mut PgConnection, rows: &[Row]) -> sqlx::Result<Vec<Landed>> {
    let topics: Vec<String> = rows.iter().map(|row| row.at.topic.name().to_owned()).collect();
    let partitions: Vec<i32> = rows.iter().map(|row| partition(row.at)).collect();
    let records: Vec<i32> = rows.iter().map(|row| row.records).collect();
    let bodies: Vec<&[u8]> = rows.iter().map(|row| row.body.as_slice()).collect();
    let landed = sqlx::query!(
        r#"WITH wanted AS (
            SELECT * FROM UNNEST($1::TEXT[], $2::INT[], $3::INT[], $4::BYTEA[])
                AS wanted (topic, partition, records, body)
        ), locked AS (
            SELECT topic, partition FROM eventlog.parts
            WHERE (topic, partition) IN (SELECT topic, partition FROM wanted)
            ORDER BY topic, partition FOR UPDATE
        ), moved AS (
            UPDATE eventlog.parts SET
                next_offset = next_offset + wanted.records,
                last_at = GREATEST(last_at, eventlog.now_ms())
            FROM wanted JOIN locked USING (topic, partition)
            WHERE parts.topic = wanted.topic AND parts.partition = wanted.partition
            RETURNING parts.topic, parts.partition, next_offset - wanted.records AS base_offset, last_at
        )
        INSERT INTO eventlog.batches (topic, partition, base_offset, records, appended_at, body)
        SELECT topic, partition, base_offset, records, last_at, body FROM moved JOIN wanted USING (topic, partition)
        RETURNING topic, partition, base_offset, appended_at"#,
        &topics,
        &partitions,
        &records,
        &bodies as &[&[u8]]
    )
    .fetch_all(connection)
    .await?;
    let landed = landed.into_iter().filter_map(|row| {
        let at = topic_partition(&row.topic, row.partition)?;
        Some(Landed { at, base_offset: row.base_offset.cast_unsigned(), appended_at: row.appended_at })
    });
    Ok(landed.collect())
}

/// Records from `from` on, up to about so many bytes, at least one if there is one.
pub(super) async fn fetch(
    pool: &PgPool,
    at: TopicPartition,
    from: u64,
    max_bytes: usize,
) -> Result<Vec<Stored>, LogError> {
    let rows = sqlx::query!(
        r#"SELECT base_offset, appended_at, body FROM (
            SELECT *, sum(octet_length(body)) OVER (ORDER BY base_offset) - octet_length(body) AS bytes_before
            FROM (
                SELECT base_offset, appended_at, body FROM eventlog.batches
                WHERE topic = $1 AND partition = $2 AND base_offset >= COALESCE((
                    SELECT max(base_offset) FROM eventlog.batches
                    WHERE topic = $1 AND partition = $2 AND base_offset <= $3
                ), 0)
                ORDER BY base_offset LIMIT $4
            ) AS nearest
        ) AS summed
        WHERE bytes_before < $5 ORDER BY base_offset"#,
        at.topic.name(),
        partition(at),
        from.cast_signed(),
        ROWS,
        i64::try_from(max_bytes.max(1)).unwrap_or(i64::MAX)
    )
    .fetch_all(pool)
    .await
    .map_err(|error| log_error(&error))?;
    let mut records = Vec::new();
    for row in rows {
        records.extend(batch::read(row.base_offset.cast_unsigned(), row.appended_at, row.body)?);
    }
    records.retain(|record| record.offset >= from);
    records.truncate(within(&records, max_bytes));
    Ok(records)
}

/// How many of the first records stay within the limit: at least one.
fn within(records: &[Stored], max_bytes: usize) -> usize {
    let mut bytes = 0_usize;
    let fitting = records.iter().take_while(|record| {
        bytes += record.value.len();
        bytes <= max_bytes
    });
    fitting.count().max(1)
}

pub(super) async fn end(pool: &PgPool, at: TopicPartition) -> Result<u64, LogError> {
    let end = sqlx::query_scalar!(
        "SELECT next_offset FROM eventlog.parts WHERE topic = $1 AND partition = $2",
        at.topic.name(),
        partition(at)
    )
    .fetch_one(pool)
    .await
    .map_err(|error| log_error(&error))?;
    Ok(end.cast_unsigned())
}

/// Where every partition ends.
pub(super) async fn ends(pool: &PgPool) -> sqlx::Result<Vec<(TopicPartition, u64)>> {
    let rows =
        sqlx::query!("SELECT topic, partition, next_offset FROM eventlog.parts").fetch_all(pool).await?;
    let end = |row: (String, i32, i64)| Some((topic_partition(&row.0, row.1)?, row.2.cast_unsigned()));
    Ok(rows.into_iter().filter_map(|row| end((row.topic, row.partition, row.next_offset))).collect())
}

fn partition(at: TopicPartition) -> i32 {
    at.partition.cast_signed()
}

fn topic_partition(topic: &str, partition: i32) -> Option<TopicPartition> {
    let topic = Topic::ALL.into_iter().find(|known| known.name() == topic)?;
    Some(TopicPartition { topic, partition: partition.cast_unsigned() })
}

/// A record as readers see it once its row has landed.
pub(super) fn stored(
    landed: Landed,
    index: u64,
    value: Bytes,
    traceparent: Option<std::sync::Arc<str>>,
) -> Stored {
    Stored { offset: landed.base_offset + index, appended_at: landed.appended_at, value, traceparent }
}
