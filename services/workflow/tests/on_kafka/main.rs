//! The same as in `it`, with the log in Kafka.

#[path = "../it/above.rs"]
mod above;
#[path = "../it/busy.rs"]
mod busy;
#[path = "../it/commands.rs"]
mod commands;
#[path = "../it/messages.rs"]
mod messages;
#[path = "../it/receiver.rs"]
mod receiver;
#[path = "../it/renewals.rs"]
mod renewals;
#[path = "../it/replicas.rs"]
mod replicas;
#[path = "../it/signature.rs"]
mod signature;
#[path = "../it/smtp.rs"]
mod smtp;
#[path = "../it/support.rs"]
mod support;
#[path = "../it/webhooks.rs"]
mod webhooks;
