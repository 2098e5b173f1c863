//! What topics must be like, and how one may be otherwise.

use std::{collections::BTreeMap, fmt};

use super::super::{KafkaOptions, settings::MESSAGE_BYTES};
use crate::{Feed, Topic};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const TIMESTAMPS: &str = "message.timestamp.type";
const IN_SYNC: &str = "min.insync.replicas";
const RETENTION: &str = "retention.ms";
/// Settings without which the log would lose what it has acknowledged, or its times.
const FATAL: [&str; 3] = [TIMESTAMPS, "cleanup.policy", "unclean.leader.election.enable"];

/// How topics are kept: what an operator may choose.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// Copies of each partition.
    pub replication: u16,
    /// How long the inbox is kept.
    pub inbox_days: u32,
    /// How long the account log is kept: it is the archive.
    pub account_days: u32,
    /// How long the public feeds are kept.
    pub feed_days: u32,
}

impl Default for Keeping {
    fn default() -> Self {
        Self { replication: 3, inbox_days: 7, account_days: 400, feed_days: 7 }
    }
}

/// A topic as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub name: String,
    pub partitions: u32,
    pub replication: u16,
    /// Its settings, as Kafka writes them.
    pub settings: BTreeMap<&'static str, String>,
}

/// How a topic is otherwise than it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub topic: String,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Missing,
    /// Keys would lie in other partitions than before: fixed at creation.
    Partitions {
        is: usize,
        should: u32,
    },
    /// Kafka changes it by moving partitions between brokers, which is its operator's to plan.
    Replication {
        is: usize,
        should: u16,
    },
    Setting {
        name: &'static str,
        is: String,
        should: String,
    },
}

impl What {
    /// Whether `apply` mends it.
    pub fn is_mendable(&self) -> bool {
        matches!(self, Self::Missing | Self::Setting { .. })
    }

    /// What `apply` has done about it.
    pub fn mended(&self) -> String {
        match self {
            Self::Missing => "made".to_owned(),
            Self::Setting { name, is, should } => format!("{name} is {should} now, was {is}"),
            Self::Partitions { .. } | Self::Replication { .. } => "left as it is".to_owned(),
        }
    }

    /// Whether records are kept for less long than they should be. Kafka's -1 is for ever.
    pub(super) fn forgets(&self) -> bool {
        let Self::Setting { name: RETENTION, is, should } = self else { return false };
        let bounded = |text: &str| text.parse::<i64>().ok().filter(|ms| *ms >= 0);
        bounded(is).is_some_and(|is| bounded(should).is_some_and(|should| is < should))
    }

    /// Whether the log cannot be used like that.
    pub(super) fn is_fatal(&self) -> bool {
        match self {
            Self::Missing | Self::Partitions { .. } => true,
            Self::Setting { name, .. } => FATAL.contains(name),
            Self::Replication { .. } => false,
        }
    }
}

impl Difference {
    /// Whether what one broker alone has taken is acknowledged.
    pub(super) fn is_lax(&self) -> bool {
        matches!(&self.what, What::Setting { name: IN_SYNC, is, .. } if is == "1")
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "topic {} ", self.topic)?;
        match &self.what {
            What::Missing => write!(f, "is missing"),
            What::Partitions { is, should } => {
                write!(f, "has {is} partitions, not {should}: their number is fixed when a topic is created")
            }
            What::Replication { is, should } => {
                write!(f, "has {is} replicas, not {should}: kafka-reassign-partitions changes that")
            }
            What::Setting { name, is, should } => write!(f, "has {name}={is}, not {should}"),
        }
    }
}

/// Every topic that Perennial uses.
pub fn wanted(options: &KafkaOptions, keeping: &Keeping) -> Vec<Wanted> {
    let wanted = |name, partitions, days| Wanted {
        name,
        partitions,
        replication: keeping.replication,
        settings: settings(keeping, days),
    };
    let topics = Topic::ALL.into_iter();
    let topics =
        topics.map(|topic| wanted(options.name(topic), options.partitions(topic), keeping.days(topic)));
    let feeds = Feed::ALL.into_iter();
    let feeds = feeds.map(|feed| wanted(options.feed(feed), options.account_partitions, keeping.feed_days));
    topics.chain(feeds).collect()
}

impl Wanted {
    /// Its settings where it has fewer copies than it should: more of them than there are cannot be in step.
    pub(super) fn in_copies(&self, replicas: usize) -> BTreeMap<&'static str, String> {
        let mut settings = self.settings.clone();
        if replicas < usize::from(self.replication) {
            let replication = u16::try_from(replicas).unwrap_or(self.replication);
            settings.insert(IN_SYNC, in_sync(self.replication).min(replication).to_string());
        }
        settings
    }
}

/// Of so many copies, how many an append must have reached: one may be away.
fn in_sync(replication: u16) -> u16 {
    replication.saturating_sub(1).max(1)
}

impl Keeping {
    fn days(&self, topic: Topic) -> u32 {
        match topic {
            Topic::Inbox => self.inbox_days,
            // What could not be read is kept as long as what it came from may be asked about.
            Topic::Account | Topic::InboxDead | Topic::AccountDead => self.account_days,
        }
    }
}

fn settings(keeping: &Keeping, days: u32) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        (TIMESTAMPS, "LogAppendTime".to_owned()),
        ("cleanup.policy", "delete".to_owned()),
        ("compression.type", "producer".to_owned()),
        ("max.message.bytes", MESSAGE_BYTES.to_string()),
        (IN_SYNC, in_sync(keeping.replication).to_string()),
        ("retention.bytes", "-1".to_owned()),
        (RETENTION, (i64::from(days) * DAY_MS).to_string()),
        ("unclean.leader.election.enable", "false".to_owned()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_copies_are_in_step_than_there_are_and_no_fewer_than_can_be() {
        let keeping = Keeping { replication: 3, ..Keeping::default() };
        let wanted = &wanted(&KafkaOptions::at("localhost:9092"), &keeping)[0];
        let in_step = [1, 2, 3, 4].map(|replicas| wanted.in_copies(replicas)[IN_SYNC].clone());
        assert_eq!(in_step, ["1", "2", "2", "2"]);
    }
}
