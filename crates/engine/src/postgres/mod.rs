//! The store in Postgres: checkpoints and projections of one worker, written in order, one transaction a write.
//!
//! Invariants: a checkpoint is written whole or not at all, and never moves back, whoever writes it; a write has each item
//! once, in the log's order.

mod patience;
mod sql;

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use eventlog::{
    LogError,
    postgres::{answered, answered_within, is_away, is_unanswered},
};
use patience::Patience;
use sqlx::{PgConnection, PgPool, migrate::Migrator};
use tokio::{runtime::Handle, sync::mpsc};

use crate::{Checkpoint, Metrics, Progress, Store, StoreAway, Write};

/// Decisions that one transaction takes together, when they wait anyway.
const TOGETHER: usize = 2_000;

/// Writes decisions that were read back, inside the transaction it is given. Must be idempotent: after a crash some
/// come again.
pub type Project<P> =
    for<'a> fn(&'a mut PgConnection, &'a [P]) -> Pin<Box<dyn Future<Output = sqlx::Result<()>> + Send + 'a>>;

/// Publishes what of projected items others are to hear; returns when it has landed. After a crash some come again.
pub type Publish<P> =
    Box<dyn Fn(&[P]) -> Pin<Box<dyn Future<Output = Result<(), LogError>> + Send>> + Send + Sync>;

/// The schema that the store needs, in the service's own database.
pub fn migrator() -> Migrator {
    sqlx::migrate!()
}

/// The worker's side of the store: hands writes to the task that performs them.
pub struct PgStore<P> {
    pool: PgPool,
    partition: u32,
    runtime: Handle,
    queue: mpsc::UnboundedSender<Submitted<P>>,
    submitted: u64,
    /// How often the worker has begun.
    life: u64,
    done: Arc<AtomicU64>,
}

/// A write, and in which of its worker's lives it was handed over: who begins again may hand over again what still waits.
struct Submitted<P> {
    life: u64,
    write: Write<P>,
}

/// The task that performs a store's writes. Ends when the store is dropped and everything submitted is written.
pub struct Writer<P> {
    pool: PgPool,
    partition: u32,
    queue: mpsc::UnboundedReceiver<Submitted<P>>,
    project: Project<P>,
    publish: Option<Publish<P>>,
    done: Arc<AtomicU64>,
    metrics: Arc<Metrics>,
}

/// Why a store's writes end.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    #[error(transparent)]
    Postgres(#[from] sqlx::Error),
    #[error("publishing: {0}")]
    Publishing(#[from] LogError),
}

impl<P: Send + Sync + 'static> PgStore<P> {
    /// A store for one partition, and the task to run beside it, which counts what fails. To be called within a tokio
    /// runtime; `load` blocks on that runtime, so it is for a thread of its own.
    pub fn new(
        pool: PgPool,
        partition: u32,
        project: Project<P>,
        metrics: Arc<Metrics>,
    ) -> (Self, Writer<P>) {
        let (sender, queue) = mpsc::unbounded_channel();
        let done = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            pool: pool.clone(),
            partition,
            queue,
            project,
            publish: None,
            done: done.clone(),
            metrics,
        };
        let runtime = Handle::current();
        (Self { pool, partition, runtime, queue: sender, submitted: 0, life: 0, done }, writer)
    }
}

impl<P: Send + Sync + 'static> Store<P> for PgStore<P> {
    fn load(&mut self) -> Result<Option<Checkpoint>, StoreAway> {
        self.life += 1;
        let loaded = self.runtime.block_on(answered(sql::load(&self.pool, self.partition.cast_signed())));
        loaded.map_err(|fault| StoreAway(fault.to_string()))
    }

    fn submit(&mut self, write: Write<P>) {
        self.submitted += 1;
        // A writer that is gone has failed for good and takes its service down; nothing waits for this write.
        let _ = self.queue.send(Submitted { life: self.life, write });
    }

    fn done(&self) -> u64 {
        self.done.load(Ordering::Acquire)
    }

    fn waiting(&self) -> usize {
        usize::try_from(self.submitted - self.done()).unwrap_or(usize::MAX)
    }
}

