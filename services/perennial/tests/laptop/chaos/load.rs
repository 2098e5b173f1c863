//! Keeps a cluster busy at a rate: events in batches, people, the log's clock, and records that nobody can read.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use eventlog::{Key, Topic, TopicPartition};
use futures_util::future::try_join;
use serde_json::{Value as Json, json};
use testkit::sim::Rng;
use tokio::{runtime::Handle, sync::watch, task::JoinSet, time::sleep};

use super::{
    doors::{Doors, locked},
    people::People,
    traffic::{BEGIN, Traffic, WORKSPACES},
};
use crate::{client::Client, garbage, log::Log};

const LANES: usize = 12;
const BATCH: usize = 40;
/// A client gives up on an answer and asks another replica.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);
/// As long as anything may take to come back.
const AWAY: Duration = Duration::from_secs(180);
const HOURS: i64 = 6 * 3_600_000;
const STEP: Duration = Duration::from_secs(2);
const ACT: Duration = Duration::from_millis(400);
const GARBAGE: Duration = Duration::from_millis(1_500);

pub(super) struct Load {
    pub(super) traffic: Mutex<Traffic>,
    pub(super) acknowledged: AtomicUsize,
    /// What the edge answered, how often: a status, and the code of its problem.
    answers: Mutex<BTreeMap<String, usize>>,
    doors: Doors,
    keys: Vec<String>,
    http: reqwest::Client,
    /// Of the workspace on the log's clock.
    now: AtomicI64,
    ends: watch::Sender<bool>,
}

impl Load {
    pub(super) fn new(seed: u64, doors: &Doors, keys: Vec<String>) -> Result<Arc<Self>> {
        Ok(Arc::new(Self {
            traffic: Mutex::new(Traffic::new(seed)),
            acknowledged: AtomicUsize::new(0),
            answers: Mutex::default(),
            doors: doors.clone(),
            keys,
            http: reqwest::Client::builder().timeout(PATIENCE).build()?,
            now: AtomicI64::new(BEGIN),
            ends: watch::Sender::new(false),
        }))
    }

    /// So many events a second, until it is told to stop.
    pub(super) fn begin(self: &Arc<Self>, rate: usize, tasks: &mut JoinSet<Result<()>>) {
        let pause = Duration::from_secs_f64((LANES * BATCH) as f64 / rate as f64);
        for lane in 0..LANES {
            let load = self.clone();
            tasks.spawn(async move {
                let mut next = Instant::now() + pause.mul_f64(lane as f64 / LANES as f64);
                while load.goes_on(next).await {
                    load.send(lane % WORKSPACES.len(), |traffic, now| {
                        traffic.batch(lane % WORKSPACES.len(), BATCH, now)
                    })
                    .await?;
                    next = (next + pause).max(Instant::now());
                }
                Ok(())
            });
        }
    }

    /// People act, until they are told to stop.
    pub(super) fn act(self: Arc<Self>, mut people: People) -> JoinHandle<Result<People>> {
        let runtime = Handle::current();
        // On a thread of their own: these futures are not known to be `Send`.
        std::thread::spawn(move || {
            let acting = async {
                while self.goes_on(Instant::now() + ACT).await {
                    people.act().await?;
                }
                Ok::<_, anyhow::Error>(())
            };
            runtime.block_on(try_join(acting, self.tick()))?;
            Ok(people)
        })
    }

    /// Lets the log's clock go on.
    async fn tick(&self) -> Result<()> {
        while self.goes_on(Instant::now() + STEP).await {
            self.advance().await?;
        }
        Ok(())
    }

    /// Writes what nobody can read into both topics.
    pub(super) async fn litter(self: Arc<Self>, log: Arc<Log>, seed: u64) -> Result<()> {
        let mut dice = Rng::new(seed);
        let accounts = garbage::accounts(WORKSPACES[1].0, "litter", log.partitions());
        while self.goes_on(Instant::now() + GARBAGE).await {
            let (topic, account): (_, &Key) =
                (*dice.pick(&[Topic::Inbox, Topic::Account]), dice.pick(&accounts));
            let at = TopicPartition { topic, partition: account.partition(log.partitions()) };
            let record = dice.pick(&garbage::records(account)).clone();
            // Whether it landed is seen in the log.
            drop(log.append(at, record).await);
        }
        Ok(())
    }

    /// Nothing more is sent but what makes everybody known.
    pub(super) async fn end(&self) -> Result<()> {
        for workspace in 0..WORKSPACES.len() {
            self.send(workspace, |traffic, now| traffic.introductions(workspace, now)).await?;
        }
        Ok(())
    }

    pub(super) fn stop(&self) {
        self.ends.send_replace(true);
    }

    /// Lets the log's clock pass all that was sent; the instant.
    pub(super) async fn advance(&self) -> Result<i64> {
        let to = self.now.load(Ordering::Relaxed) + HOURS;
        let client: Client = self.doors.client("ingest")?;
        // What is sent from here on is later.
        self.now.store(to, Ordering::Relaxed);
        client.advance(WORKSPACES[0].0, to).await?;
        Ok(to)
    }

    /// Waits until then, or until it is to end; whether it goes on.
    async fn goes_on(&self, until: Instant) -> bool {
        let mut ends = self.ends.subscribe();
        let ended = ends.wait_for(|ends| *ends);
        tokio::time::timeout_at(until.into(), ended).await.is_err()
    }

    /// Sends events until they are acknowledged, as a client does: to any replica, the same again.
    async fn send(
        &self,
        workspace: usize,
        events: impl FnOnce(&mut Traffic, i64) -> Vec<Json>,
    ) -> Result<()> {
        let now = if workspace == 0 { self.now.load(Ordering::Relaxed) + 1 } else { chassis::clock::now() };
        let events = events(&mut self.traffic(), now);
        let count = events.len();
        let (body, begun) = (json!({ "batch": events }).to_string(), Instant::now());
        loop {
            let trouble = match self.doors.ingest() {
                None => "nobody is there".to_owned(),
                Some(door) => match self.post(&door, workspace, body.clone()).await {
                    Ok((200, _)) => break,
                    Ok((429, said)) => said,
                    // Whatever is away, a 500 is a mistake of ours: "something went wrong here".
                    Ok((status, said)) => anyhow::bail!("{door}: {status}: {said}"),
                    Err(error) => error.to_string(),
                },
            };
            ensure!(begun.elapsed() < AWAY, "not acknowledged for {AWAY:?}: {trouble}");
            sleep(PAUSE).await;
        }
        self.acknowledged.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }

    async fn post(&self, door: &str, workspace: usize, body: String) -> Result<(u16, String)> {
        let request = self.http.post(format!("{door}/v1/batch")).basic_auth(&self.keys[workspace], Some(""));
        let response = request.body(body).send().await?;
        let (status, said) = (response.status().as_u16(), response.text().await?);
        let problem: Json = serde_json::from_str(&said).unwrap_or_default();
        let answer = format!("{status} {}", problem["code"].as_str().unwrap_or_default());
        *locked(&self.answers).entry(answer.trim_end().to_owned()).or_default() += 1;
        Ok((status, said))
    }

    /// What the edge answered so far, and how often.
    pub(super) fn answers(&self) -> BTreeMap<String, usize> {
        locked(&self.answers).clone()
    }

    pub(super) fn traffic(&self) -> MutexGuard<'_, Traffic> {
        locked(&self.traffic)
    }
}
