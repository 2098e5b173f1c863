//! Laptop mode as a process: killed, told to stop, spoken to badly, and asked for what the oracle computes.

mod alerts;
mod bad_input;
#[path = "../../src/demo/cdnow.rs"]
mod cdnow;
mod chaos;
mod client;
mod cluster;
mod collector;
mod commands;
mod demo;
#[path = "../../src/document/mod.rs"]
mod document;
mod evidence;
mod garbage;
mod gate;
mod grpc_clients;
mod imports;
mod kills;
mod log;
mod metrics;
mod outage;
mod pair;
mod process;
mod receiver;
mod refusals;
mod script;
mod sdk;
mod sigterm;
mod simulated;
#[path = "../../../workflow/tests/it/smtp.rs"]
mod smtp;
mod spans;
mod spooled;
mod stage;
mod starter;
mod told;
mod trace;
