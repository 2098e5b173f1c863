//! Who works on which partition: members of a group share a topic's partitions, each a contiguous range.
//!
//! Membership and leases are advisory locks of one database session, so they end with it: a killed member's partitions
//! are free at once. A lease keeps two members from doing the same work twice; that nothing is decided twice does not
//! depend on it (the links of the log see to that).

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{Connection, PgConnection, PgPool, postgres::PgConnectOptions};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use super::store;
use crate::{
    Change, Topic,
    member::{Member, Order},
    partition_of,
};

/// How often the group is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// A server that does not answer for so long is away.
const ANSWER: Duration = Duration::from_secs(5);
/// Without a sight of the group for so long, others may have taken over: longer than the server takes to notice.
const PATIENCE: Duration = Duration::from_secs(15);
/// So long unseen it is worth a line.
const NEWS: Duration = Duration::from_secs(2);
/// How soon the server notices that a member's machine is gone, in seconds: idle, between probes, probes.
const KEEPALIVE: [(&str, &str); 3] =
    [("tcp_keepalives_idle", "5"), ("tcp_keepalives_interval", "2"), ("tcp_keepalives_count", "3")];

/// One member's part in a group, as its task has it.
#[derive(Debug)]
struct Assignment {
    pool: PgPool,
    group: String,
    topic: Topic,
    options: Arc<PgConnectOptions>,
    session: Option<PgConnection>,
    members: i32,
    leases: i32,
    partitions: u32,
    held: BTreeMap<u32, Hold>,
    changes: mpsc::UnboundedSender<Change>,
    has_joined: bool,
    /// What the server is still to hear, by partition.
    commits: BTreeMap<u32, u64>,
    /// When the group was seen for the last time, and whether it was the last time.
    seen: Instant,
    in_sight: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    Working,
    /// Told to stop.
    Stopping,
}

/// The group as the server knows it.
#[derive(Debug, Default)]
struct Group {
    /// All members, in order, and which of them is this one.
    members: BTreeSet<i64>,
    own: i64,
    leased: BTreeSet<u32>,
    leased_here: BTreeSet<u32>,
}

/// Becomes a member. To be called within a tokio runtime.
pub(super) fn member(pool: &PgPool, group: &str, topic: Topic, partitions: u32) -> Member {
    let (member, says, heard) = Member::new();
    let assignment = Assignment::new(pool, group, topic, partitions, says);
    #[expect(clippy::disallowed_methods, reason = "it ends with its member, who sees if it ends before")]
    drop(tokio::spawn(assignment.run(heard)));
    member
}

impl Assignment {
    fn new(
        pool: &PgPool,
        group: &str,
        topic: Topic,
        partitions: u32,
        changes: mpsc::UnboundedSender<Change>,
    ) -> Self {
        let class = |kind: &str| {
            partition_of(format!("{kind} {group} {}", topic.name()).as_bytes(), u32::MAX).cast_signed()
        };
        Self {
            pool: pool.clone(),
            group: group.to_owned(),
            topic,
            options: pool.connect_options(),
            session: None,
            members: class("members"),
            leases: class("leases"),
            partitions,
            held: BTreeMap::new(),
            changes,
            has_joined: false,
            commits: BTreeMap::new(),
            seen: Instant::now(),
            in_sight: true,
        }
    }

