//! Where forwards go: to account partitions, and to inbox partitions of other contacts.

use eventlog::{Key, Log, Topic, TopicPartition};

use crate::outbox::Outbox;

/// Account partitions, then inbox partitions, in one row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Targets {
    pub(super) accounts: u32,
    pub(super) inboxes: u32,
}

impl Targets {
    pub(super) fn of(log: &dyn Log) -> Self {
        Self { accounts: log.partitions(Topic::Account), inboxes: log.partitions(Topic::Inbox) }
    }

    pub(super) fn count(self) -> usize {
        (self.accounts + self.inboxes) as usize
    }

    /// Where an account's facts go.
    pub(super) fn account(self, key: &Key) -> usize {
        key.partition(self.accounts) as usize
    }

    /// Where a contact's messages go.
    pub(super) fn contact(self, key: &Key) -> usize {
        (self.accounts + key.partition(self.inboxes)) as usize
    }

    pub(super) fn outboxes(self, wake: TopicPartition) -> Vec<Outbox> {
        let accounts =
            (0..self.accounts).map(|partition| TopicPartition { topic: Topic::Account, partition });
        let inboxes = (0..self.inboxes).map(|partition| TopicPartition { topic: Topic::Inbox, partition });
        accounts.chain(inboxes).map(|at| Outbox::new(at, wake)).collect()
    }
}
