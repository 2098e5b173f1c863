//! Traces across the log: a record carries a W3C `traceparent`, and whoever works on it continues that trace.
//!
//! The spans on the way are of the level of errors, and nothing else is: so they are told from those of libraries, and
//! a filter of log lines does not take the trace from a record.

mod spans;

use std::sync::Arc;

use axum::http::HeaderMap;
pub use opentelemetry::KeyValue;
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

pub(crate) use self::spans::{Ids, Work, next_span, record, tell};
pub use self::spans::{answered, describe, failed, sending};

/// The current span as a `traceparent`; none outside of any, or when spans are not recorded.
pub fn current() -> Option<Arc<str>> {
    let context = Span::current().context();
    let span = context.span();
    let at = span.span_context();
    at.is_valid().then(|| named(at.trace_id(), at.span_id(), at.trace_flags()))
}

fn named(trace: TraceId, span: SpanId, flags: TraceFlags) -> Arc<str> {
    format!("00-{trace}-{span}-{:02x}", flags.to_u8()).into()
}

/// Whether this is a `traceparent` of a trace that is recorded.
pub fn is_sampled(traceparent: &str) -> bool {
    parse(traceparent).is_some_and(|at| at.is_sampled())
}

/// The id of the trace that a `traceparent` belongs to.
pub(crate) fn trace_id(traceparent: &str) -> Option<TraceId> {
    parse(traceparent).map(|at| at.trace_id())
}

/// Makes `span` a child of the one that `traceparent` names, if it names one, and fills its field `trace_id`, if it has
/// one: log lines name the trace by it. To be called before it is entered.
pub fn follow(span: &Span, traceparent: Option<&str>) {
    if let Some(parent) = traceparent.and_then(parse)
        && let Err(error) = span.set_parent(Context::new().with_remote_span_context(parent))
    {
        tracing::debug!(%error, "a span without its parent: {error}");
    }
    let context = span.context();
    let trace = context.span().span_context().trace_id();
    if trace != TraceId::INVALID {
        span.record("trace_id", tracing::field::display(trace));
    }
}

/// Makes `span` a child of the caller's, as the headers say.
pub fn follow_headers(span: &Span, headers: &HeaderMap) {
    follow(span, headers.get("traceparent").and_then(|value| value.to_str().ok()));
}

/// Whether this is a `traceparent`.
pub fn valid(traceparent: &str) -> bool {
    parse(traceparent).is_some()
}

/// Reads a `traceparent` as <https://www.w3.org/TR/trace-context/#traceparent-header> has it; later versions may
/// have more fields.
fn parse(traceparent: &str) -> Option<SpanContext> {
    let mut fields = traceparent.split('-');
    let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let version_number = lower_hex(version, 2).then(|| u8::from_str_radix(version, 16).ok())??;
    if version_number == 0xff || (version_number == 0 && fields.next().is_some()) {
        return None;
    }
    if !(lower_hex(trace, 32) && lower_hex(span, 16) && lower_hex(flags, 2)) {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::NONE,
    );
    context.is_valid().then_some(context)
}

fn lower_hex(field: &str, digits: usize) -> bool {
    field.len() == digits && field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_is_read_as_the_standard_says() {
        let expected = [
            (PARENT, true),
            ("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", true),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", false),
            ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("00-00000000000000000000000000000000-b7ad6b7169203331-01", false),
            ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false),
            ("", false),
        ];
        for (text, is) in expected {
            assert_eq!(valid(text), is, "{text}");
        }
    }

    #[test]
    fn a_span_that_follows_a_record_continues_its_trace() {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("fold");
            follow(&span, Some(PARENT));
            let _entered = span.enter();
            let next = current().expect("a traceparent");
            assert!(valid(&next), "{next}");
            assert_eq!(&next[..36], &PARENT[..36]);
            assert_ne!(next.as_ref(), PARENT);
        });
    }

    #[test]
    fn a_log_line_names_the_trace_that_it_belongs_to() {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let lines = Lines::default();
        let written = tracing_subscriber::fmt::layer().json().with_writer({
            let lines = lines.clone();
            move || lines.clone()
        });
        let registry = tracing_subscriber::registry()
            .with(tracing_opentelemetry::layer().with_tracer(tracer))
            .with(written);
        tracing::subscriber::with_default(registry, || {
            for parent in [Some(PARENT), None] {
                let span = tracing::info_span!("fold", trace_id = tracing::field::Empty);
                follow(&span, parent);
                span.in_scope(|| tracing::info!("said"));
            }
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let traces: Vec<String> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["span"]["trace_id"].clone())
            .map(|id| id.as_str().unwrap().to_owned())
            .collect();
        assert_eq!(traces[0], PARENT[3..35]);
        assert!(traces[1] != traces[0] && traces[1].len() == 32, "{traces:?}");
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}
