//! Decisions told in the trace of what caused them, for who asks with `--log perennial::decided=debug`.

use engine::{Act, Decided};
use tracing::{debug, debug_span, field::Empty};

/// Tells each decision that a worker of the service reads back as its own, then does `act` within its span.
pub fn told<D: 'static>(
    service: &'static str,
    mut act: impl FnMut(&Decided<D>, i64) + Send + 'static,
) -> Act<Decided<D>> {
    Box::new(move |decided, age| {
        let header = &decided.header;
        let span = debug_span!(target: "perennial::decided", "decision", service, workspace = header.workspace,
            account = header.account, trace_id = Empty);
        if !span.is_disabled() {
            crate::trace::follow(&span, decided.traceparent.as_deref());
        }
        span.in_scope(|| {
            debug!(target: "perennial::decided", offset = decided.offset, "decided");
            act(decided, age);
        });
    })
}
