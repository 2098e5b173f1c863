//! One attempt: made in time and reported, or said not to have been begun.

use std::time::{Duration, Instant};

use domain::{
    decision::AttemptReported,
    ids::{NotificationId, derived},
    time,
};
use eventlog::{Key, LogError};
use tokio::time::{sleep, timeout};

use super::{Due, call::Call, lanes::Lane, sender::Sender};
use crate::{
    facts,
    store::{EndpointRow, Kind, Request},
};

/// Before a report that the log did not take is appended again.
const APPEND_AGAIN: Duration = Duration::from_millis(50);
/// The longest pause of those, each of which is twice the one before.
const APPEND_LATER: Duration = Duration::from_secs(2);
/// How long the outcome of an attempt is held on to when the log is away.
const REPORT_FOR: Duration = Duration::from_secs(30);
/// Gone, as the receiver says it, and as a disabled endpoint is reported.
const GONE: u16 = 410;

impl Sender {
    /// Makes it.
    pub(super) async fn attempt(&self, lane: &Lane, due: &Due, request: &Request) -> AttemptReported {
        let endpoint = timeout(due.time_left(), self.ledger.endpoint(lane)).await;
        let Ok(endpoint) = endpoint else {
            return not_begun(due, "the endpoint could not be read in time", None);
        };
        if let Some(at) = endpoint.disabled_at {
            self.tally.not_called();
            return not_called(due, at);
        }
        let report = match endpoint.kind() {
            Kind::Webhook => self.call(due, request, &endpoint).await,
            Kind::Slack => self.post(lane, due, request).await,
            Kind::Email => self.mail(lane, due, request).await,
        };
        self.tally.called(&report);
        tracing::info!(status = report.status, error = report.error, took_ms = report.took_ms, "attempted");
        if report.status == Some(GONE) && endpoint.kind() == Kind::Webhook {
            self.disable(&due.workspace, &endpoint, report.began_at.0).await;
        }
        report
    }

    /// Reports what came of it, and writes it down.
    pub(super) async fn conclude(&self, due: &Due, report: &AttemptReported) {
        let ((), ()) = tokio::join!(self.ledger.write_down(&due.workspace, report), self.report(due, report));
    }

    async fn call(&self, due: &Due, request: &Request, endpoint: &EndpointRow) -> AttemptReported {
        let call = Call {
            notification: due.attempt.notification,
            attempt: due.attempt.attempt,
            url: &endpoint.url,
            secret: &endpoint.secret,
            body: &request.body,
        };
        self.caller.make(&call).await
    }

    async fn disable(&self, workspace: &str, endpoint: &EndpointRow, at: i64) {
        match self.ledger.disable(workspace, endpoint, at).await {
            Ok(()) => tracing::warn!(workspace, endpoint = endpoint.endpoint, "answered 410: disabled"),
            Err(error) => {
                tracing::warn!(%error, workspace, endpoint = endpoint.endpoint, "cannot be disabled")
            }
        }
    }

    /// Appends the report, as long as there is hope.
    async fn report(&self, due: &Due, report: &AttemptReported) {
        let (begun, mut pause) = (Instant::now(), APPEND_AGAIN);
        while let Err(error) = self.append(due, report).await {
            if matches!(error, LogError::Poison(_)) || begun.elapsed() > REPORT_FOR {
                tracing::error!(%error, "an attempt stays unreported: it will be made again");
                return;
            }
            tracing::debug!(%error, "a report cannot be appended yet");
            sleep(pause).await;
            pause = (pause * 2).min(APPEND_LATER);
        }
    }

    async fn append(&self, due: &Due, report: &AttemptReported) -> Result<(), LogError> {
        let key = Key::new(&*due.workspace, &*due.account);
        let NotificationId(notification) = report.notification;
        let id = derived(&[b"report", &notification.to_be_bytes(), &report.attempt.to_be_bytes()]);
        let about = facts::About { id, request: notification, attempt: report.attempt };
        facts::append(&*self.log, &key, about, report.clone().into(), chassis::clock::now()).await
    }
}

/// It was not begun, and why: so that it is asked for again when there will be room, if that is known, and counts for
/// nothing.
pub(super) fn not_begun(due: &Due, why: &str, room_at: Option<i64>) -> AttemptReported {
    AttemptReported {
        begun: false,
        error: format!("not begun: {why}"),
        retry_at: room_at.map(time::Instant),
        ..no_answer(due)
    }
}

/// A disabled endpoint is not called; that it is gone is what it said itself.
fn not_called(due: &Due, disabled_at: i64) -> AttemptReported {
    AttemptReported {
        status: Some(GONE),
        error: format!("not called: the endpoint answered 410 at {}", time::Instant(disabled_at)),
        ..no_answer(due)
    }
}

fn no_answer(due: &Due) -> AttemptReported {
    AttemptReported {
        notification: due.attempt.notification,
        attempt: due.attempt.attempt,
        begun: true,
        permanent: false,
        status: None,
        error: String::new(),
        retry_at: None,
        began_at: time::Instant(chassis::clock::now()),
        took_ms: 0,
    }
}
