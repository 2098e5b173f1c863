//! The log in Postgres: what a laptop has instead of Kafka.
//!
//! One row per flushed batch. Offsets come from the partition's head row, whose lock is held until the commit, so they
//! are dense and become visible in order. One flusher drains a queue; readers in the process are served from a tail
//! kept in memory, and learn of other processes' appends by polling.
//!
//! Invariant: a batch is acknowledged after its commit (fsync on), and readers in the process see it before that.

mod answered;
mod assignment;
mod batch;
mod flusher;
mod keeper;
mod queue;
mod store;
mod tail;

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use sqlx::{PgPool, migrate::Migrator};
use tokio::runtime::Handle;

pub use answered::{answered, answered_within, is_unanswered};
use queue::{Batch, Queue, Refusal};
pub use store::is_away;
use tail::{Read, Tail};

use crate::{Ack, Log, LogError, MAX_BATCH_BYTES, Membership, NewRecord, Stored, Topic, TopicPartition};

/// The schema `eventlog`, with a migrations table of its own.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// How the log is kept.
#[derive(Debug, Clone)]
pub struct PgLogOptions {
    /// Partitions of the inbox, fixed when the log is created.
    pub inbox_partitions: u32,
    /// Partitions of the account log, fixed when the log is created.
    pub account_partitions: u32,
    /// How long the inbox is kept.
    pub inbox_days: u32,
    /// How long the account log is kept.
    pub account_days: u32,
    /// Bytes that may wait to be appended; beyond, appends fail.
    pub queue_bytes: usize,
    /// Bytes of the newest records kept in memory, per partition.
    pub tail_bytes: usize,
    /// How often other processes' appends are looked for.
    pub poll: Duration,
}

impl Default for PgLogOptions {
    fn default() -> Self {
        Self {
            inbox_partitions: 4,
            account_partitions: 4,
            inbox_days: 7,
            account_days: 400,
            queue_bytes: 64 << 20,
            tail_bytes: 8 << 20,
            poll: Duration::from_millis(25),
        }
    }
}

impl PgLogOptions {
    fn partitions(&self, topic: Topic) -> u32 {
        match topic {
            Topic::Inbox | Topic::InboxDead => self.inbox_partitions,
            Topic::Account | Topic::AccountDead => self.account_partitions,
        }
    }

    fn days(&self, topic: Topic) -> u32 {
        match topic {
            Topic::Inbox => self.inbox_days,
            // What could not be read is kept as long as what it came from may be asked about.
            Topic::Account | Topic::InboxDead | Topic::AccountDead => self.account_days,
        }
    }
}

/// The log. Its blocking methods (`fetch`, `end`, `wait`) are for plain threads: they must not be called from within
/// the async runtime.
#[derive(Debug)]
pub struct PgLog {
    pool: PgPool,
    options: PgLogOptions,
    queue: Queue,
    tails: BTreeMap<TopicPartition, Tail>,
    handle: Handle,
}

/// The work behind the log: it must be kept running for as long as the log is used.
#[derive(Debug)]
pub struct Running(Arc<PgLog>);

impl PgLog {
    /// Opens the log in a migrated database, creating its topics at the first time. Poison if a topic has another
    /// number of partitions, or if the server would acknowledge what it has not made durable.
    pub async fn open(pool: PgPool, options: PgLogOptions) -> Result<(Arc<Self>, Running), LogError> {
        store::check_durable(&pool).await?;
        for topic in Topic::ALL {
            store::create_topic(&pool, topic, options.partitions(topic)).await?;
        }
        keeper::keep(&pool, &options).await.map_err(|error| store::log_error(&error))?;
        let tails = store::ends(&pool)
            .await
            .map_err(|error| store::log_error(&error))?
            .into_iter()
            .map(|(at, end)| (at, Tail::new(end, options.tail_bytes)))
            .collect();
        let queue = Queue::new(options.queue_bytes);
        let log = Arc::new(Self { pool, options, queue, tails, handle: Handle::current() });
        Ok((Arc::clone(&log), Running(log)))
    }

    fn tail(&self, at: TopicPartition) -> Result<&Tail, LogError> {
        self.tails.get(&at).ok_or_else(|| LogError::Poison(format!("there is no partition {at}")))
    }
}

impl Running {
    /// Flushes, looks out for others' appends and keeps segments, until `until`; then what is queued is flushed, and
    /// further appends fail.
    pub async fn run(self, until: impl Future<Output = ()>) {
        let log = &*self.0;
        let closing = async {
            until.await;
            log.queue.close();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = flusher::flush_all(log) => {}
            () = closing => {}
            () = keeper::look_out(log) => {}
            () = keeper::keep_segments(log) => {}
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.queue.close();
        for batch in self.0.queue.rest() {
            batch.fail(&LogError::Transient("the log has stopped".into()));
        }
    }
}

impl Log for PgLog {
    fn partitions(&self, topic: Topic) -> u32 {
        self.options.partitions(topic)
    }

    fn append(&self, at: TopicPartition, records: Vec<NewRecord>, done: Ack) {
        let batch = Batch::new(at, records, done);
        let refused = match self.tail(at) {
            Err(refusal) => Some((batch, refusal)),
            Ok(_) if batch.records.is_empty() => {
                Some((batch, LogError::Poison("a batch without records".into())))
            }
            Ok(_) if batch.values() > MAX_BATCH_BYTES => {
                Some((batch, LogError::Poison(format!("a batch over {MAX_BATCH_BYTES} bytes"))))
            }
            Ok(_) => self.queue.push(batch).err().map(|refusal| match refusal {
                Refusal::Full(batch) => (batch, LogError::Transient("too much is waiting already".into())),
                Refusal::Closed(batch) => (batch, LogError::Transient("the log has stopped".into())),
            }),
        };
        if let Some((batch, error)) = refused {
            batch.fail(&error);
        }
    }

    fn fetch(&self, at: TopicPartition, from: u64, max_bytes: usize) -> Result<Vec<Stored>, LogError> {
        let tail = self.tail(at)?;
        match tail.read(from, max_bytes) {
            Read::Here(records) => Ok(records),
            Read::Elsewhere => {
                let records = self.handle.block_on(store::fetch(&self.pool, at, from, max_bytes))?;
                tail.extend(&records);
                Ok(records)
            }
        }
    }

    fn end(&self, at: TopicPartition) -> Result<u64, LogError> {
        let tail = self.tail(at)?;
        let end = self.handle.block_on(store::end(&self.pool, at))?;
        tail.reaches(end);
        Ok(end)
    }

    fn wait(&self, at: TopicPartition, from: u64, at_most: Duration) {
        if let Ok(tail) = self.tail(at) {
            tail.wait(from, at_most);
        }
    }

    fn wake(&self, at: TopicPartition) {
        if let Ok(tail) = self.tail(at) {
            tail.wake();
        }
    }

    fn join(&self, group: &str, topic: Topic) -> Box<dyn Membership> {
        Box::new(assignment::member(&self.pool, group, topic, self.partitions(topic)))
    }
}
