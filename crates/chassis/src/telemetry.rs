//! Logs and spans: what is written, and how.

use std::io::IsTerminal;

use anyhow::Context;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

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
    // What Postgres remarks of every start ("already exists, skipping") is news to nobody.
    let filter = EnvFilter::try_new(format!("sqlx::postgres::notice=warn,{filter}"))
        .with_context(|| format!("log filter {filter}"))?;
    let colours = std::io::stderr().is_terminal();
    let written = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
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
