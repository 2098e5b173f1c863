//! Spans of the work between services, named as OpenTelemetry's semantic conventions for messaging say.
//!
//! Invariant: a span is told once, by whoever wrote what it led to, when that stands in the log: its name (the
//! `traceparent`) was in the record already. So who folds the same again tells of nothing again.

use std::{
    cell::Cell,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use engine::Origin;
use eventlog::Topic;
use opentelemetry::{
    Context, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceId, Tracer},
};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SdkTracer};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::{named, parse};
use crate::clock;

/// What records spans, and on what kind of log they work.
struct Recorder {
    tracer: SdkTracer,
    log: &'static str,
}

static RECORDER: OnceLock<Recorder> = OnceLock::new();

thread_local! {
    /// The id that the next span made on this thread was promised.
    static PROMISED: Cell<Option<SpanId>> = const { Cell::new(None) };
}

/// Makes ids by chance, unless one was promised.
#[derive(Debug, Default)]
pub(crate) struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        self.0.new_trace_id()
    }

    fn new_span_id(&self) -> SpanId {
        PROMISED.take().unwrap_or_else(|| self.0.new_span_id())
    }
}

/// Work on a record that has led to something.
pub(crate) struct Work<'a> {
    pub(crate) service: &'static str,
    /// E.g. `decide`.
    pub(crate) operation: &'static str,
    pub(crate) origin: &'a Origin,
    /// The span's name in the record that it led to.
    pub(crate) traceparent: &'a str,
    pub(crate) took_ms: i64,
    pub(crate) workspace: &'a str,
    pub(crate) account: &'a str,
    /// What it led to.
    pub(crate) to: &'static str,
}

/// From now on spans are recorded. To be called once.
pub(crate) fn record(tracer: SdkTracer, log: &'static str) {
    // It was set up before: then that holds.
    let _ = RECORDER.set(Recorder { tracer, log });
}

/// Names the span of what follows from a record (`engine::Continue`): a new one if the record's trace is recorded.
pub(crate) fn next_span(within: &Arc<str>) -> Arc<str> {
    let recorded = RECORDER.get().and_then(|_| parse(within)).filter(SpanContext::is_sampled);
    recorded.map_or_else(
        || within.clone(),
        |at| named(at.trace_id(), RandomIdGenerator::default().new_span_id(), at.trace_flags()),
    )
}

/// Tells of work under the name that was given to it.
pub(crate) fn tell(work: &Work<'_>) {
    let (Some(recorder), Some(own)) = (RECORDER.get(), parse(work.traceparent)) else { return };
    let Some(parent) = parse(&work.origin.traceparent) else { return };
    let topic = work.origin.at.topic.name();
    let begun = clock::now().saturating_sub(work.took_ms.max(0));
    let span = recorder
        .tracer
        .span_builder(format!("{} {topic}", work.operation))
        .with_kind(SpanKind::Consumer)
        .with_start_time(at(begun))
        .with_attributes(attributes(work, recorder.log));
    PROMISED.set(Some(own.span_id()));
    drop(span.start_with_context(&recorder.tracer, &Context::new().with_remote_span_context(parent)));
}

fn attributes(work: &Work<'_>, log: &'static str) -> [KeyValue; 11] {
    let Origin { at, offset, .. } = work.origin;
    [
        KeyValue::new("messaging.system", log),
        KeyValue::new("messaging.operation.name", work.operation),
        KeyValue::new("messaging.operation.type", "process"),
        KeyValue::new("messaging.destination.name", at.topic.name()),
        KeyValue::new("messaging.destination.partition.id", at.partition.to_string()),
        KeyValue::new("messaging.kafka.offset", i64::try_from(*offset).unwrap_or(i64::MAX)),
        KeyValue::new("messaging.consumer.group.name", work.service),
        KeyValue::new("perennial.service", work.service),
        KeyValue::new("perennial.workspace", work.workspace.to_owned()),
        KeyValue::new("perennial.account", work.account.to_owned()),
        KeyValue::new("perennial.to", work.to),
    ]
}

fn at(millisecond: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millisecond.unsigned_abs())
}

/// The span of an append: records written within it are followed by what comes of them.
pub fn sending(topic: Topic, records: usize) -> Span {
    let name = match topic {
        Topic::Inbox => "send perennial.inbox.v1",
        Topic::Account => "send perennial.account.v1",
        Topic::InboxDead => "send perennial.inbox.v1.dlq",
        Topic::AccountDead => "send perennial.account.v1.dlq",
    };
    let span = tracing::error_span!("send", otel.name = name, otel.kind = "producer");
    describe(&span, || {
        vec![
            KeyValue::new("messaging.system", RECORDER.get().map_or("", |recorder| recorder.log)),
            KeyValue::new("messaging.operation.name", "send"),
            KeyValue::new("messaging.operation.type", "send"),
            KeyValue::new("messaging.destination.name", topic.name()),
            KeyValue::new("messaging.batch.message_count", i64::try_from(records).unwrap_or(i64::MAX)),
        ]
    });
    span
}

/// Says more of a span, if it is recorded; not in log lines.
pub fn describe(span: &Span, more: impl FnOnce() -> Vec<KeyValue>) {
    if RECORDER.get().is_none() {
        return;
    }
    let context = span.context();
    let recorded = context.span();
    if recorded.is_recording() {
        recorded.set_attributes(more());
    }
}

/// Says how a request was answered.
pub fn answered(span: &Span, status: u16, is_error: bool) {
    describe(span, || vec![KeyValue::new("http.response.status_code", i64::from(status))]);
    if is_error {
        failed(span);
    }
}

/// Says that what a span is of did not come off.
pub fn failed(span: &Span) {
    span.set_status(Status::error(""));
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use eventlog::TopicPartition;
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::{
        error::OTelSdkResult,
        trace::{SdkTracerProvider, SpanData, SpanExporter},
    };

    use super::*;

    const SENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<Vec<SpanData>>>);

    impl SpanExporter for Kept {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().unwrap().extend(batch);
            Ok(())
        }
    }

    #[test]
    fn work_is_told_of_under_the_name_that_its_record_has_and_of_none_where_the_trace_is_not_recorded() {
        let kept = Kept::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(kept.clone())
            .with_id_generator(Ids::default())
            .build();
        assert_eq!(&*next_span(&SENT.into()), SENT, "nobody records");
        record(provider.tracer("test"), "kafka");
        let own = next_span(&SENT.into());
        assert_eq!(&*next_span(&UNSAMPLED.into()), UNSAMPLED);
        let at = TopicPartition { topic: Topic::Account, partition: 3 };
        let origin = Origin { at, offset: 7, appended_at: 1_000, traceparent: SENT.into() };
        tell(&Work {
            service: "segmentation",
            operation: "decide",
            origin: &origin,
            traceparent: &own,
            took_ms: 5,
            workspace: "w",
            account: "acme",
            to: "MembershipChanged",
        });
        let spans = kept.0.lock().unwrap();
        let [span] = spans.as_slice() else { panic!("{spans:?}") };
        let context = &span.span_context;
        assert_eq!(*named(context.trace_id(), context.span_id(), context.trace_flags()), *own);
        assert_eq!(&own[..36], &SENT[..36]);
        assert_ne!(&*own, SENT);
        assert_eq!(
            (span.name.as_ref(), &span.span_kind),
            ("decide perennial.account.v1", &SpanKind::Consumer)
        );
        assert_eq!(span.parent_span_id, parse(SENT).unwrap().span_id());
        let took = span.end_time.duration_since(span.start_time).unwrap();
        assert!(took >= Duration::from_millis(4), "{took:?}");
    }
}
