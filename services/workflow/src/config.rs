//! What can be set about workflow.

use std::time::Duration;

use engine::Settings;

/// Settings of one workflow service.
#[derive(Debug, Clone)]
pub struct Config {
    /// Budgets of each partition's worker.
    pub worker: Settings,
    /// A call to the outside takes at most so long. All replicas must be set alike.
    pub longest_call: Duration,
    /// Calls at once, ...
    pub calls: usize,
    /// ... and of those to one endpoint.
    pub calls_per_endpoint: usize,
    /// Whether webhooks may go to this machine: for development.
    pub allow_loopback: bool,
    /// How long a command waits for its answer, unless its caller says less.
    pub command_deadline: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            worker: Settings::default(),
            longest_call: Duration::from_secs(20),
            calls: 64,
            calls_per_endpoint: 8,
            allow_loopback: false,
            command_deadline: Duration::from_secs(10),
        }
    }
}
