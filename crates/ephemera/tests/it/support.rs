//! Replicas as processes have them, on a Redis of the test's own.

use std::time::{Duration, Instant};

use chassis::{Tasks, metrics::Metrics};
use ephemera::{Bucket, Channel, Ephemera, Hearing, Options, Rate, Url};
use testkit::servers::OwnRedis;

const SOON: Duration = Duration::from_secs(20);

pub(crate) struct World(OwnRedis);

pub(crate) struct Replica {
    shared: Ephemera,
    pub(crate) metrics: Metrics,
    tasks: Tasks,
    _hearing: Hearing,
}

impl std::ops::Deref for Replica {
    type Target = Ephemera;

    fn deref(&self) -> &Ephemera {
        &self.shared
    }
}

impl World {
    pub(crate) fn start() -> anyhow::Result<Self> {
        Ok(Self(OwnRedis::start()?))
    }

    pub(crate) fn redis(&self) -> &OwnRedis {
        &self.0
    }

    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.0.kill()
    }

    pub(crate) fn start_again(&mut self) -> anyhow::Result<()> {
        self.0.start_again()
    }

    pub(crate) fn url(&self) -> Url {
        self.0.url().parse().expect("a URL")
    }

    /// One that waits longer than a busy machine may take.
    pub(crate) async fn replica(&self) -> anyhow::Result<Replica> {
        self.replica_with(Options { patience: Duration::from_secs(10), ..Options::at(self.url()) }).await
    }

    /// One that has found Redis.
    pub(crate) async fn replica_with(&self, options: Options) -> anyhow::Result<Replica> {
        let replica = self.lonely(options);
        soon("Redis is found", || replica.up() == 1).await;
        Ok(replica)
    }

    /// One that may not have found Redis.
    pub(crate) fn lonely(&self, options: Options) -> Replica {
        let (metrics, tasks) = (Metrics::new(), Tasks::new());
        let shared = Ephemera::in_redis(options, &metrics, &tasks);
        let hearing = shared.board.hear(Channel::Keys);
        Replica { shared, metrics, tasks, _hearing: hearing }
    }
}

impl Replica {
    pub(crate) fn up(&self) -> u64 {
        self.number("redis_up")
    }

    /// Replicas that it knows of.
    pub(crate) fn replicas(&self) -> u64 {
        self.number("redis_replicas")
    }

    pub(crate) fn counted(&self, name: &str, outcome: &str) -> u64 {
        self.number(&format!("{name}_total{{outcome=\"{outcome}\"}}"))
    }

    fn number(&self, name: &str) -> u64 {
        let text = self.metrics.text();
        let lines = text.lines().filter_map(|line| line.strip_prefix("perennial_")?.strip_prefix(name));
        lines.filter_map(|rest| rest.trim().parse().ok()).next().unwrap_or(0)
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.tasks.stop();
        self.tasks.finish(Duration::from_secs(10)).await
    }
}

pub(crate) fn bucket(name: &str, per_second: u32) -> Bucket {
    Bucket { name: name.to_owned(), rate: Rate::new(per_second).expect("a rate") }
}

/// Waits until it is so.
pub(crate) async fn soon(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < SOON, "not soon: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
