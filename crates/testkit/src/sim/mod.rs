//! The world a worker lives in, simulated: a log that loses appends and acks, a store that is slow and dies, owners
//! that crash and zombies that go on. Everything is drawn from one seed.
//!
//! [`chain`] runs three toy services (H, S on H, W on both) over a random account log; [`forwards`] runs a toy
//! attribution from inbox partitions to account partitions. A history is right when a reader of the log ends with
//! what a sequential run over the facts yields.

pub mod chain;
mod chain_facts;
pub mod forwards;
mod log;
mod reader;
mod rng;
mod store;
pub mod toy;
mod toy_forwards;
mod truth;

pub use log::{Faults, SimLog};
pub use rng::Rng;
pub use store::{Desk, Disk, SimStore};
