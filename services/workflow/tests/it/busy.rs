//! An endpoint that is slow, and more notifications than it takes in time.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::ensure;

use crate::{
    receiver::Receiver,
    support::{World, config},
};

const NOTIFICATIONS: u32 = 500;
/// Eight calls at once: twenty a second.
const ANSWERS_AFTER: Duration = Duration::from_millis(400);
/// Most of them are turned away at first, and come back when there is room.
const AT_LENGTH: Duration = Duration::from_secs(300);
const GLANCE: Duration = Duration::from_millis(200);

/// Notifications by state, and all attempts.
#[derive(Debug, Default)]
struct Count {
    open: i64,
    delivered: i64,
    otherwise: i64,
    attempts: i64,
}

async fn count(world: &World) -> anyhow::Result<Count> {
    let mut tx = chassis::postgres::unscoped(&world.database.pool).await?;
    let states = "SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1),
                         count(*) FILTER (WHERE state > 1) FROM notifications";
    let (open, delivered, otherwise) = sqlx::query_as(states).fetch_one(&mut *tx).await?;
    let attempts = sqlx::query_scalar("SELECT count(*) FROM attempts").fetch_one(&mut *tx).await?;
    Ok(Count { open, delivered, otherwise, attempts })
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_to_wait_for_a_slow_endpoint_is_delivered_once_and_never_given_up() -> anyhow::Result<()>
{
    let mut receiver = Receiver::slow(ANSWERS_AFTER).await?;
    let config = workflow::Config { longest_call: Duration::from_secs(10), ..config() };
    let world = World::start(config, &receiver.url()).await?;
    for n in 0..NOTIFICATIONS {
        world.order_of(&format!("account-{n}"), n.into()).await?;
    }
    let (begun, mut seen) = (Instant::now(), Count::default());
    while seen.delivered < NOTIFICATIONS.into() {
        ensure!(begun.elapsed() < AT_LENGTH && seen.otherwise == 0, "{seen:?}");
        tokio::time::sleep(GLANCE).await;
        seen = count(&world).await?;
    }
    assert_eq!((seen.open, seen.otherwise), (0, 0));
    assert!(seen.attempts > i64::from(NOTIFICATIONS), "nobody had to wait: {seen:?}");
    assert!(seen.attempts < 6 * i64::from(NOTIFICATIONS), "asked for too often: {seen:?}");
    let calls = receiver.rest();
    let ids: BTreeSet<&str> = calls.iter().map(|call| call.id()).collect();
    assert_eq!((calls.len(), ids.len()), (NOTIFICATIONS as usize, NOTIFICATIONS as usize));
    world.stop().await
}

/// Attempts of which it is written down what came of them.
async fn written(world: &World) -> anyhow::Result<i64> {
    let mut tx = chassis::postgres::unscoped(&world.database.pool).await?;
    let seen = "SELECT count(*) FROM attempts WHERE began_at IS NOT NULL";
    Ok(sqlx::query_scalar(seen).fetch_one(&mut *tx).await?)
}

/// All of them are due before the table is locked, and more than may be under way at once still wait then.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_gets_its_calls_while_nobody_can_write_down_what_comes_of_them() -> anyhow::Result<()> {
    let mut receiver = Receiver::slow(Duration::from_secs(2)).await?;
    let config = workflow::Config { longest_call: Duration::from_secs(10), ..config() };
    let (at_once, calls) = (config.calls_per_endpoint, 3 * config.calls_per_endpoint);
    let world = World::start(config, &receiver.url()).await?;
    for n in 0..calls {
        world.order_of(&format!("account-{n}"), n as u128).await?;
    }
    let begun = Instant::now();
    while count(&world).await?.attempts < calls as i64 {
        ensure!(begun.elapsed() < AT_LENGTH, "not all are due");
        tokio::time::sleep(GLANCE).await;
    }
    let mut tx = world.database.pool.begin().await?;
    sqlx::query("LOCK TABLE attempts IN EXCLUSIVE MODE").execute(&mut *tx).await?;
    let before = written(&world).await?;
    assert!(before <= at_once as i64, "locked too late: {before} are written down");
    let mut ids = BTreeSet::new();
    for _ in 0..calls {
        ids.insert(receiver.call().await?.id().to_owned());
    }
    assert_eq!((ids.len(), written(&world).await?), (calls, before));
    tx.rollback().await?;
    world.stop().await
}
