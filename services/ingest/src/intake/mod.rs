//! Where accepted events go: into the log or, while that is away, onto this replica's own disk.
//!
//! Invariants: what was said to be taken stands in the log, or is durable here and goes there as soon as it can; while
//! something waits here, what comes after it waits behind it, so that a contact's events stay in order; nothing waits here
//! for a partition by a number of them that the log has never had. Events of a workspace on the log's clock never wait
//! here: time would be told to move past them.

mod confirmed;
mod keeper;
mod kept;

use std::{path::PathBuf, sync::Arc, time::Duration};

use chassis::{Tasks, metrics::Metrics};
use eventlog::{Log, LogError, NewRecord, TopicPartition};
use tokio::time::timeout;

use crate::{
    edge::Refusal,
    everywhere::{append, stopped},
};
use keeper::Keeper;

/// How long the log may take before events are kept here.
const SOON: Duration = Duration::from_secs(2);

/// Where a replica keeps what it has accepted while the log is away.
#[derive(Debug, Clone)]
pub struct SpoolAt {
    pub folder: PathBuf,
    /// That what waits there may take; beyond, clients are told to wait.
    pub most_bytes: u64,
}

/// Records of one partition, of at most as many bytes as it takes at once.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) at: TopicPartition,
    pub(crate) records: Vec<NewRecord>,
}

pub(crate) struct Intake {
    log: Arc<dyn Log>,
    keeper: Option<Keeper>,
}

impl Intake {
    /// Opens the spool, if there is to be one, and drains what lies in it.
    pub(crate) fn open(
        log: Arc<dyn Log>,
        spool: Option<&SpoolAt>,
        metrics: &Metrics,
        tasks: &Tasks,
    ) -> anyhow::Result<Self> {
        let keeper = spool.map(|at| Keeper::start(log.clone(), at, metrics, tasks)).transpose()?;
        Ok(Self { log, keeper })
    }

    /// Returns when everything stands in the log, or is kept if it may be.
    pub(crate) async fn take(&self, batches: Vec<Batch>, may_be_kept: bool) -> Result<(), Refusal> {
        let Some(keeper) = self.keeper.as_ref().filter(|_| may_be_kept) else {
            return self.append(batches).await.map_err(|error| Refusal::of_log(&error));
        };
        if keeper.holds() {
            return keeper.keep(&batches).await;
        }
        match timeout(SOON, self.append(batches.clone())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error @ LogError::Poison(_))) => Err(Refusal::of_log(&error)),
            // What has landed all the same is a repeat then.
            Ok(Err(LogError::Transient(_))) | Err(_) => keeper.keep(&batches).await,
        }
    }

    /// Hands every partition its records at once; returns when all of them stand in the log.
    async fn append(&self, batches: Vec<Batch>) -> Result<(), LogError> {
        let batches = batches.into_iter();
        let landings: Vec<_> =
            batches.map(|Batch { at, records }| append(self.log.as_ref(), at, records)).collect();
        for landing in landings {
            landing.await.unwrap_or_else(|_| Err(stopped()))?;
        }
        Ok(())
    }
}
