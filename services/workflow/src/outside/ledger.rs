//! What the sender reads from Postgres and writes there. What many attempts need at once is one statement.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use chassis::{Tasks, postgres::is_away};
use domain::decision::AttemptReported;
use sqlx::PgPool;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{
    Due,
    lanes::Lane,
    notice::{Asked, Particulars},
    together::Together,
};
use crate::store::{self, EndpointRow, Request};

/// Between looks for something that another task is about to write.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long what came of an attempt is held on to when Postgres is away.
const WRITE_FOR: Duration = Duration::from_secs(30);

/// A notification, by its workspace and id.
type Notification = (String, Uuid);
/// What came of an attempt, and whose it was.
type Outcome = (String, AttemptReported);

/// Clones share what is asked.
#[derive(Clone)]
pub(crate) struct Ledger {
    pool: PgPool,
    requests: Together<Notification, Request>,
    endpoints: Together<Lane, EndpointRow>,
    outcomes: Together<Outcome, ()>,
}

impl Ledger {
    pub(crate) fn open(pool: PgPool, tasks: &Tasks) -> Self {
        let of = || pool.clone();
        let (requests, endpoints, outcomes) = (of(), of(), of());
        Self {
            requests: Together::new("requests", tasks, move |asked| read_requests(requests.clone(), asked)),
            endpoints: Together::new("endpoints of attempts", tasks, move |asked| {
                read_endpoints(endpoints.clone(), asked)
            }),
            outcomes: Together::new("outcomes of attempts", tasks, move |rows| write(outcomes.clone(), rows)),
            pool,
        }
    }

    /// What an attempt is to say when that is not at hand: requested by a worker before this one, or long ago. Waits
    /// until it is there: another worker's projection may be about to write it.
    pub(super) async fn request(&self, due: &Due) -> Request {
        let id = Uuid::from_u128(due.attempt.notification.0);
        until_there(|| self.requests.ask((due.workspace.clone(), id))).await
    }

    /// The endpoint as it stands now; waits until it is known.
    pub(super) async fn endpoint(&self, lane: &Lane) -> EndpointRow {
        until_there(|| self.endpoints.ask(lane.clone())).await
    }

    /// For those who ask what came of each attempt. Its report stands in the log, also when this cannot be written.
    pub(super) async fn write_down(&self, workspace: &str, report: &AttemptReported) {
        let written = until_there(|| self.outcomes.ask((workspace.to_owned(), report.clone())));
        if timeout(WRITE_FOR, written).await.is_err() {
            tracing::warn!("what came of an attempt is not written down; its report stands in the log");
        }
    }

    /// What a notification to people needs; waits until Postgres answers.
    pub(super) async fn particulars(&self, asked: &Asked) -> Particulars {
        let read = async || {
            let read = read_particulars(&self.pool, asked).await;
            read.inspect_err(|error| tracing::debug!(%error, "what a message needs cannot be read yet")).ok()
        };
        until_there(read).await
    }

    pub(super) async fn begin_thread(&self, asked: &Asked, first: &str) -> sqlx::Result<()> {
        let Lane { workspace, endpoint } = &asked.lane;
        let mut tx = chassis::postgres::scoped(&self.pool, workspace).await?;
        let now = chassis::clock::now();
        store::begin_thread(&mut tx, workspace, endpoint, &asked.thread, first, now).await?;
        tx.commit().await
    }

    pub(super) async fn disable(&self, workspace: &str, endpoint: &EndpointRow, at: i64) -> sqlx::Result<()> {
        let mut tx = chassis::postgres::scoped(&self.pool, workspace).await?;
        store::disable(&mut tx, workspace, endpoint, at).await?;
        tx.commit().await
    }
}

async fn until_there<A, Asked: Future<Output = Option<A>>>(ask: impl Fn() -> Asked) -> A {
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        sleep(LOOK_AGAIN).await;
    }
}

async fn read_particulars(pool: &PgPool, asked: &Asked) -> sqlx::Result<Particulars> {
    let Lane { workspace, endpoint } = &asked.lane;
    let mut tx = chassis::postgres::reading(pool, workspace).await?;
    let mut found = Particulars {
        slack: store::slack_address(&mut tx, workspace, endpoint).await?,
        first: store::thread(&mut tx, workspace, endpoint, &asked.thread).await?,
        ..Particulars::default()
    };
    if let Some(owner) = &asked.owner {
        found.owner = store::member(&mut tx, workspace, owner).await?;
    }
    if let Some(message) = &asked.message {
        found.texts = store::message(&mut tx, workspace, message).await?;
    }
    Ok(found)
}

async fn read_requests(pool: PgPool, asked: Vec<Notification>) -> sqlx::Result<Vec<Option<Request>>> {
    let distinct: Vec<&Notification> = asked.iter().collect::<BTreeSet<_>>().into_iter().collect();
    let mut tx = chassis::postgres::unscoped(&pool).await?;
    let found: HashMap<Uuid, Request> = store::requests(&mut tx, &distinct).await?.into_iter().collect();
    tx.commit().await?;
    Ok(asked.iter().map(|(_, id)| found.get(id).cloned()).collect())
}

async fn read_endpoints(pool: PgPool, asked: Vec<Lane>) -> sqlx::Result<Vec<Option<EndpointRow>>> {
    let distinct: BTreeSet<(&str, &str)> =
        asked.iter().map(|lane| (&*lane.workspace, &*lane.endpoint)).collect();
    let distinct: Vec<_> = distinct.into_iter().collect();
    let mut tx = chassis::postgres::unscoped(&pool).await?;
    let found: HashMap<(String, String), EndpointRow> = store::endpoints_of(&mut tx, &distinct)
        .await?
        .into_iter()
        .map(|(workspace, row)| ((workspace, row.endpoint.clone()), row))
        .collect();
    tx.commit().await?;
    Ok(asked.into_iter().map(|lane| found.get(&(lane.workspace, lane.endpoint)).cloned()).collect())
}

/// All of them; or, if Postgres refuses that, each by itself: what is wrong with one is not to cost the others.
async fn write(pool: PgPool, outcomes: Vec<Outcome>) -> sqlx::Result<Vec<Option<()>>> {
    match write_all(&pool, &outcomes).await {
        Ok(()) => return Ok(vec![Some(()); outcomes.len()]),
        Err(error) if outcomes.len() == 1 || is_away(&error) => return Err(error),
        Err(error) => tracing::warn!(%error, "outcomes of attempts are written one by one"),
    }
    let mut written = Vec::with_capacity(outcomes.len());
    for outcome in &outcomes {
        let alone = write_all(&pool, std::slice::from_ref(outcome)).await;
        let alone = alone.inspect_err(|error| tracing::warn!(%error, "an attempt's outcome is refused"));
        written.push(alone.ok());
    }
    Ok(written)
}

async fn write_all(pool: &PgPool, outcomes: &[Outcome]) -> sqlx::Result<()> {
    let rows: BTreeMap<_, _> = outcomes
        .iter()
        .map(|(workspace, report)| ((&**workspace, report.notification, report.attempt), report))
        .collect();
    let rows: Vec<_> = rows.into_iter().map(|((workspace, ..), report)| (workspace, report)).collect();
    let mut tx = chassis::postgres::unscoped(pool).await?;
    store::outcomes(&mut tx, &rows).await?;
    tx.commit().await
}
