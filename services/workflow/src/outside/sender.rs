//! The sender: takes attempts as they become due, makes them at bounded concurrency, fair between workspaces and their
//! endpoints, and reports; also those that it did not come to begin.

use std::{sync::Arc, time::Duration};

use chassis::Shutdown;
use domain::decision::AttemptReported;
use eventlog::Log;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tracing::{Instrument, Span};
use uuid::Uuid;

use super::{
    Due,
    attempt::not_begun,
    busy::Busy,
    call::Caller,
    directory::Directory,
    email::Mailer,
    lanes::{Lane, Lanes, Most},
    ledger::Ledger,
    pace::Pace,
    places::Places,
    seats::{Seat, Seats, share_of},
    tally::Tally,
};
use crate::{config::Config, store::Request};

/// Attempts that may wait for their turn; ...
const MAX_WAITING: usize = 10_000;
/// ... that may be called, or were and are not concluded yet; ...
const MAX_CALLED: usize = 10_000;
/// ... and that were not begun and are not concluded yet: these take no room from calls.
const MAX_NOT_BEGUN: usize = 10_000;
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
    pub mailer: Mailer,
    pub directory: Directory,
    /// Where Slack's API is.
    pub slack_api: String,
    pub pace: Pace,
    pub tally: Tally,
}

/// An attempt, what it says, and its seat until its turn comes.
type Waiting = (Due, Request, Seat);

/// The same, if what it says could be read in time.
type Read = Result<Waiting, Due>;

/// An attempt that is over, so that its lane has room again; it is yet to be concluded.
struct Made {
    lane: Lane,
    took: Duration,
    due: Due,
    report: AttemptReported,
    seat: Seat,
    /// Of the attempt and its report.
    span: Span,
}

