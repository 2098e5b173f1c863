//! Attribution's machine: inbox partitions folded into forwards to account partitions.

mod contacts;
mod fold;
mod folding;
mod worker;

pub use fold::{Forward, ForwardContext, ForwardFold, Forwarded, Forwards, Handed};
pub use worker::Forwarder;
