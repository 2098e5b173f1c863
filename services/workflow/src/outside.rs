//! What workflow does outside the house: webhooks, and messages in Slack and by e-mail, each an attempt that stands in the log as due, performed by whoever
//! wrote it, and reported as a fact.
//!
//! Invariants: an attempt begins within ten seconds of its append or not at all; what was not begun, or is not reported
//! because nobody came to it, is asked for again by the fold, under the notification's own id.

mod address;
mod attempt;
mod busy;
mod call;
mod directory;
mod email;
mod lanes;
mod ledger;
mod notice;
mod outcome;
mod pace;
mod places;
mod retry_after;
mod seats;
mod sender;
mod signature;
mod slack;
mod tally;
mod telling;
mod together;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{
    decision::{AttemptDue, Decision},
    ids::NotificationId,
    notification::BEGIN_WITHIN_MS,
};
use engine::Decided;
use tokio::sync::mpsc;

pub(crate) use call::Caller;
pub(crate) use directory::Directory;
pub(crate) use email::Mailer;
pub(crate) use ledger::Ledger;
pub(crate) use pace::Pace;
pub(crate) use sender::Sender;
pub(crate) use tally::Tally;

use crate::store::Request;

/// Attempts that the sender did not look at yet, which takes it moments; what is due beyond is made again later.
const QUEUE: usize = 10_000;
/// Requests kept at hand until their first attempt is due, which is a moment later.
const AT_HAND: usize = 4_096;

/// An attempt that this process has to make.
#[derive(Debug)]
pub(crate) struct Due {
    pub workspace: String,
    pub account: String,
    pub attempt: AttemptDue,
    /// Then it is too late to begin. By this machine's steady clock: the log's may show another time.
    pub begin_by: Instant,
    pub traceparent: Option<Arc<str>>,
    /// What is to be sent, if it is at hand.
    pub request: Option<Request>,
}

impl Due {
    /// Whether it may still be begun.
    fn is_in_time(&self) -> bool {
        !self.time_left().is_zero()
    }

    /// To begin it.
    fn time_left(&self) -> Duration {
        self.begin_by.saturating_duration_since(Instant::now())
    }
}

/// The queue of the sender.
pub(crate) fn queue() -> (mpsc::Sender<Due>, mpsc::Receiver<Due>) {
    mpsc::channel(QUEUE)
}

/// Hands one partition's attempts to the sender as they are read back. Never blocks.
pub(crate) struct Actor {
    due: mpsc::Sender<Due>,
    at_hand: HashMap<NotificationId, Request>,
}

impl Actor {
    pub(crate) fn new(due: mpsc::Sender<Due>) -> Self {
        Self { due, at_hand: HashMap::new() }
    }

    /// Looks at a decision that this assignment wrote, so many milliseconds ago.
    pub(crate) fn act(&mut self, decided: &Decided<Decision>, age: i64) {
        match &decided.decision {
            Decision::Notification(request) => {
                if self.at_hand.len() == AT_HAND {
                    self.at_hand.clear();
                }
                let (recipient, body) = (request.recipient.clone(), request.body.clone());
                self.at_hand.insert(request.notification, Request { recipient, body });
            }
            Decision::Attempt(attempt) => self.hand_over(decided, *attempt, age),
            Decision::Settled(settled) => {
                self.at_hand.remove(&settled.notification);
            }
            _ => {}
        }
    }

    fn hand_over(&mut self, decided: &Decided<Decision>, attempt: AttemptDue, age: i64) {
        let left = u64::try_from(BEGIN_WITHIN_MS.saturating_sub(age)).unwrap_or_default();
        let due = Due {
            workspace: decided.header.workspace.clone(),
            account: decided.header.account.clone(),
            attempt,
            begin_by: Instant::now() + Duration::from_millis(left),
            traceparent: decided.traceparent.clone(),
            request: self.at_hand.remove(&attempt.notification),
        };
        if self.due.try_send(due).is_err() {
            tracing::warn!(notification = %uuid::Uuid::from_u128(attempt.notification.0),
                "the sender's queue is full: the attempt is made later");
        }
    }
}
