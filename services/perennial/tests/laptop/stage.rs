//! A Perennial, who speaks to it and whom it calls: set up, let end, and examined.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use chassis::Tasks;
use eventlog::Topic;
use oracle::Turn;
use tokio::time::timeout;

use crate::{
    client::Client,
    evidence::{self, Outcome, number},
    gate::Gate,
    log::Log,
    metrics,
    process::Home,
    receiver::Receiver,
    script::{END, LIVE, LIVE_CALLS, LIVE_ORDERS, SHOP, Script, midnight, purchases},
};

/// How long everything may take to end, repeated deliveries included.
const SETTLE: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(50);

pub(crate) struct Stage {
    pub(crate) home: Home,
    pub(crate) client: Client,
    pub(crate) gate: Gate,
    pub(crate) receiver: Receiver,
    tasks: Tasks,
}

impl Stage {
    pub(crate) async fn new(home: Home) -> Result<Self> {
        let tasks = Tasks::new();
        Ok(Self {
            client: Client::new(home.answers())?,
            gate: Gate::new(),
            receiver: Receiver::start(&tasks).await?,
            home,
            tasks,
        })
    }

    pub(crate) fn script(&self) -> Script<'_> {
        Script { client: &self.client, gate: &self.gate, receiver: &self.receiver }
    }

    /// Lets everything that follows from the script be decided and delivered.
    pub(crate) async fn settle(&self) -> Result<()> {
        let shop = self.client.await_clock(SHOP, midnight(END)?);
        timeout(SETTLE, shop).await.context("the shop does not settle")??;
        let delivered = async {
            while self.receiver.taken(LIVE).len() < LIVE_CALLS
                || self.client.workspace(LIVE).await?.events < LIVE_ORDERS as u64
            {
                tokio::time::sleep(LOOK).await;
            }
            Ok(())
        };
        let settled = timeout(SETTLE, delivered).await;
        settled.with_context(|| format!("{} of {LIVE_CALLS} webhooks", self.receiver.taken(LIVE).len()))?
    }

    /// What became of the shop, and how many calls repeated one that had been taken. Fails if anything was lost,
    /// counted or decided twice, refused, or decided otherwise than the oracle does, or if a webhook was called more often
    /// than the log asks for it.
    pub(crate) async fn examine(&self) -> Result<(Outcome, usize)> {
        metrics::check_sound(&self.client.metrics().await?)?;
        ensure!(self.receiver.forged() == 0, "{} webhooks had a wrong signature", self.receiver.forged());
        let log = self.log().await?;
        let stories = evidence::stories(&log).await?;
        evidence::check_facts(&log, &self.client, SHOP, purchases()?.len()).await?;
        evidence::check_facts(&log, &self.client, LIVE, LIVE_ORDERS).await?;
        evidence::outcome(&stories, &self.client, &self.receiver, LIVE).await?;
        let shop = evidence::outcome(&stories, &self.client, &self.receiver, SHOP).await?;
        self.check_asked_for(&log).await?;
        Ok((shop, self.repeated(SHOP) + self.repeated(LIVE)))
    }

    /// The log beneath, to look into and to append to.
    pub(crate) async fn log(&self) -> Result<Log> {
        Log::open(&self.home, &self.tasks).await
    }

    /// What runs beside the Perennial.
    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Ends what runs beside the Perennial.
    pub(crate) async fn close(self) -> Result<()> {
        self.tasks.stop();
        self.tasks.finish(Duration::from_secs(5)).await
    }

    /// An attempt that nobody reported, because whoever made it died or stalled, is asked for again, and no call is made
    /// that is not asked for.
    async fn check_asked_for(&self, log: &Log) -> Result<()> {
        let mut left = BTreeMap::<u128, i64>::new();
        for turn in oracle::said_of_deliveries(&log.records(Topic::Account).await?).into_values().flatten() {
            if let Turn::Asked { notification, .. } = turn {
                *left.entry(notification).or_default() += 1;
            }
        }
        for call in [SHOP, LIVE].iter().flat_map(|workspace| self.receiver.calls(workspace)) {
            let asked = left.entry(number(&call.id)?).or_default();
            *asked -= 1;
            ensure!(*asked >= 0, "{} was called more often than the log asks for it", call.id);
        }
        Ok(())
    }

    /// Calls beyond the first one taken under each id.
    fn repeated(&self, workspace: &str) -> usize {
        let mut taken = BTreeSet::new();
        let calls = self.receiver.calls(workspace).into_iter();
        calls.filter(|call| call.taken && !taken.insert(call.id.clone())).count()
    }
}
