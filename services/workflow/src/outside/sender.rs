//! The sender: takes attempts as they become due, makes them at bounded concurrency, fair between endpoints, and
//! reports; also those that it did not come to begin.

use std::{sync::Arc, time::Duration};

use chassis::{
    Shutdown,
    metrics::{Durations, Metrics, Outcomes},
};
use domain::decision::AttemptReported;
use eventlog::Log;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tracing::Instrument;
use uuid::Uuid;

use super::{
    Due,
    attempt::{in_time, not_begun, time_left},
    call::Caller,
    lanes::{Lane, Lanes, Most},
    ledger::Ledger,
    places::Places,
};
use crate::{config::Config, store::Request};

/// Attempts taken from the queue that may wait for their turn.
const MAX_WAITING: usize = 10_000;
/// A workspace has one of so many parts of all calls at once, and no more: whoever has many slow endpoints holds up no
/// other.
const PARTS: usize = 2;
/// How long calls under way may take to end when the service stops.
const DRAIN: Duration = Duration::from_secs(5);
/// Between looks for attempts whose turn did not come in time.
const LOOK_FOR_LATE: Duration = Duration::from_millis(500);

/// Makes attempts.
#[derive(Clone)]
pub(crate) struct Sender {
    pub log: Arc<dyn Log>,
    pub ledger: Ledger,
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

    /// An attempt that came to a call.
    pub(super) fn called(&self, report: &AttemptReported) {
        let outcome = report.status.map_or("no answer".to_owned(), |status| format!("{}xx", status / 100));
        self.attempts.add(&outcome, 1);
        self.took.add(Duration::from_millis(report.took_ms.into()));
    }

    /// One that did not: the endpoint is disabled.
    pub(super) fn not_called(&self) {
        self.attempts.add("not called", 1);
    }

    /// One that nobody began.
    pub(super) fn not_begun(&self) {
        self.attempts.add("not begun", 1);
    }
}

/// An attempt that is over, so that its lane has room again; what came of it is yet to be told.
struct Made {
    lane: Lane,
    took: Duration,
    due: Due,
    report: AttemptReported,
}

/// What is under way.
struct Desk {
    lanes: Lanes<(Due, Request)>,
    places: Places,
    /// Attempts of which it is not known yet what they say.
    reading: JoinSet<(Due, Option<Request>)>,
    making: JoinSet<Made>,
    telling: JoinSet<()>,
}

impl Sender {
    /// Runs until it is to stop; then waits for the calls under way.
    pub(crate) async fn run(
        self,
        config: Config,
        mut queue: mpsc::Receiver<Due>,
        shutdown: Shutdown,
    ) -> anyhow::Result<()> {
        let mut desk = Desk::new(&config);
        let mut late = interval(LOOK_FOR_LATE);
        late.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = shutdown.wait();
        tokio::pin!(stop);
        loop {
            self.begin(&mut desk);
            tokio::select! {
                () = &mut stop => break,
                Some(due) = queue.recv(), if desk.has_room() => self.sort(&mut desk, due),
                Some(read) = desk.reading.join_next() => self.place(&mut desk, read?),
                Some(made) = desk.making.join_next() => self.settle(&mut desk, made?),
                Some(told) = desk.telling.join_next() => told?,
                _ = late.tick() => self.put_off_late(&mut desk),
            }
        }
        timeout(DRAIN, self.drain(&mut desk)).await.unwrap_or_else(|_| {
            let (calls, reports) = (desk.making.len(), desk.telling.len());
            tracing::info!(calls, reports, "calls under way are left: what nobody reports is made again");
            Ok(())
        })
    }

    /// Lets what is under way end, and tells it; what waits is somebody else's to begin.
    async fn drain(&self, desk: &mut Desk) -> anyhow::Result<()> {
        for (_, (due, _)) in desk.lanes.take_while(|_| true) {
            let report = not_begun(&due, "the sender stops", None);
            self.tell(desk, due, report);
        }
        while let Some(made) = desk.making.join_next().await {
            self.settle(desk, made?);
        }
        while let Some(told) = desk.telling.join_next().await {
            told?;
        }
        Ok(())
    }

    /// Puts an attempt into its lane, once it is known what is to be sent.
    fn sort(&self, desk: &mut Desk, mut due: Due) {
        if let Some(request) = due.request.take() {
            return desk.wait(due, request);
        }
        let ledger = self.ledger.clone();
        desk.reading.spawn(async move {
            let request = timeout(time_left(&due), ledger.request(&due)).await.ok();
            (due, request)
        });
    }

    fn place(&self, desk: &mut Desk, (due, request): (Due, Option<Request>)) {
        if let Some(request) = request {
            return desk.wait(due, request);
        }
        let report = not_begun(&due, "what it says could not be read in time", None);
        self.tell(desk, due, report);
    }

