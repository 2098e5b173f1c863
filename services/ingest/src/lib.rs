//! ingest: where events enter, and whose they are.
//!
//! The *edge* takes events over HTTP (as Segment's clients send them) and gRPC, keeps names out of the log and appends
//! to the inbox. *Attribution* folds the inbox and forwards facts to the accounts they are about. Beside them ingest
//! owns workspaces, write keys, catalogues, the contact directory and quarantine.

mod advance;
mod api;
mod attribution;
mod catalogue;
mod config;
mod directory;
mod edge;
mod everywhere;
mod fold;
mod keys;
mod pseudonym;
mod store;
mod untimed;
mod workspaces;

pub use config::Config;
