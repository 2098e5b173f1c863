//! Where what follows from a record stands in its trace.
//!
//! The engine neither reads nor makes spans: whoever exports them gives it names for them, and is told once what one
//! was for.

use std::sync::Arc;

use eventlog::{Stored, TopicPartition};

/// Names the span of something that follows from a record with this `traceparent`: a new one within it, or the same
/// where nobody will ask for it.
pub type Continue = fn(&Arc<str>) -> Arc<str>;

/// A record in whose span something of its own span began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub at: TopicPartition,
    pub offset: u64,
    pub appended_at: i64,
    pub traceparent: Arc<str>,
}

/// The `traceparent` of what follows from a record, and where its span began, if it has one of its own.
pub(crate) fn follow(
    next: Continue,
    at: TopicPartition,
    record: &Stored,
) -> (Option<Arc<str>>, Option<Box<Origin>>) {
    let Some(within) = &record.traceparent else { return (None, None) };
    let own = next(within);
    if own == *within {
        return (Some(own), None);
    }
    let Stored { offset, appended_at, .. } = *record;
    (Some(own), Some(Box::new(Origin { at, offset, appended_at, traceparent: within.clone() })))
}
