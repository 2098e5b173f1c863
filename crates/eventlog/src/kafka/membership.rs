//! A member's part in one of Kafka's consumer groups.
//!
//! The group's consumer reads nothing: it tells which partitions are this member's, and takes commits, which are for
//! monitors. In a rebalance everything is revoked and assigned anew; work goes on meanwhile, since readers tell apart
//! what is decided twice, and only what is not assigned again is stopped.
//!
//! Invariant: a partition is assigned to a member once; when it was revoked, again after it was released at the earliest.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext, Offset, Statistics, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext},
    error::KafkaError,
    types::{RDKafkaErrorCode, RDKafkaRespErr},
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use super::sight::{Sight, over};
use crate::{
    Change, LogError,
    member::{Member, Order},
};

type Group = BaseConsumer<Rebalances>;

/// How often the group is listened to.
const LISTEN: Duration = Duration::from_millis(20);
/// How long work goes on after everything was revoked and nothing assigned: longer than a rebalance among the living.
const PATIENCE: Duration = Duration::from_secs(15);

/// A partition on which this member works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    Working,
    /// Told to stop.
    Stopping,
}

/// What the group says, from within its polling.
struct Rebalances {
    sight: Sight,
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    /// The newest assignment, until it is looked at.
    assigned: Option<BTreeSet<u32>>,
    /// A rebalance is under way.
    is_revoked: bool,
    /// What became of the commit under way.
    committed: Option<bool>,
    /// What the group last complained of.
    complaint: Option<RDKafkaErrorCode>,
    /// It cannot go on.
    fatal: Option<String>,
}

struct Following {
    group: Arc<Group>,
    topic: String,
    changes: mpsc::UnboundedSender<Change>,
    /// As the group says.
    assigned: BTreeSet<u32>,
    held: BTreeMap<u32, Hold>,
    has_joined: bool,
    revoked_at: Option<Instant>,
    /// What the group is still to hear, and what it is being told.
    commits: BTreeMap<u32, u64>,
    telling: Option<BTreeMap<u32, u64>>,
}

/// Joins a group. To be called within a tokio runtime.
pub(super) fn join(config: &ClientConfig, topic: &str, sight: &Sight) -> Result<Member, LogError> {
    let rebalances = Rebalances { sight: sight.clone(), heard: Mutex::default() };
    let poison = |error: KafkaError| LogError::Poison(error.to_string());
    let group: Group = config.create_with_context(rebalances).map_err(poison)?;
    group.subscribe(&[topic]).map_err(poison)?;
    let (member, says, heard) = Member::new();
    let following = Following {
        group: Arc::new(group),
        topic: topic.to_owned(),
        changes: says,
        assigned: BTreeSet::new(),
        held: BTreeMap::new(),
        has_joined: false,
        revoked_at: None,
        commits: BTreeMap::new(),
        telling: None,
    };
    #[expect(clippy::disallowed_methods, reason = "it ends with its member, who sees if it ends before")]
    drop(tokio::spawn(following.run(heard)));
    Ok(member)
}

