use std::{
    pin::Pin,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use eventlog::{Ack, LogError, NewRecord, Stored};
use tokio::time::timeout;

use super::*;
use crate::{Tasks, metrics::Readiness};

const SOON: Duration = Duration::from_secs(10);
/// Every worker has stored what is below.
const STORED: u64 = 7;

/// What the crew said to its group and to who keeps its workers' numbers, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Commit(u32, u64),
    Forget(u32),
    Release(u32),
}
use Said::{Commit, Forget, Release};

/// A group that changes as it is told to.
struct Group {
    changes: mpsc::UnboundedReceiver<Change>,
    says: mpsc::UnboundedSender<Said>,
}

impl Membership for Group {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<Change>> + Send + '_>> {
        Box::pin(self.changes.recv())
    }

    fn commit(&mut self, partition: u32, offset: u64) {
        self.says.send(Commit(partition, offset)).expect("the test listens");
    }

    fn release(&mut self, partition: u32) {
        self.says.send(Release(partition)).expect("the test listens");
    }
}

/// A log that has a group to join, and no records.
struct Grouped {
    group: Mutex<Option<Group>>,
    has_answered: Arc<AtomicBool>,
}

impl Log for Grouped {
    fn partitions(&self, _: Topic) -> u32 {
        4
    }

    fn append(&self, _: TopicPartition, _: Vec<NewRecord>, _: Ack) {}

    fn fetch(&self, _: TopicPartition, _: u64, _: usize) -> Result<Vec<Stored>, LogError> {
        Ok(Vec::new())
    }

    fn end(&self, _: TopicPartition) -> Result<u64, LogError> {
        Ok(0)
    }

    fn wait(&self, _: TopicPartition, _: u64, _: Duration) {}

    fn wake(&self, _: TopicPartition) {}

    fn join(&self, _: &str, _: Topic) -> Box<dyn Membership> {
        let group = self.group.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::new(group.expect("one member joins"))
    }

    fn has_answered(&self) -> bool {
        self.has_answered.load(Ordering::Relaxed)
    }
}

/// A crew at work, between its group and its workers.
struct World {
    tasks: Tasks,
    readiness: Readiness,
    log_answers: Arc<AtomicBool>,
    /// Dropped, the membership has broken down.
    group: Option<mpsc::UnboundedSender<Change>>,
    said: mpsc::UnboundedReceiver<Said>,
    begun: mpsc::UnboundedReceiver<Worker>,
}

/// A worker, which ends when it is dropped.
struct Worker {
    stop: Stop,
    _leaving: Leaving,
}

impl World {
    fn new() -> Self {
        Self::on(Arc::new(AtomicBool::new(true)))
    }

    /// On a log that answers once this is so.
    fn on(log_answers: Arc<AtomicBool>) -> Self {
        let (tasks, readiness) = (Tasks::new(), Readiness::new());
        let (group, changes) = mpsc::unbounded_channel();
        let (says, said) = mpsc::unbounded_channel();
        let (begins, begun) = mpsc::unbounded_channel();
        let group_of_log = Mutex::new(Some(Group { changes, says: says.clone() }));
        let log = Arc::new(Grouped { group: group_of_log, has_answered: log_answers.clone() });
        let begin = Box::new(move |_, leaving| {
            let at_work = AtWork { stop: Stop::default(), counters: Arc::default(), committed: None };
            at_work.counters.checkpointed.set(STORED);
            let worker = Worker { stop: at_work.stop.clone(), _leaving: leaving };
            assert!(begins.send(worker).is_ok(), "the test listens");
            at_work
        });
        let forget = Box::new(move |partition| says.send(Forget(partition)).expect("the test listens"));
        let (component, shutdown) = (readiness.component("scores"), tasks.shutdown());
        tasks.spawn("scores partitions", async move {
            match Crew::join(log, "scores", Topic::Account, component, begin, forget, &shutdown).await {
                Some(crew) => crew.run(shutdown).await,
                None => Ok(()),
            }
        });
        Self { tasks, readiness, log_answers, group: Some(group), said, begun }
    }

