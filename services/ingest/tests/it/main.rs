//! ingest as a client meets it: over HTTP and gRPC, on real Postgres and a real log.
//! `on_kafka` runs the same modules with the log in Kafka.

mod answers;
mod attribution;
mod browser;
mod catalogue;
mod clients;
mod clock;
mod cloudevents;
mod contacts;
mod keys;
mod quarantine;
mod quotas;
mod replicas;
mod senders;
mod spool;
mod support;
mod switch;