impl<P: Send + Sync + 'static> Writer<P> {
    /// Publishes what it has projected, before a checkpoint goes beyond it.
    pub fn publishing(self, publish: Option<Publish<P>>) -> Self {
        Self { publish, ..self }
    }

    /// Performs writes in order; tries again while Postgres or the log is away. An error is one that trying again will
    /// not mend.
    pub async fn run(mut self) -> Result<(), WriterError> {
        let mut next = self.queue.recv().await;
        while let Some(submitted) = next.take() {
            let (write, merged, behind) = self.merge(submitted);
            self.perform(&write).await?;
            self.publish(&write).await?;
            self.done.fetch_add(merged, Ordering::Release);
            next = match behind {
                Some(behind) => Some(behind),
                None => self.queue.recv().await,
            };
        }
        Ok(())
    }

    /// Joins projections of one life that wait behind one another. Returns how many writes the result stands for, and
    /// what was taken from the queue and did not fit.
    fn merge(&mut self, first: Submitted<P>) -> (Write<P>, u64, Option<Submitted<P>>) {
        let life = first.life;
        let Write::Project { mut items, mut progress } = first.write else { return (first.write, 1, None) };
        let mut merged = 1;
        while items.len() < TOGETHER {
            match self.queue.try_recv() {
                Ok(Submitted { life: its, write: Write::Project { items: more, progress: later } })
                    if its == life =>
                {
                    items.extend(more);
                    progress = progress.and(later);
                    merged += 1;
                }
                Ok(other) => return (Write::Project { items, progress }, merged, Some(other)),
                Err(_) => break,
            }
        }
        (Write::Project { items, progress }, merged, None)
    }

    async fn perform(&self, write: &Write<P>) -> sqlx::Result<()> {
        let mut patience = Patience::with(write);
        loop {
            let Err(fault) = answered_within(patience.within, self.attempt(write)).await else {
                self.note(write);
                return Ok(());
            };
            self.metrics.store_errors.add(1);
            if !is_away(&fault) {
                tracing::error!(partition = self.partition, %fault, "a write to Postgres cannot succeed: {fault}");
                return Err(fault);
            }
            tracing::warn!(partition = self.partition, %fault, "Postgres is away, trying again: {fault}");
            tokio::time::sleep(patience.failed(is_unanswered(&fault))).await;
        }
    }

    async fn publish(&self, write: &Write<P>) -> Result<(), LogError> {
        let (Some(publish), Write::Project { items, .. }) = (&self.publish, write) else { return Ok(()) };
        let mut patience = Patience::with(write);
        while let Err(error) = publish(items).await {
            self.metrics.append_errors.add(1);
            if let LogError::Poison(_) = error {
                return Err(error);
            }
            tracing::warn!(partition = self.partition, %error, "cannot publish, trying again: {error}");
            tokio::time::sleep(patience.failed(false)).await;
        }
        Ok(())
    }

    fn note(&self, write: &Write<P>) {
        if let Write::Checkpoint(checkpoint) = write {
            self.metrics.checkpointed.set(checkpoint.offset);
        }
    }

    async fn attempt(&self, write: &Write<P>) -> sqlx::Result<()> {
        let partition = self.partition.cast_signed();
        let mut transaction = self.pool.begin().await?;
        sql::see_every_workspace(&mut transaction).await?;
        match write {
            Write::Project { items, progress } => {
                if !items.is_empty() {
                    (self.project)(&mut transaction, items).await?;
                }
                sql::save_progress(&mut transaction, partition, progress).await?;
                fail::fail_point!("projection-uncommitted");
            }
            Write::Checkpoint(checkpoint) => {
                sql::save_checkpoint(&mut transaction, partition, checkpoint).await?;
                fail::fail_point!("checkpoint-uncommitted");
            }
        }
        transaction.commit().await?;
        if let Write::Project { .. } = write {
            fail::fail_point!("projection-committed");
        }
        Ok(())
    }
}

impl Progress {
    /// This, and then what came later.
    fn and(mut self, later: Self) -> Self {
        for (workspace, clock) in later.clocks {
            match self.clocks.iter_mut().find(|(known, _)| *known == workspace) {
                Some(known) => known.1 = clock,
                None => self.clocks.push((workspace, clock)),
            }
        }
        Self { settled: later.settled, clocks: self.clocks }
    }
}

/// How far a workspace's decisions are projected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// Up to the instant, by every partition.
    Yes,
    NotYet,
    /// There is no clock to wait for.
    WallClock,
    /// No partition has heard of the workspace, or not yet.
    Unknown,
}

/// Whether every one of `partitions` has projected a workspace's decisions up to an instant. Asked within a transaction
/// that sees the workspace's rows.
pub async fn clock_reached(
    conn: &mut PgConnection,
    workspace: &str,
    to_at: i64,
    partitions: u32,
) -> sqlx::Result<Reached> {
    sql::reached(conn, workspace, to_at, partitions).await
}
