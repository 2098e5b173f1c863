//! `perennial runs ls | approve | reject`.

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use contracts::cta::{DecideRunRequest, ListRunsRequest, Run};

use crate::cli::{Limit, Target};
use crate::{clients, words};

const HEADERS: [&str; 7] = ["run", "account", "playbook", "state", "step", "started", "changed"];

#[derive(Args)]
pub(crate) struct Runs {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List runs of playbooks.
    Ls(Ls),
    /// Let a run go on that waits for somebody's yes.
    Approve(Decision),
    /// End a run that waits for somebody's yes.
    Reject(Decision),
}

#[derive(Args)]
struct Ls {
    #[arg(long, default_value = "")]
    account: String,
    #[arg(long, default_value = "")]
    playbook: String,
    /// Only those that wait for somebody's yes.
    #[arg(long)]
    to_approve: bool,
    #[command(flatten)]
    limit: Limit,
}

/// Of which run, and who says so.
#[derive(Args)]
struct Decision {
    /// The id of the run.
    run: String,
    /// Who you are.
    #[arg(long, env = "USER", default_value = "operator")]
    by: String,
    /// Repeat a command whose answer got lost under the id it had.
    #[arg(long, default_value = "")]
    command_id: String,
}

impl Runs {
    pub(crate) async fn run(self) -> Result<()> {
        let target = &self.target;
        let runs = match self.command {
            Command::Ls(ls) => ls.list(target).await?,
            Command::Approve(decision) => vec![decision.send(target, true).await?],
            Command::Reject(decision) => vec![decision.send(target, false).await?],
        };
        target.list("perennial.cta.v1.Run", &runs, &HEADERS, row).await
    }
}

impl Ls {
    async fn list(self, target: &Target) -> Result<Vec<Run>> {
        let mut client = clients::ctas(&target.grpc).await?;
        clients::pages(self.limit.limit, async |page_size, page_token| {
            let request = ListRunsRequest {
                workspace: target.workspace.clone(),
                account: self.account.clone(),
                playbook: self.playbook.clone(),
                awaiting_approval: self.to_approve,
                page_size,
                page_token,
            };
            let page = client.list_runs(request).await?.into_inner();
            Ok((page.runs, page.next_page_token))
        })
        .await
    }
}

impl Decision {
    async fn send(self, target: &Target, approved: bool) -> Result<Run> {
        let Self { run, by, command_id } = self;
        let request = DecideRunRequest { workspace: target.workspace.clone(), run, by, command_id, approved };
        let mut client = clients::ctas(&target.grpc).await?;
        client.decide_run(request).await?.into_inner().run.context("the answer holds no run")
    }
}

fn row(run: &Run) -> Vec<String> {
    vec![
        run.run.clone(),
        run.account.clone(),
        run.playbook.clone(),
        words::run_state(run),
        run.step.clone(),
        words::instant(run.started_at),
        words::instant(run.changed_at),
    ]
}
