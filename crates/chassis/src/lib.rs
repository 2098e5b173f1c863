//! What every service stands on: tasks and shutdown, serving, problems, Postgres, telemetry. It knows nothing of
//! customer success.
//!
//! Invariant: the clock, randomness and task spawning are reached through here, and nowhere else.

pub mod clock;
pub mod grpc;
pub mod http;
pub mod ids;
pub mod kafka;
pub mod metrics;
pub mod paging;
pub mod postgres;
mod problem;
mod saver;
mod tasks;
pub mod telemetry;
pub mod trace;
pub mod workers;

pub use problem::{Code, Problem};
pub use saver::{Met, Saver};
pub use tasks::{Shutdown, Tasks};
