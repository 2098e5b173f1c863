//! One notification on its way: its attempts by the retry schedule of the Standard Webhooks specification, and what
//! becomes of it.
//!
//! Invariants: deliveries go by append time, on both clocks; a notification is settled once; its id never changes. Only
//! an attempt that was begun and failed counts towards the schedule: one that nobody began, because the endpoint was
//! busy or whoever had to begin it was away, is asked for again, less and less often.

use serde::{Deserialize, Serialize};

use crate::{
    decision::{AttemptDue, AttemptReported, NotificationRequested, NotificationState},
    ids::{NotificationId, derived},
    time::{DAY_MS, Instant},
};

/// A call begins within this time of its `AttemptDue`'s append, or not at all.
pub const BEGIN_WITHIN_MS: i64 = 10_000;
/// Open at once over one account; those requested beyond have failed.
pub const MAX_DELIVERIES: usize = 256;
/// What Retry-After can ask for at most.
pub const MAX_RETRY_AFTER_MS: i64 = DAY_MS;
/// What an endpoint that is busy can ask for at most, by whoever did not begin an attempt for that.
pub const MAX_ROOM_AFTER_MS: i64 = 30 * MINUTE;
/// After a pause of so long the next one is no longer than this one, but for its jitter.
pub const LONGEST_PAUSE_MS: i64 = 10 * MINUTE;
/// It is given up when attempts that nobody began have taken so long in a row: the whole schedule and a day.
pub const GIVE_UP_AFTER_MS: i64 = SPAN + SPAN / 10 + DAY_MS;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// How long after so many failed attempts the next one is due: the schedule of the Standard Webhooks specification,
/// 75 h 35 min in all.
const SCHEDULE: [i64; 10] =
    [0, 5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];

/// Of the schedule, without its jitter.
const SPAN: i64 = 75 * HOUR + 35 * MINUTE + 5 * SECOND;
/// The first pause after an attempt was said not to be begun.
const PUT_OFF: i64 = 5 * SECOND;

/// A notification that is not settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub id: NotificationId,
    pub playbook: String,
    /// Name of the endpoint in the catalogue.
    pub endpoint: String,
    /// Attempts asked for: the number of the last one.
    pub attempts: u32,
    /// Attempts that were begun and failed.
    failures: u32,
    /// Attempts in a row, up to the last one, that nobody began, or nobody reported.
    unbegun: u32,
    /// Milliseconds that those took.
    unbegun_for: i64,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    /// The next attempt is due.
    Due { at: Instant },
    /// Somebody is to begin an attempt, and to report.
    Calling { since: Instant },
    /// To be said so.
    Finished(NotificationState),
}

/// A delivery as it was stored in the first format, when attempts that nobody began were counted with the others.
#[derive(Debug, Deserialize)]
pub(crate) struct FirstDelivery {
    id: NotificationId,
    playbook: String,
    endpoint: String,
    attempts: u32,
    failures: u32,
    phase: Phase,
}

impl From<FirstDelivery> for Delivery {
    fn from(it: FirstDelivery) -> Self {
        let FirstDelivery { id, playbook, endpoint, attempts, failures, phase } = it;
        Self { id, playbook, endpoint, attempts, failures, unbegun: 0, unbegun_for: 0, phase }
    }
}

impl Delivery {
    /// Due at once.
    pub fn requested(request: &NotificationRequested, appended_at: Instant) -> Self {
        Self {
            id: request.notification,
            playbook: request.playbook.clone(),
            endpoint: request.recipient.clone(),
            attempts: 0,
            failures: 0,
            unbegun: 0,
            unbegun_for: 0,
            phase: Phase::Due { at: appended_at },
        }
    }

    /// When it must be looked at again, by append time. `longest_call`: milliseconds after which a call that was
    /// begun is over.
    pub fn wake(&self, longest_call: i64) -> Option<Instant> {
        match self.phase {
            Phase::Due { at } => Some(at),
            Phase::Calling { since } => {
                let pause = self.pause(BEGIN_WITHIN_MS.saturating_add(longest_call));
                Some(Instant(since.0.saturating_add(pause)))
            }
            Phase::Finished(_) => None,
        }
    }

    /// Whether the next attempt is to be made: the first, a retry, or one in place of an attempt that nobody
    /// reported.
    pub fn is_due(&self, appended_at: Instant, longest_call: i64) -> bool {
        self.wake(longest_call).is_some_and(|at| at <= appended_at)
    }

    /// What is left to be said of it.
    pub fn finished(&self) -> Option<NotificationState> {
        match self.phase {
            Phase::Finished(state) => Some(state),
            Phase::Due { .. } | Phase::Calling { .. } => None,
        }
    }