    /// Follows the group until its member is dropped.
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            match timeout(ANSWER, self.look()).await {
                Ok(Ok(())) => self.see(),
                // The member has gone, and the server perhaps with it: that is nobody's worry.
                _ if orders.is_closed() => {}
                Ok(Err(error)) => self.lose_sight(&error),
                Err(silent) => self.lose_sight(&silent),
            }
            let next = sleep(LOOK);
            tokio::pin!(next);
            loop {
                tokio::select! {
                    () = &mut next => break,
                    order = orders.recv() => match order {
                        Some(Order::Commit(partition, offset)) => drop(self.commits.insert(partition, offset)),
                        Some(Order::Release(partition)) => self.give_up(partition).await,
                        None => return self.leave().await,
                    },
                }
            }
            self.commit().await;
        }
    }

    fn see(&mut self) {
        self.seen = Instant::now();
        if !std::mem::replace(&mut self.in_sight, true) {
            tracing::info!(group = self.group, "who works on what is seen again");
        }
    }

    /// The session is gone, and with it the leases. They are taken again with the next one, unless that takes so long
    /// that others have begun.
    fn lose_sight(&mut self, error: &dyn std::fmt::Display) {
        // A connection that breaks is made anew; and when a process stops, its own server may go a moment before it.
        if self.seen.elapsed() > NEWS && std::mem::replace(&mut self.in_sight, false) {
            tracing::warn!(%error, group = self.group, "cannot see who works on what: {error}");
        }
        self.session = None;
        if self.seen.elapsed() > PATIENCE {
            self.revoke(|_| true);
        }
    }

    async fn give_up(&mut self, partition: u32) {
        self.held.remove(&partition);
        let Some(session) = &mut self.session else { return };
        // A session that does not answer ends, and with it the lease.
        match timeout(ANSWER, unlock(session, self.leases, partition)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.lose_sight(&error),
            Err(silent) => self.lose_sight(&silent),
        }
    }

    /// What is not heard now is said again with the next look.
    async fn commit(&mut self) {
        while let Some((partition, offset)) = self.commits.first_key_value() {
            let commit = store::commit(&self.pool, &self.group, self.topic, *partition, *offset);
            match timeout(ANSWER, commit).await {
                Ok(Ok(())) => drop(self.commits.pop_first()),
                Ok(Err(error)) => return tracing::debug!(%error, "a commit waits: {error}"),
                Err(silent) => return tracing::debug!("a commit waits: {silent}"),
            }
        }
    }

    async fn leave(mut self) {
        self.commit().await;
        if let Some(session) = self.session.take() {
            // The server notices anyway.
            let _ = timeout(ANSWER, session.close()).await;
        }
    }

    async fn look(&mut self) -> sqlx::Result<()> {
        if self.session.is_none() {
            self.session = Some(join(&self.options, self.members).await?);
        }
        let Some(session) = &mut self.session else { return Ok(()) };
        let group = group(session, self.members, self.leases).await?;
        let share = group.share(self.partitions);
        let mut taken = BTreeSet::new();
        for partition in share.clone() {
            let mine = group.leased_here.contains(&partition);
            let is_free = !group.leased.contains(&partition);
            let is_ours = mine || is_free && lock(session, self.leases, partition).await?;
            if !is_ours {
                taken.insert(partition);
            } else if let Entry::Vacant(free) = self.held.entry(partition) {
                free.insert(Hold::Working);
                say(&self.changes, Change::Assigned(partition));
            }
        }
        self.revoke(|partition| !share.contains(&partition) || taken.contains(&partition));
        if !std::mem::replace(&mut self.has_joined, true) {
            say(&self.changes, Change::Joined);
        }
        Ok(())
    }

    fn revoke(&mut self, which: impl Fn(u32) -> bool) {
        for (partition, hold) in &mut self.held {
            if which(*partition) && *hold == Hold::Working {
                *hold = Hold::Stopping;
                say(&self.changes, Change::Revoked(*partition));
            }
        }
    }
}

impl Group {
    /// This member's range: as even as can be, the first ones have one more.
    fn share(&self, partitions: u32) -> Range<u32> {
        let Some(rank) = self.members.iter().position(|member| *member == self.own) else { return 0..0 };
        let members = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        let rank = u32::try_from(rank).unwrap_or(u32::MAX);
        let (each, more) = (partitions / members, partitions % members);
        let start = rank * each + rank.min(more);
        start..start + each + u32::from(rank < more)
    }
}

fn say(changes: &mpsc::UnboundedSender<Change>, change: Change) {
    // A member who has gone is told no more.
    let _ = changes.send(change);
}

async fn join(options: &PgConnectOptions, members: i32) -> sqlx::Result<PgConnection> {
    let mut session = PgConnection::connect_with(&options.clone().options(KEEPALIVE)).await?;
    sqlx::query!("SELECT pg_advisory_lock($1, pg_backend_pid())", members).fetch_one(&mut session).await?;
    Ok(session)
}

async fn group(session: &mut PgConnection, members: i32, leases: i32) -> sqlx::Result<Group> {
    let locks = sqlx::query!(
        r#"SELECT classid = $1::INT::OID AS "is_member!", objid::BIGINT AS "object!", pid = pg_backend_pid() AS "here!"
        FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid IN ($1::INT::OID, $2::INT::OID)
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"#,
        members,
        leases
    )
    .fetch_all(session)
    .await?;
    let mut group = Group::default();
    for lock in locks {
        let partition = u32::try_from(lock.object).unwrap_or(u32::MAX);
        match (lock.is_member, lock.here) {
            (true, here) => {
                group.members.insert(lock.object);
                if here {
                    group.own = lock.object;
                }
            }
            (false, here) => {
                group.leased.insert(partition);
                if here {
                    group.leased_here.insert(partition);
                }
            }
        }
    }
    Ok(group)
}

async fn lock(session: &mut PgConnection, leases: i32, partition: u32) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_lock($1, $2) AS "locked!""#,
        leases,
        partition.cast_signed()
    )
    .fetch_one(session)
    .await
}

async fn unlock(session: &mut PgConnection, leases: i32, partition: u32) -> sqlx::Result<()> {
    sqlx::query!("SELECT pg_advisory_unlock($1, $2)", leases, partition.cast_signed())
        .fetch_one(session)
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_share_partitions_evenly_and_completely() {
        for (members, partitions) in [(1, 4), (2, 4), (3, 4), (5, 4), (3, 64)] {
            let all: BTreeSet<i64> = (100..100 + members).collect();
            let share = |own| Group { members: all.clone(), own, ..Group::default() }.share(partitions);
            let shared: Vec<u32> = all.iter().flat_map(|own| share(*own)).collect();
            assert_eq!(shared, (0..partitions).collect::<Vec<_>>(), "{members} members");
            let sizes: BTreeSet<usize> = all.iter().map(|own| share(*own).len()).collect();
            assert!(sizes.last().unwrap() - sizes.first().unwrap() <= 1);
        }
    }
}
