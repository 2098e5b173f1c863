//! `perennial health ls | history`.

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use contracts::account::Band;
use contracts::health::{Health as AccountHealth, HealthChange, ListHealthHistoryRequest, ListHealthRequest};

use crate::cli::{Limit, Target};
use crate::{clients, words};

#[derive(Args)]
pub(crate) struct Health {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List accounts, worst score first.
    Ls(Ls),
    /// How an account's score changed, newest first, with what drove it.
    History {
        account: String,
        #[command(flatten)]
        limit: Limit,
    },
}

#[derive(Args)]
struct Ls {
    /// Only of this band.
    #[arg(long, value_enum)]
    band: Option<BandArg>,
    /// Only of this owner, by the account's trait `owner`.
    #[arg(long)]
    owner: Option<String>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum BandArg {
    Red,
    Yellow,
    Green,
}

impl BandArg {
    pub(super) fn of(arg: Option<Self>) -> Band {
        match arg {
            None => Band::Unspecified,
            Some(Self::Red) => Band::Red,
            Some(Self::Yellow) => Band::Yellow,
            Some(Self::Green) => Band::Green,
        }
    }
}

impl Health {
    pub(crate) async fn run(self) -> Result<()> {
        match self.command {
            Command::Ls(ls) => list(&self.target, ls).await,
            Command::History { account, limit } => {
                let changes = history(&self.target, &account, limit.limit).await?;
                let headers = ["at", "score", "was", "band", "was", "drivers", "cause"];
                self.target.list("perennial.health.v1.HealthChange", &changes, &headers, change_row).await
            }
        }
    }
}

/// The changes of an account's score, newest first.
pub(crate) async fn history(target: &Target, account: &str, limit: usize) -> Result<Vec<HealthChange>> {
    let mut client = clients::health(&target.grpc).await?;
    clients::pages(limit, async |page_size, page_token| {
        let (workspace, account) = (target.workspace.clone(), account.to_owned());
        let request = ListHealthHistoryRequest { workspace, account, page_size, page_token };
        let page = client.list_health_history(request).await?.into_inner();
        Ok((page.changes, page.next_page_token))
    })
    .await
}

async fn list(target: &Target, ls: Ls) -> Result<()> {
    let band = BandArg::of(ls.band);
    let mut client = clients::health(&target.grpc).await?;
    let accounts = clients::pages(ls.limit.limit, async |page_size, page_token| {
        let (workspace, owner) = (target.workspace.clone(), ls.owner.clone().unwrap_or_default());
        let request = ListHealthRequest {
            workspace,
            band: band.into(),
            owner,
            page_size,
            page_token,
            ..Default::default()
        };
        let page = client.list_health(request).await?.into_inner();
        Ok((page.accounts, page.next_page_token))
    });
    let headers = ["account", "score", "band", "since", "owner"];
    target.list("perennial.health.v1.Health", &accounts.await?, &headers, row).await
}

fn row(health: &AccountHealth) -> Vec<String> {
    vec![
        health.account.clone(),
        words::score(health.score),
        words::band(health.band()).to_owned(),
        words::instant(health.valid_at),
        health.owner.clone(),
    ]
}

fn change_row(change: &HealthChange) -> Vec<String> {
    vec![
        words::instant(change.valid_at),
        words::score(change.score),
        words::score(change.score_before),
        words::band(change.band()).to_owned(),
        words::band(change.band_before()).to_owned(),
        change.drivers.iter().map(words::driver).collect::<Vec<_>>().join(", "),
        change.cause.clone(),
    ]
}
