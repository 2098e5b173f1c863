//! Traces across the log: a record carries a W3C `traceparent`, and whoever works on it continues that trace.

use std::sync::Arc;

use axum::http::HeaderMap;
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The current span as a `traceparent`; none outside of any, or when spans are not recorded.
pub fn current() -> Option<Arc<str>> {
    let context = Span::current().context();
    let span = context.span();
    let at = span.span_context();
    at.is_valid()
        .then(|| format!("00-{}-{}-{:02x}", at.trace_id(), at.span_id(), at.trace_flags().to_u8()).into())
}

/// Makes `span` a child of the one that `traceparent` names, if it names one. To be called before it is entered.
pub fn follow(span: &Span, traceparent: Option<&str>) {
    if let Some(parent) = traceparent.and_then(parse)
        && let Err(error) = span.set_parent(Context::new().with_remote_span_context(parent))
    {
        tracing::debug!(%error, "a span without its parent: {error}");
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
}