    /// Starts the attempts whose turn it is.
    fn begin(&self, desk: &mut Desk) {
        while let Some((lane, (due, request))) = desk.lanes.next() {
            if in_time(&due) {
                self.start(desk, lane, due, request);
            } else {
                desk.lanes.done(&lane);
                self.put_off(desk, &lane, due);
            }
        }
    }

    fn start(&self, desk: &mut Desk, lane: Lane, due: Due, request: Request) {
        let span = span(&due);
        let sender = self.clone();
        let attempt = async move {
            let begun = Instant::now();
            let report = sender.attempt(&lane, &due, &request).await;
            Made { lane, took: begun.elapsed(), due, report }
        };
        desk.making.spawn(attempt.instrument(span));
    }

    fn settle(&self, desk: &mut Desk, made: Made) {
        desk.made(&made.lane, made.took);
        self.tell(desk, made.due, made.report);
    }

    /// Writes down and reports what came of an attempt. Its lane does not wait for that: an endpoint is to get its
    /// calls however long Postgres and the log take.
    fn tell(&self, desk: &mut Desk, due: Due, report: AttemptReported) {
        let span = span(&due);
        let sender = self.clone();
        let telling = async move { sender.tell_of(&due, &report).await };
        desk.telling.spawn(telling.instrument(span));
    }

    /// Those whose turn did not come in time.
    fn put_off_late(&self, desk: &mut Desk) {
        for (lane, (due, _)) in desk.lanes.take_while(|(due, _)| !in_time(due)) {
            self.put_off(desk, &lane, due);
        }
        desk.places.forget(|lane| desk.lanes.is_busy(lane), chassis::clock::now());
    }

    fn put_off(&self, desk: &mut Desk, lane: &Lane, due: Due) {
        let room_at = desk.places.next(lane, chassis::clock::now());
        let report = not_begun(&due, "the endpoint is busy", Some(room_at));
        self.tell(desk, due, report);
    }
}

impl Desk {
    fn new(config: &Config) -> Self {
        let longest_call = i64::try_from(config.longest_call.as_millis()).unwrap_or(i64::MAX);
        let most = Most {
            in_all: config.calls,
            a_workspace: config.calls.div_ceil(PARTS),
            a_lane: config.calls_per_endpoint,
        };
        Self {
            lanes: Lanes::new(most),
            places: Places::new(config.calls_per_endpoint, longest_call),
            reading: JoinSet::new(),
            making: JoinSet::new(),
            telling: JoinSet::new(),
        }
    }

    fn has_room(&self) -> bool {
        let under_way = self.reading.len() + self.making.len() + self.telling.len();
        self.lanes.waiting() + under_way < MAX_WAITING
    }

    fn wait(&mut self, due: Due, request: Request) {
        let lane = Lane { workspace: due.workspace.clone(), endpoint: request.recipient.clone() };
        self.lanes.push(lane, (due, request));
    }

    fn made(&mut self, lane: &Lane, took: Duration) {
        self.lanes.done(lane);
        let took = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
        self.places.took(lane, took, self.lanes.is_busy(lane), chassis::clock::now());
    }
}

fn span(due: &Due) -> tracing::Span {
    let span = tracing::error_span!("webhook", workspace = due.workspace, account = due.account,
        notification = %Uuid::from_u128(due.attempt.notification.0), attempt = due.attempt.attempt,
        trace_id = tracing::field::Empty);
    chassis::trace::follow(&span, due.traceparent.as_deref());
    span
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use domain::{decision::AttemptDue, ids::NotificationId};

    use super::*;

    fn due(workspace: &str) -> Due {
        Due {
            workspace: workspace.into(),
            account: "globex".into(),
            attempt: AttemptDue { notification: NotificationId(1), attempt: 1 },
            begin_by: Instant::now() + Duration::from_secs(10),
            traceparent: None,
            request: None,
        }
    }

    #[test]
    fn half_of_the_calls_stay_free_whatever_one_workspace_is_to_call() {
        let config = Config::default();
        let mut desk = Desk::new(&config);
        for endpoint in 0..2 * config.calls {
            let request = Request { recipient: endpoint.to_string(), body: String::new() };
            desk.wait(due("greedy"), request);
        }
        let begun = std::iter::from_fn(|| desk.lanes.next()).count();
        assert_eq!(begun, config.calls / 2);
        desk.wait(due("modest"), Request { recipient: "crm".into(), body: String::new() });
        assert_eq!(desk.lanes.next().map(|(lane, _)| lane.workspace).as_deref(), Some("modest"));
    }
}
