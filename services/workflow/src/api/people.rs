//! What is set of people and of places beside the catalogue: the team, and where endpoints of Slack are.

use chassis::{
    Problem, paging,
    postgres::{reading, scoped},
};
use contracts::cta::{
    Endpoint, ListTeamRequest, ListTeamResponse, PutTeamMemberRequest, RemoveTeamMemberRequest,
    SetEndpointRequest, TeamMember,
};
use domain::command::SAID_MOST;
use sqlx::PgPool;

use super::wire;
use crate::store::{self, MemberRow, SlackAddress};

/// Bytes of an address, a token or a name.
const MOST: usize = 500;

/// Sets where an endpoint is. The catalogue may name it later.
pub(super) async fn set_endpoint(pool: &PgPool, asked: SetEndpointRequest) -> Result<Endpoint, Problem> {
    fits("endpoint", &asked.endpoint, 1)?;
    let address = slack_address(&asked)?;
    let SetEndpointRequest { workspace, endpoint, .. } = asked;
    let mut tx = scoped(pool, &workspace).await?;
    store::put_slack_address(&mut tx, &workspace, &endpoint, &address).await?;
    let row = store::endpoint(&mut tx, &workspace, &endpoint).await?;
    tx.commit().await?;
    let shortened = address.shortened();
    Ok(match row {
        Some(row) => wire::endpoint(row, Some(address)),
        None => Endpoint { endpoint, address: shortened, ..Endpoint::default() },
    })
}

fn slack_address(asked: &SetEndpointRequest) -> Result<SlackAddress, Problem> {
    let SetEndpointRequest { slack_webhook_url: url, slack_token: token, slack_channel: channel, .. } = asked;
    match (url.is_empty(), token.is_empty(), channel.is_empty()) {
        (false, true, true) => {
            fits("slack_webhook_url", url, 1)?;
            if reqwest::Url::parse(url).is_err() || !url.starts_with("http") {
                return Err(Problem::invalid("slack_webhook_url", "it is no address of the web"));
            }
            Ok(SlackAddress::Webhook { url: url.clone() })
        }
        (true, false, false) => {
            fits("slack_token", token, 1)?;
            fits("slack_channel", channel, 1)?;
            Ok(SlackAddress::Channel { token: token.clone(), channel: channel.clone() })
        }
        _ => Err(Problem::invalid("slack_webhook_url", "say either it, or slack_token and slack_channel")),
    }
}

pub(super) async fn put_member(pool: &PgPool, asked: PutTeamMemberRequest) -> Result<TeamMember, Problem> {
    let TeamMember { owner, name, email, slack_member } = asked.member.unwrap_or_default();
    if owner.len() > SAID_MOST {
        return Err(Problem::invalid("member.owner", format!("it is longer than {SAID_MOST} bytes")));
    }
    fits("member.owner", &owner, 1)?;
    fits("member.name", &name, 0)?;
    fits("member.email", &email, 0)?;
    fits("member.slack_member", &slack_member, 0)?;
    if !email.is_empty() && email.parse::<lettre::Address>().is_err() {
        return Err(Problem::invalid("member.email", "it is no address of e-mail"));
    }
    if !slack_member.chars().all(|c| c.is_ascii_alphanumeric()) {
        let what = "it is a member ID such as U0123: in Slack, a profile's menu copies it";
        return Err(Problem::invalid("member.slack_member", what));
    }
    let row = MemberRow { owner, name, email, slack_member };
    let mut tx = scoped(pool, &asked.workspace).await?;
    store::put_member(&mut tx, &asked.workspace, &row).await?;
    tx.commit().await?;
    Ok(wire::member(row))
}

pub(super) async fn list(pool: &PgPool, asked: ListTeamRequest) -> Result<ListTeamResponse, Problem> {
    let ListTeamRequest { workspace, page_size, page_token } = asked;
    let limit = paging::size(page_size, 50, 1_000)?;
    let after = paging::decode::<String>(&page_token)?.unwrap_or_default();
    let mut tx = reading(pool, &workspace).await?;
    let rows = store::team(&mut tx, &workspace, &after, limit + 1).await?;
    let (rows, next_page_token) = paging::split(rows, limit, |row| row.owner.clone());
    Ok(ListTeamResponse { members: rows.into_iter().map(wire::member).collect(), next_page_token })
}

pub(super) async fn remove(pool: &PgPool, asked: RemoveTeamMemberRequest) -> Result<(), Problem> {
    let RemoveTeamMemberRequest { workspace, owner } = asked;
    let mut tx = scoped(pool, &workspace).await?;
    if !store::remove_member(&mut tx, &workspace, &owner).await? {
        return Err(Problem::not_found(format!("team member {owner:?} in workspace {workspace:?}")));
    }
    tx.commit().await?;
    Ok(())
}

fn fits(field: &str, text: &str, least: usize) -> Result<(), Problem> {
    if text.len() < least {
        return Err(Problem::invalid(field, "it is missing"));
    }
    if text.len() > MOST || text.chars().any(char::is_control) {
        return Err(Problem::invalid(
            field,
            format!("it is longer than {MOST} bytes, or holds control characters"),
        ));
    }
    Ok(())
}
