//! The store in Postgres, on a real server.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use chassis::{
    Tasks,
    postgres::{connect, reading, scoped, unscoped},
};
use engine::{
    Checkpoint, Clock, Progress, Store, Write,
    postgres::{PgStore, Reached, clock_reached, migrator},
};
use eventlog::Key;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use testkit::servers::{Database, OwnPostgres, postgres};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

/// Numbers, as a service's projection would keep them: idempotent.
fn project<'a>(
    conn: &'a mut PgConnection,
    numbers: &'a [i64],
) -> Pin<Box<dyn Future<Output = sqlx::Result<()>> + Send + 'a>> {
    Box::pin(async move {
        sqlx::query("INSERT INTO numbers SELECT * FROM UNNEST($1::BIGINT[]) ON CONFLICT DO NOTHING")
            .bind(numbers)
            .execute(conn)
            .await
            .map(drop)
    })
}

/// The same, by a statement that refuses to meet a number twice.
fn project_strictly<'a>(
    conn: &'a mut PgConnection,
    numbers: &'a [i64],
) -> Pin<Box<dyn Future<Output = sqlx::Result<()>> + Send + 'a>> {
    Box::pin(async move {
        let insert = "INSERT INTO numbers SELECT * FROM UNNEST($1::BIGINT[])
                      ON CONFLICT (number) DO UPDATE SET number = excluded.number";
        sqlx::query(insert).bind(numbers).execute(conn).await.map(drop)
    })
}

async fn database() -> anyhow::Result<Database> {
    let database = postgres().database(&[&migrator()]).await?;
    make_numbers(&database.pool).await?;
    Ok(database)
}

async fn make_numbers(pool: &PgPool) -> sqlx::Result<()> {
    sqlx::query("CREATE TABLE numbers (number BIGINT PRIMARY KEY CHECK (number >= 0))")
        .execute(pool)
        .await
        .map(drop)
}

fn store(pool: &PgPool, partition: u32, tasks: &Tasks) -> PgStore<i64> {
    let (store, writer) = PgStore::new(pool.clone(), partition, project, Arc::default());
    tasks.spawn_once("writer", async move { Ok(writer.run().await?) });
    store
}

