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

/// Waits until it is so; none is given up meanwhile.
async fn until(world: &World, is_so: impl Fn(&Count) -> bool) -> anyhow::Result<Count> {
    let begun = Instant::now();
    loop {
        let seen = count(world).await?;
        if is_so(&seen) {
            return Ok(seen);
        }
        ensure!(begun.elapsed() < AT_LENGTH && seen.otherwise == 0, "{seen:?}");
        tokio::time::sleep(GLANCE).await;
    }
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
    let seen = until(&world, |seen| seen.delivered == i64::from(NOTIFICATIONS)).await?;
    assert_eq!((seen.open, seen.otherwise), (0, 0));
    assert!(seen.attempts > i64::from(NOTIFICATIONS), "nobody had to wait: {seen:?}");
    assert!(seen.attempts < 6 * i64::from(NOTIFICATIONS), "asked for too often: {seen:?}");
    let calls = receiver.rest();
    let ids: BTreeSet<&str> = calls.iter().map(|call| call.id()).collect();
    assert_eq!((calls.len(), ids.len()), (NOTIFICATIONS as usize, NOTIFICATIONS as usize));
    world.stop().await
}

/// They are due before anything is answered, and the table is locked by then: nothing that comes of them can be written
/// down, and more than may be under way at once still wait.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_gets_its_calls_while_nobody_can_write_down_what_comes_of_them() -> anyhow::Result<()> {
    let mut receiver = Receiver::held().await?;
    let config = workflow::Config { longest_call: Duration::from_secs(60), ..config() };
    let calls = 3 * config.calls_per_endpoint;
    let world = World::start(config, &receiver.url()).await?;
    world.hold(true);
    for n in 0..calls {
        world.order_of(&format!("account-{n}"), n as u128).await?;
    }
    world.hold(false);
    until(&world, |seen| seen.attempts >= calls as i64).await?;
    let mut tx = world.database.pool.begin().await?;
    sqlx::query("LOCK TABLE attempts IN EXCLUSIVE MODE").execute(&mut *tx).await?;
    receiver.open();
    let mut ids = BTreeSet::new();
    for _ in 0..calls {
        ids.insert(receiver.call().await?.id().to_owned());
    }
    assert_eq!(ids.len(), calls);
    tx.rollback().await?;
    until(&world, |seen| seen.delivered == calls as i64).await?;
    world.stop().await
}
