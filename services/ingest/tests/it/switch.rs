//! A log that can be taken away and brought back, between a service and the real one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use eventlog::{Ack, Log, LogError, Membership, NewRecord, Stored, Topic, TopicPartition};

pub(crate) struct Switch {
    log: Arc<dyn Log>,
    is_off: AtomicBool,
}

impl Switch {
    pub(crate) fn new(log: Arc<dyn Log>) -> Self {
        Self { log, is_off: AtomicBool::new(false) }
    }

    /// From now on nothing can be appended.
    pub(crate) fn turn_off(&self) {
        self.is_off.store(true, Ordering::SeqCst);
    }

    pub(crate) fn turn_on(&self) {
        self.is_off.store(false, Ordering::SeqCst);
    }
}

impl Log for Switch {
    fn partitions(&self, topic: Topic) -> u32 {
        self.log.partitions(topic)
    }

    fn append(&self, at: TopicPartition, records: Vec<NewRecord>, done: Ack) {
        if self.is_off.load(Ordering::SeqCst) {
            return done(Err(LogError::Transient("it is switched off".into())));
        }
        self.log.append(at, records, done);
    }

    fn fetch(&self, at: TopicPartition, from: u64, max_bytes: usize) -> Result<Vec<Stored>, LogError> {
        self.log.fetch(at, from, max_bytes)
    }

    fn end(&self, at: TopicPartition) -> Result<u64, LogError> {
        self.log.end(at)
    }

    fn wait(&self, at: TopicPartition, from: u64, at_most: Duration) {
        self.log.wait(at, from, at_most);
    }

    fn wake(&self, at: TopicPartition) {
        self.log.wake(at);
    }

    fn join(&self, group: &str, topic: Topic) -> Box<dyn Membership> {
        self.log.join(group, topic)
    }
}
