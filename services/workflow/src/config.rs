//! What can be set about workflow.

use std::time::Duration;

use engine::Settings;

/// Slack's own.
pub const SLACK_API: &str = "https://slack.com/api";

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
    /// How e-mail is sent; absent: not at all.
    pub mail: Option<Mail>,
    /// Where ingest answers by gRPC, which knows contacts' names; absent: nobody has one.
    pub directory: Option<String>,
    /// Where Slack's API is.
    pub slack_api: String,
}

/// How e-mail is sent, and from whom.
#[derive(Clone)]
pub struct Mail {
    /// `smtps://USER:PASSWORD@HOST`, or `smtp://...?tls=required`.
    pub smtp_url: String,
    /// `Perennial <cs@example.com>`
    pub from: String,
}

/// Without the password.
impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("from", &self.from).finish_non_exhaustive()
    }
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
            mail: None,
            directory: None,
            slack_api: SLACK_API.to_owned(),
        }
    }
}
