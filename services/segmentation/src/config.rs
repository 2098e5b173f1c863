//! What an operator may set.

use engine::Settings;

/// segmentation's settings.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Budgets of each partition's worker.
    pub worker: Settings,
}
