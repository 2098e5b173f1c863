//! What workers did, told in the trace of what caused it: spans for who exports them, and decisions for who asks with
//! `--log perennial::decided=debug`.

use engine::{Act, Decided, Handed};
use tracing::{debug, debug_span, field::Empty};

use crate::trace::{self, Work, tell};

/// Tells each decision that a worker of the service reads back as its own, then does `act` within its log lines' span.
/// `name` says what a decision is.
pub fn told<D: 'static>(
    service: &'static str,
    name: fn(&D) -> &'static str,
    mut act: impl FnMut(&Decided<D>, i64) + Send + 'static,
) -> Act<Decided<D>> {
    Box::new(move |decided, age| {
        tell_decided(service, name(&decided.decision), decided, age);
        let header = &decided.header;
        let span = debug_span!(target: "perennial::decided", "decision", service, workspace = header.workspace,
            account = header.account, trace_id = Empty);
        if !span.is_disabled()
            && let Some(trace) = decided.traceparent.as_deref().and_then(trace::trace_id)
        {
            span.record("trace_id", tracing::field::display(trace));
        }
        span.in_scope(|| {
            debug!(target: "perennial::decided", offset = decided.offset, "decided");
            act(decided, age);
        });
    })
}

fn tell_decided<D>(service: &'static str, to: &'static str, decided: &Decided<D>, age: i64) {
    let (Some(origin), Some(traceparent)) = (&decided.origin, &decided.traceparent) else { return };
    tell(&Work {
        service,
        operation: "decide",
        origin,
        traceparent,
        took_ms: age + decided.appended_at - origin.appended_at,
        workspace: &decided.header.workspace,
        account: &decided.header.account,
        to,
    });
}

/// Tells each fact that a service hands on to an account's log.
pub fn handed(service: &'static str) -> Act<Handed> {
    Box::new(move |Handed { workspace, account, origin, traceparent }, age| {
        let (operation, to) = ("forward", "fact");
        tell(&Work { service, operation, origin, traceparent, took_ms: age, workspace, account, to });
    })
}
