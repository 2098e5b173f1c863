//! `perennial segments ls | members | history`.

use anyhow::Result;
use clap::{Args, Subcommand};
use contracts::segment::{
    ListMembersRequest, ListMembershipHistoryRequest, ListSegmentsRequest, Membership, MembershipChange,
    SegmentSummary,
};

use crate::cli::{Limit, Target};
use crate::{clients, words};

#[derive(Args)]
pub(crate) struct Segments {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List segments with members now, and enters and leaves over time.
    Ls(Limit),
    /// List the members of a segment, each with since when and why.
    Members {
        segment: String,
        #[command(flatten)]
        limit: Limit,
    },
    /// What an account entered and left, newest first, and why.
    History {
        account: String,
        /// Only of this segment.
        #[arg(long, default_value = "")]
        segment: String,
        #[command(flatten)]
        limit: Limit,
    },
}

impl Segments {
    pub(crate) async fn run(self) -> Result<()> {
        let target = &self.target;
        match self.command {
            Command::Ls(limit) => {
                let segments = summaries(target, limit.limit).await?;
                let headers = ["segment", "members", "enters", "leaves", "title"];
                target.list("perennial.segment.v1.SegmentSummary", &segments, &headers, summary_row).await
            }
            Command::Members { segment, limit } => {
                let members = members(target, &segment, limit.limit).await?;
                let headers = ["account", "since", "why"];
                target.list("perennial.segment.v1.Membership", &members, &headers, member_row).await
            }
            Command::History { account, segment, limit } => {
                let changes = history(target, &account, &segment, limit.limit).await?;
                let headers = ["at", "segment", "change", "why", "cause"];
                target.list("perennial.segment.v1.MembershipChange", &changes, &headers, change_row).await
            }
        }
    }
}

/// Every segment with its numbers.
pub(crate) async fn summaries(target: &Target, limit: usize) -> Result<Vec<SegmentSummary>> {
    let mut client = clients::segments(&target.grpc).await?;
    clients::pages(limit, async |page_size, page_token| {
        let request = ListSegmentsRequest { workspace: target.workspace.clone(), page_size, page_token };
        let page = client.list_segments(request).await?.into_inner();
        Ok((page.segments, page.next_page_token))
    })
    .await
}

async fn members(target: &Target, segment: &str, limit: usize) -> Result<Vec<Membership>> {
    let mut client = clients::segments(&target.grpc).await?;
    clients::pages(limit, async |page_size, page_token| {
        let (workspace, segment) = (target.workspace.clone(), segment.to_owned());
        let page = client
            .list_members(ListMembersRequest {
                workspace,
                segment,
                page_size,
                page_token,
                ..Default::default()
            })
            .await?
            .into_inner();
        Ok((page.members, page.next_page_token))
    })
    .await
}

async fn history(
    target: &Target,
    account: &str,
    segment: &str,
    limit: usize,
) -> Result<Vec<MembershipChange>> {
    let mut client = clients::segments(&target.grpc).await?;
    clients::pages(limit, async |page_size, page_token| {
        let request = ListMembershipHistoryRequest {
            workspace: target.workspace.clone(),
            account: account.to_owned(),
            segment: segment.to_owned(),
            page_size,
            page_token,
        };
        let page = client.list_membership_history(request).await?.into_inner();
        Ok((page.changes, page.next_page_token))
    })
    .await
}

pub(crate) fn summary_row(summary: &SegmentSummary) -> Vec<String> {
    let numbers = [summary.members, summary.enters, summary.leaves].map(|number| number.to_string());
    let title = if summary.title == summary.segment { String::new() } else { summary.title.clone() };
    [summary.segment.clone()].into_iter().chain(numbers).chain([title]).collect()
}

fn member_row(member: &Membership) -> Vec<String> {
    vec![member.account.clone(), words::instant(member.since_at), words::reasons(&member.reasons)]
}

fn change_row(change: &MembershipChange) -> Vec<String> {
    vec![
        words::instant(change.valid_at),
        change.segment.clone(),
        if change.member { "entered" } else { "left" }.to_owned(),
        words::reasons(&change.reasons),
        change.cause.clone(),
    ]
}
