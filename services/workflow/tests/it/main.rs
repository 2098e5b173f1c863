//! workflow as its users meet it: its gRPC API and its webhooks, on real Postgres, a real log and a real receiver.
//! `on_kafka` runs the same modules with the log in Kafka.

mod above;
mod busy;
mod commands;
mod messages;
mod receiver;
mod renewals;
mod replicas;
mod signature;
mod smtp;
mod support;
mod webhooks;
