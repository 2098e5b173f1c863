//! The log as the rest of Perennial sees it.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;

/// The topics of DESIGN section 2 that carry records between services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// What clients said, by contact.
    Inbox,
    /// The account log.
    Account,
    /// Records of the inbox that could not be read or folded, with the reason.
    InboxDead,
    /// Records of the account log that could not be read or folded, with the reason.
    AccountDead,
}

impl Topic {
    pub const ALL: [Self; 4] = [Self::Inbox, Self::Account, Self::InboxDead, Self::AccountDead];

    pub fn name(self) -> &'static str {
        match self {
            Self::Inbox => "perennial.inbox.v1",
            Self::Account => "perennial.account.v1",
            Self::InboxDead => "perennial.inbox.v1.dlq",
            Self::AccountDead => "perennial.account.v1.dlq",
        }
    }

    /// Where its unreadable records go.
    pub fn dead(self) -> Self {
        match self {
            Self::Inbox | Self::InboxDead => Self::InboxDead,
            Self::Account | Self::AccountDead => Self::AccountDead,
        }
    }
}

/// A public feed: copies of decisions for everybody else, published by the service that owns them, with the same ids.
/// Only a cluster has them; nothing of Perennial reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feed {
    HealthChanged,
    MembershipChanged,
    CtaChanged,
    /// Not decisions: events that were refused.
    Quarantine,
}

impl Feed {
    pub const ALL: [Self; 4] =
        [Self::HealthChanged, Self::MembershipChanged, Self::CtaChanged, Self::Quarantine];

    pub fn name(self) -> &'static str {
        match self {
            Self::HealthChanged => "perennial.health-changed.v1",
            Self::MembershipChanged => "perennial.membership-changed.v1",
            Self::CtaChanged => "perennial.cta-changed.v1",
            Self::Quarantine => "perennial.quarantine.v1",
        }
    }
}

/// Whatever carries records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stream {
    Topic(Topic),
    Feed(Feed),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    pub topic: Topic,
    pub partition: u32,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic.name(), self.partition)
    }
}

/// A record to append: an encoded message, and the trace it belongs to (W3C `traceparent`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    pub value: Bytes,
    pub traceparent: Option<Arc<str>>,
}

/// A record as the log holds it. `appended_at` is the log's own time, milliseconds UTC, and never falls within a
/// partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub offset: u64,
    pub appended_at: i64,
    pub value: Bytes,
    pub traceparent: Option<Arc<str>>,
}

/// Where a batch landed: its first record's offset (the others follow in order, perhaps with others' between), and the
/// append time of its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    pub base_offset: u64,
    pub appended_at: i64,
}

/// The most that a batch may hold, in bytes of its values. More is refused as poison.
pub const MAX_BATCH_BYTES: usize = 8 << 20;

/// Called once, from any thread, when a batch has landed or failed. A failed batch may have landed all the same.
pub type Ack = Box<dyn FnOnce(Result<Appended, LogError>) + Send>;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// May succeed when tried again.
    #[error("the log is away: {0}")]
    Transient(String),
    /// Will never succeed: what was asked is wrong.
    #[error("the log refuses: {0}")]
    Poison(String),
}

/// Appends and waits until the batch has landed.
pub async fn append(
    log: &dyn Log,
    at: TopicPartition,
    records: Vec<NewRecord>,
) -> Result<Appended, LogError> {
    let (done, landed) = tokio::sync::oneshot::channel();
    // A caller that has gone away no longer wants to know.
    log.append(at, records, Box::new(move |outcome| drop(done.send(outcome))));
    landed.await.unwrap_or_else(|_| Err(LogError::Transient("the log has stopped".into())))
}

/// What a member of a group is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Work on this partition.
    Assigned(u32),
    /// Stop working on it, then [`Membership::release`] it.
    Revoked(u32),
    /// This member's first share is told, which may be nothing. Said once.
    Joined,
}

/// One member's part in a group that shares a topic's partitions, until it is dropped. Nothing here waits for the
/// server. That two members do not do the same work is a matter of cost: what is decided twice is told apart by links.
pub trait Membership: Send {
    /// The next thing to do; `None`: the membership has broken down. May be cancelled.
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<Change>> + Send + '_>>;

    /// Says that the group needs nothing below an offset of a partition any more: for monitors, and so that nothing is
    /// dropped before. It is said to the server until it has heard or this member ends; correctness does not stand on
    /// it.
    fn commit(&mut self, partition: u32, offset: u64);

    /// Gives up a partition on which work has stopped.
    fn release(&mut self, partition: u32);
}

/// The log port. Cluster: Kafka. Laptop: Postgres. Simulation: `testkit`.
pub trait Log: Send + Sync + 'static {
    /// Number of partitions of a topic, fixed at creation.
    fn partitions(&self, topic: Topic) -> u32;

    /// Hands over a batch of records; they land in order. Never blocks. Batches of one caller to one
    /// partition land in the order of the calls, but a failed one does not stop those behind it.
    fn append(&self, at: TopicPartition, records: Vec<NewRecord>, done: Ack);

    /// Records from `from` on that are there now, in order, up to about `max_bytes` (at least one if there is one: what
    /// is known to be there is waited for, or the log is away). Starts at the first record retained if `from` lies
    /// before it.
    fn fetch(&self, at: TopicPartition, from: u64, max_bytes: usize) -> Result<Vec<Stored>, LogError>;

    /// One past the last record.
    fn end(&self, at: TopicPartition) -> Result<u64, LogError>;

    /// Waits until the partition may reach past `from`, somebody wakes the waiters of the partition, or the time is up.
    fn wait(&self, at: TopicPartition, from: u64, at_most: Duration);

    /// Wakes whoever waits on the partition.
    fn wake(&self, at: TopicPartition);

    /// Makes this process a member of a group that shares a topic's partitions among its members.
    fn join(&self, group: &str, topic: Topic) -> Box<dyn Membership>;

    /// Whether it has been heard of since it was opened. Until then everything that is asked of it is transient.
    fn has_answered(&self) -> bool {
        true
    }
}
