//! Usage over windows: which part of it (`window`, `series`), and the numbers that are kept of it (`buckets`,
//! `distinct`).
//!
//! Invariant: what is kept is a function of the set of facts folded, not of their order. Every limit therefore cuts
//! by something that does not depend on arrival: the newest bucket, or the order of the keys.

pub(crate) mod buckets;
pub(crate) mod distinct;
pub mod events;
pub(crate) mod kept;
pub mod series;
pub mod window;

pub use distinct::DISTINCT_MOST;
