//! Metrics, liveness and readiness, and the HTTP routes that show them.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text::encode},
    metrics::{
        MetricType,
        counter::Counter,
        family::Family,
        gauge::ConstGauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

/// The process's metrics, all named `perennial_...`. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Mutex<Registry>>);

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Registry::with_prefix("perennial"))))
    }

    /// Lets `add` register metrics.
    pub fn register<T>(&self, add: impl FnOnce(&mut Registry) -> T) -> T {
        add(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A counter `perennial_NAME_total` by outcome.
    pub fn outcomes(&self, name: &str, help: &str) -> Outcomes {
        let outcomes = Outcomes::default();
        self.add_outcomes(name, help, &outcomes);
        outcomes
    }

    /// The same, of one that counts already.
    pub fn add_outcomes(&self, name: &str, help: &str, outcomes: &Outcomes) {
        self.register(|registry| registry.register(name, help, outcomes.0.clone()));
    }

    /// A gauge `perennial_NAME` that is read when it is shown.
    pub fn gauge(
        &self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> i64 + Send + Sync + 'static,
    ) {
        let read = Box::new(read);
        self.register(|registry| registry.register_collector(Box::new(Read { name, help, read })));
    }

    /// A histogram `perennial_NAME_seconds`, from a millisecond to half a minute.
    pub fn durations(&self, name: &str, help: &str) -> Durations {
        let durations = Durations(Histogram::new(exponential_buckets(0.001, 2.0, 16)));
        self.register(|registry| registry.register(format!("{name}_seconds"), help, durations.0.clone()));
        durations
    }

    /// All metrics in OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = encode(&mut text, &registry) {
            tracing::error!(%error, "cannot write metrics: {error}");
        }
        text
    }
}

/// A gauge that is read when it is shown.
struct Read {
    name: &'static str,
    help: &'static str,
    read: Box<dyn Fn() -> i64 + Send + Sync>,
}

impl fmt::Debug for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Read").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Collector for Read {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let gauge = encoder.encode_descriptor(self.name, self.help, None, MetricType::Gauge)?;
        ConstGauge::new((self.read)()).encode(gauge)
    }
}

/// How often something came out one way or another. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Outcomes(Family<[(&'static str, String); 1], Counter>);

impl Outcomes {
    /// So many more. Outcomes are few: each is a series of its own.
    pub fn add(&self, outcome: &str, count: u64) {
        self.0.get_or_create(&[("outcome", outcome.to_owned())]).inc_by(count);
    }
}

/// How long something takes. Clones share it.
#[derive(Debug, Clone)]
pub struct Durations(Histogram);

impl Durations {
    pub fn add(&self, took: Duration) {
        self.0.observe(took.as_secs_f64());
    }
}

/// Whether the process can do its work: ready when each of its components is. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<String, Result<(), String>>>>);

/// Between looks at whether all is ready.
const GLANCE: Duration = Duration::from_millis(10);

/// A part of the process that says whether it is ready.
#[derive(Debug, Clone)]
pub struct Component {
    readiness: Readiness,
    name: String,
}

impl Readiness {
    pub fn new() -> Self {
        Self::default()
    }

    /// A component, not ready yet.
    pub fn component(&self, name: impl Into<String>) -> Component {
        let component = Component { readiness: self.clone(), name: name.into() };
        component.set(Err("starting".into()));
        component
    }

    /// Why the process is not ready, by component; empty if it is.
    pub fn missing(&self) -> BTreeMap<String, String> {
        let components = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let why = |(name, state): (&String, &Result<(), String>)| {
            state.as_ref().err().map(|why| (name.clone(), why.clone()))
        };
        components.iter().filter_map(why).collect()
    }

    /// Waits, for as long as the caller will, until the process is ready.
    pub async fn ready(&self) {
        while !self.missing().is_empty() {
            tokio::time::sleep(GLANCE).await;
        }
    }
}

impl Component {
    /// Ready, or why not.
    pub fn set(&self, state: Result<(), String>) {
        let mut components = self.readiness.0.lock().unwrap_or_else(PoisonError::into_inner);
        components.insert(self.name.clone(), state);
    }
}

/// `/metrics`, `/livez` and `/readyz`.
pub fn router(metrics: Metrics, readiness: Readiness) -> Router {
    let shown = get(|State(metrics): State<Metrics>| async move {
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        ([(header::CONTENT_TYPE, kind)], metrics.text())
    });
    let ready = get(|State(readiness): State<Readiness>| async move { readyz(&readiness) });
    Router::new()
        .route("/metrics", shown.with_state(metrics))
        .route("/readyz", ready.with_state(readiness))
        .route("/livez", get(async || "alive\n"))
}

fn readyz(readiness: &Readiness) -> impl IntoResponse + use<> {
    let missing = readiness.missing();
    if missing.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let why = missing.iter().map(|(name, why)| format!("{name}: {why}\n")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registered_metric_is_shown() {
        let metrics = Metrics::new();
        let ticks: Counter = Counter::default();
        metrics.register(|registry| registry.register("ticks", "Ticks appended", ticks.clone()));
        ticks.inc();
        assert!(metrics.text().contains("perennial_ticks_total 1"), "{}", metrics.text());
    }

    #[test]
    fn outcomes_are_counted_one_by_one_and_durations_in_buckets() {
        let metrics = Metrics::new();
        let (calls, took) =
            (metrics.outcomes("calls", "Calls"), metrics.durations("call", "Duration of calls"));
        calls.add("OK", 2);
        calls.add("BUSY", 1);
        calls.add("OK", 1);
        took.add(Duration::from_millis(3));
        let text = metrics.text();
        for line in [
            r#"perennial_calls_total{outcome="OK"} 3"#,
            r#"perennial_calls_total{outcome="BUSY"} 1"#,
            r#"perennial_call_seconds_bucket{le="0.002"} 0"#,
            r#"perennial_call_seconds_bucket{le="0.004"} 1"#,
        ] {
            assert!(text.contains(line), "no {line} in\n{text}");
        }
    }

    #[test]
    fn a_process_is_ready_when_each_component_is() {
        let readiness = Readiness::new();
        let (log, store) = (readiness.component("log"), readiness.component("store"));
        log.set(Ok(()));
        assert_eq!(
            readiness.missing().into_iter().collect::<Vec<_>>(),
            [("store".into(), "starting".into())]
        );
        store.set(Ok(()));
        assert!(readiness.missing().is_empty());
        log.set(Err("away".into()));
        assert_eq!(readiness.missing()["log"], "away");
    }
}