impl Following {
    /// Follows the group until its member is dropped, or the group will not have it.
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            if let Some(why) = self.listen() {
                tracing::error!(topic = self.topic, "the group does not take this member: {why}");
                return self.leave().await;
            }
            tokio::select! {
                () = sleep(LISTEN) => self.commit(),
                order = orders.recv() => match order {
                    Some(Order::Commit(partition, offset)) => drop(self.commits.insert(partition, offset)),
                    // The group has given it to somebody already, or back to this member.
                    Some(Order::Release(partition)) => {
                        self.held.remove(&partition);
                        self.commits.retain(|partition, _| self.assigned.contains(partition));
                        self.work();
                    }
                    None => return self.leave().await,
                },
            }
        }
    }

    /// Hears what there is; why it is over, if it is.
    fn listen(&mut self) -> Option<String> {
        while let Some(told) = self.group.poll(Duration::ZERO) {
            if let Err(error) = told {
                self.group.context().hear_error(&error, &error.to_string());
            }
        }
        let heard = self.group.context().take();
        if let (Some(is_taken), Some(told)) =
            (heard.committed, self.telling.take_if(|_| heard.committed.is_some()))
        {
            self.hear_commit(is_taken, told);
        }
        if heard.fatal.is_some() {
            return heard.fatal;
        }
        if heard.is_revoked {
            self.revoked_at = Some(Instant::now());
        }
        if let Some(assigned) = heard.assigned {
            self.revoked_at = None;
            self.assigned = assigned;
            self.work();
            if !std::mem::replace(&mut self.has_joined, true) {
                self.say(Change::Joined);
            }
        }
        if self.revoked_at.is_some_and(|at| at.elapsed() > PATIENCE) {
            self.assigned.clear();
            self.work();
        }
        None
    }

    /// Works on what is assigned, and on nothing else.
    fn work(&mut self) {
        let mut changes = Vec::new();
        for (partition, hold) in &mut self.held {
            if *hold == Hold::Working && !self.assigned.contains(partition) {
                *hold = Hold::Stopping;
                changes.push(Change::Revoked(*partition));
            }
        }
        for partition in &self.assigned {
            if !self.held.contains_key(partition) {
                self.held.insert(*partition, Hold::Working);
                changes.push(Change::Assigned(*partition));
            }
        }
        changes.into_iter().for_each(|change| self.say(change));
    }

    fn say(&self, change: Change) {
        // A member who has gone is told no more.
        let _ = self.changes.send(change);
    }

    /// What cannot be said in a rebalance is said after it.
    fn commit(&mut self) {
        if self.commits.is_empty() || self.revoked_at.is_some() || self.telling.is_some() {
            return;
        }
        match self.group.commit(&self.offsets(), CommitMode::Async) {
            Ok(()) => self.telling = Some(std::mem::take(&mut self.commits)),
            Err(error) => tracing::debug!(%error, "a commit waits: {error}"),
        }
    }

    /// What was not taken is said again, unless there is something newer to say.
    fn hear_commit(&mut self, is_taken: bool, told: BTreeMap<u32, u64>) {
        if is_taken {
            return;
        }
        for (partition, offset) in told {
            if self.assigned.contains(&partition) {
                self.commits.entry(partition).or_insert(offset);
            }
        }
    }

    fn offsets(&self) -> TopicPartitionList {
        let mut offsets = TopicPartitionList::new();
        for (partition, offset) in &self.commits {
            let number = i32::try_from(*partition).unwrap_or(i32::MAX);
            let offset = Offset::Offset(i64::try_from(*offset).unwrap_or(i64::MAX));
            if let Err(error) = offsets.add_partition_offset(&self.topic, number, offset) {
                tracing::debug!(%error, "a commit is not said: {error}");
            }
        }
        offsets
    }

    /// Says what there is still to say, and gives its partitions up.
    async fn leave(self) {
        let left = tokio::task::spawn_blocking(move || {
            if !self.commits.is_empty() && self.revoked_at.is_none() {
                // Nobody is left to say it again; monitors will see.
                drop(self.group.commit(&self.offsets(), CommitMode::Sync));
            }
        });
        // If it panics, so be it: the session ends by itself.
        drop(left.await);
    }
}

impl Rebalances {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was heard since the last look; a complaint stands until there is another one.
    fn take(&self) -> Heard {
        let mut heard = self.heard();
        let complaint = heard.complaint;
        std::mem::replace(&mut *heard, Heard { complaint, ..Heard::default() })
    }

    /// That brokers are away others say; what else the group complains of is said once.
    fn hear_error(&self, error: &KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else { return };
        if let Some(why) = over(code, reason) {
            self.heard().fatal = Some(why);
            return;
        }
        match code {
            RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::Resolve => tracing::debug!(%error, "Kafka's group: {error}"),
            _ if self.heard().complaint.replace(code) != Some(code) => {
                tracing::warn!(%error, "Kafka's group: {error}");
            }
            _ => {}
        }
    }
}

impl ClientContext for Rebalances {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.sight.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.hear_error(&error, reason);
        self.sight.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.sight.stats(statistics);
    }
}

impl ConsumerContext for Rebalances {
    /// Nothing is to be fetched by this consumer, so it is assigned nothing. Must not block.
    fn rebalance(&self, group: &Group, what: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        let is_assigned = what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        let numbers = || {
            partitions.elements().into_iter().filter_map(|it| u32::try_from(it.partition()).ok()).collect()
        };
        {
            let mut heard = self.heard();
            heard.is_revoked = !is_assigned;
            heard.assigned = is_assigned.then(numbers);
        }
        let answered = if is_assigned { group.assign(&TopicPartitionList::new()) } else { group.unassign() };
        if let Err(error) = answered {
            tracing::debug!(%error, "Kafka's group: {error}");
        }
    }

    fn commit_callback(&self, outcome: Result<(), KafkaError>, _: &TopicPartitionList) {
        self.heard().committed = Some(outcome.is_ok());
        if let Err(error) = outcome {
            tracing::debug!(%error, "a commit is not taken: {error}");
        }
    }
}
