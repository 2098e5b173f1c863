//! What goes to one partition, in order.
//!
//! Invariant: of a partition one group of batches is on its way at a time, and what comes meanwhile is the next one: nobody
//! waits for company, and nothing waits in the client. An idempotent librdkafka sends a partition no more while five of
//! its messages are on their way, and without lingering it looks all the time whether it may.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::headers::{Around, Kind, around};
use crate::{Ack, NewRecord, Stream};

/// Bytes of values that go together: what one request takes, with what stands around them. A larger batch goes by itself.
const GROUP_BYTES: usize = 512 << 10;
/// How long a batch waits for those before it, ...
const WAIT: Duration = Duration::from_secs(10);
/// ... and when these have failed: what has waited longer would have to wait as long as they did once more.
const WAIT_IN_VAIN: Duration = Duration::from_secs(1);

/// The way to one partition.
pub(super) struct Outlet {
    pub(super) topic: String,
    pub(super) partition: i32,
    stream: Stream,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    is_away: bool,
    /// What was on its way last.
    has_failed: bool,
    waiting: VecDeque<Batch>,
}

/// What somebody wants to append.
pub(super) struct Batch {
    pub(super) messages: Vec<Message>,
    /// Of the values.
    pub(super) bytes: usize,
    since: Instant,
    pub(super) done: Ack,
}

/// A message as it is sent.
pub(super) struct Message {
    pub(super) around: Around,
    pub(super) value: Bytes,
}

impl Outlet {
    /// To a topic that is called so.
    pub(super) fn new(topic: String, stream: Stream, partition: u32) -> Arc<Self> {
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        Arc::new(Self { topic, partition, stream, queue: Mutex::default() })
    }

    pub(super) fn batch(&self, kind: Kind, records: Vec<NewRecord>, done: Ack) -> Batch {
        let message = |record: NewRecord| Message {
            around: around(kind(self.stream, &record.value), &record),
            value: record.value,
        };
        let messages: Vec<Message> = records.into_iter().map(message).collect();
        let bytes = messages.iter().map(|message| message.value.len()).sum();
        Batch { messages, bytes, since: Instant::now(), done }
    }

    pub(super) fn push(&self, batch: Batch) {
        self.queue().waiting.push_back(batch);
    }

    /// Has `go` send what goes next, if nothing is on its way: nothing overtakes that. Returns what has waited for too long.
    pub(super) fn next(&self, go: impl FnOnce(Vec<Batch>)) -> Vec<Batch> {
        let mut queue = self.queue();
        let late = queue.late(Instant::now());
        if !queue.is_away && !queue.waiting.is_empty() {
            queue.is_away = true;
            go(queue.group());
        }
        late
    }

    /// What was on its way is answered, and has landed or not.
    pub(super) fn returned(&self, has_landed: bool) {
        let mut queue = self.queue();
        (queue.is_away, queue.has_failed) = (false, !has_landed);
    }

    pub(super) fn is_idle(&self) -> bool {
        let queue = self.queue();
        !queue.is_away && queue.waiting.is_empty()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn late(&mut self, now: Instant) -> Vec<Batch> {
        let wait = if self.has_failed { WAIT_IN_VAIN } else { WAIT };
        let late = self.waiting.iter().take_while(|batch| now.duration_since(batch.since) >= wait).count();
        self.waiting.drain(..late).collect()
    }

    fn group(&mut self) -> Vec<Batch> {
        let mut bytes = 0;
        let fitting = self.waiting.iter().take_while(|batch| {
            bytes += batch.bytes;
            bytes <= GROUP_BYTES
        });
        let fitting = fitting.count().max(1).min(self.waiting.len());
        self.waiting.drain(..fitting).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Topic;

    fn outlet() -> Arc<Outlet> {
        Outlet::new("t".to_owned(), Stream::Topic(Topic::Inbox), 3)
    }

    fn push(outlet: &Outlet, sizes: &[usize]) {
        for size in sizes {
            let record = NewRecord { value: vec![0; *size].into(), traceparent: None };
            outlet.push(outlet.batch(|_, _| "Toy", vec![record], Box::new(drop)));
        }
    }

    /// The sizes of what goes next.
    fn next(outlet: &Outlet) -> Vec<usize> {
        let mut sizes = Vec::new();
        let late = outlet.next(|group| sizes = group.iter().map(|batch| batch.bytes).collect());
        assert!(late.is_empty());
        sizes
    }

    #[test]
    fn the_first_goes_at_once_and_the_others_together_once_it_is_answered() {
        let outlet = outlet();
        push(&outlet, &[1]);
        assert_eq!(next(&outlet), [1]);
        push(&outlet, &[2, 3]);
        assert!(next(&outlet).is_empty());
        push(&outlet, &[4]);
        outlet.returned(true);
        assert_eq!(next(&outlet), [2, 3, 4]);
        assert!(!outlet.is_idle());
        outlet.returned(true);
        assert!(next(&outlet).is_empty());
        assert!(outlet.is_idle());
    }

    #[test]
    fn together_goes_what_one_request_takes_and_what_is_larger_by_itself() {
        let outlet = outlet();
        push(&outlet, &[300 << 10, 200 << 10, 20 << 10, 2 << 20, 1]);
        let mut groups = Vec::new();
        while !outlet.is_idle() {
            groups.push(next(&outlet));
            outlet.returned(true);
        }
        assert_eq!(groups, [vec![300 << 10, 200 << 10], vec![20 << 10], vec![2 << 20], vec![1]]);
    }

    #[test]
    fn who_has_waited_for_too_long_is_told_so() {
        let mut queue = Queue::default();
        let outlet = outlet();
        let batch = |age| {
            let since = Instant::now().checked_sub(age).unwrap();
            Batch { since, ..outlet.batch(|_, _| "Toy", Vec::new(), Box::new(drop)) }
        };
        queue.waiting = [WAIT * 2, WAIT, WAIT / 2].map(batch).into();
        assert_eq!(queue.late(Instant::now()).len(), 2);
        assert!(queue.late(Instant::now()).is_empty());
        queue.has_failed = true;
        assert_eq!(queue.late(Instant::now()).len(), 1);
    }
}
