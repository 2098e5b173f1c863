//! What an operator is told of the edge: how much comes, what is refused and why, and how long it takes.

use std::time::Duration;

use chassis::metrics::{Durations, Metrics, Outcomes};

use super::{Refusal, Taken};

pub(super) struct Told {
    requests: Outcomes,
    took: Durations,
    events: Outcomes,
}

impl Told {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self {
            requests: metrics
                .outcomes("ingest_requests", "Requests with events, OK or the code of the refusal"),
            took: metrics.durations("ingest_request", "From a request with events to its answer"),
            events: metrics.outcomes("ingest_events", "Events that were taken"),
        }
    }

    pub(super) fn note(&self, answer: &Result<Taken, Refusal>, took: Duration) {
        self.took.add(took);
        match answer {
            Ok(Taken { accepted, quarantined }) => {
                self.requests.add("OK", 1);
                self.events.add("accepted", u64::from(*accepted));
                self.events.add("quarantined", u64::from(*quarantined));
            }
            Err(refusal) => self.requests.add(refusal.code(), 1),
        }
    }
}
