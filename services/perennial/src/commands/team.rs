//! `perennial team ls | set | remove`.

use anyhow::Result;
use clap::{Args, Subcommand};
use contracts::cta::{ListTeamRequest, PutTeamMemberRequest, RemoveTeamMemberRequest, TeamMember};

use crate::cli::{Limit, Target};
use crate::clients;

#[derive(Args)]
pub(crate) struct Team {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: TeamCommand,
}

#[derive(Subcommand)]
enum TeamCommand {
    /// List the team.
    #[command(alias = "list")]
    Ls(Limit),
    /// Say how an owner is reached. What is left out is no longer known.
    Set {
        /// As it stands as owner in accounts and CTAs.
        owner: String,
        #[arg(long, default_value = "")]
        name: String,
        #[arg(long, default_value = "")]
        email: String,
        /// The member ID in Slack, U0123.
        #[arg(long, value_name = "ID", default_value = "")]
        slack_member: String,
    },
    /// Forget somebody.
    Remove { owner: String },
}

impl Team {
    pub(crate) async fn run(self) -> Result<()> {
        let Self { target, command } = self;
        let workspace = target.workspace.clone();
        let mut client = clients::ctas(&target.grpc).await?;
        let members = match command {
            TeamCommand::Ls(limit) => list(&target, limit.limit).await?,
            TeamCommand::Set { owner, name, email, slack_member } => {
                let member = Some(TeamMember { owner, name, email, slack_member });
                let answer = client.put_team_member(PutTeamMemberRequest { workspace, member }).await?;
                answer.into_inner().member.into_iter().collect()
            }
            TeamCommand::Remove { owner } => {
                client
                    .remove_team_member(RemoveTeamMemberRequest { workspace, owner: owner.clone() })
                    .await?;
                eprintln!("{owner} is forgotten.");
                return Ok(());
            }
        };
        let headers = ["owner", "name", "e-mail", "slack"];
        target.list("perennial.cta.v1.TeamMember", &members, &headers, row).await
    }
}

async fn list(target: &Target, limit: usize) -> Result<Vec<TeamMember>> {
    let mut client = clients::ctas(&target.grpc).await?;
    clients::pages(limit, async |page_size, page_token| {
        let request = ListTeamRequest { workspace: target.workspace.clone(), page_size, page_token };
        let page = client.list_team(request).await?.into_inner();
        Ok((page.members, page.next_page_token))
    })
    .await
}

fn row(member: &TeamMember) -> Vec<String> {
    let TeamMember { owner, name, email, slack_member } = member.clone();
    vec![owner, name, email, slack_member]
}
