//! health-score as its users meet it: its gRPC API on real Postgres and a real log.
//! `on_kafka` runs the same modules with the log in Kafka.
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod clock;
mod scores;
mod stored;
mod support;
