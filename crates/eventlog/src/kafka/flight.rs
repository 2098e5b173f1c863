//! Batches on their way, and what is told of them.
//!
//! Invariant: a batch is answered once, when all of its messages are; with the last batch of a group the next one goes.

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use super::{outlet::Outlet, producer::Producer};
use crate::{Ack, Appended, LogError};

/// Batches that are on their way to a partition together.
pub(super) struct Group {
    producer: Weak<Producer>,
    pub(super) outlet: Arc<Outlet>,
    /// Those that are not answered.
    left: AtomicUsize,
    has_failed: AtomicBool,
}

/// A batch on its way.
pub(super) struct Flight {
    group: Arc<Group>,
    pending: Mutex<Option<Pending>>,
}

struct Pending {
    left: usize,
    landed: Option<Appended>,
    error: Option<LogError>,
    done: Ack,
}

impl Flight {
    pub(super) fn new(group: Arc<Group>, left: usize, done: Ack) -> Self {
        Self { group, pending: Mutex::new(Some(Pending { left, landed: None, error: None, done })) }
    }

    pub(super) fn land(&self, offset: u64, appended_at: i64) {
        self.answer(|batch| {
            let landed = batch.landed.get_or_insert(Appended { base_offset: offset, appended_at });
            landed.base_offset = landed.base_offset.min(offset);
            landed.appended_at = landed.appended_at.max(appended_at);
        });
    }

    pub(super) fn fail(&self, error: LogError) {
        self.group.has_failed.store(true, Ordering::Release);
        self.answer(|batch| batch.error = batch.error.take().or(Some(error)));
    }

    /// One message has its answer; with the last one the batch has its own, and with the last batch its group.
    fn answer(&self, take: impl FnOnce(&mut Pending)) {
        let mut held = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(batch) = held.as_mut() else { return };
        take(batch);
        batch.left -= 1;
        if batch.left > 0 {
            return;
        }
        let batch = held.take();
        drop(held);
        if let Some(Pending { landed, error, done, .. }) = batch {
            let nothing = || LogError::Transient("nothing has landed".into());
            done(error.map_or_else(|| landed.ok_or_else(nothing), Err));
            self.group.answered();
        }
    }
}

impl Group {
    pub(super) fn new(producer: Weak<Producer>, outlet: Arc<Outlet>, batches: usize) -> Arc<Self> {
        let (left, has_failed) = (AtomicUsize::new(batches), AtomicBool::new(false));
        Arc::new(Self { producer, outlet, left, has_failed })
    }

    fn answered(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        self.outlet.returned(!self.has_failed.load(Ordering::Acquire));
        if let Some(producer) = self.producer.upgrade() {
            producer.go_on(&self.outlet);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::{Stream, Topic};

    fn flight(left: usize) -> (Flight, mpsc::Receiver<Result<Appended, LogError>>) {
        let (says, said) = mpsc::channel();
        let outlet = Outlet::new("t".to_owned(), Stream::Topic(Topic::Inbox), 0);
        let group = Group::new(Weak::new(), outlet, 1);
        (Flight::new(group, left, Box::new(move |outcome| says.send(outcome).unwrap())), said)
    }

    #[test]
    fn a_batch_is_answered_once_all_of_it_is() {
        let (flight, said) = flight(3);
        flight.land(7, 20);
        flight.land(6, 10);
        assert!(said.try_recv().is_err());
        flight.land(8, 20);
        assert_eq!(said.recv().unwrap(), Ok(Appended { base_offset: 6, appended_at: 20 }));
    }

    #[test]
    fn a_batch_of_which_something_failed_has_failed() {
        let (flight, said) = flight(2);
        flight.land(7, 20);
        flight.fail(LogError::Transient("away".into()));
        flight.land(9, 20);
        assert_eq!(said.recv().unwrap(), Err(LogError::Transient("away".into())));
        assert!(said.recv().is_err(), "once");
    }
}
