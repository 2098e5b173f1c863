//! Members of a group share a topic's partitions.

use std::{collections::BTreeSet, time::Duration};

use eventlog::{
    Topic,
    postgres::{Assignment, Change, PgLogOptions},
};
use tokio::time::timeout;

use crate::support::{Opened, database};

const PATIENCE: Duration = Duration::from_secs(30);

/// Takes changes, releasing what is revoked, until the member holds what it should.
async fn until_it_holds(member: &mut Assignment, held: &mut BTreeSet<u32>, wanted: &[u32]) {
    let wanted: BTreeSet<u32> = wanted.iter().copied().collect();
    while *held != wanted {
        match timeout(PATIENCE, member.next()).await.expect("a change in time") {
            Change::Assigned(partition) => assert!(held.insert(partition)),
            Change::Revoked(partition) => {
                assert!(held.remove(&partition));
                member.release(partition).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_shared_among_members_and_never_held_twice() -> anyhow::Result<()> {
    let database = database().await?;
    let opened = Opened::open(&database.pool, PgLogOptions::default()).await?;
    let (mut first, mut one) = (opened.log.assign("scores", Topic::Account), BTreeSet::new());
    until_it_holds(&mut first, &mut one, &[0, 1, 2, 3]).await;

    let (mut second, mut two) = (opened.log.assign("scores", Topic::Account), BTreeSet::new());
    let early = timeout(Duration::from_millis(500), second.next()).await;
    assert!(early.is_err(), "the second member got {early:?}, which the first has not released");
    let (kept, handed) = shares(&mut first, &mut one).await;
    until_it_holds(&mut second, &mut two, &handed).await;
    assert_eq!(one, kept.into_iter().collect());

    let (mut stranger, mut three) = (opened.log.assign("segments", Topic::Account), BTreeSet::new());
    until_it_holds(&mut stranger, &mut three, &[0, 1, 2, 3]).await;

    drop(second);
    until_it_holds(&mut first, &mut one, &[0, 1, 2, 3]).await;
    opened.close().await
}

/// Lets the first member release half of what it holds: which half depends on who comes first in order.
async fn shares(member: &mut Assignment, held: &mut BTreeSet<u32>) -> (Vec<u32>, Vec<u32>) {
    let mut handed = Vec::new();
    while handed.len() < 2 {
        let change = timeout(PATIENCE, member.next()).await.expect("a change in time");
        let Change::Revoked(partition) = change else { panic!("{change:?}") };
        held.remove(&partition);
        member.release(partition).await;
        handed.push(partition);
    }
    (held.iter().copied().collect(), handed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_whose_session_is_lost_is_told_to_stop_and_joins_again() -> anyhow::Result<()> {
    let database = database().await?;
    let opened = Opened::open(&database.pool, PgLogOptions::default()).await?;
    let (mut member, mut held) = (opened.log.assign("scores", Topic::Account), BTreeSet::new());
    until_it_holds(&mut member, &mut held, &[0, 1, 2, 3]).await;
    let admin = chassis::postgres::connect(database.admin.clone(), 1);
    sqlx::query!(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    .fetch_all(&admin)
    .await?;
    until_it_holds(&mut member, &mut held, &[]).await;
    until_it_holds(&mut member, &mut held, &[0, 1, 2, 3]).await;
    opened.close().await
}
