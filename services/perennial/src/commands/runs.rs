//! `perennial runs ls`.

use anyhow::Result;
use clap::{Args, Subcommand};
use contracts::cta::{ListRunsRequest, Run};

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
    Ls {
        #[arg(long, default_value = "")]
        account: String,
        #[arg(long, default_value = "")]
        playbook: String,
        #[command(flatten)]
        limit: Limit,
    },
}

impl Runs {
    pub(crate) async fn run(self) -> Result<()> {
        let Command::Ls { account, playbook, limit } = self.command;
        let target = &self.target;
        let mut client = clients::ctas(&target.grpc).await?;
        let runs = clients::pages(limit.limit, async |page_size, page_token| {
            let (workspace, account, playbook) =
                (target.workspace.clone(), account.clone(), playbook.clone());
            let request = ListRunsRequest { workspace, account, playbook, page_size, page_token };
            let page = client.list_runs(request).await?.into_inner();
            Ok((page.runs, page.next_page_token))
        });
        target.list("perennial.cta.v1.Run", &runs.await?, &HEADERS, row).await
    }
}

fn row(run: &Run) -> Vec<String> {
    vec![
        run.run.clone(),
        run.account.clone(),
        run.playbook.clone(),
        words::run_state(run.state()).to_owned(),
        run.step.clone(),
        words::instant(run.started_at),
        words::instant(run.changed_at),
    ]
}
