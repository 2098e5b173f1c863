//! Engine workers of a process: a thread for each partition that a service's group assigns to it, their stores, their
//! metrics.
//!
//! Invariant: a worker that cannot go on takes the process down; at shutdown all of them drain before what they stand
//! on is stopped.

mod clocks;
mod crew;
mod metrics;
mod told;

use std::{sync::Arc, time::Duration};

use engine::{
    Act, Machine, Metrics as Counters, Ports, Stop, WorkerError,
    postgres::{PgStore, Project, Publish},
};
use eventlog::{Feed, Log, NewRecord, Topic, kafka::KafkaLog};
use sqlx::PgPool;
use tokio::{runtime::Handle, time::sleep};

use crate::{
    Shutdown, Tasks, clock, ids,
    metrics::{Metrics, Readiness},
};
pub use clocks::Clocks;
use crew::{AtWork, Begin, Crew};
use metrics::Collected;
pub use told::{handed, told};

/// After so long at shutdown no store writes any more: workers drain for six seconds, a process ends within ten.
const LAST_WRITE: Duration = Duration::from_millis(8_600);

/// What the workers of a process share.
#[derive(Clone)]
pub struct Workers {
    log: Arc<dyn Log>,
    tasks: Tasks,
    metrics: Metrics,
    readiness: Readiness,
    collected: Collected,
    /// Where feeds are published: a cluster has them, a laptop nobody to read them.
    feeds: Option<Arc<KafkaLog>>,
}

/// One service's workers: over which topic, where they project to, and how they act.
pub struct Work<P, A> {
    pub service: &'static str,
    pub topic: Topic,
    pub pool: PgPool,
    pub project: Project<P>,
    /// What of it others hear, where there is somebody to hear it.
    pub feed: Option<Feeding<P>>,
    /// Told what has been stored, perhaps again.
    pub stored: Option<Stored<P>>,
    /// Makes what looks at each own decision read back, once per assignment.
    pub act: A,
}

/// Hears of projected items once Postgres has them. Must not block.
pub type Stored<P> = Arc<dyn Fn(&[P]) + Send + Sync>;

/// A public feed, and what of projected items is copied to it.
pub struct Feeding<P> {
    pub feed: Feed,
    pub copy: fn(&P) -> Option<NewRecord>,
}

impl<P> Clone for Feeding<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Feeding<P> {}

impl Workers {
    /// To be called within a tokio runtime.
    pub fn new(log: Arc<dyn Log>, tasks: &Tasks, metrics: &Metrics, readiness: &Readiness) -> Self {
        let collected = Collected::default();
        metrics.register(|registry| registry.register_collector(Box::new(collected.clone())));
        let (tasks, metrics, readiness) = (tasks.clone(), metrics.clone(), readiness.clone());
        Self { log, tasks, metrics, readiness, collected, feeds: None }
    }

    /// With feeds published in Kafka.
    pub fn publishing(self, feeds: Option<Arc<KafkaLog>>) -> Self {
        Self { feeds, ..self }
    }

    /// Runs a worker for every partition of the topic that this process is assigned. `machine` makes one; it is called
    /// again while log or store are away.
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
        let (service, topic) = (work.service, work.topic);
        let component = self.readiness.component(service);
        let collected = self.collected.clone();
        let forget = Box::new(move |partition| collected.forget(service, partition));
        let begin = self.beginning(work, machine);
        let (log, shutdown) = (self.log.clone(), self.tasks.shutdown());
        self.tasks.spawn(format!("{service} partitions"), async move {
            match Crew::join(log, service, topic, component, begin, forget, &shutdown).await {
                Some(crew) => crew.run(shutdown).await,
                None => Ok(()),
            }
        });
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

    /// How the worker of a partition is begun.
    fn beginning<M, P, D, A>(
        &self,
        work: Work<P, A>,
        machine: impl Fn(Ports<P, D>, u32, Arc<Counters>) -> Result<M, WorkerError> + Clone + Send + 'static,
    ) -> Begin
    where
        M: Machine,
        P: Send + Sync + 'static,
        D: 'static,
        A: Fn() -> Act<D> + Clone + Send + 'static,
    {
        let (log, tasks, collected) = (self.log.clone(), self.tasks.clone(), self.collected.clone());
        let feeds = self.feeds.clone();
        Box::new(move |partition, leaving| {
            let name = format!("{} {}/{partition}", work.service, work.topic.name());
            let counters = collected.counters(work.service, partition);
            let at_work = AtWork { stop: Stop::default(), counters, committed: None };
            let (machine, counters, stop) = (machine.clone(), at_work.counters.clone(), at_work.stop.clone());
            let (pool, project, act) = (work.pool.clone(), work.project, work.act.clone());
            let (log, stores) = (log.clone(), tasks.clone());
            let (feeds, feed, stored) = (feeds.clone(), work.feed, work.stored.clone());
            let (runtime, writer) = (Handle::current(), format!("{name} store"));
            tasks.spawn_thread(name, move || {
                let _leaving = leaving;
                let _within = runtime.enter();
                let start = || {
                    let (store, writes) = PgStore::new(pool.clone(), partition, project, counters.clone());
                    let writes = writes.publishing(publish(stored.clone(), feeds.clone(), feed, partition));
                    let ends = ends(stores.shutdown());
                    stores.spawn_once(writer.clone(), async move {
                        tokio::select! {
                            written = writes.run() => Ok(written?),
                            () = ends => Ok(()),
                        }
                    });
                    let ports = Ports {
                        log: log.clone(),
                        store: Box::new(store),
                        act: act(),
                        next_span: crate::trace::next_span,
                        writer: ids::v7().into_bytes().to_vec().into(),
                    };
                    machine(ports, partition, counters.clone())
                };
                Ok(engine::run(start, &stop, &clock::now)?)
            });
            at_work
        })
    }
}

/// When a store has to end at shutdown, though it be in the middle of a write: while Postgres, or where feeds go, is away it
/// would try for ever. Whoever comes next projects from the last checkpoint on.
async fn ends(shutdown: Shutdown) {
    shutdown.wait().await;
    sleep(LAST_WRITE).await;
}

/// Tells whoever hears of what is stored, and publishes the copies of one partition, if there is a feed and somebody to
/// read it.
fn publish<P: 'static>(
    stored: Option<Stored<P>>,
    feeds: Option<Arc<KafkaLog>>,
    feeding: Option<Feeding<P>>,
    partition: u32,
) -> Option<Publish<P>> {
    let feeding = feeds.zip(feeding);
    if stored.is_none() && feeding.is_none() {
        return None;
    }
    Some(Box::new(move |items| {
        if let Some(stored) = &stored {
            stored(items);
        }
        let Some((feeds, Feeding { feed, copy })) = feeding.clone() else {
            return Box::pin(async { Ok(()) });
        };
        let copies: Vec<NewRecord> = items.iter().filter_map(copy).collect();
        Box::pin(async move {
            if copies.is_empty() { Ok(()) } else { feeds.publish(feed, partition, copies).await }
        })
    }))
}
