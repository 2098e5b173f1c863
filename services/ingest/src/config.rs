//! What an operator may set.

use engine::Settings;

/// ingest's settings.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Budgets of each inbox partition's attribution worker.
    pub worker: Settings,
}
