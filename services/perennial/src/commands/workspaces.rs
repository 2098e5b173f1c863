//! `perennial workspaces create | ls | quota`.

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use contracts::ingest::{
    CreateWorkspaceRequest, GetWorkspaceRequest, ListWorkspacesRequest, SetQuotaRequest, Workspace,
};
use contracts::log::ClockKind;

use crate::cli::{Limit, Target};
use crate::words::InstantArg;
use crate::{clients, myself, output, words};

const MESSAGE: &str = "perennial.ingest.v1.Workspace";
const HEADERS: [&str; 8] =
    ["workspace", "time zone", "clock", "events", "waiting", "events/s", "catalogue", "created"];

#[derive(Args)]
pub(crate) struct Workspaces {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Create a workspace. Its time zone and clock hold for ever.
    Create(Create),
    /// List the workspaces. Waiting: events that wait, for up to 30 days, until their contact's account is known.
    Ls(Limit),
    /// Set how many events a second may come into a workspace, with all its write keys together.
    Quota {
        /// Events a second; "none": no limit.
        quota: words::Quota,
    },
}

#[derive(Args)]
struct Create {
    /// Its id: a-z, 0-9 and -.
    id: String,
    /// An IANA name: where its days begin.
    #[arg(long, default_value = "UTC")]
    time_zone: String,
    /// How its time moves: with the wall clock, or only by `perennial clock advance`.
    #[arg(long, value_enum, default_value_t = Clock::Wall)]
    clock: Clock,
}

#[derive(Clone, Copy, ValueEnum)]
enum Clock {
    Wall,
    Log,
}

impl Workspaces {
    pub(crate) async fn run(self) -> Result<()> {
        let target = &self.target;
        let mut admin = clients::admin(&target.grpc).await?;
        let workspaces = match self.command {
            Command::Create(create) => {
                let id = create.id.clone();
                let made = admin.create_workspace(create.request()).await?.into_inner().workspace;
                eprintln!(
                    "A new one watches nothing: `{program} apply -w {id} -f FILE` says what it should, and `{program} keys create \
                     -w {id}` lets events in.",
                    program = myself::called()
                );
                made.into_iter().collect()
            }
            Command::Quota { quota } => {
                let workspace = target.workspace.clone();
                let asked = SetQuotaRequest { workspace, prefix: String::new(), events_per_second: quota.0 };
                admin.set_quota(asked).await?.into_inner().workspace.into_iter().collect()
            }
            Command::Ls(limit) => {
                clients::pages(limit.limit, async |page_size, page_token| {
                    let page = admin
                        .list_workspaces(ListWorkspacesRequest { page_size, page_token })
                        .await?
                        .into_inner();
                    Ok((page.workspaces, page.next_page_token))
                })
                .await?
            }
        };
        output::list(target.output, MESSAGE, &workspaces, &HEADERS, row)
    }
}

impl Create {
    fn request(self) -> CreateWorkspaceRequest {
        let clock = match self.clock {
            Clock::Wall => ClockKind::Wall,
            Clock::Log => ClockKind::Log,
        };
        CreateWorkspaceRequest { workspace: self.id, time_zone: self.time_zone, clock: clock.into() }
    }
}

/// The workspace as it stands; an error if there is none of that name.
pub(crate) async fn get(target: &Target) -> Result<Workspace> {
    let request = GetWorkspaceRequest { workspace: target.workspace.clone() };
    let answer = clients::admin(&target.grpc).await?.get_workspace(request).await?.into_inner();
    answer.workspace.context("the answer holds no workspace")
}

/// An instant as somebody gave it: a day begins where the workspace's days begin.
pub(crate) async fn instant(target: &Target, given: InstantArg) -> Result<i64> {
    let day = match given {
        InstantArg::At(ms) => return Ok(ms),
        InstantArg::Day(day) => day,
    };
    let zone = get(target).await?.time_zone;
    let midnight = day.in_tz(&zone).with_context(|| format!("{day} in the time zone {zone}"))?;
    Ok(midnight.timestamp().as_millisecond())
}

fn row(workspace: &Workspace) -> Vec<String> {
    vec![
        workspace.workspace.clone(),
        workspace.time_zone.clone(),
        words::clock(workspace),
        workspace.events.to_string(),
        workspace.events_waiting.to_string(),
        workspace.events_per_second.map_or_else(String::new, words::per_second),
        workspace.catalogue_version.to_string(),
        words::instant(workspace.created_at),
    ]
}