/// What is under way.
struct Desk {
    lanes: Lanes<Waiting>,
    places: Places,
    waiting: Seats,
    called: Seats,
    not_begun: Seats,
    /// Attempts of which it is not known yet what they say.
    reading: JoinSet<Read>,
    making: JoinSet<Made>,
    concluding: JoinSet<()>,
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
                Some(due) = queue.recv() => self.admit(&mut desk, due),
                Some(read) = desk.reading.join_next() => self.place(&mut desk, read?),
                Some(made) = desk.making.join_next() => self.settle(&mut desk, made?),
                Some(concluded) = desk.concluding.join_next() => concluded?,
                _ = late.tick() => self.put_off_late(&mut desk),
            }
        }
        timeout(DRAIN, self.drain(&mut desk)).await.unwrap_or_else(|_| {
            let (calls, reports) = (desk.making.len(), desk.concluding.len());
            tracing::info!(calls, reports, "calls under way are left: what nobody reports is made again");
            Ok(())
        })
    }

    /// Lets what is under way end, and concludes it; what waits is somebody else's to begin.
    async fn drain(&self, desk: &mut Desk) -> anyhow::Result<()> {
        for (_, (due, ..)) in desk.lanes.take_while(|_| true) {
            self.leave(desk, due, "the sender stops", None);
        }
        while let Some(made) = desk.making.join_next().await {
            self.settle(desk, made?);
        }
        while let Some(concluded) = desk.concluding.join_next().await {
            concluded?;
        }
        Ok(())
    }

    /// Lets an attempt wait for its turn, if its workspace has a seat left: others have theirs however much of one is
    /// due at once.
    fn admit(&self, desk: &mut Desk, due: Due) {
        match desk.waiting.take(&due.workspace) {
            Ok(seat) => self.sort(desk, due, seat),
            Err(busy) => self.put_off(desk, &busy, due),
        }
    }

    /// Puts an attempt into its lane, once it is known what is to be sent.
    fn sort(&self, desk: &mut Desk, mut due: Due, seat: Seat) {
        if let Some(request) = due.request.take() {
            return desk.wait(due, request, seat);
        }
        let ledger = self.ledger.clone();
        desk.reading.spawn(async move {
            match timeout(due.time_left(), ledger.request(&due)).await {
                Ok(request) => Ok((due, request, seat)),
                Err(_) => Err(due),
            }
        });
    }

    fn place(&self, desk: &mut Desk, read: Read) {
        match read {
            Ok((due, request, seat)) => desk.wait(due, request, seat),
            Err(due) => self.leave(desk, due, "what it says could not be read in time", None),
        }
    }

    /// Starts the attempts whose turn it is.
    fn begin(&self, desk: &mut Desk) {
        while let Some((lane, (due, request, _), seat)) = desk.next() {
            if due.is_in_time() {
                self.start(desk, lane, due, request, seat);
            } else {
                // What is full with it was full without it until now.
                let busy = desk.lanes.busy(&lane);
                desk.lanes.done(&lane);
                self.put_off(desk, &busy, due);
            }
        }
    }

    fn start(&self, desk: &mut Desk, lane: Lane, due: Due, request: Request, seat: Seat) {
        let span = span(&due);
        let (sender, within) = (self.clone(), span.clone());
        let attempt = async move {
            let begun = Instant::now();
            let report = sender.attempt(&lane, &due, &request).await;
            Made { lane, took: begun.elapsed(), due, report, seat, span }
        };
        desk.making.spawn(attempt.instrument(within));
    }

    fn settle(&self, desk: &mut Desk, made: Made) {
        desk.made(&made.lane, made.took);
        if !made.report.begun {
            self.tally.not_begun();
        }
        self.end(desk, made.due, made.report, made.seat, made.span);
    }

    /// Concludes an attempt. Its lane does not wait for that: an endpoint is to get its calls however long Postgres and
    /// the log take.
    fn end(&self, desk: &mut Desk, due: Due, report: AttemptReported, seat: Seat, span: Span) {
        let sender = self.clone();
        let concluding = async move {
            fail::fail_point!("attempt-made");
            sender.conclude(&due, &report).await;
            drop(seat);
        };
        desk.concluding.spawn(concluding.instrument(span));
    }

    /// Those whose turn did not come in time.
    fn put_off_late(&self, desk: &mut Desk) {
        for (lane, (due, ..)) in desk.lanes.take_while(|(due, ..)| !due.is_in_time()) {
            let busy = desk.lanes.busy(&lane);
            self.put_off(desk, &busy, due);
        }
        desk.places.forget(|busy| desk.lanes.waits(busy), chassis::clock::now());
    }

    fn put_off(&self, desk: &mut Desk, busy: &Busy, due: Due) {
        let room_at = desk.places.next(busy, chassis::clock::now());
        self.leave(desk, due, &busy.to_string(), Some(room_at));
    }

    /// Says that an attempt was not begun. Where that is still to be said of too many, it is not said of this one, which
    /// is asked for again later too.
    fn leave(&self, desk: &mut Desk, due: Due, why: &str, room_at: Option<i64>) {
        self.tally.not_begun();
        let report = not_begun(&due, why, room_at);
        match desk.not_begun.take(&due.workspace) {
            Ok(seat) => {
                let span = span(&due);
                self.end(desk, due, report, seat, span);
            }
            Err(_) => {
                let notification = Uuid::from_u128(due.attempt.notification.0);
                tracing::warn!(%notification, error = report.error, "too many are not begun to say so of each");
            }
        }
    }
}

impl Desk {
    fn new(config: &Config) -> Self {
        let longest_call = i64::try_from(config.longest_call.as_millis()).unwrap_or(i64::MAX);
        let most = Most {
            in_all: config.calls,
            a_workspace: share_of(config.calls),
            a_lane: config.calls_per_endpoint,
        };
        Self {
            lanes: Lanes::new(most),
            places: Places::new(most, longest_call),
            waiting: Seats::new(MAX_WAITING),
            called: Seats::new(MAX_CALLED),
            not_begun: Seats::new(MAX_NOT_BEGUN),
            reading: JoinSet::new(),
            making: JoinSet::new(),
            concluding: JoinSet::new(),
        }
    }

    fn wait(&mut self, due: Due, request: Request, seat: Seat) {
        let lane = Lane { workspace: due.workspace.clone(), endpoint: request.recipient.clone() };
        self.lanes.push(lane, (due, request, seat));
    }

    /// Whose turn it is, with a seat for what comes of it.
    fn next(&mut self) -> Option<(Lane, Waiting, Seat)> {
        self.lanes.next(|workspace| self.called.take(workspace).ok())
    }

    fn made(&mut self, lane: &Lane, took: Duration) {
        self.lanes.done(lane);
        let took = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
        self.places.took(lane, took, |busy| self.lanes.waits(busy), chassis::clock::now());
    }
}

