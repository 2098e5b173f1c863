//! Logs and spans: what is written, what is exported, and how.

mod export;

use std::{io::IsTerminal, time::Duration};

use anyhow::Context;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterFn, LevelFilter, ParseError, filter_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

pub use self::export::Traces;
use crate::{
    Tasks,
    metrics::{Metrics, Outcomes},
    trace,
};

/// What a process leaves to spans that are not sent yet when it ends.
const FLUSH: Duration = Duration::from_millis(800);

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, for programs.
    Json,
    /// For people.
    Pretty,
}

/// What a process exports of its spans; nothing, unless asked to.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
    spans: Outcomes,
}

/// Sets up logs (on standard error) and spans for the process. `filter` is like `info,engine=debug`. To be called once,
/// within a tokio runtime.
pub fn init(format: Format, filter: &str, traces: Option<&Traces>) -> anyhow::Result<Telemetry> {
    let filter = filtered(filter).with_context(|| format!("log filter {filter}"))?;
    let spans = Outcomes::default();
    let provider = traces.map(|traces| export::provider(traces, &spans)).transpose()?;
    let tracer = provider.clone().unwrap_or_else(unrecorded).tracer("perennial");
    if let Some(traces) = traces {
        trace::record(tracer.clone(), traces.log);
    }
    let mut written = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    if !std::io::stderr().is_terminal() {
        written.set_ansi(false);
    }
    let written = match format {
        Format::Json => written.json().flatten_event(true).boxed(),
        Format::Pretty => written.compact().with_target(false).boxed(),
    };
    let traced = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_target(false);
    tracing_subscriber::registry()
        .with(traced.with_filter(spans_on_the_way()))
        .with(written.with_filter(filter))
        .try_init()
        .context("logs are set up already")?;
    Ok(Telemetry { provider, spans })
}

impl Telemetry {
    /// Counts spans among the process's metrics, and sends what is left of them when its tasks have ended.
    pub fn follow(&self, metrics: &Metrics, tasks: &Tasks) {
        let Some(provider) = self.provider.clone() else { return };
        let help =
            "Spans of traces: exported, failed (the collector did not take them), dropped (no room to wait)";
        metrics.add_outcomes("spans", help, &self.spans);
        let end = tasks.shutdown_beneath();
        tasks.spawn_beneath("spans", async move {
            end.wait().await;
            let flushed = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH)).await?;
            if let Err(error) = flushed {
                tracing::warn!(%error, "the last spans are lost: {error}");
            }
            Ok(())
        });
    }
}

/// Spans are still made where nobody records them: log lines are told apart by their traces.
fn unrecorded() -> SdkTracerProvider {
    SdkTracerProvider::builder().with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff))).build()
}

/// Those of a request's way, which `trace` tells of; whatever is logged, and nothing of what libraries do meanwhile.
fn spans_on_the_way() -> FilterFn<fn(&Metadata<'_>) -> bool> {
    let is_one: fn(&Metadata<'_>) -> bool = |it| it.is_span() && *it.level() == Level::ERROR;
    filter_fn(is_one).with_max_level_hint(LevelFilter::ERROR)
}

/// What Postgres remarks of every start ("already exists, skipping") is news to nobody who does not ask for it.
fn filtered(filter: &str) -> Result<EnvFilter, ParseError> {
    let asked = EnvFilter::try_new(filter)?;
    if asked.max_level_hint().is_some_and(|most| most < LevelFilter::INFO) || filter.contains("sqlx") {
        return Ok(asked);
    }
    EnvFilter::try_new(format!("sqlx::postgres::notice=warn,{filter}"))
}
