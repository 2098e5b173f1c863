//! How every log shares a topic's partitions among the members of a group.

use std::{collections::BTreeSet, time::Duration};

use eventlog::{Change, Membership, Topic};
use tokio::time::timeout;

use super::Subject;

/// Longest that a change may be waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A member, and what it has been told.
pub struct Member {
    membership: Box<dyn Membership>,
    pub held: BTreeSet<u32>,
    pub has_joined: bool,
}

impl Member {
    pub fn new(membership: Box<dyn Membership>) -> Self {
        Self { membership, held: BTreeSet::new(), has_joined: false }
    }

    /// The next change, if one comes in time; what is revoked is not released yet.
    pub async fn hear(&mut self, within: Duration) -> Option<Change> {
        let change = timeout(within, self.membership.next()).await.ok()?.expect("a membership lasts");
        match change {
            Change::Assigned(partition) => {
                assert!(self.held.insert(partition), "partition {partition} is assigned twice");
            }
            Change::Revoked(partition) => {
                assert!(
                    self.held.remove(&partition),
                    "partition {partition} is revoked, and was not assigned"
                );
            }
            Change::Joined => assert!(!std::mem::replace(&mut self.has_joined, true), "it has joined twice"),
        }
        Some(change)
    }

    pub fn release(&mut self, partition: u32) {
        self.membership.release(partition);
    }

    /// Does what it is told, and at once, until it has joined and `done` holds of its partitions.
    pub async fn until(&mut self, done: impl Fn(&BTreeSet<u32>) -> bool) {
        while !(self.has_joined && done(&self.held)) {
            let change = self.hear(PATIENCE).await;
            let change = change.unwrap_or_else(|| panic!("no change in time; it holds {:?}", self.held));
            if let Change::Revoked(partition) = change {
                self.release(partition);
            }
        }
    }
}

/// Partitions are shared completely and once, are handed over to who joins, and come back from who leaves; groups know
/// nothing of one another. The subject has at least two partitions of the account log.
pub async fn members_share_partitions(subject: &Subject) {
    let topic = Topic::Account;
    let all: BTreeSet<u32> = (0..subject.log.partitions(topic)).collect();
    let mut one = Member::new(subject.log.join("scores", topic));
    one.until(|held| *held == all).await;

    let mut two = Member::new(subject.other.join("scores", topic));
    let half = all.len() / 2;
    tokio::join!(one.until(|held| held.len() <= all.len() - half), two.until(|held| held.len() >= half));
    let shared: BTreeSet<u32> = one.held.union(&two.held).copied().collect();
    assert_eq!(shared, all);
    assert!(one.held.is_disjoint(&two.held), "{:?} and {:?}", one.held, two.held);

    let mut stranger = Member::new(subject.other.join("segments", topic));
    stranger.until(|held| *held == all).await;

    drop(two);
    one.until(|held| *held == all).await;
}