fn span(due: &Due) -> Span {
    let span = tracing::error_span!("attempt", workspace = due.workspace, account = due.account,
        notification = %Uuid::from_u128(due.attempt.notification.0), attempt = due.attempt.attempt,
        trace_id = tracing::field::Empty);
    chassis::trace::follow(&span, due.traceparent.as_deref());
    span
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use chassis::metrics::Metrics;
    use domain::{decision::AttemptDue, ids::NotificationId, notification::BEGIN_WITHIN_MS};
    use sqlx::PgPool;
    use testkit::sim::SimLog;

    use super::*;

    /// Begins attempts, and never waits: so they do not go on.
    fn sender(config: &Config) -> Sender {
        let pool = PgPool::connect_lazy("postgres://nowhere").unwrap();
        Sender {
            log: Arc::new(SimLog::new(1, 1, 1)),
            ledger: Ledger::open(pool, &chassis::Tasks::new()),
            caller: Caller::new(config.longest_call, false).unwrap(),
            mailer: Mailer::default(),
            directory: Directory::default(),
            slack_api: config.slack_api.clone(),
            pace: Pace::default(),
            tally: Tally::new(&Metrics::new()),
        }
    }

    fn due(workspace: &str, endpoint: usize, begin_within: Duration) -> Due {
        Due {
            workspace: workspace.into(),
            account: "globex".into(),
            attempt: AttemptDue { notification: NotificationId(1), attempt: 1 },
            begin_by: Instant::now() + begin_within,
            traceparent: None,
            request: Some(Request { recipient: endpoint.to_string(), body: String::new() }),
        }
    }

    fn soon() -> Duration {
        Duration::from_millis(BEGIN_WITHIN_MS.unsigned_abs())
    }

    #[tokio::test]
    async fn others_are_called_at_once_whatever_one_workspace_is_to_call() {
        let config = Config::default();
        let (sender, mut desk) = (sender(&config), Desk::new(&config));
        for attempt in 0..2 * MAX_WAITING {
            sender.admit(&mut desk, due("greedy", attempt % 300, soon()));
        }
        sender.begin(&mut desk);
        assert_eq!(desk.making.len(), config.calls / 2);
        assert_eq!(desk.concluding.len(), MAX_NOT_BEGUN / 2);
        sender.admit(&mut desk, due("modest", 1, soon()));
        sender.begin(&mut desk);
        assert_eq!(desk.making.len(), config.calls / 2 + 1);
    }

    #[tokio::test]
    async fn others_are_called_at_once_whatever_is_not_concluded() {
        let config = Config::default();
        let (sender, mut desk) = (sender(&config), Desk::new(&config));
        let unconcluded: Vec<_> = (0..MAX_CALLED).map_while(|_| desk.called.take("greedy").ok()).collect();
        let unsaid: Vec<_> = (0..MAX_NOT_BEGUN).map_while(|_| desk.not_begun.take("greedy").ok()).collect();
        assert_eq!((unconcluded.len(), unsaid.len()), (MAX_CALLED / 2, MAX_NOT_BEGUN / 2));
        for workspace in ["greedy", "modest"] {
            sender.admit(&mut desk, due(workspace, 1, soon()));
        }
        sender.begin(&mut desk);
        assert_eq!(desk.making.len(), 1);
        drop(unconcluded);
        sender.begin(&mut desk);
        assert_eq!(desk.making.len(), 2);
    }

    #[tokio::test]
    async fn who_waits_for_the_calls_of_a_workspace_comes_back_when_its_turn_may_come() {
        let config = Config::default();
        let (sender, mut desk) = (sender(&config), Desk::new(&config));
        for endpoint in 0..32 {
            sender.admit(&mut desk, due("acme", endpoint, soon()));
        }
        sender.begin(&mut desk);
        for endpoint in 32..300 {
            sender.admit(&mut desk, due("acme", endpoint, Duration::ZERO));
        }
        let now = chassis::clock::now();
        sender.put_off_late(&mut desk);
        assert_eq!((desk.making.len(), desk.concluding.len()), (32, 268));
        let next = desk.places.next(&Busy::Workspace("acme".into()), now) - now;
        assert!((269 * 625..269 * 625 + 5_000).contains(&next), "{next}");
    }
}
