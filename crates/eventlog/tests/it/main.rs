//! The log in Postgres and in Kafka, on real servers.

mod assignment;
mod conformance;
mod kafka;
mod keeping;
mod support;
