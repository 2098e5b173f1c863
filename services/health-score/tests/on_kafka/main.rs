//! The same as in `it`, with the log in Kafka.
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

#[path = "../it/clock.rs"]
mod clock;
#[path = "../it/scores.rs"]
mod scores;
#[path = "../it/stored.rs"]
mod stored;
#[path = "../it/support.rs"]
mod support;
