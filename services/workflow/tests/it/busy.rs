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