    fn change(&self, change: Change) {
        self.group.as_ref().expect("a group").send(change).expect("the crew listens");
    }

    async fn assign(&mut self, partition: u32) -> Worker {
        self.change(Change::Assigned(partition));
        timeout(SOON, self.begun.recv()).await.expect("a worker begins").expect("the crew is there")
    }

    /// All that was said, from now on until the partition is released.
    async fn until_released(&mut self, partition: u32) -> Vec<Said> {
        let mut all = Vec::new();
        while !all.contains(&Release(partition)) {
            let said = timeout(SOON, self.said.recv()).await.expect("it is released");
            all.push(said.expect("the crew is there"));
        }
        all
    }
}

async fn until(is_so: impl Fn() -> bool) {
    let looking = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, looking).await.expect("it becomes so");
}

#[tokio::test]
async fn a_revoked_partition_is_released_when_its_worker_has_ended_and_no_sooner() {
    let mut world = World::new();
    let (revoked, kept) = (world.assign(3).await, world.assign(2).await);
    world.change(Change::Revoked(3));
    until(|| revoked.stop.is_stopped()).await;
    let early: Vec<Said> = std::iter::from_fn(|| world.said.try_recv().ok()).collect();
    assert!(!early.contains(&Release(3)), "{early:?}");
    drop(revoked);
    let all = [early, world.until_released(3).await].concat();
    let of_it: Vec<_> = all.into_iter().filter(|said| *said != Commit(2, STORED)).collect();
    assert_eq!(of_it, [Commit(3, STORED), Forget(3), Release(3)]);
    assert!(!kept.stop.is_stopped());
    drop(kept);
    world.tasks.stop();
    world.tasks.finish(SOON).await.unwrap();
}

#[tokio::test]
async fn at_shutdown_the_crew_stays_until_every_worker_has_ended() {
    let mut world = World::new();
    let workers = [world.assign(0).await, world.assign(1).await];
    world.tasks.stop();
    until(|| workers.iter().all(|worker| worker.stop.is_stopped())).await;
    assert_eq!(world.readiness.missing()["scores"], "stopping");
    let [first, last] = workers;
    drop(first);
    assert!(!world.until_released(0).await.contains(&Release(1)));
    drop(last);
    world.until_released(1).await;
    world.tasks.finish(SOON).await.unwrap();
}

/// Otherwise they would be waited for in vain: nobody else tells them to stop.
#[tokio::test]
async fn when_the_membership_breaks_down_the_workers_are_drained_too() {
    let mut world = World::new();
    let worker = world.assign(1).await;
    world.group = None;
    until(|| worker.stop.is_stopped()).await;
    drop(worker);
    world.until_released(1).await;
    let error = world.tasks.finish(SOON).await.expect_err("the service stops");
    assert_eq!(format!("{error:#}"), "task scores partitions: the membership has broken down");
}

#[tokio::test]
async fn a_service_is_ready_once_it_has_joined_its_group_and_its_share_has_caught_up() {
    let mut world = World::new();
    until(|| world.readiness.missing()["scores"] == "joining its group").await;
    let behind = world.assign(2).await;
    world.change(Change::Joined);
    until(|| world.readiness.missing()["scores"] == "partition 2 is catching up").await;
    world.change(Change::Revoked(2));
    drop(behind);
    timeout(SOON, world.readiness.ready()).await.expect("nothing is behind any more");
    world.tasks.stop();
    world.tasks.finish(SOON).await.unwrap();
}

#[tokio::test]
async fn while_nobody_has_heard_of_the_log_a_service_counts_as_ready_and_joins_once_somebody_has() {
    let mut world = World::on(Arc::default());
    timeout(SOON, world.readiness.ready()).await.expect("it does not wait for the log");
    world.change(Change::Assigned(3));
    assert!(world.begun.try_recv().is_err(), "it has not joined");
    world.log_answers.store(true, Ordering::Relaxed);
    let worker = timeout(SOON, world.begun.recv()).await.expect("it joins").expect("a worker");
    world.tasks.stop();
    drop(worker);
    world.tasks.finish(SOON).await.unwrap();
}
