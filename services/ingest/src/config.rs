//! What an operator may set.

use engine::Settings;

use crate::{EventsFrom, SpoolAt};

/// ingest's settings.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Budgets of each inbox partition's attribution worker.
    pub worker: Settings,
    /// Where what was accepted is kept while the log is away; absent: clients are told to wait.
    pub spool: Option<SpoolAt>,
    /// Topics of others whose CloudEvents are taken.
    pub events_from: Vec<EventsFrom>,
}
