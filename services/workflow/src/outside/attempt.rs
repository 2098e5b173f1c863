//! One attempt: made in time and reported, or said not to have been begun.

use std::time::Duration;

use domain::{
    decision::AttemptReported,
    ids::{NotificationId, derived},
    notification::BEGIN_WITHIN_MS,
    time::Instant,
};
use eventlog::Key;
use tokio::time::{sleep, timeout};

use super::{Due, call::Call, sender::Sender};
use crate::{
    facts,
    store::{self, EndpointRow, Request},
};

/// Between looks for something that another task is about to write.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Between looks when the store is away.
const LOOK_LATER: Duration = Duration::from_secs(1);
/// How long the outcome of an attempt is held on to when the log or the store is away.
const REPORT_FOR: Duration = Duration::from_secs(30);
/// Gone, as the receiver says it, and as a disabled endpoint is reported.
const GONE: u16 = 410;

impl Sender {
    /// Makes it, and writes down and reports what came of it.
    pub(super) async fn attempt(&self, due: &Due, request: &Request) {
        let endpoint = timeout(time_left(due), self.endpoint(due, &request.recipient)).await;
        let Ok(endpoint) = endpoint else {
            return self.say_not_begun(due, "the endpoint could not be read in time", None).await;
        };
        let report = match endpoint.disabled_at {
            Some(at) => not_called(due, at),
            None => self.call(due, request, &endpoint).await,
        };
        self.told.note(&report, endpoint.disabled_at.is_none());
        tracing::info!(status = report.status, error = report.error, took_ms = report.took_ms, "attempted");
        if report.status == Some(GONE) && endpoint.disabled_at.is_none() {
            self.disable(&due.workspace, &endpoint, report.began_at.0).await;
        }
        let ((), ()) = tokio::join!(self.write_down(&due.workspace, &report), self.report(due, &report));
    }

    /// Reports that it was not begun, and why: so that it is asked for again when there will be room, if that is
    /// known, and counts for nothing.
    pub(super) async fn say_not_begun(&self, due: &Due, why: &str, room_at: Option<i64>) {
        let report = AttemptReported {
            begun: false,
            error: format!("not begun: {why}"),
            retry_at: room_at.map(Instant),
            ..no_answer(due)
        };
        self.told.note(&report, false);
        self.report(due, &report).await;
    }

    /// The endpoint, as soon as it is known.
    async fn endpoint(&self, due: &Due, name: &str) -> EndpointRow {
        loop {
            let found = async {
                let mut tx = chassis::postgres::scoped(&self.pool, &due.workspace).await?;
                store::endpoint(&mut tx, &due.workspace, name).await
            };
            match found.await {
                Ok(Some(endpoint)) => return endpoint,
                Ok(None) => sleep(LOOK_AGAIN).await,
                Err(error) => {
                    tracing::warn!(%error, "an endpoint cannot be read");
                    sleep(LOOK_LATER).await;
                }
            }
        }
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
        let disabled = async {
            let mut tx = chassis::postgres::scoped(&self.pool, workspace).await?;
            store::disable(&mut tx, workspace, endpoint, at).await?;
            tx.commit().await
        };
        match disabled.await {
            Ok(()) => tracing::warn!(workspace, endpoint = endpoint.endpoint, "answered 410: disabled"),
            Err(error) => {
                tracing::warn!(%error, workspace, endpoint = endpoint.endpoint, "cannot be disabled")
            }
        }
    }

    /// For those who ask what came of each attempt.
    async fn write_down(&self, workspace: &str, report: &AttemptReported) {
        let written = async {
            let mut tx = chassis::postgres::scoped(&self.pool, workspace).await?;
            store::made(&mut tx, workspace, report).await?;
            tx.commit().await
        };
        if let Err(error) = written.await {
            tracing::warn!(%error, "an attempt is not written down; its report stands in the log");
        }
    }

    /// Appends the report, as long as there is hope.
    async fn report(&self, due: &Due, report: &AttemptReported) {
        let appended = timeout(REPORT_FOR, async {
            while let Err(error) = self.append(due, report).await {
                tracing::warn!(%error, "a report cannot be appended");
                sleep(LOOK_AGAIN).await;
            }
        });
        if appended.await.is_err() {
            tracing::error!("an attempt stays unreported: it will be made again");
        }
    }

    async fn append(&self, due: &Due, report: &AttemptReported) -> Result<(), eventlog::LogError> {
        let key = Key::new(&*due.workspace, &*due.account);
        let NotificationId(notification) = report.notification;
        let id = derived(&[b"report", &notification.to_be_bytes(), &report.attempt.to_be_bytes()]);
        let about = facts::About { id, request: notification, attempt: report.attempt };
        facts::append(&*self.log, &key, about, report.clone().into(), chassis::clock::now()).await
    }
}

/// Whether it may still be begun.
pub(super) fn in_time(due: &Due) -> bool {
    !time_left(due).is_zero()
}

fn time_left(due: &Due) -> Duration {
    let left = due.appended_at + BEGIN_WITHIN_MS - chassis::clock::now();
    Duration::from_millis(u64::try_from(left).unwrap_or_default())
}

/// A disabled endpoint is not called; that it is gone is what it said itself.
fn not_called(due: &Due, disabled_at: i64) -> AttemptReported {
    AttemptReported {
        status: Some(GONE),
        error: format!("not called: the endpoint answered 410 at {}", Instant(disabled_at)),
        ..no_answer(due)
    }
}

fn no_answer(due: &Due) -> AttemptReported {
    AttemptReported {
        notification: due.attempt.notification,
        attempt: due.attempt.attempt,
        begun: true,
        status: None,
        error: String::new(),
        retry_at: None,
        began_at: Instant(chassis::clock::now()),
        took_ms: 0,
    }
}
