//! Engine workers of a process: a thread for each partition of each service, their stores, their metrics.
//!
//! Invariant: a worker that cannot go on takes the process down; at shutdown all of them drain before what they stand
//! on is stopped.

mod clocks;
mod metrics;

use std::{sync::Arc, time::Duration};

pub use clocks::Clocks;
use engine::{
    Act, Machine, Metrics as Counters, Ports, Stop, WorkerError,
    postgres::{PgStore, Project},
};
use eventlog::{Log, Topic, TopicPartition};
use metrics::Collected;
use sqlx::PgPool;
use tokio::runtime::Handle;

use crate::{
    Tasks, clock, ids,
    metrics::{Metrics, Readiness},
};

/// How often a starting service looks whether it has caught up.
const GLANCE: Duration = Duration::from_millis(50);

/// What the workers of a process share.
#[derive(Clone)]
pub struct Workers {
    log: Arc<dyn Log>,
    tasks: Tasks,
    metrics: Metrics,
    readiness: Readiness,
    collected: Collected,
    stop: Stop,
}

/// One service's workers: over which topic, where they project to, and how they act.
pub struct Work<P, A> {
    pub service: &'static str,
    pub topic: Topic,
    pub pool: PgPool,
    pub project: Project<P>,
    /// Makes what looks at each own decision read back, once per assignment.
    pub act: A,
}

impl Workers {
    /// To be called within a tokio runtime.
    pub fn new(log: Arc<dyn Log>, tasks: &Tasks, metrics: &Metrics, readiness: &Readiness) -> Self {
        let collected = Collected::default();
        metrics.register(|registry| registry.register_collector(Box::new(collected.clone())));
        let workers = Self {
            log,
            tasks: tasks.clone(),
            metrics: metrics.clone(),
            readiness: readiness.clone(),
            collected,
            stop: Stop::default(),
        };
        let stopping = workers.clone();
        let shutdown = tasks.shutdown();
        tasks.spawn_once("stop workers", async move {
            shutdown.wait().await;
            stopping.halt();
            Ok(())
        });
        workers
    }

    /// Runs a worker for every partition of the topic. `machine` makes one; it is called again while log or store are
    /// away.
    pub fn start<M, P, D, A>(
        &self,
        work: Work<P, A>,
        machine: impl Fn(Ports<P, D>, u32, Arc<Counters>) -> Result<M, WorkerError> + Clone + Send + 'static,
    ) where
        M: Machine,
        P: Send + Sync + 'static,
        D: 'static,
        A: Fn() -> Act<D> + Clone + Send + 'static,
    {
        let partitions = 0..self.log.partitions(work.topic);
        let counters: Vec<_> =
            partitions.map(|partition| self.start_partition(&work, partition, &machine)).collect();
        self.say_when_ready(work.service, counters);
    }

    /// The clocks of a service that folds this topic and projects to this database.
    pub fn clocks(&self, pool: &PgPool, topic: Topic) -> Clocks {
        Clocks::new(pool.clone(), self.log.partitions(topic), self.tasks.shutdown())
    }

    /// The metrics of the process.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The tasks of the process.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    fn start_partition<M, P, D, A>(
        &self,
        work: &Work<P, A>,
        partition: u32,
        machine: &(impl Fn(Ports<P, D>, u32, Arc<Counters>) -> Result<M, WorkerError> + Clone + Send + 'static),
    ) -> Arc<Counters>
    where
        M: Machine,
        P: Send + Sync + 'static,
        D: 'static,
        A: Fn() -> Act<D> + Clone + Send + 'static,
    {
        let name = format!("{} {}/{partition}", work.service, work.topic.name());
        let counters = self.collected.counters(work.service, partition);
        let (machine, kept) = (machine.clone(), counters.clone());
        let (log, tasks, stop) = (self.log.clone(), self.tasks.clone(), self.stop.clone());
        let (pool, project, act) = (work.pool.clone(), work.project, work.act.clone());
        let (runtime, writer) = (Handle::current(), format!("{name} store"));
        self.tasks.spawn_thread(name, move || {
            let _within = runtime.enter();
            let start = || {
                let (store, writes) = PgStore::new(pool.clone(), partition, project, kept.clone());
                tasks.spawn_once(writer.clone(), async move { Ok(writes.run().await?) });
                let ports = Ports {
                    log: log.clone(),
                    store: Box::new(store),
                    act: act(),
                    writer: ids::v7().into_bytes().to_vec().into(),
                };
                machine(ports, partition, kept.clone())
            };
            Ok(engine::run(start, &stop, &clock::now)?)
        });
        counters
    }

    fn say_when_ready(&self, service: &'static str, counters: Vec<Arc<Counters>>) {
        let component = self.readiness.component(service);
        let shutdown = self.tasks.shutdown();
        self.tasks.spawn_once(format!("{service} readiness"), async move {
            while let Some(behind) = counters.iter().position(|counters| !counters.is_caught_up()) {
                component.set(Err(format!("partition {behind} is catching up")));
                if shutdown.requested() {
                    return Ok(());
                }
                tokio::time::sleep(GLANCE).await;
            }
            component.set(Ok(()));
            Ok(())
        });
    }

    fn halt(&self) {
        self.stop.stop();
        for topic in Topic::ALL {
            for partition in 0..self.log.partitions(topic) {
                self.log.wake(TopicPartition { topic, partition });
            }
        }
    }
}
