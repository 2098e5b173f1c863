//! segmentation as its users meet it: its gRPC API on real Postgres and a real log.
//! `on_kafka` runs the same modules with the log in Kafka.

mod above;
mod members;
mod stored;
mod support;
