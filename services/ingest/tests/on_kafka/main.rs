//! The same as in `it`, with the log in Kafka.

#[path = "../it/answers.rs"]
mod answers;
#[path = "../it/attribution.rs"]
mod attribution;
#[path = "../it/browser.rs"]
mod browser;
#[path = "../it/catalogue.rs"]
mod catalogue;
#[path = "../it/clients.rs"]
mod clients;
#[path = "../it/clock.rs"]
mod clock;
#[path = "../it/cloudevents.rs"]
mod cloudevents;
#[path = "../it/contacts.rs"]
mod contacts;
#[path = "../it/keys.rs"]
mod keys;
#[path = "../it/quarantine.rs"]
mod quarantine;
#[path = "../it/quotas.rs"]
mod quotas;
#[path = "../it/replicas.rs"]
mod replicas;
#[path = "../it/senders.rs"]
mod senders;
#[path = "../it/spool.rs"]
mod spool;
#[path = "../it/support.rs"]
mod support;
#[path = "../it/switch.rs"]
mod switch;
