//! The operator's tools, a file per family. Each asks the public API and prints the answer.

pub(crate) mod catalogue;
pub(crate) mod clock;
pub(crate) mod ctas;
pub(crate) mod endpoints;
pub(crate) mod explain;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod notifications;
pub(crate) mod quarantine;
pub(crate) mod renewals;
pub(crate) mod runs;
pub(crate) mod segments;
pub(crate) mod team;
pub(crate) mod templates;
pub(crate) mod topics;
pub(crate) mod workspaces;
