//! Lets so many calls through, and knows how many were answered: what is killed is killed amid the load.

use anyhow::Result;
use tokio::sync::{Semaphore, watch};

pub(crate) struct Gate {
    allowed: Semaphore,
    answered: watch::Sender<usize>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { allowed: Semaphore::new(0), answered: watch::Sender::new(0) }
    }

    /// So many more.
    pub(crate) fn allow(&self, calls: usize) {
        self.allowed.add_permits(calls);
    }

    /// From now on, all.
    pub(crate) fn open(&self) {
        self.allowed.close();
    }

    /// Makes a call when it may be made. One that is repeated until it is answered counts once.
    pub(crate) async fn pass<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        // Closed: there is nothing to wait for.
        if let Ok(permit) = self.allowed.acquire().await {
            permit.forget();
        }
        let answer = call.await?;
        self.answered.send_modify(|answered| *answered += 1);
        Ok(answer)
    }

    pub(crate) fn answered(&self) -> usize {
        *self.answered.borrow()
    }

    /// Returns when so many were answered in all.
    pub(crate) async fn reach(&self, answered: usize) {
        // The sender is ours: it does not go away.
        drop(self.answered.subscribe().wait_for(|now| *now >= answered).await);
    }
}
