//! The one writer: takes what is queued, appends it as one row per partition in one statement, and acknowledges.

use std::{collections::BTreeMap, time::Duration};

use sqlx::{Postgres, pool::PoolConnection};
use tokio::time::timeout;

use super::{
    PgLog, batch, keeper,
    queue::Batch,
    store::{self, Landed, Row},
};
use crate::{Appended, LogError, TopicPartition};

/// Bytes that one statement appends, at most (a single larger batch goes by itself).
const FLUSH_BYTES: usize = 4 << 20;
/// How long one flush may take before it is given up, and its connection with it.
const FLUSH_TIME: Duration = Duration::from_secs(10);

type Held = Option<PoolConnection<Postgres>>;

/// Flushes until the queue is closed and empty.
pub(super) async fn flush_all(log: &PgLog) {
    let mut connection = None;
    while let Some(batches) = log.queue.take(FLUSH_BYTES).await {
        let batches = by_partition(batches);
        let rows: Vec<Row> = batches.iter().map(|(at, batches)| row(*at, batches)).collect();
        match append(log, &mut connection, &rows).await {
            Ok(landed) => acknowledge(log, batches, &landed),
            Err(error) => {
                tracing::warn!(%error, "appending {} rows failed: {error}", rows.len());
                batches.into_values().flatten().for_each(|batch| batch.fail(&error));
            }
        }
    }
}

fn by_partition(batches: Vec<Batch>) -> BTreeMap<TopicPartition, Vec<Batch>> {
    let mut sorted: BTreeMap<TopicPartition, Vec<Batch>> = BTreeMap::new();
    for batch in batches {
        sorted.entry(batch.at).or_default().push(batch);
    }
    sorted
}

fn row(at: TopicPartition, batches: &[Batch]) -> Row {
    let mut row = Row { at, records: 0, body: Vec::new() };
    for record in batches.iter().flat_map(|batch| &batch.records) {
        batch::write(&mut row.body, record);
        row.records += 1;
    }
    row
}

async fn append(log: &PgLog, connection: &mut Held, rows: &[Row]) -> Result<Vec<Landed>, LogError> {
    let outcome = match timeout(FLUSH_TIME, try_append(log, connection, rows)).await {
        Ok(outcome) => outcome.map_err(|error| store::log_error(&error)),
        Err(_) => Err(LogError::Transient(format!("no answer within {FLUSH_TIME:?}"))),
    };
    if outcome.is_err() {
        // Whatever state it is in, nobody shall have it.
        drop(connection.take().map(PoolConnection::detach));
    }
    outcome
}

async fn try_append(log: &PgLog, connection: &mut Held, rows: &[Row]) -> sqlx::Result<Vec<Landed>> {
    if connection.is_none() {
        *connection = Some(log.pool.acquire().await?);
    }
    let Some(connection) = connection else { return Err(sqlx::Error::PoolClosed) };
    match store::append(connection, rows).await {
        Err(error) if store::lacks_segment(&error) => {
            keeper::keep(&log.pool, &log.options).await?;
            store::append(connection, rows).await
        }
        outcome => outcome,
    }
}

/// Readers in the process first, then the callers.
fn acknowledge(log: &PgLog, mut batches: BTreeMap<TopicPartition, Vec<Batch>>, landed: &[Landed]) {
    for landed in landed {
        let batches = batches.remove(&landed.at).unwrap_or_default();
        if let Some(tail) = log.tails.get(&landed.at) {
            let records = batches.iter().flat_map(|batch| &batch.records);
            let stored = (0..).zip(records).map(|(index, record)| {
                store::stored(*landed, index, record.value.clone(), record.traceparent.clone())
            });
            tail.landed(stored.collect());
        }
        let mut base_offset = landed.base_offset;
        for batch in batches {
            let records = batch.records.len() as u64;
            batch.landed(Appended { base_offset, appended_at: landed.appended_at });
            base_offset += records;
        }
    }
    let lost = LogError::Poison("the partition has no head in the database".into());
    batches.into_values().flatten().for_each(|batch| batch.fail(&lost));
}
