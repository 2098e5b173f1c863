//! Real servers for tests: a private Postgres and a private Kafka per test binary, a database or topics per test, and a
//! Redis for each test that wants one.
//!
//! Invariant: nothing is left behind, however the test binary ends: a reaper outlives it, stops what it started and
//! removes its files.

mod kafka;
mod log;
mod postgres;
mod reaper;
mod redis;

pub use kafka::{OwnKafka, kafka, kafka_log, keeping};
pub use log::LogPlace;
pub use postgres::{Database, OwnPostgres, Postgres, postgres};
pub use reaper::Reaper;
pub use redis::OwnRedis;
