//! Members of a group share a topic's partitions.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use eventlog::{Change, Log, Topic, postgres::PgLogOptions};
use testkit::conformance::{Member, Subject, members_share_partitions};

use crate::support::{Opened, database};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_shared_among_members() -> anyhow::Result<()> {
    let database = database().await?;
    let one = Opened::open(&database.pool, PgLogOptions::default()).await?;
    let other = Opened::open(&database.pool, PgLogOptions::default()).await?;
    let subject = Subject { log: Arc::clone(&one.log) as _, other: Arc::clone(&other.log) as _ };
    members_share_partitions(&subject).await;
    one.close().await?;
    other.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_is_held_by_nobody_else_until_it_is_released() -> anyhow::Result<()> {
    let database = database().await?;
    let opened = Opened::open(&database.pool, PgLogOptions::default()).await?;
    let mut first = Member::new(opened.log.join("scores", Topic::Account));
    first.until(|held| held.len() == 4).await;
    let mut second = Member::new(opened.log.join("scores", Topic::Account));
    assert_eq!(second.hear(PATIENCE).await, Some(Change::Joined));
    let early = second.hear(Duration::from_millis(500)).await;
    assert_eq!(early, None, "the first member has not released it");
    let mut handed = BTreeSet::new();
    while handed.len() < 2 {
        if let Some(Change::Revoked(partition)) = first.hear(PATIENCE).await {
            first.release(partition);
            handed.insert(partition);
        }
    }
    second.until(|held| *held == handed).await;
    opened.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_whose_session_is_lost_keeps_what_nobody_took_meanwhile() -> anyhow::Result<()> {
    let database = database().await?;
    let opened = Opened::open(&database.pool, PgLogOptions::default()).await?;
    let mut member = Member::new(opened.log.join("scores", Topic::Account));
    member.until(|held| held.len() == 4).await;
    let admin = chassis::postgres::connect(database.admin.clone(), 1);
    sqlx::query!(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    .fetch_all(&admin)
    .await?;
    assert_eq!(member.hear(Duration::from_secs(1)).await, None, "it went on with what it has");
    let mut other = Member::new(opened.log.join("scores", Topic::Account));
    tokio::join!(member.until(|held| held.len() == 2), other.until(|held| held.len() == 2));
    assert!(member.held.is_disjoint(&other.held), "its leases are taken again");
    opened.close().await
}
