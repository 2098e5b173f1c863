//! One service's workers in this process: one for each partition that its group assigns to it.
//!
//! Invariant: a partition is released once its worker has ended: drained, or out of time. What that one's store still
//! writes then may come late and changes nothing: rows are functions of positions, and the later one stays.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::Context;
use engine::{Metrics as Counters, Stop};
use eventlog::{Change, Log, Membership, Topic, TopicPartition};
use tokio::sync::mpsc;

use crate::{Shutdown, clock, metrics::Component};

/// How often a starting service looks whether it has caught up.
const GLANCE: Duration = Duration::from_millis(50);

/// How often the group is told how far it has come.
const COMMIT: Duration = Duration::from_secs(5);

/// A partition's worker on its thread.
pub(super) struct AtWork {
    pub(super) stop: Stop,
    pub(super) counters: Arc<Counters>,
    /// The offset that the group was told last.
    pub(super) committed: Option<u64>,
}

/// Tells the crew, when it is dropped, that a partition's worker has ended.
pub(super) struct Leaving {
    partition: u32,
    left: mpsc::UnboundedSender<u32>,
}

/// Starts the worker of a partition.
pub(super) type Begin = Box<dyn Fn(u32, Leaving) -> AtWork + Send>;
/// Forgets the numbers of a partition's worker.
pub(super) type Forget = Box<dyn Fn(u32) + Send>;

pub(super) struct Crew {
    log: Arc<dyn Log>,
    topic: Topic,
    membership: Box<dyn Membership>,
    component: Component,
    begin: Begin,
    forget: Forget,
    at_work: BTreeMap<u32, AtWork>,
    has_joined: bool,
    is_ready: bool,
    left: mpsc::UnboundedSender<u32>,
    leaves: mpsc::UnboundedReceiver<u32>,
}

impl Crew {
    /// Joins the service's group once the log has been heard of; nothing if it is to stop before. Where that has to be
    /// waited for the service counts as ready: it answers questions from Postgres, and ingest takes events.
    pub(super) async fn join(
        log: Arc<dyn Log>,
        service: &str,
        topic: Topic,
        component: Component,
        begin: Begin,
        forget: Forget,
        shutdown: &Shutdown,
    ) -> Option<Self> {
        let is_ready = !log.has_answered();
        if is_ready {
            component.set(Ok(()));
        }
        while !log.has_answered() {
            tokio::select! {
                () = shutdown.clone().wait() => return None,
                () = tokio::time::sleep(GLANCE) => {}
            }
        }
        let (left, leaves) = mpsc::unbounded_channel();
        let membership = log.join(service, topic);
        let (at_work, has_joined) = (BTreeMap::new(), false);
        Some(Self {
            log,
            topic,
            membership,
            component,
            begin,
            forget,
            at_work,
            has_joined,
            is_ready,
            left,
            leaves,
        })
    }

    /// Follows the group until shutdown; then every worker is drained, also when the membership breaks down before.
    pub(super) async fn run(mut self, shutdown: Shutdown) -> anyhow::Result<()> {
        let followed = self.follow_group(shutdown).await;
        self.component.set(Err("stopping".into()));
        self.at_work.keys().for_each(|partition| self.dismiss(*partition));
        while !self.at_work.is_empty()
            && let Some(partition) = self.leaves.recv().await
        {
            self.release(partition);
        }
        followed
    }

    async fn follow_group(&mut self, shutdown: Shutdown) -> anyhow::Result<()> {
        let mut commits = tokio::time::interval(COMMIT);
        while !shutdown.requested() {
            tokio::select! {
                () = shutdown.clone().wait() => {}
                change = self.membership.next() => self.follow(change.context("the membership has broken down")?),
                Some(partition) = self.leaves.recv() => self.release(partition),
                () = tokio::time::sleep(GLANCE), if !self.is_ready => self.look(),
                _ = commits.tick() => self.commit(),
            }
        }
        Ok(())
    }

    fn follow(&mut self, change: Change) {
        match change {
            Change::Joined => self.has_joined = true,
            Change::Revoked(partition) => self.dismiss(partition),
            Change::Assigned(partition) => {
                let leaving = Leaving { partition, left: self.left.clone() };
                self.at_work.insert(partition, (self.begin)(partition, leaving));
            }
        }
    }

    fn dismiss(&self, partition: u32) {
        if let Some(worker) = self.at_work.get(&partition) {
            worker.stop.stop(clock::now());
            self.log.wake(TopicPartition { topic: self.topic, partition });
        }
    }

    fn commit(&mut self) {
        for (partition, worker) in &mut self.at_work {
            let stored = worker.counters.checkpointed.get();
            if worker.committed.replace(stored) != Some(stored) {
                self.membership.commit(*partition, stored);
            }
        }
    }

    fn release(&mut self, partition: u32) {
        self.commit();
        self.at_work.remove(&partition);
        (self.forget)(partition);
        self.membership.release(partition);
    }

    /// Ready once its first share has caught up. What comes to it later catches up beside questions: those are answered
    /// from Postgres.
    fn look(&mut self) {
        let behind = self.at_work.iter().find(|(_, worker)| !worker.counters.is_caught_up());
        let state = match behind {
            _ if !self.has_joined => Err("joining its group".to_owned()),
            Some((partition, _)) => Err(format!("partition {partition} is catching up")),
            None => Ok(()),
        };
        self.is_ready = state.is_ok();
        self.component.set(state);
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        // A crew that is gone does not want to know.
        let _ = self.left.send(self.partition);
    }
}

#[cfg(test)]
#[path = "crew_tests.rs"]
mod tests;
