//! All of the store's SQL.

use eventlog::Key;
use sqlx::{PgConnection, PgPool};

use super::Reached;
use crate::{Checkpoint, Clock, Progress};

/// Workers see the rows of every workspace.
pub(super) async fn see_every_workspace(conn: &mut PgConnection) -> sqlx::Result<()> {
    see_workspace(conn, "*").await
}

/// Row-level security shows this workspace's rows until the transaction ends.
pub(super) async fn see_workspace(conn: &mut PgConnection, workspace: &str) -> sqlx::Result<()> {
    sqlx::query!("SELECT set_config('perennial.workspace', $1, true)", workspace).fetch_one(conn).await?;
    Ok(())
}

pub(super) async fn load(pool: &PgPool, partition: i32) -> sqlx::Result<Option<Checkpoint>> {
    let mut transaction = pool.begin().await?;
    sqlx::query!("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(&mut *transaction).await?;
    see_every_workspace(&mut transaction).await?;
    let found =
        sqlx::query!("SELECT log_offset, state FROM engine.checkpoints WHERE log_partition = $1", partition)
            .fetch_optional(&mut *transaction)
            .await?;
    let Some(found) = found else { return Ok(None) };
    let accounts = load_accounts(&mut transaction, partition).await?;
    let blocks = load_blocks(&mut transaction, partition).await?;
    let blocks_from = blocks.first().map_or(0, |(number, _)| *number);
    let offset = found.log_offset.cast_unsigned();
    Ok(Some(Checkpoint { offset, partition: found.state, accounts, blocks, blocks_from }))
}

async fn load_accounts(conn: &mut PgConnection, partition: i32) -> sqlx::Result<Vec<(Key, Vec<u8>)>> {
    let rows = sqlx::query!(
        "SELECT workspace, account, state FROM engine.accounts WHERE log_partition = $1",
        partition
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (Key::new(row.workspace, row.account), row.state)).collect())
}

async fn load_blocks(conn: &mut PgConnection, partition: i32) -> sqlx::Result<Vec<(u64, Vec<u8>)>> {
    let rows = sqlx::query!(
        "SELECT number, content FROM engine.blocks WHERE log_partition = $1 ORDER BY number",
        partition
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.number.cast_unsigned(), row.content)).collect())
}

pub(super) async fn save_progress(
    conn: &mut PgConnection,
    partition: i32,
    progress: &Progress,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO engine.progress (log_partition, settled) VALUES ($1, $2)
         ON CONFLICT (log_partition) DO UPDATE SET settled = greatest(engine.progress.settled, excluded.settled)",
        partition,
        progress.settled.cast_signed()
    )
    .execute(&mut *conn)
    .await?;
    if progress.clocks.is_empty() {
        return Ok(());
    }
    let workspaces: Vec<String> = progress.clocks.iter().map(|(workspace, _)| workspace.clone()).collect();
    let clocks: Vec<Option<i64>> = progress.clocks.iter().map(|(_, clock)| column(*clock)).collect();
    sqlx::query!(
        "INSERT INTO engine.clocks (workspace, log_partition, clock_at)
         SELECT workspace, $1, clock_at FROM UNNEST($2::text[], $3::bigint[]) AS reached (workspace, clock_at)
         ON CONFLICT (workspace, log_partition) DO UPDATE
         SET clock_at = greatest(engine.clocks.clock_at, excluded.clock_at)",
        partition,
        &workspaces,
        &clocks as &[Option<i64>]
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn column(clock: Clock) -> Option<i64> {
    match clock {
        Clock::Wall => None,
        Clock::Log(at) => Some(at),
    }
}

/// Moves the checkpoint forward. One that is not newer than what is there changes nothing: it says the same.
pub(super) async fn save_checkpoint(
    conn: &mut PgConnection,
    partition: i32,
    checkpoint: &Checkpoint,
) -> sqlx::Result<()> {
    let moved = sqlx::query!(
        "INSERT INTO engine.checkpoints (log_partition, log_offset, state) VALUES ($1, $2, $3)
         ON CONFLICT (log_partition) DO UPDATE SET log_offset = excluded.log_offset, state = excluded.state
         WHERE engine.checkpoints.log_offset < excluded.log_offset",
        partition,
        checkpoint.offset.cast_signed(),
        checkpoint.partition
    )
    .execute(&mut *conn)
    .await?;
    if moved.rows_affected() == 0 {
        return Ok(());
    }
    save_accounts(conn, partition, &checkpoint.accounts).await?;
    save_blocks(conn, partition, checkpoint).await
}

async fn save_accounts(
    conn: &mut PgConnection,
    partition: i32,
    accounts: &[(Key, Vec<u8>)],
) -> sqlx::Result<()> {
    for accounts in accounts.chunks(5_000) {
        let workspaces: Vec<String> = accounts.iter().map(|(key, _)| key.workspace.clone()).collect();
        let names: Vec<String> = accounts.iter().map(|(key, _)| key.account.clone()).collect();
        let states: Vec<Vec<u8>> = accounts.iter().map(|(_, state)| state.clone()).collect();
        sqlx::query!(
            "INSERT INTO engine.accounts (workspace, account, log_partition, state)
             SELECT workspace, account, $1, state
             FROM UNNEST($2::text[], $3::text[], $4::bytea[]) AS changed (workspace, account, state)
             ON CONFLICT (workspace, account) DO UPDATE SET state = excluded.state",
            partition,
            &workspaces,
            &names,
            &states
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

async fn save_blocks(conn: &mut PgConnection, partition: i32, checkpoint: &Checkpoint) -> sqlx::Result<()> {
    let numbers: Vec<i64> = checkpoint.blocks.iter().map(|(number, _)| number.cast_signed()).collect();
    let contents: Vec<Vec<u8>> = checkpoint.blocks.iter().map(|(_, content)| content.clone()).collect();
    sqlx::query!(
        "INSERT INTO engine.blocks (log_partition, number, content)
         SELECT $1, number, content FROM UNNEST($2::bigint[], $3::bytea[]) AS begun (number, content)
         ON CONFLICT (log_partition, number) DO UPDATE SET content = excluded.content",
        partition,
        &numbers,
        &contents
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM engine.blocks WHERE log_partition = $1 AND number < $2",
        partition,
        checkpoint.blocks_from.cast_signed()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether so many partitions have projected a workspace's decisions up to an instant.
pub(super) async fn reached(
    conn: &mut PgConnection,
    workspace: &str,
    to_at: i64,
    partitions: u32,
) -> sqlx::Result<Reached> {
    let known = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE clock_at >= $2) AS "reached!", count(clock_at) AS "by_log!", count(*) AS "all!"
           FROM engine.clocks WHERE workspace = $1"#,
        workspace,
        to_at
    )
    .fetch_one(conn)
    .await?;
    Ok(match known.all {
        0 => Reached::Unknown,
        all if all > known.by_log => Reached::WallClock,
        _ if known.reached >= i64::from(partitions) => Reached::Yes,
        _ => Reached::NotYet,
    })
}
