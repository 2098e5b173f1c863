//! `perennial quarantine ls | show`: what was refused, and why.

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use contracts::ingest::{GetQuarantinedRequest, ListQuarantineRequest, Quarantined};

use crate::cli::{Limit, Target};
use crate::{clients, output, words};

const MESSAGE: &str = "perennial.ingest.v1.Quarantined";
const HEADERS: [&str; 5] = ["id", "received", "code", "message id", "reason"];

#[derive(Args)]
pub(crate) struct Quarantine {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List refused events.
    Ls(Limit),
    /// Show one as it came.
    Show { id: String },
}

impl Quarantine {
    pub(crate) async fn run(self) -> Result<()> {
        let target = self.target;
        let mut admin = clients::admin(&target.grpc).await?;
        let workspace = target.workspace.clone();
        match self.command {
            Command::Ls(limit) => {
                let refused = clients::pages(limit.limit, async |page_size, page_token| {
                    let workspace = workspace.clone();
                    let request =
                        ListQuarantineRequest { workspace, page_size, page_token, ..Default::default() };
                    let page = admin.list_quarantine(request).await?.into_inner();
                    Ok((page.quarantined, page.next_page_token))
                });
                target.list(MESSAGE, &refused.await?, &HEADERS, row).await
            }
            Command::Show { id } => {
                let answer =
                    admin.get_quarantined(GetQuarantinedRequest { workspace, id }).await?.into_inner();
                let refused = answer.quarantined.context("the answer holds no event")?;
                output::one(target.output, MESSAGE, &refused, in_full)
            }
        }
    }
}

fn row(refused: &Quarantined) -> Vec<String> {
    vec![
        refused.id.clone(),
        words::instant(refused.received_at),
        refused.code.clone(),
        refused.message_id.clone(),
        refused.reason.clone(),
    ]
}

fn in_full(refused: &Quarantined) -> String {
    let Quarantined { id, code, reason, body, .. } = refused;
    format!("{id}: {code}, received {}\n{reason}\n\n{body}", words::instant(refused.received_at))
}
