//! Logs and spans: what is written, and how.

use std::io::IsTerminal;

use anyhow::Context;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{LevelFilter, ParseError},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, for programs.
    Json,
    /// For people.
    Pretty,
}

/// Sets up logs and spans for the process, on standard error. `filter` is like `info,engine=debug`. To be called
/// once.
pub fn init(format: Format, filter: &str) -> anyhow::Result<()> {
    let filter = filtered(filter).with_context(|| format!("log filter {filter}"))?;
    let mut written = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    if !std::io::stderr().is_terminal() {
        written.set_ansi(false);
    }
    let written = match format {
        Format::Json => written.json().flatten_event(true).boxed(),
        Format::Pretty => written.compact().with_target(false).boxed(),
    };
    let tracer = SdkTracerProvider::builder().build().tracer("perennial");
    tracing_subscriber::registry()
        .with(filter)
        .with(tracing_opentelemetry::layer().with_tracer(tracer))
        .with(written)
        .try_init()
        .context("logs are set up already")
}

/// What Postgres remarks of every start ("already exists, skipping") is news to nobody who does not ask for it.
fn filtered(filter: &str) -> Result<EnvFilter, ParseError> {
    let asked = EnvFilter::try_new(filter)?;
    if asked.max_level_hint().is_some_and(|most| most < LevelFilter::INFO) || filter.contains("sqlx") {
        return Ok(asked);
    }
    EnvFilter::try_new(format!("sqlx::postgres::notice=warn,{filter}"))
}