async fn written(store: &PgStore<i64>) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while store.waiting() > 0 {
        ensure!(Instant::now() < deadline, "{} writes wait", store.waiting());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

async fn load(mut store: PgStore<i64>) -> anyhow::Result<Option<Checkpoint>> {
    Ok(tokio::task::spawn_blocking(move || store.load()).await??)
}

fn checkpoint(offset: u64, accounts: &[(&str, &[u8])], blocks: &[u64], blocks_from: u64) -> Checkpoint {
    let account = |(name, state): &(&str, &[u8])| (Key::new("acme", *name), state.to_vec());
    Checkpoint {
        offset,
        partition: offset.to_be_bytes().to_vec(),
        accounts: accounts.iter().map(account).collect(),
        blocks: blocks.iter().map(|number| (*number, number.to_be_bytes().to_vec())).collect(),
        blocks_from,
    }
}

fn project_up_to(settled: u64, items: Vec<i64>, clock: i64) -> Write<i64> {
    let clocks = vec![("acme".into(), Clock::Log(clock)), ("initech".into(), Clock::Wall)];
    Write::Project { items, progress: Progress { settled, clocks } }
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_add_up_and_never_move_back() -> anyhow::Result<()> {
    let (database, tasks) = (database().await?, Tasks::new());
    let mut one = store(&database.pool, 3, &tasks);
    assert_eq!(load(store(&database.pool, 3, &tasks)).await?, None);
    one.submit(Write::Checkpoint(checkpoint(10, &[("a", b"a10"), ("b", b"b10")], &[1, 2], 0)));
    one.submit(Write::Checkpoint(checkpoint(20, &[("b", b"b20")], &[3], 2)));
    one.submit(Write::Checkpoint(checkpoint(15, &[("a", b"late")], &[9], 0)));
    one.submit(Write::Checkpoint(checkpoint(20, &[("a", b"again")], &[9], 0)));
    written(&one).await?;

    let mut loaded = load(store(&database.pool, 3, &tasks)).await?.expect("a checkpoint");
    loaded.accounts.sort();
    assert_eq!(loaded, checkpoint(20, &[("a", b"a10"), ("b", b"b20")], &[2, 3], 2));
    assert_eq!(load(store(&database.pool, 4, &tasks)).await?, None);
    assert_eq!(one.done(), 4);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn projections_are_counted_and_a_clock_is_reached_when_every_partition_has() -> anyhow::Result<()> {
    let (database, tasks) = (database().await?, Tasks::new());
    let pool = &database.pool;
    let mut stores: Vec<_> = (0..2).map(|partition| store(pool, partition, &tasks)).collect();
    for number in 0..100 {
        stores[0].submit(project_up_to(number, vec![number.cast_signed(), 7], number.cast_signed()));
    }
    written(&stores[0]).await?;
    assert_eq!(stores[0].done(), 100);
    assert_eq!(reached(pool, "acme", 99).await?, Reached::NotYet);
    stores[1].submit(project_up_to(1, vec![], 99));
    written(&stores[1]).await?;
    assert_eq!(reached(pool, "acme", 99).await?, Reached::Yes);
    assert_eq!(reached(pool, "acme", 100).await?, Reached::NotYet);
    assert_eq!(reached(pool, "initech", 0).await?, Reached::WallClock);
    assert_eq!(reached(pool, "other", 0).await?, Reached::Unknown);
    assert_eq!(count(pool).await?, 100);
    Ok(())
}

/// The first write waits for a lock meanwhile, so that those behind it could be written together.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_that_begins_again_hands_over_again_is_a_write_of_its_own() -> anyhow::Result<()> {
    let (database, tasks) = (database().await?, Tasks::new());
    let (mut store, writer) = PgStore::new(database.pool.clone(), 0, project_strictly, Arc::default());
    let mut lock = database.pool.begin().await?;
    sqlx::query("LOCK TABLE numbers").execute(&mut *lock).await?;
    tasks.spawn_once("writer", async move { Ok(writer.run().await?) });
    store.submit(project_up_to(1, vec![0], 0));
    held_up(&mut lock).await?;
    for number in 1..3 {
        store.submit(project_up_to(1, vec![number], 0));
    }
    let mut store = tokio::task::spawn_blocking(move || store.load().map(|_| store)).await??;
    for number in 1..4 {
        store.submit(project_up_to(1, vec![number], 0));
    }
    lock.commit().await?;
    written(&store).await?;
    assert_eq!(count(&database.pool).await?, 4);
    Ok(())
}

/// Waits until somebody waits for a lock.
async fn held_up(conn: &mut PgConnection) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'numbers'::regclass";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut *conn).await? == 0 {
        ensure!(Instant::now() < deadline, "nobody is held up");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// By both partitions.
async fn reached(pool: &PgPool, workspace: &str, to_at: i64) -> sqlx::Result<Reached> {
    clock_reached(&mut *reading(pool, workspace).await?, workspace, to_at, 2).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_whose_caller_goes_away_is_not_left_to_who_comes_next() -> anyhow::Result<()> {
    let database = database().await?;
    let pool = connect(database.options.clone(), 1);
    for number in 0..400_i64 {
        let patience = Duration::from_micros(number.cast_unsigned());
        // Given up somewhere between asking for a connection and the answer to its first statement.
        drop(timeout(patience, reading(&pool, "acme")).await);
        let mut tx = scoped(&pool, "acme").await?;
        sqlx::query("INSERT INTO numbers VALUES ($1)").bind(number).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    assert_eq!(count(&database.pool).await?, 400);
    Ok(())
}

async fn count(pool: &PgPool) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT count(*) FROM numbers").fetch_one(pool).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_reordered_while_postgres_is_away() -> anyhow::Result<()> {
    let mut server = OwnPostgres::start()?;
    let database = server.database(&[&migrator()]).await?;
    make_numbers(&database.pool).await?;
    let tasks = Tasks::new();
    let mut one = store(&database.pool, 0, &tasks);
    server.stop()?;
    for number in 0..50_u64 {
        one.submit(project_up_to(number, vec![number.cast_signed()], 0));
        one.submit(Write::Checkpoint(checkpoint(number + 1, &[("a", &number.to_be_bytes())], &[], 0)));
    }
    assert_eq!(one.waiting(), 100);
    server.start_again()?;
    written(&one).await?;
    assert_eq!(count(&database.pool).await?, 50);
    let loaded = load(store(&database.pool, 0, &tasks)).await?.expect("a checkpoint");
    assert_eq!(loaded, checkpoint(50, &[("a", &49_u64.to_be_bytes())], &[], 0));
    database.pool.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projection_that_cannot_succeed_takes_the_service_down() -> anyhow::Result<()> {
    let (database, tasks) = (database().await?, Tasks::new());
    let mut one = store(&database.pool, 0, &tasks);
    one.submit(project_up_to(0, vec![-1], 0));
    let died = tasks.finish(PATIENCE).await.expect_err("the writer has died");
    assert!(format!("{died:#}").contains("numbers_number_check"), "{died:#}");
    assert_eq!(one.done(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_sees_its_own_rows_only() -> anyhow::Result<()> {
    let (database, tasks) = (database().await?, Tasks::new());
    let mut one = store(&database.pool, 0, &tasks);
    let mut both = checkpoint(1, &[("a", b"a")], &[], 0);
    both.accounts.push((Key::new("globex", "b"), b"b".to_vec()));
    one.submit(Write::Checkpoint(both));
    written(&one).await?;
    // A request that names the workspace "*" is no worker.
    for (workspace, seen) in [("acme", vec!["a"]), ("globex", vec!["b"]), ("", vec![]), ("*", vec![])] {
        assert_eq!(accounts(scoped(&database.pool, workspace).await?).await?, seen, "{workspace}");
    }
    assert_eq!(accounts(unscoped(&database.pool).await?).await?, ["a", "b"]);
    let unset: i64 =
        sqlx::query_scalar("SELECT count(*) FROM engine.accounts").fetch_one(&database.pool).await?;
    assert_eq!(unset, 0);
    Ok(())
}

async fn accounts(mut seen_by: Transaction<'static, Postgres>) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar("SELECT account FROM engine.accounts ORDER BY account").fetch_all(&mut *seen_by).await
}
