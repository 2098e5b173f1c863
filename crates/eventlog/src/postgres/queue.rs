//! What waits to be appended: bounded by bytes, taken in the order in which it came.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{Ack, Appended, LogError, NewRecord, TopicPartition};

/// Bytes that a record takes besides its value.
const OVERHEAD: usize = 64;

/// One caller's batch.
pub(super) struct Batch {
    pub(super) at: TopicPartition,
    pub(super) records: Vec<NewRecord>,
    /// That it takes while it waits.
    pub(super) bytes: usize,
    done: Ack,
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records to {}", self.records.len(), self.at)
    }
}

impl Batch {
    pub(super) fn new(at: TopicPartition, records: Vec<NewRecord>, done: Ack) -> Self {
        let bytes = records.iter().map(|record| record.value.len() + OVERHEAD).sum();
        Self { at, records, bytes, done }
    }

    /// Bytes of its values.
    pub(super) fn values(&self) -> usize {
        self.records.iter().map(|record| record.value.len()).sum()
    }

    pub(super) fn landed(self, appended: Appended) {
        (self.done)(Ok(appended));
    }

    pub(super) fn fail(self, error: &LogError) {
        (self.done)(Err(error.clone()));
    }
}

/// Why a batch was not taken; the batch comes back.
pub(super) enum Refusal {
    Full(Batch),
    Closed(Batch),
}

#[derive(Debug)]
pub(super) struct Queue {
    most_bytes: usize,
    pending: Mutex<Pending>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Pending {
    batches: VecDeque<Batch>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { most_bytes, pending: Mutex::default(), changed: Notify::new() }
    }

    pub(super) fn push(&self, batch: Batch) -> Result<(), Refusal> {
        let mut pending = self.lock();
        if pending.closed {
            return Err(Refusal::Closed(batch));
        }
        if pending.bytes + batch.bytes > self.most_bytes && !pending.batches.is_empty() {
            return Err(Refusal::Full(batch));
        }
        pending.bytes += batch.bytes;
        pending.batches.push_back(batch);
        drop(pending);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for batches and takes them, up to about so many bytes, at least one; none once the queue is closed and
    /// empty. For one taker.
    pub(super) async fn take(&self, bytes: usize) -> Option<Vec<Batch>> {
        loop {
            {
                let mut pending = self.lock();
                let taken = pending.take(bytes);
                if !taken.is_empty() {
                    return Some(taken);
                }
                if pending.closed {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    /// Refuses what comes from now on.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Whatever is still there.
    pub(super) fn rest(&self) -> Vec<Batch> {
        self.lock().take(usize::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    fn take(&mut self, bytes: usize) -> Vec<Batch> {
        let mut taken = Vec::new();
        let mut sum = 0_usize;
        while let Some(batch) = self.batches.pop_front_if(|batch| sum == 0 || sum + batch.bytes <= bytes) {
            sum += batch.bytes;
            taken.push(batch);
        }
        self.bytes -= sum;
        taken
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Topic;

    fn batch(bytes: usize) -> Batch {
        let value = Bytes::from(vec![0; bytes - OVERHEAD]);
        let at = TopicPartition { topic: Topic::Inbox, partition: 0 };
        Batch::new(at, vec![NewRecord { value, traceparent: None }], Box::new(|_| {}))
    }

    #[tokio::test]
    async fn batches_are_taken_in_order_and_in_bites() {
        let queue = Queue::new(10_000);
        for bytes in [300, 400, 500, 9_000] {
            assert!(queue.push(batch(bytes)).is_ok() || bytes == 9_000);
        }
        let sizes = |taken: Vec<Batch>| taken.iter().map(|batch| batch.bytes).collect::<Vec<_>>();
        assert_eq!(sizes(queue.take(700).await.unwrap()), [300, 400]);
        assert_eq!(sizes(queue.take(100).await.unwrap()), [500]);
        queue.close();
        assert!(queue.take(100).await.is_none());
        assert!(matches!(queue.push(batch(100)), Err(Refusal::Closed(_))));
    }

    #[test]
    fn a_full_queue_refuses() {
        let queue = Queue::new(1_000);
        assert!(queue.push(batch(900)).is_ok());
        assert!(matches!(queue.push(batch(200)), Err(Refusal::Full(_))));
    }
}
