//! Spans on their way to a collector, over OTLP.
//!
//! Invariant: whoever ends a span never waits. What the collector does not take in time is dropped, and counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, Span, SpanData,
        SpanExporter as Exporter, SpanProcessor,
    },
};

use tonic::transport::ClientTlsConfig;

use crate::{ids, metrics::Outcomes, trace::Ids};

/// Spans that may wait, about a kilobyte each.
const MOST_WAITING: usize = 8_192;
/// Spans sent at once.
const BATCH: usize = 512;
/// How long a span may wait for company.
const DELAY: Duration = Duration::from_secs(1);
/// How long the collector may take to answer.
const ANSWER: Duration = Duration::from_secs(3);

/// Where spans go, which, and who says that they are its.
#[derive(Debug, Clone)]
pub struct Traces {
    /// A collector's OTLP over gRPC, e.g. `http://127.0.0.1:4317`.
    pub endpoint: String,
    /// Of the traces that begin here, so many are recorded: 0 to 1. Who continues one does as it says.
    pub ratio: f64,
    /// The service, or `perennial` for all of them in one process.
    pub service: &'static str,
    /// What kind of log it stands on, as OpenTelemetry calls messaging systems.
    pub log: &'static str,
}

/// Makes spans and sends them, counting in `spans` what becomes of them. To be called within a tokio runtime.
pub(super) fn provider(traces: &Traces, spans: &Outcomes) -> anyhow::Result<SdkTracerProvider> {
    let mut exporter =
        SpanExporter::builder().with_tonic().with_endpoint(&traces.endpoint).with_timeout(ANSWER);
    if !traces.endpoint.starts_with("http://") {
        // Left to itself it would trust nobody.
        exporter = exporter.with_tls_config(ClientTlsConfig::new().with_enabled_roots());
    }
    let exporter = exporter.build().with_context(|| format!("the OTLP endpoint {}", traces.endpoint))?;
    let (waiting, spans) = (Arc::new(AtomicUsize::new(0)), spans.clone());
    let watched = Watched {
        exporter,
        endpoint: traces.endpoint.clone(),
        waiting: waiting.clone(),
        spans: spans.clone(),
        is_away: AtomicBool::new(false),
    };
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(MOST_WAITING)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(DELAY)
        .build();
    let batches = BatchSpanProcessor::builder(watched).with_batch_config(config).build();
    Ok(SdkTracerProvider::builder()
        .with_span_processor(Bounded { batches, waiting, spans })
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(traces.ratio))))
        .with_id_generator(Ids::default())
        .with_resource(resource(traces.service))
        .build())
}

/// What every span says of the process: a new instance at each start.
fn resource(service: &'static str) -> Resource {
    let attributes = [
        KeyValue::new("service.namespace", "perennial"),
        KeyValue::new("service.name", service),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", ids::v7().to_string()),
    ];
    Resource::builder_empty().with_attributes(attributes).build()
}

/// Keeps the queue within its bound, and counts what finds no room in it: the library would only say so at the end.
#[derive(Debug)]
struct Bounded {
    batches: BatchSpanProcessor,
    waiting: Arc<AtomicUsize>,
    spans: Outcomes,
}

impl SpanProcessor for Bounded {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        self.batches.on_start(span, cx);
    }

    fn on_end(&self, span: SpanData) {
        if self.waiting.fetch_add(1, Ordering::Relaxed) < MOST_WAITING {
            return self.batches.on_end(span);
        }
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.spans.add("dropped", 1);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// Counts what the collector takes and what it does not, and says once when that changes.
#[derive(Debug)]
struct Watched {
    exporter: SpanExporter,
    endpoint: String,
    waiting: Arc<AtomicUsize>,
    spans: Outcomes,
    is_away: AtomicBool,
}

impl Exporter for Watched {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        self.waiting.fetch_sub(count, Ordering::Relaxed);
        let outcome = self.exporter.export(batch).await;
        self.spans.add(if outcome.is_ok() { "exported" } else { "failed" }, count as u64);
        let was_away = self.is_away.swap(outcome.is_err(), Ordering::Relaxed);
        match &outcome {
            Err(error) if !was_away => {
                tracing::warn!(%error, "spans are lost, {} does not take them: {error}", self.endpoint);
            }
            Ok(()) if was_away => tracing::warn!("spans are taken again by {}", self.endpoint),
            _ => {}
        }
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use opentelemetry::trace::{Tracer, TracerProvider};
    use tokio::net::TcpListener;

    use super::*;
    use crate::metrics::Metrics;

    const SOON: Duration = Duration::from_secs(30);

    fn traces(endpoint: String) -> Traces {
        Traces { endpoint, ratio: 1.0, service: "test", log: "kafka" }
    }

    /// So many spans, made and ended; how long that took.
    fn make(provider: &SdkTracerProvider, spans: usize) -> Duration {
        let (tracer, begun) = (provider.tracer("test"), Instant::now());
        for _ in 0..spans {
            drop(tracer.start("span"));
        }
        begun.elapsed()
    }

    fn counted(metrics: &Metrics, outcome: &str) -> u64 {
        let line = format!("perennial_spans_total{{outcome=\"{outcome}\"}} ");
        let text = metrics.text();
        text.lines().find_map(|it| it.strip_prefix(&line)?.parse().ok()).unwrap_or_default()
    }

    /// It takes connections, and never says anything.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_collector_that_hangs_holds_up_nobody_and_what_does_not_fit_is_counted() -> anyhow::Result<()> {
        let silent = TcpListener::bind("127.0.0.1:0").await?;
        let metrics = Metrics::new();
        let spans = metrics.outcomes("spans", "Spans");
        let provider = provider(&traces(format!("http://{}", silent.local_addr()?)), &spans)?;
        let took = make(&provider, 3 * MOST_WAITING);
        assert!(took < ANSWER, "it took {took:?}");
        let dropped = counted(&metrics, "dropped");
        // Beside those that wait, at most a few batches are under way.
        let most = 2 * MOST_WAITING as u64;
        assert!((most - 8 * BATCH as u64..=most).contains(&dropped), "{dropped} were dropped");
        let begun = Instant::now();
        let ended = provider.shutdown_with_timeout(Duration::from_millis(300));
        assert!(ended.is_err() && begun.elapsed() < ANSWER, "{ended:?} after {:?}", begun.elapsed());
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn spans_for_a_collector_that_is_away_are_counted_as_failed() -> anyhow::Result<()> {
        let nobody = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        let metrics = Metrics::new();
        let spans = metrics.outcomes("spans", "Spans");
        let provider = provider(&traces(format!("http://{nobody}")), &spans)?;
        make(&provider, 10);
        let begun = Instant::now();
        while counted(&metrics, "failed") < 10 {
            assert!(begun.elapsed() < SOON, "{}", metrics.text());
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    #[tokio::test]
    async fn an_endpoint_that_is_none_is_refused_by_its_name() {
        let refused = provider(&traces("no such thing".into()), &Outcomes::default()).expect_err("refused");
        assert!(format!("{refused:#}").starts_with("the OTLP endpoint no such thing: "), "{refused:#}");
    }
}
