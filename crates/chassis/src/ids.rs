//! Ids made at the edge. Ids of decisions are derived from their cause, in the domain.

use uuid::Uuid;

/// A new id that sorts by the time it was made.
#[expect(clippy::disallowed_methods, reason = "this is the one place that makes ids")]
pub fn v7() -> Uuid {
    Uuid::now_v7()
}
