//! `perennial ctas ls | take | snooze | close | reassign | done`.

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use contracts::account::CtaState;
use contracts::cta::{
    CloseCtaRequest, Command as CtaCommand, CompleteCtaTaskRequest, Cta, ListCtasRequest, ReassignCtaRequest,
    SnoozeCtaRequest, TakeCtaRequest,
};

use crate::cli::{Limit, Target};
use crate::commands::workspaces;
use crate::words::InstantArg;
use crate::{clients, words};

const MESSAGE: &str = "perennial.cta.v1.Cta";
const HEADERS: [&str; 11] = [
    "cta",
    "account",
    "type",
    "state",
    "prio",
    "owner",
    "due",
    "opened",
    "title",
    "tasks",
    "reasons / outcome",
];

#[derive(Args)]
pub(crate) struct Ctas {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List calls to action.
    Ls(Ls),
    /// Make it yours.
    Take(Order),
    /// Put it away until then.
    Snooze {
        #[command(flatten)]
        order: Order,
        /// RFC 3339, or a day: its midnight in the workspace's time zone.
        #[arg(long)]
        until: InstantArg,
    },
    /// Close it with its outcome.
    Close {
        #[command(flatten)]
        order: Order,
        /// What came of it, e.g. saved, lost, false_alarm.
        #[arg(long)]
        outcome: String,
    },
    /// Give it to somebody else.
    Reassign {
        #[command(flatten)]
        order: Order,
        #[arg(long)]
        to: String,
    },
    /// Say that one of its tasks is done.
    Done {
        #[command(flatten)]
        order: Order,
        /// The task's title.
        #[arg(long)]
        task: String,
    },
}

#[derive(Args)]
struct Ls {
    #[arg(long, default_value = "")]
    account: String,
    #[arg(long, default_value = "")]
    owner: String,
    #[arg(long, value_enum)]
    state: Option<StateArg>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Clone, Copy, ValueEnum)]
enum StateArg {
    Open,
    Snoozed,
    Closed,
}

/// Which one, and who says so.
#[derive(Args)]
struct Order {
    /// The id of the CTA.
    cta: String,
    /// Who you are.
    #[arg(long, env = "USER", default_value = "operator")]
    by: String,
    /// Repeat a command whose answer got lost under the id it had.
    #[arg(long, default_value = "")]
    command_id: String,
}

impl Order {
    fn command(self, target: &Target) -> Option<CtaCommand> {
        let Self { cta, by, command_id } = self;
        Some(CtaCommand { workspace: target.workspace.clone(), cta, by, command_id })
    }
}

impl Ctas {
    pub(crate) async fn run(self) -> Result<()> {
        let target = &self.target;
        let ctas = match self.command {
            Command::Ls(ls) => ls.list(target).await?,
            command => vec![obey(target, command).await?.context("the answer holds no CTA")?],
        };
        target.list(MESSAGE, &ctas, &HEADERS, row).await
    }
}

impl Ls {
    async fn list(self, target: &Target) -> Result<Vec<Cta>> {
        let state = match self.state {
            None => CtaState::Unspecified,
            Some(StateArg::Open) => CtaState::Open,
            Some(StateArg::Snoozed) => CtaState::Snoozed,
            Some(StateArg::Closed) => CtaState::Closed,
        };
        let request = ListCtasRequest {
            workspace: target.workspace.clone(),
            account: self.account,
            owner: self.owner,
            state: state.into(),
            ..Default::default()
        };
        list(target, &request, self.limit.limit).await
    }
}

/// The CTAs that match, in the order of the service.
pub(crate) async fn list(target: &Target, request: &ListCtasRequest, limit: usize) -> Result<Vec<Cta>> {
    let mut client = clients::ctas(&target.grpc).await?;
    clients::pages(limit, async |page_size, page_token| {
        let page = client
            .list_ctas(ListCtasRequest { page_size, page_token, ..request.clone() })
            .await?
            .into_inner();
        Ok((page.ctas, page.next_page_token))
    })
    .await
}

async fn obey(target: &Target, command: Command) -> Result<Option<Cta>> {
    let mut client = clients::ctas(&target.grpc).await?;
    Ok(match command {
        Command::Ls(_) => None,
        Command::Take(order) => {
            client.take_cta(TakeCtaRequest { command: order.command(target) }).await?.into_inner().cta
        }
        Command::Snooze { order, until } => {
            let until_at = workspaces::instant(target, until).await?;
            let request = SnoozeCtaRequest { command: order.command(target), until_at };
            client.snooze_cta(request).await?.into_inner().cta
        }
        Command::Close { order, outcome } => {
            client
                .close_cta(CloseCtaRequest { command: order.command(target), outcome })
                .await?
                .into_inner()
                .cta
        }
        Command::Reassign { order, to } => {
            let request = ReassignCtaRequest { command: order.command(target), owner: to };
            client.reassign_cta(request).await?.into_inner().cta
        }
        Command::Done { order, task } => {
            let request = CompleteCtaTaskRequest { command: order.command(target), task };
            client.complete_cta_task(request).await?.into_inner().cta
        }
    })
}

fn row(cta: &Cta) -> Vec<String> {
    let last =
        if cta.state() == CtaState::Closed { cta.outcome.clone() } else { words::reasons(&cta.reasons) };
    vec![
        cta.cta.clone(),
        cta.account.clone(),
        words::cta_type(cta.r#type()).to_owned(),
        words::cta_state(cta),
        cta.priority.to_string(),
        cta.owner.clone(),
        cta.due_day.map(words::day).unwrap_or_default(),
        words::instant(cta.opened_at),
        cta.title.clone(),
        words::tasks(&cta.tasks),
        last,
    ]
}
