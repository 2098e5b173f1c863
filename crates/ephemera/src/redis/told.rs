//! What operators are told of Redis.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chassis::metrics::{Durations, Metrics, Outcomes};
use prometheus_client::metrics::gauge::Gauge;
use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::Url;

/// A Redis that comes and goes, and what is said about it, is told of so often.
const AGAIN: Duration = Duration::from_secs(60);

pub(super) struct Told {
    up: Gauge,
    replicas: Gauge,
    errors: Outcomes,
    takes: Outcomes,
    took: Durations,
    /// What was complained of last, and when.
    complaint: Mutex<Option<(String, Instant)>>,
}

impl Told {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let (up, replicas) = (Gauge::default(), Gauge::default());
        metrics.register(|registry| {
            registry.register("redis_up", "Whether Redis answers this replica", up.clone());
            let help =
                "Replicas that share quotas, as Redis last said: without it each takes its part of them";
            registry.register("redis_replicas", help, replicas.clone());
        });
        Self {
            up,
            replicas,
            errors: metrics
                .outcomes("redis_errors", "What Redis did not do, by kind, and what was never sent"),
            takes: metrics.outcomes("quota_takes", "Looks at quotas: shared in Redis, or alone without it"),
            took: metrics.durations("redis_take", "From a look at a quota in Redis to its answer"),
            complaint: Mutex::default(),
        }
    }

    pub(super) fn up(&self, url: &Url) {
        self.up.set(1);
        tracing::info!("Redis at {url} answers");
    }

    /// So many replicas share quotas.
    pub(super) fn counted(&self, replicas: u32) {
        self.replicas.set(replicas.into());
    }

    pub(super) fn down(&self) {
        self.up.set(0);
    }

    pub(super) fn took(&self, took: Duration) {
        self.took.add(took);
        self.takes.add("shared", 1);
    }

    pub(super) fn alone(&self) {
        self.takes.add("alone", 1);
    }

    /// A word that was not sent.
    pub(super) fn lost(&self) {
        self.errors.add("lost", 1);
    }

    /// The same trouble is told of once in a while.
    pub(super) fn failed(&self, url: &Url, error: &RedisError) {
        self.errors.add(kind(error), 1);
        let message = error.to_string();
        let mut complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = complaint.as_ref().is_none_or(|(last, at)| *last != message || at.elapsed() > AGAIN);
        if is_new {
            tracing::warn!(
                %error,
                "Redis at {url} does not do its part: replicas count quotas for themselves and find out later what \
                 others did, until it does: {error}"
            );
            *complaint = Some((message, Instant::now()));
        }
    }
}

fn kind(error: &RedisError) -> &'static str {
    match error.kind() {
        _ if error.is_timeout() => "late",
        ErrorKind::Io => "away",
        ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm) => "forbidden",
        _ => "refused",
    }
}
