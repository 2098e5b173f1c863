//! Clients that nobody here wrote: Segment's and RudderStack's SDKs, unmodified, each in a program of its own, and a
//! proxy between them and the edge that does to their requests what networks and load balancers do.
//!
//! Invariant: the SDKs are set by their own public options, and nothing of them is replaced.

mod program;
mod proxy;
mod sender;
mod stored;

pub use program::Client;
pub use proxy::Edge;
pub use sender::Sender;
pub use stored::Stored;
