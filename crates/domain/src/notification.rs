//! One notification on its way: its attempts by the retry schedule of the Standard Webhooks specification, and what
//! becomes of it.
//!
//! Invariants: deliveries go by append time, on both clocks; a notification is settled once; its id never changes.

use serde::{Deserialize, Serialize};

use crate::{
    decision::{AttemptDue, AttemptReported, NotificationRequested, NotificationState},
    ids::{NotificationId, derived},
    time::{DAY_MS, Instant},
};

/// A call begins within this time of its `AttemptDue`'s append, or not at all.
pub const BEGIN_WITHIN_MS: i64 = 10_000;
/// Attempts made in all, those that nobody reported included.
pub const MAX_ATTEMPTS: u32 = 100;
/// Open at once over one account; those requested beyond have failed.
pub const MAX_DELIVERIES: usize = 256;
/// What Retry-After can ask for at most.
pub const MAX_RETRY_AFTER_MS: i64 = DAY_MS;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// How long after so many failed attempts the next one is due: the schedule of the Standard Webhooks specification,
/// 75 h 35 min in all.
const SCHEDULE: [i64; 10] =
    [0, 5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];

/// A notification that is not settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub id: NotificationId,
    pub playbook: String,
    /// Name of the endpoint in the catalogue.
    pub endpoint: String,
    /// Attempts begun.
    pub attempts: u32,
    failures: u32,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    /// The next attempt is due.
    Due { at: Instant },
    /// Somebody makes an attempt, and is to report.
    Calling { since: Instant },
    /// To be said so.
    Finished(NotificationState),
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
            phase: Phase::Due { at: appended_at },
        }
    }

    /// When it must be looked at again, by append time. `longest_call`: milliseconds after which a call that was
    /// begun is over.
    pub fn wake(&self, longest_call: i64) -> Option<Instant> {
        match self.phase {
            Phase::Due { at } => Some(at),
            Phase::Calling { since } => Some(Instant(since.0 + BEGIN_WITHIN_MS + longest_call)),
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

    /// The attempt that is to be made now, if any is left.
    pub fn next_attempt(&self) -> Option<AttemptDue> {
        (self.attempts < MAX_ATTEMPTS)
            .then_some(AttemptDue { notification: self.id, attempt: self.attempts + 1 })
    }

    /// An attempt is under way.
    pub fn begun(self, attempt: u32, appended_at: Instant) -> Self {
        Self { attempts: attempt, phase: Phase::Calling { since: appended_at }, ..self }
    }

    /// What came of an attempt. One that was taken for lost and reports late still counts when it settled the
    /// matter.
    pub fn reported(self, report: &AttemptReported, appended_at: Instant) -> Self {
        let awaited = matches!(self.phase, Phase::Calling { .. }) && report.attempt == self.attempts;
        match report.status {
            Some(200..=299) => self.finish(NotificationState::Delivered),
            Some(410) => self.finish(NotificationState::Gone),
            _ if awaited => self.failed(report.retry_at, appended_at),
            _ => self,
        }
    }

    fn failed(self, retry_at: Option<Instant>, appended_at: Instant) -> Self {
        let failures = self.failures + 1;
        let Some(at) = next_due(self.id, failures, retry_at, appended_at) else {
            return self.finish(NotificationState::Failed);
        };
        Self { failures, phase: Phase::Due { at }, ..self }
    }

    fn finish(self, state: NotificationState) -> Self {
        Self { phase: Phase::Finished(state), ..self }
    }
}

/// When to try again after so many failures: by the schedule, up to a tenth of the delay later (from a hash, so that
/// every refold says the same), and not before what the receiver asked for. `None`: never.
fn next_due(
    id: NotificationId,
    failures: u32,
    retry_at: Option<Instant>,
    appended_at: Instant,
) -> Option<Instant> {
    let delay = *SCHEDULE.get(failures as usize)?;
    let hash = derived(&[b"jitter", &id.0.to_be_bytes(), &failures.to_be_bytes()]);
    let jitter = (hash & 0xffff_ffff) as i64 % (delay / 10 + 1);
    let asked = retry_at.map_or(appended_at.0, |at| at.0.min(appended_at.0 + MAX_RETRY_AFTER_MS));
    Some(Instant(asked.max(appended_at.0 + delay + jitter)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{decision::Channel, ids::RunId};

    const LONGEST: i64 = 20_000;

    fn fresh() -> Delivery {
        let request = NotificationRequested {
            notification: NotificationId(7),
            playbook: "win_back".into(),
            run: RunId(1),
            step: "notify_1".into(),
            channel: Channel::Webhook,
            recipient: "crm".into(),
            body: String::new(),
        };
        Delivery::requested(&request, Instant(1_000))
    }

    fn report(attempt: u32, status: Option<u16>, retry_at: Option<i64>) -> AttemptReported {
        AttemptReported {
            notification: NotificationId(7),
            attempt,
            status,
            error: String::new(),
            retry_at: retry_at.map(Instant),
            began_at: Instant(0),
            took_ms: 1,
        }
    }

    #[test]
    fn an_answer_settles_it_or_asks_for_another_attempt() {
        let check = |status: Option<u16>, expected: Option<NotificationState>| {
            let after = fresh().begun(1, Instant(1_000)).reported(&report(1, status, None), Instant(2_000));
            assert_eq!(after.finished(), expected, "{status:?}");
        };
        check(Some(200), Some(NotificationState::Delivered));
        check(Some(204), Some(NotificationState::Delivered));
        check(Some(410), Some(NotificationState::Gone));
        for status in [None, Some(302), Some(400), Some(429), Some(500), Some(503)] {
            check(status, None);
        }
    }

    #[test]
    fn attempts_follow_the_schedule_and_then_it_has_failed() {
        let (mut delivery, mut now) = (fresh(), Instant(1_000));
        for (n, delay) in (1_u32..).zip(SCHEDULE) {
            let at = delivery.wake(LONGEST).unwrap();
            assert!((now.0 + delay..=now.0 + delay + delay / 10).contains(&at.0), "attempt {n} at {at:?}");
            assert!(!delivery.is_due(Instant(at.0 - 1), LONGEST) && delivery.is_due(at, LONGEST));
            now = at;
            let due = delivery.next_attempt().unwrap();
            assert_eq!(due.attempt, n);
            delivery = delivery.begun(due.attempt, now).reported(&report(n, Some(500), None), now);
        }
        assert_eq!(delivery.finished(), Some(NotificationState::Failed));
    }

    #[test]
    fn what_the_receiver_asks_for_is_honoured_within_a_day() {
        let check = |retry_at: i64, expected: i64| {
            let after =
                fresh().begun(1, Instant(0)).reported(&report(1, Some(429), Some(retry_at)), Instant(0));
            assert_eq!(after.wake(LONGEST), Some(Instant(expected)));
        };
        check(60_000, 60_000);
        check(7 * DAY_MS, DAY_MS);
        let soon = fresh().begun(1, Instant(0)).reported(&report(1, Some(429), Some(1)), Instant(0));
        assert!(soon.wake(LONGEST).unwrap() >= Instant(5_000));
    }

    #[test]
    fn an_attempt_that_nobody_reports_is_made_again_under_the_next_number() {
        let calling = fresh().begun(1, Instant(1_000));
        assert!(!calling.is_due(Instant(30_999), LONGEST) && calling.is_due(Instant(31_000), LONGEST));
        assert_eq!(calling.next_attempt().map(|due| due.attempt), Some(2));
        let again = calling.begun(2, Instant(31_000));
        let late_failure = again.clone().reported(&report(1, Some(500), None), Instant(32_000));
        assert_eq!(late_failure, again);
        let late_success = again.reported(&report(1, Some(200), None), Instant(32_000));
        assert_eq!(late_success.finished(), Some(NotificationState::Delivered));
    }

    #[test]
    fn what_nobody_ever_reports_is_given_up() {
        let mut delivery = fresh();
        while let Some(due) = delivery.next_attempt() {
            delivery = delivery.begun(due.attempt, Instant(0));
        }
        assert_eq!(delivery.attempts, MAX_ATTEMPTS);
    }
}