    /// The attempt that is to be made now, unless nobody began one for too long.
    pub fn next_attempt(&self) -> Option<AttemptDue> {
        (self.unbegun_for < GIVE_UP_AFTER_MS)
            .then_some(AttemptDue { notification: self.id, attempt: self.attempts + 1 })
    }

    /// An attempt is asked for; the one before it, if nobody reported it, is taken for one that nobody began.
    pub fn asked(self, attempt: u32, appended_at: Instant) -> Self {
        let before = match self.phase {
            Phase::Calling { since } => self.not_begun(since, appended_at),
            Phase::Due { .. } | Phase::Finished(_) => self,
        };
        Self { attempts: attempt, phase: Phase::Calling { since: appended_at }, ..before }
    }

    /// What came of an attempt. One that was taken for lost and reports late still counts when it settled the
    /// matter.
    pub fn reported(self, report: &AttemptReported, appended_at: Instant) -> Self {
        let awaited = match self.phase {
            Phase::Calling { since } if report.attempt == self.attempts => Some(since),
            _ => None,
        };
        match (report.begun, report.status, awaited) {
            (true, Some(200..=299), _) => self.finish(NotificationState::Delivered),
            (true, _, Some(_)) if report.permanent => self.finish(NotificationState::Failed),
            (true, Some(410), _) if !report.permanent => self.finish(NotificationState::Gone),
            (true, _, Some(_)) => self.failed(report.retry_at, appended_at),
            (false, _, Some(since)) => self.put_off(since, report.retry_at, appended_at),
            (_, _, None) => self,
        }
    }

    fn failed(self, retry_at: Option<Instant>, appended_at: Instant) -> Self {
        let failures = self.failures + 1;
        let Some(at) = next_due(self.id, failures, retry_at, appended_at) else {
            return self.finish(NotificationState::Failed);
        };
        Self { failures, unbegun: 0, unbegun_for: 0, phase: Phase::Due { at }, ..self }
    }

    /// It is due again when there will be room, as far as that is known, and not too soon.
    fn put_off(self, since: Instant, room_at: Option<Instant>, appended_at: Instant) -> Self {
        let room = room_at.map_or(0, |at| at.0.saturating_sub(appended_at.0)).min(MAX_ROOM_AFTER_MS);
        let at = Instant(appended_at.0 + room.max(self.pause(PUT_OFF)));
        Self { phase: Phase::Due { at }, ..self.not_begun(since, at) }
    }

    /// One more attempt that nobody began. A pause in which nobody looked, because everything stood still, counts as
    /// one that was not that long.
    fn not_begun(self, since: Instant, until: Instant) -> Self {
        let took = (until.0 - since.0).clamp(0, MAX_ROOM_AFTER_MS);
        Self { unbegun: self.unbegun + 1, unbegun_for: self.unbegun_for + took, ..self }
    }

    /// Twice as long after each attempt that nobody began, and up to twice as long as that: so that those who wait
    /// for the same endpoint do not all come back at once. The first of them is as given.
    fn pause(&self, first: i64) -> i64 {
        let longest = LONGEST_PAUSE_MS.max(first);
        let doubled = (0..self.unbegun.min(20)).fold(first, |pause, _| pause.saturating_mul(2).min(longest));
        doubled + jitter(b"pause", self.id, self.attempts, doubled - first)
    }

    fn finish(self, state: NotificationState) -> Self {
        Self { phase: Phase::Finished(state), ..self }
    }
}

/// When to try again after so many failures: by the schedule, up to a tenth of the delay later, and not before what
/// the receiver asked for. `None`: never.
fn next_due(
    id: NotificationId,
    failures: u32,
    retry_at: Option<Instant>,
    appended_at: Instant,
) -> Option<Instant> {
    let delay = *SCHEDULE.get(failures as usize)?;
    let jitter = jitter(b"jitter", id, failures, delay / 10);
    let asked = retry_at.map_or(appended_at.0, |at| at.0.min(appended_at.0 + MAX_RETRY_AFTER_MS));
    Some(Instant(asked.max(appended_at.0 + delay + jitter)))
}

/// From none to so much, from a hash: every refold says the same.
fn jitter(of: &[u8], id: NotificationId, number: u32, at_most: i64) -> i64 {
    let hash = derived(&[of, &id.0.to_be_bytes(), &number.to_be_bytes()]);
    (hash & 0xffff_ffff) as i64 % (at_most + 1)
}

#[cfg(test)]
mod tests;
