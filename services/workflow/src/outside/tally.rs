//! What an operator sees of attempts: how many came to what, and how long calls take.

use std::time::Duration;

use chassis::metrics::{Durations, Metrics, Outcomes};
use domain::decision::AttemptReported;

/// Clones count together.
#[derive(Clone)]
pub(crate) struct Tally {
    attempts: Outcomes,
    took: Durations,
}

impl Tally {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            attempts: metrics.outcomes("webhook_attempts", "Attempts, by the class of the answer's status"),
            took: metrics.durations("webhook_call", "From a call's first byte to its answer, or to none"),
        }
    }

    /// An attempt that came to a call.
    pub(super) fn called(&self, report: &AttemptReported) {
        let outcome = report.status.map_or("no answer".to_owned(), |status| format!("{}xx", status / 100));
        self.attempts.add(&outcome, 1);
        self.took.add(Duration::from_millis(report.took_ms.into()));
    }

    /// One that did not: the endpoint is disabled.
    pub(super) fn not_called(&self) {
        self.attempts.add("not called", 1);
    }

    /// One that nobody began.
    pub(super) fn not_begun(&self) {
        self.attempts.add("not begun", 1);
    }
}
