//! A membership that runs in a task of its own, so that waiting for it may be cancelled.

use std::pin::Pin;

use tokio::sync::mpsc;

use crate::{Change, Membership};

/// What who works on a member's partitions has of it: the task does the waiting.
#[derive(Debug)]
pub(crate) struct Member {
    changes: mpsc::UnboundedReceiver<Change>,
    orders: mpsc::UnboundedSender<Order>,
}

/// What a member is told to tell its group.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    Commit(u32, u64),
    Release(u32),
}

impl Member {
    /// A member, and the task's ends: what it says, and what it is told. The orders end when the member is dropped.
    pub(crate) fn new() -> (Self, mpsc::UnboundedSender<Change>, mpsc::UnboundedReceiver<Order>) {
        let (says, changes) = mpsc::unbounded_channel();
        let (orders, heard) = mpsc::unbounded_channel();
        (Self { changes, orders }, says, heard)
    }
}

impl Membership for Member {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<Change>> + Send + '_>> {
        Box::pin(self.changes.recv())
    }

    fn commit(&mut self, partition: u32, offset: u64) {
        // Without the task there is nobody to tell: `next` says so.
        let _ = self.orders.send(Order::Commit(partition, offset));
    }

    fn release(&mut self, partition: u32) {
        let _ = self.orders.send(Order::Release(partition));
    }
}
