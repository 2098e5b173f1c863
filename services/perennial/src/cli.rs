//! What can be typed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use prost::Message;

use crate::clients::{self, Address};
use crate::commands::{
    catalogue, clock, ctas, endpoints, explain, health, keys, notifications, quarantine, renewals, runs,
    segments, team, templates, topics, workspaces,
};

use crate::demo::Demo;
use crate::import::Import;
use crate::node::Role;
use crate::output;
use crate::role;
use crate::settings::Config;
use crate::simulate::Simulate;
use crate::up::Up;

/// Watches how business customers use a product, and says which accounts are slipping away, and why.
#[derive(Parser)]
#[command(name = "perennial", version, about, infer_subcommands = false)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Whom a command talks to, about which workspace, and how it prints what it hears.
#[derive(Args, Clone)]
pub(crate) struct Target {
    /// Where gRPC answers: one address for everything, or NAME=ADDRESS of ingest, health-score, segmentation or
    /// workflow, repeated or with commas between.
    #[arg(long, global = true, value_name = "[NAME=]ADDRESS", default_value = clients::USUAL,
          env = "PERENNIAL_GRPC", value_delimiter = ',')]
    pub(crate) grpc: Vec<Address>,
    /// The workspace.
    #[arg(long, short, global = true, default_value = "default", env = "PERENNIAL_WORKSPACE")]
    pub(crate) workspace: String,
    /// As a table for people, or as JSON for programs: the messages of the gRPC API, times in milliseconds since 1970.
    #[arg(long, short, global = true, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

impl Target {
    /// Prints a list of messages of the type named. An empty one only of a workspace that there is: a misspelt name is
    /// not to look like good news.
    pub(crate) async fn list<M: Message>(
        &self,
        message: &str,
        items: &[M],
        headers: &[&str],
        row: impl Fn(&M) -> Vec<String>,
    ) -> anyhow::Result<()> {
        if items.is_empty() {
            workspaces::get(self).await?;
        }
        output::list(self.output, message, items, headers, row)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Table,
    Json,
}

/// How much of a long list is shown.
#[derive(Args, Clone, Copy)]
pub(crate) struct Limit {
    /// At most so many.
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: usize,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run everything in one process, on one Postgres: laptop mode.
    Up(Up),
    /// Run ingest by itself, in a cluster: HTTP and gRPC for events, the catalogue, whose event it is.
    Ingest(role::Ingest),
    /// Run health-score by itself, in a cluster.
    HealthScore(role::Service),
    /// Run segmentation by itself, in a cluster.
    Segmentation(role::Service),
    /// Run workflow by itself, in a cluster: playbooks, CTAs, webhooks.
    Workflow(role::Workflow),
    /// What can be set, by flag, environment or file, and what is.
    Config(Config),
    /// Kafka's topics: make them, and see whether they are as they must be.
    Topics(topics::Topics),
    /// Replay 69,659 real purchases, and see scores, segments and churn alerts with their reasons.
    Demo(Demo),
    /// Make up a company of any size, with the truth about its customers: to send as history or live, or to files.
    Simulate(Simulate),
    /// Create and list workspaces, and set their quotas.
    Workspaces(workspaces::Workspaces),
    /// Create, list and revoke write keys, and set their quotas.
    Keys(keys::Keys),
    /// Apply a catalogue: measures, scorecards, segments, endpoints, playbooks.
    Apply(catalogue::Apply),
    /// The starter pack: definitions that a customer-success team can use as they are.
    Templates(templates::Templates),
    /// Say what applying a catalogue would change.
    Diff(catalogue::Diff),
    /// Print the catalogue as it stands.
    Export(catalogue::Export),
    /// Import accounts, contacts, contracts and history from CSV or NDJSON files.
    ///
    /// Rows that cannot be sent are set aside beside FILE, in FILE.rejected.csv, each with its line and the reason: mend
    /// them there and import that file. Then, and if anything else fails, the status is 1. An import that was interrupted
    /// goes on where it was when it is started again with the same arguments.
    Import(Import),
    /// Events that were refused, and why.
    Quarantine(quarantine::Quarantine),
    /// Accounts by health score, and how one came to its score.
    Health(health::Health),
    /// Segments, their members, and who entered and left.
    Segments(segments::Segments),
    /// Calls to action: list, take, snooze, close, reassign.
    Ctas(ctas::Ctas),
    /// Contracts: what is decided and renews when, and how much of it is at risk.
    Renewals(renewals::Renewals),
    /// Runs of playbooks.
    Runs(runs::Runs),
    /// Notifications with every attempt.
    Notifications(notifications::Notifications),
    /// Where notifications go.
    Endpoints(endpoints::Endpoints),
    /// The customer-success team: how the owners of accounts and CTAs are reached.
    Team(team::Team),
    /// Move the time of a log-clock workspace.
    Clock(clock::Clock),
    /// Say in words how things are: `explain account ID`.
    Explain(explain::Explain),
    /// Wait until every service has decided everything up to an instant.
    AwaitClock(clock::AwaitClock),
}

impl Command {
    /// Whether it starts services, which go on when nobody reads what they say.
    pub(crate) fn serves(&self) -> bool {
        use Command::{Demo, HealthScore, Ingest, Segmentation, Up, Workflow};
        matches!(self, Up(_) | Demo(_) | Ingest(_) | HealthScore(_) | Segmentation(_) | Workflow(_))
    }

    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Up(command) => command.run().await,
            Self::Ingest(command) => command.run().await,
            Self::HealthScore(command) => command.run(Role::HealthScore).await,
            Self::Segmentation(command) => command.run(Role::Segmentation).await,
            Self::Workflow(command) => command.run().await,
            Self::Config(command) => command.run(),
            Self::Topics(command) => command.run().await,
            Self::Demo(command) => command.run().await,
            Self::Simulate(command) => command.run().await,
            Self::Workspaces(command) => command.run().await,
            Self::Keys(command) => command.run().await,
            Self::Apply(command) => command.run().await,
            Self::Templates(command) => command.run().await,
            Self::Diff(command) => command.run().await,
            Self::Export(command) => command.run().await,
            Self::Import(command) => command.run().await,
            Self::Quarantine(command) => command.run().await,
            Self::Health(command) => command.run().await,
            Self::Segments(command) => command.run().await,
            Self::Ctas(command) => command.run().await,
            Self::Renewals(command) => command.run().await,
            Self::Runs(command) => command.run().await,
            Self::Notifications(command) => command.run().await,
            Self::Endpoints(command) => command.run().await,
            Self::Team(command) => command.run().await,
            Self::Clock(command) => command.run().await,
            Self::Explain(command) => command.run().await,
            Self::AwaitClock(command) => command.run().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn every_command_can_be_typed() {
        Cli::command().debug_assert();
    }
}
