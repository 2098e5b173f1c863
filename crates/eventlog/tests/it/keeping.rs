//! How the log in Postgres is kept: partitions, segments, bounds, and its end.

use std::time::{Duration, Instant};

use bytes::Bytes;
use eventlog::{
    Log, LogError, MAX_BATCH_BYTES, NewRecord, Topic, TopicPartition, append,
    postgres::{PgLog, PgLogOptions},
};
use sqlx::PgPool;
use tracing::instrument::WithSubscriber;

use crate::support::{Opened, database, listen, on_a_thread};

const HERE: TopicPartition = TopicPartition { topic: Topic::Inbox, partition: 2 };
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);
const DAY: i64 = 24 * 60 * 60 * 1000;

fn record(value: &'static str) -> NewRecord {
    NewRecord { value: Bytes::from_static(value.as_bytes()), traceparent: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_opened_again_goes_on_where_it_was() -> anyhow::Result<()> {
    let database = database().await?;
    for expected in 0..3 {
        let opened = Opened::open(&database.pool, PgLogOptions::default()).await?;
        assert_eq!(append(&*opened.log, HERE, vec![record("x")]).await?.base_offset, expected);
        opened.close().await?;
    }
    let opened = Opened::open(&database.pool, PgLogOptions::default()).await?;
    let log = std::sync::Arc::clone(&opened.log);
    assert_eq!(on_a_thread(move || log.fetch(HERE, 0, 1_000)).await?.len(), 3);
    opened.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_partitions_is_fixed_at_creation() -> anyhow::Result<()> {
    let database = database().await?;
    Opened::open(&database.pool, PgLogOptions::default()).await?.close().await?;
    let other = PgLogOptions { inbox_partitions: 8, ..PgLogOptions::default() };
    let refused = PgLog::open(database.pool, other).await.err();
    let said = "topic perennial.inbox.v1 was created with 4 partitions, not 8";
    assert_eq!(refused, Some(LogError::Poison(said.into())));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn old_segments_are_dropped_and_readers_start_at_what_is_left() -> anyhow::Result<()> {
    let database = database().await?;
    let opened = Opened::open(&database.pool, PgLogOptions::default()).await?;
    for _ in 0..3 {
        append(&*opened.log, HERE, vec![record("old"), record("old")]).await?;
    }
    append(&*opened.log, HERE, vec![record("new")]).await?;
    opened.close().await?;
    age(&database.pool, 6, 9 * DAY).await?;

    let opened = Opened::open(&database.pool, PgLogOptions::default()).await?;
    let log = std::sync::Arc::clone(&opened.log);
    let read = on_a_thread(move || log.fetch(HERE, 1, 1_000)).await?;
    assert_eq!(read.iter().map(|record| record.offset).collect::<Vec<_>>(), [6]);
    assert_eq!(append(&*opened.log, HERE, vec![record("new")]).await?.base_offset, 7);
    opened.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_a_group_still_needs_is_kept_beyond_its_time() -> anyhow::Result<()> {
    let database = database().await?;
    let opened = Opened::open(&database.pool, PgLogOptions::default()).await?;
    append(&*opened.log, HERE, vec![record("old"), record("old")]).await?;
    append(&*opened.log, HERE, vec![record("new")]).await?;
    let mut member = opened.log.join("scores", HERE.topic);
    member.commit(HERE.partition, 1);
    committed(&database.pool, 1).await?;
    opened.close().await?;
    age(&database.pool, 2, 9 * DAY).await?;
    come_to(&database.pool, TopicPartition { partition: HERE.partition - 1, ..HERE }, 0).await?;
    come_to(&database.pool, TopicPartition { topic: Topic::Account, ..HERE }, 0).await?;

    for (come_to, left) in [(1, vec![0, 1, 2]), (2, vec![2])] {
        member.commit(HERE.partition, come_to);
        committed(&database.pool, come_to.cast_signed()).await?;
        let opened = Opened::open(&database.pool, PgLogOptions::default()).await?;
        let log = std::sync::Arc::clone(&opened.log);
        let read = on_a_thread(move || log.fetch(HERE, 0, 1_000)).await?;
        assert_eq!(read.iter().map(|record| record.offset).collect::<Vec<_>>(), left);
        opened.close().await?;
    }
    Ok(())
}

/// Waits until the server has heard how far the group has come.
async fn committed(pool: &PgPool, offset: i64) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let heard =
            sqlx::query_scalar!("SELECT max(next_offset) FROM eventlog.commits").fetch_one(pool).await?;
        if heard == Some(offset) {
            return Ok(());
        }
        anyhow::ensure!(begun.elapsed() < PATIENCE, "the server has heard of {heard:?}");
        tokio::time::sleep(LOOK).await;
    }
}

/// A group has come so far there.
async fn come_to(pool: &PgPool, at: TopicPartition, offset: i64) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO eventlog.commits (member_group, topic, partition, next_offset)
         VALUES ('elsewhere', $1, $2, $3)
         ON CONFLICT (member_group, topic, partition) DO UPDATE SET next_offset = excluded.next_offset",
    )
    .bind(at.topic.name())
    .bind(at.partition.cast_signed())
    .bind(offset)
    .execute(pool)
    .await
    .map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_group_that_has_not_come_to_a_segment_is_warned_of() -> anyhow::Result<()> {
    let database = database().await?;
    let opened = Opened::open(&database.pool, PgLogOptions::default()).await?;
    for _ in 0..2 {
        append(&*opened.log, HERE, vec![record("old"), record("old")]).await?;
    }
    opened.close().await?;
    age(&database.pool, 0, 20 * DAY).await?;
    age(&database.pool, 4, 9 * DAY).await?;
    age(&database.pool, 2, 9 * DAY).await?;

    for (offset, left, warnings) in [(1, Some(0_i64), 1), (2, Some(2), 0), (3, Some(2), 0), (4, None, 0)] {
        come_to(&database.pool, HERE, offset).await?;
        let (said, listener) = listen();
        drop_old(&database.pool).with_subscriber(listener).await?;
        let said: Vec<String> = said.try_iter().collect();
        let first = sqlx::query_scalar("SELECT min(base_offset) FROM eventlog.batches");
        assert_eq!((first.fetch_one(&database.pool).await?, said.len()), (left, warnings), "{said:?}");
        assert!(said.iter().all(|said| said.contains("elsewhere has not come so far")), "{said:?}");
    }
    Ok(())
}

async fn drop_old(pool: &PgPool) -> sqlx::Result<i32> {
    sqlx::query_scalar("SELECT eventlog.drop_segments($1, $2, eventlog.now_ms() - $3)")
        .bind(HERE.topic.name())
        .bind(DAY)
        .bind(7 * DAY)
        .fetch_one(pool)
        .await
}

/// Lets the records below an offset have been appended so many milliseconds earlier, in segments of that time.
async fn age(pool: &PgPool, below: i64, by: i64) -> sqlx::Result<()> {
    sqlx::query!(
        "SELECT eventlog.create_segments('perennial.inbox.v1', $1, eventlog.now_ms() - $2, eventlog.now_ms())",
        DAY,
        by + DAY
    )
    .fetch_one(pool)
    .await?;
    sqlx::query!(
        "UPDATE eventlog.batches SET appended_at = appended_at - $1 WHERE base_offset < $2",
        by,
        below
    )
    .execute(pool)
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_makes_the_segment_that_it_lacks() -> anyhow::Result<()> {
    let database = database().await?;
    let opened = Opened::open(&database.pool, PgLogOptions::default()).await?;
    sqlx::query!(
        "SELECT eventlog.drop_segments('perennial.inbox.v1', $1, eventlog.now_ms() + $2)",
        DAY,
        9 * DAY
    )
    .fetch_one(&database.pool)
    .await?;
    assert_eq!(append(&*opened.log, HERE, vec![record("x")]).await?.base_offset, 0);
    opened.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_bounded_and_so_is_a_batch() -> anyhow::Result<()> {
    let database = database().await?;
    let options = PgLogOptions { queue_bytes: 1_000, ..PgLogOptions::default() };
    let (log, not_running) = PgLog::open(database.pool, options).await?;
    let (acks, acked) = std::sync::mpsc::channel();
    for value in [900, 900, MAX_BATCH_BYTES + 1] {
        let acks = acks.clone();
        let records = vec![NewRecord { value: vec![0; value].into(), traceparent: None }];
        log.append(HERE, records, Box::new(move |outcome| acks.send(outcome).unwrap()));
    }
    assert!(matches!(acked.try_recv()?, Err(LogError::Transient(said)) if said.contains("waiting")));
    assert!(matches!(acked.try_recv()?, Err(LogError::Poison(_))));
    drop(not_running);
    assert!(matches!(acked.try_recv()?, Err(LogError::Transient(said)) if said.contains("stopped")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_flushes_what_is_queued() -> anyhow::Result<()> {
    let database = database().await?;
    let opened = Opened::open(&database.pool, PgLogOptions::default()).await?;
    let log = std::sync::Arc::clone(&opened.log);
    let (acks, acked) = std::sync::mpsc::channel();
    for _ in 0..1_000 {
        let acks = acks.clone();
        log.append(HERE, vec![record("x")], Box::new(move |outcome| acks.send(outcome).unwrap()));
    }
    opened.close().await?;
    drop(acks);
    assert!(acked.iter().all(|outcome| outcome.is_ok()));
    let refused = append(&*log, HERE, vec![record("late")]).await;
    assert!(matches!(refused, Err(LogError::Transient(_))), "{refused:?}");
    Ok(())
}
