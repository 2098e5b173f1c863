//! What replicas of a service share and may lose at any moment: buckets of quotas, and words to one another.
//!
//! Invariants: whatever is here may be gone, late or said twice, and nothing but speed and the fairness of a quota
//! suffers; no fold sees any of it; nobody ever waits for it longer than a moment. In a cluster it lies in Redis, on a
//! laptop in the process. Only this crate knows Redis.

mod board;
mod bucket;
mod local;
mod redis;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;

pub use crate::{
    board::{Channel, Hearing},
    bucket::{Bucket, Rate},
    redis::{Options, Url},
};

/// Buckets of tokens that fill up by themselves.
pub trait Buckets: Send + Sync {
    /// Takes so many tokens from each of the buckets, or from none if one of them is empty. What is taken at once may be
    /// more than a bucket holds: it then stays empty for as long as that is worth. Always answers soon.
    fn take<'a>(&'a self, buckets: &'a [Bucket], tokens: u32) -> BoxFuture<'a, Taking>;
}

/// Words for everybody who hears a channel, this process included.
pub trait Board: Send + Sync {
    /// Does not wait. What is said may be lost, or come twice.
    fn say(&self, channel: Channel, word: Bytes);

    /// What is said from now on.
    fn hear(&self, channel: Channel) -> Hearing;
}

/// Whether tokens were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taking {
    Taken,
    /// Nothing was taken: this bucket, by its place among those asked, is empty for so long.
    Empty {
        bucket: usize,
        wait: Duration,
    },
}

/// What a process shares with its like.
#[derive(Clone)]
pub struct Ephemera {
    pub buckets: Arc<dyn Buckets>,
    pub board: Arc<dyn Board>,
}

impl Ephemera {
    /// Of a process without others like it.
    pub fn in_process() -> Self {
        Self { buckets: Arc::new(local::Buckets::default()), board: Arc::new(board::Ears::default()) }
    }

    /// In Redis. It need not be there: while it is away, the process does what it can by itself.
    pub fn in_redis(options: Options, metrics: &chassis::metrics::Metrics, tasks: &chassis::Tasks) -> Self {
        let shared = redis::open(options, metrics, tasks);
        Self { buckets: shared.clone(), board: shared }
    }
}
