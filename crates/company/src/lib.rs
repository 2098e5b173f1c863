//! A company whose customers can be looked after: who they are, what they do day by day, and what is true of them.
//!
//! Invariants: the same parameters give the same company and the same calls, on any machine; it knows nothing of
//! Perennial's rules, so what it says is true can judge them; days come one by one, and none is kept.

mod account;
mod calendar;
mod call;
mod company;
mod describe;
mod dice;
mod figures;
mod parameters;
mod plan;
mod portrait;
pub mod truth;
mod words;

pub use calendar::Day;
pub use call::{Call, Kind, Said};
pub use company::{Company, OneDay};
pub use describe::{Description, Figure, Observer, Target, Unit};
pub use parameters::{Impossible, Parameters};
