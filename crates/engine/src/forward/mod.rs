//! Attribution's machine: inbox partitions folded into forwards to account partitions.

mod fold;

pub use fold::{Forward, ForwardContext, ForwardFold, Forwarded, Forwards};
