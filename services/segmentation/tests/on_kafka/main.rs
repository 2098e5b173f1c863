//! The same as in `it`, with the log in Kafka.

#[path = "../it/above.rs"]
mod above;
#[path = "../it/members.rs"]
mod members;
#[path = "../it/stored.rs"]
mod stored;
#[path = "../it/support.rs"]
mod support;
