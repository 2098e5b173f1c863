//! What an operator may set.

use engine::Settings;
use ephemera::Rate;

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
    /// Events that may come in a second with a write key that has no quota of its own; absent: as many as there are.
    pub quota: Option<Rate>,
}
