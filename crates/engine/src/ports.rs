//! What a worker is given: the log, a store, and what it may do outside.

use std::sync::Arc;

use bytes::Bytes;
use eventlog::{Log, LogError, TopicPartition};

use crate::{Checkpoint, Continue, Poison, Store, StoreAway};

/// Looks at an own decision that this assignment wrote and that now stands in the log, for so many milliseconds by the
/// log's clock as far as that is known: the moment to act on it. Called on the worker's thread; must not block.
pub type Act<D> = Box<dyn FnMut(&D, i64) + Send>;

/// The outside of one worker. `P` is what it projects, `D` what it acts upon.
pub struct Ports<P, D = ()> {
    pub log: Arc<dyn Log>,
    pub store: Box<dyn Store<P>>,
    pub act: Act<D>,
    /// Names the spans of what is yielded.
    pub next_span: Continue,
    /// Who writes: a new id for each assignment, 16 bytes.
    pub writer: Bytes,
}

impl<P, D> Ports<P, D> {
    /// The checkpoint to go on from, and the log's end, which lies at or beyond it. Blocks.
    pub(crate) fn begin(&mut self, at: TopicPartition) -> Result<(Checkpoint, u64), WorkerError> {
        let checkpoint = self.store.load()?.unwrap_or_default();
        let end = self.log.end(at)?;
        let offset = checkpoint.offset;
        if end < offset { Err(WorkerError::AnotherLog { at, end, offset }) } else { Ok((checkpoint, end)) }
    }
}

/// Budgets of one worker.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A checkpoint is begun after so many records folded, ...
    pub checkpoint_records: u64,
    /// ... or after so many milliseconds, if anything was folded.
    pub checkpoint_ms: i64,
    /// Accounts encoded for a checkpoint in one turn.
    pub encoded_accounts: usize,
    /// Facts kept in memory that may not be folded yet; beyond, it reads on for `Passed` and fetches again.
    pub buffered_records: usize,
    /// Writes that may wait for the store before reading pauses.
    pub store_writes: usize,
    /// Records on their way before reading pauses.
    pub unacked_records: usize,
    pub fetch_bytes: usize,
    /// How long a read decision may wait for company before it is projected while more is to be read.
    pub project_ms: i64,
    /// How old (by the log's clock) a decision may be that this assignment still acts upon.
    pub act_ms: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            checkpoint_records: 100_000,
            checkpoint_ms: 3_600_000,
            encoded_accounts: 2_000,
            buffered_records: 50_000,
            store_writes: 16,
            unacked_records: 20_000,
            fetch_bytes: 1 << 20,
            project_ms: 50,
            act_ms: 10_000,
        }
    }
}

/// Why a worker cannot go on. Transient ones are tried again by its runner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkerError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Store(#[from] StoreAway),
    /// A checkpoint that this build cannot read: the partition waits for one that can.
    #[error("the checkpoint cannot be read: {0}")]
    Checkpoint(#[from] Poison),
    /// Facts that it has would be passed over, up to where the checkpoint stands.
    #[error(
        "{at} ends at {end}, and the checkpoint goes on from {offset}: it is of another log. Bring back that log, or begin \
         with empty databases"
    )]
    AnotherLog { at: TopicPartition, end: u64, offset: u64 },
}

impl WorkerError {
    /// Whether the same may succeed later without anybody's doing.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Log(LogError::Transient(_)) | Self::Store(_))
    }
}
