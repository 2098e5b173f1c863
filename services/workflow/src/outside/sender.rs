//! The sender: takes attempts as they become due, makes them at bounded concurrency, fair between endpoints, and
//! reports; also those that it did not come to begin.

use std::{sync::Arc, time::Duration};

use chassis::{
    Shutdown,
    metrics::{Durations, Metrics, Outcomes},
};
use domain::decision::AttemptReported;
use eventlog::Log;
use sqlx::PgPool;
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tracing::Instrument;
use uuid::Uuid;

use super::{
    Due,
    attempt::in_time,
    call::Caller,
    find::{Found, find},
    lanes::{Lane, Lanes},
    rooms::Rooms,
};
use crate::{config::Config, store::Request};

/// Attempts taken from the queue that may wait for their turn.
const MAX_WAITING: usize = 10_000;
/// How long calls under way may take to end when the service stops.
const DRAIN: Duration = Duration::from_secs(5);
/// Between looks for attempts whose turn did not come in time.
const LOOK_FOR_LATE: Duration = Duration::from_millis(500);

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

    pub(super) fn note(&self, report: &AttemptReported, called: bool) {
        let outcome = match report.status {
            _ if !report.begun => "not begun".to_owned(),
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
    Looked(Found),
    Made(Lane, Duration),
    Said,
}

/// What is under way.
struct Desk {
    lanes: Lanes<(Due, Request)>,
    rooms: Rooms,
    /// Of which it is not known what they say.
    unknown: Vec<Due>,
    is_looking: bool,
    tasks: JoinSet<Done>,
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
            self.look(&mut desk);
            tokio::select! {
                () = &mut stop => break,
                Some(due) = queue.recv(), if desk.has_room() => desk.sort(due),
                Some(done) = desk.tasks.join_next() => desk.settle(done)?,
                _ = late.tick() => self.put_off_late(&mut desk),
            }
        }
        let drained = timeout(DRAIN, async { while desk.tasks.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            tracing::info!(calls = desk.tasks.len(), "calls under way are left: they will be made again");
        }
        Ok(())
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
        let span = tracing::error_span!("webhook", workspace = due.workspace, account = due.account,
            notification = %Uuid::from_u128(due.attempt.notification.0), attempt = due.attempt.attempt,
            trace_id = tracing::field::Empty);
        chassis::trace::follow(&span, due.traceparent.as_deref());
        let sender = self.clone();
        let attempt = async move {
            let begun = Instant::now();
            sender.attempt(&due, &request).await;
            Done::Made(lane, begun.elapsed())
        };
        desk.tasks.spawn(attempt.instrument(span));
    }

    /// Looks for what attempts say, once at a time for all of them.
    fn look(&self, desk: &mut Desk) {
        if desk.is_looking {
            return;
        }
        let (asked, late): (Vec<_>, Vec<_>) =
            std::mem::take(&mut desk.unknown).into_iter().partition(in_time);
        for due in late {
            self.say(desk, due, "what it says could not be read in time", None);
        }
        desk.is_looking = !asked.is_empty();
        if asked.is_empty() {
            return;
        }
        let pool = self.pool.clone();
        desk.tasks.spawn(async move { Done::Looked(find(pool, asked).await) });
    }

    /// Those whose turn did not come in time.
    fn put_off_late(&self, desk: &mut Desk) {
        for (lane, (due, _)) in desk.lanes.take_while(|(due, _)| !in_time(due)) {
            self.put_off(desk, &lane, due);
        }
    }

    fn put_off(&self, desk: &mut Desk, lane: &Lane, due: Due) {
        let room_at = desk.rooms.next(lane, chassis::clock::now());
        self.say(desk, due, "the endpoint is busy", Some(room_at));
    }

    fn say(&self, desk: &mut Desk, due: Due, why: &'static str, room_at: Option<i64>) {
        let sender = self.clone();
        desk.tasks.spawn(async move {
            sender.say_not_begun(&due, why, room_at).await;
            Done::Said
        });
    }
}

impl Desk {
    fn new(config: &Config) -> Self {
        let longest_call = i64::try_from(config.longest_call.as_millis()).unwrap_or(i64::MAX);
        Self {
            lanes: Lanes::new(config.calls, config.calls_per_endpoint),
            rooms: Rooms::new(config.calls_per_endpoint, longest_call),
            unknown: Vec::new(),
            is_looking: false,
            tasks: JoinSet::new(),
        }
    }

    fn has_room(&self) -> bool {
        self.lanes.waiting() + self.unknown.len() + self.tasks.len() < MAX_WAITING
    }

    /// Puts an attempt into its lane, once it is known what is to be sent.
    fn sort(&mut self, mut due: Due) {
        match due.request.take() {
            Some(request) => self.wait(due, request),
            None => self.unknown.push(due),
        }
    }

    fn wait(&mut self, due: Due, request: Request) {
        let lane = Lane { workspace: due.workspace.clone(), endpoint: request.recipient.clone() };
        self.lanes.push(lane, (due, request));
    }

    fn settle(&mut self, done: Result<Done, JoinError>) -> anyhow::Result<()> {
        match done? {
            Done::Looked((found, missing)) => {
                self.is_looking = false;
                self.unknown.extend(missing);
                found.into_iter().for_each(|(due, request)| self.wait(due, request));
            }
            Done::Made(lane, took) => {
                self.lanes.done(&lane);
                let took = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
                self.rooms.took(&lane, took, self.lanes.is_busy(&lane), chassis::clock::now());
            }
            Done::Said => {}
        }
        Ok(())
    }
}
