//! Who works on which partition: members of a group share a topic's partitions, each a contiguous range.
//!
//! Membership and leases are advisory locks of one database session, so they end with it: a killed member's partitions
//! are free at once. A lease keeps two members from doing the same work twice; that nothing is decided twice does not
//! depend on it (the links of the log see to that).

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use sqlx::{Connection, PgConnection, PgPool, postgres::PgConnectOptions};

use crate::{Topic, partition_of};

/// How often the group is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How soon the server notices that a member's machine is gone, in seconds: idle, between probes, probes.
const KEEPALIVE: [(&str, &str); 3] =
    [("tcp_keepalives_idle", "5"), ("tcp_keepalives_interval", "2"), ("tcp_keepalives_count", "3")];

/// What a member is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Work on this partition.
    Assigned(u32),
    /// Stop working on it, then [`Assignment::release`] it.
    Revoked(u32),
}

/// One member's part in a group. It lives while [`Assignment::next`] is called, and ends when dropped.
#[derive(Debug)]
pub struct Assignment {
    options: Arc<PgConnectOptions>,
    session: Option<PgConnection>,
    members: i32,
    leases: i32,
    partitions: u32,
    held: BTreeMap<u32, Hold>,
    changes: VecDeque<Change>,
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

impl Assignment {
    pub(super) fn new(pool: &PgPool, group: &str, topic: Topic, partitions: u32) -> Self {
        let class = |kind: &str| {
            partition_of(format!("{kind} {group} {}", topic.name()).as_bytes(), u32::MAX).cast_signed()
        };
        Self {
            options: pool.connect_options(),
            session: None,
            members: class("members"),
            leases: class("leases"),
            partitions,
            held: BTreeMap::new(),
            changes: VecDeque::new(),
        }
    }

    /// The next thing to do. While the database is away, what is held is revoked. May be cancelled.
    pub async fn next(&mut self) -> Change {
        loop {
            if let Some(change) = self.changes.pop_front() {
                return change;
            }
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "cannot see who works on what: {error}");
                self.session = None;
                self.revoke(|_| true);
            }
            if self.changes.is_empty() {
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    /// Gives up a partition on which work has stopped.
    pub async fn release(&mut self, partition: u32) {
        self.held.remove(&partition);
        let Some(session) = &mut self.session else { return };
        if unlock(session, self.leases, partition).await.is_err() {
            // The session ends, and with it the lease.
            self.session = None;
            self.revoke(|_| true);
        }
    }

    async fn look(&mut self) -> sqlx::Result<()> {
        if self.session.is_none() {
            self.session = Some(join(&self.options, self.members).await?);
        }
        let Some(session) = &mut self.session else { return Ok(()) };
        let group = group(session, self.members, self.leases).await?;
        let share = group.share(self.partitions);
        for partition in share.clone() {
            let mine = group.leased_here.contains(&partition);
            if self.held.contains_key(&partition) || (group.leased.contains(&partition) && !mine) {
                continue;
            }
            if mine || lock(session, self.leases, partition).await? {
                self.held.insert(partition, Hold::Working);
                self.changes.push_back(Change::Assigned(partition));
            }
        }
        self.revoke(|partition| !share.contains(&partition));
        Ok(())
    }

    fn revoke(&mut self, which: impl Fn(u32) -> bool) {
        for (partition, hold) in &mut self.held {
            if which(*partition) && *hold == Hold::Working {
                *hold = Hold::Stopping;
                self.changes.push_back(Change::Revoked(*partition));
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
