//! Attribution's machine: inbox partitions folded into forwards to account partitions, and to one another.

mod contacts;
mod fold;
mod folding;
mod targets;
mod worker;

pub use fold::{Forward, ForwardContext, ForwardFold, Forwarded, Forwards, Handed};
pub use worker::Forwarder;
