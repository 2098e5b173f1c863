//! Real servers for tests: a private Postgres per test binary, a database per test.
//!
//! Invariant: nothing is left behind, however the test binary ends: a reaper outlives it, stops what it started and
//! removes its files.

mod postgres;
mod reaper;

pub use postgres::{Database, OwnPostgres, Postgres, postgres};
pub use reaper::Reaper;
