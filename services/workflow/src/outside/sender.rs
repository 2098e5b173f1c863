//! The sender: takes attempts as they become due, makes them at bounded concurrency, fair between endpoints, and
//! reports.

use std::{sync::Arc, time::Duration};

use chassis::{
    Shutdown,
    metrics::{Durations, Metrics, Outcomes},
};
use domain::{
    decision::AttemptReported,
    ids::{NotificationId, derived},
    notification::BEGIN_WITHIN_MS,
    time::Instant,
};
use eventlog::{Key, Log};
use sqlx::PgPool;
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};
use tracing::Instrument;
use uuid::Uuid;

use super::{
    Due,
    call::{Call, Caller},
    lanes::{Lane, Lanes},
};
use crate::{
    config::Config,
    facts,
    store::{self, EndpointRow, Request},
};

/// Attempts taken from the queue that may wait for their turn.
const MAX_WAITING: usize = 10_000;
/// How long calls under way may take to end when the service stops.
const DRAIN: Duration = Duration::from_secs(5);
/// Between looks for something that another task is about to write.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long the outcome of an attempt is held on to when the log or the store is away.
const REPORT_FOR: Duration = Duration::from_secs(30);
/// Gone, as the receiver says it, and as a disabled endpoint is reported.
const GONE: u16 = 410;

/// Makes attempts.
#[derive(Clone)]
pub(crate) struct Sender {
    pub log: Arc<dyn Log>,
    pub pool: PgPool,
    pub caller: Caller,
    pub told: Told,
}

/// What an operator is told: attempts by what came of them, and how long calls take.
#[derive(Clone)]
pub(crate) struct Told {
    attempts: Outcomes,
    took: Durations,
}

impl Told {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            attempts: metrics.outcomes("webhook_attempts", "Attempts, by the class of the answer's status"),
            took: metrics.durations("webhook_call", "From a call's first byte to its answer, or to none"),
        }
    }

    fn note(&self, report: &AttemptReported, called: bool) {
        let outcome = match report.status {
            _ if !called => "not called".to_owned(),
            Some(status) => format!("{}xx", status / 100),
            None => "no answer".to_owned(),
        };
        self.attempts.add(&outcome, 1);
        if called {
            self.took.add(Duration::from_millis(report.took_ms.into()));
        }
    }
}

/// What a task of the sender has done.
enum Done {
    Found(Due, Request),
    /// Nowhere to be found, or not in time: the fold will ask again.
    Lost,
    Made(Lane),
}

impl Sender {
    /// Runs until it is to stop; then waits for the calls under way.
    pub(crate) async fn run(
        self,
        config: Config,
        mut queue: mpsc::Receiver<Due>,
        shutdown: Shutdown,
    ) -> anyhow::Result<()> {
        let mut lanes = Lanes::new(config.calls, config.calls_per_endpoint);
        let mut tasks = JoinSet::new();
        let stop = shutdown.wait();
        tokio::pin!(stop);
        loop {
            while let Some((lane, (due, request))) = lanes.next() {
                self.begin(&mut tasks, lane, due, request);
            }
            tokio::select! {
                () = &mut stop => break,
                Some(due) = queue.recv(), if lanes.waiting() + tasks.len() < MAX_WAITING => {
                    self.sort(&mut tasks, &mut lanes, due);
                }
                Some(done) = tasks.join_next() => settle(&mut lanes, done)?,
            }
        }
        let drained = timeout(DRAIN, async { while tasks.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            tracing::info!(calls = tasks.len(), "calls under way are left: they will be made again");
        }
        Ok(())
    }

    /// Puts an attempt into its lane, once it is known what is to be sent.
    fn sort(&self, tasks: &mut JoinSet<Done>, lanes: &mut Lanes<(Due, Request)>, mut due: Due) {
        match due.request.take() {
            Some(request) => lanes.push(lane(&due, &request), (due, request)),
            None => {
                let sender = self.clone();
                tasks.spawn(async move { sender.find(due).await });
            }
        }
    }

    /// Starts an attempt, unless it is too late for it.
    fn begin(&self, tasks: &mut JoinSet<Done>, lane: Lane, due: Due, request: Request) {
        let span = tracing::error_span!("webhook", workspace = due.workspace, account = due.account,
            notification = %Uuid::from_u128(due.attempt.notification.0), attempt = due.attempt.attempt,
            trace_id = tracing::field::Empty);
        chassis::trace::follow(&span, due.traceparent.as_deref());
        let sender = self.clone();
        let attempt = async move {
            sender.attempt(&due, &request).await;
            Done::Made(lane)
        };
        tasks.spawn(attempt.instrument(span));
    }

    /// What is to be sent: requested by a worker before this one, or long ago.
    async fn find(&self, due: Due) -> Done {
        let (workspace, notification) = (due.workspace.clone(), due.attempt.notification.0);
        while in_time(&due) {
            match self.request(&workspace, notification).await {
                Ok(Some(request)) => return Done::Found(due, request),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "a notification cannot be read"),
            }
            sleep(LOOK_AGAIN).await;
        }
        Done::Lost
    }

    async fn request(&self, workspace: &str, notification: u128) -> sqlx::Result<Option<Request>> {
        let mut tx = chassis::postgres::scoped(&self.pool, workspace).await?;
        store::request(&mut tx, workspace, notification).await
    }

    async fn attempt(&self, due: &Due, request: &Request) {
        let Some(endpoint) = self.endpoint(due, &request.recipient).await else { return };
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

    /// The endpoint, as soon as it is known; `None` when it is too late to begin.
    async fn endpoint(&self, due: &Due, name: &str) -> Option<EndpointRow> {
        while in_time(due) {
            let found = async {
                let mut tx = chassis::postgres::scoped(&self.pool, &due.workspace).await?;
                store::endpoint(&mut tx, &due.workspace, name).await
            };
            match found.await {
                Ok(Some(endpoint)) => return Some(endpoint),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "an endpoint cannot be read"),
            }
            sleep(LOOK_AGAIN).await;
        }
        None
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

fn settle(lanes: &mut Lanes<(Due, Request)>, done: Result<Done, JoinError>) -> anyhow::Result<()> {
    match done? {
        Done::Found(due, request) => lanes.push(lane(&due, &request), (due, request)),
        Done::Lost => tracing::warn!("an attempt is too late to be made: it will be made again"),
        Done::Made(lane) => lanes.done(&lane),
    }
    Ok(())
}

fn lane(due: &Due, request: &Request) -> Lane {
    Lane { workspace: due.workspace.clone(), endpoint: request.recipient.clone() }
}

fn in_time(due: &Due) -> bool {
    chassis::clock::now() - due.appended_at < BEGIN_WITHIN_MS
}

/// A disabled endpoint is not called; that it is gone is what it said itself.
fn not_called(due: &Due, disabled_at: i64) -> AttemptReported {
    AttemptReported {
        notification: due.attempt.notification,
        attempt: due.attempt.attempt,
        begun: true,
        status: Some(GONE),
        error: format!("not called: the endpoint answered 410 at {}", Instant(disabled_at)),
        retry_at: None,
        began_at: Instant(chassis::clock::now()),
        took_ms: 0,
    }
}
