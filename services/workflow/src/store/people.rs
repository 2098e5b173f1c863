//! The customer-success team, and where endpoints of Slack are: set by people, and in no log.

use sqlx::PgConnection;

/// Somebody of the team. Empty: not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemberRow {
    /// As it stands as owner in accounts and CTAs.
    pub owner: String,
    pub name: String,
    pub email: String,
    pub slack_member: String,
}

/// Where an endpoint of Slack is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum SlackAddress {
    Webhook { url: String },
    Channel { token: String, channel: String },
}

impl SlackAddress {
    fn of(webhook_url: Option<String>, token: Option<String>, channel: Option<String>) -> Option<Self> {
        match (webhook_url, token, channel) {
            (Some(url), _, _) => Some(Self::Webhook { url }),
            (None, Some(token), Some(channel)) => Some(Self::Channel { token, channel }),
            _ => None,
        }
    }

    /// Enough to tell it by, not enough to use it.
    pub(crate) fn shortened(&self) -> String {
        let end = |secret: &str| {
            let from = secret.floor_char_boundary(secret.len().saturating_sub(4));
            secret[from..].to_owned()
        };
        match self {
            Self::Webhook { url } => {
                let host = url.split('/').nth(2).unwrap_or_default();
                format!("{host}/…{}", end(url))
            }
            Self::Channel { token, channel } => format!("{channel}, token …{}", end(token)),
        }
    }
}

pub(crate) async fn put_slack_address(
    conn: &mut PgConnection,
    workspace: &str,
    endpoint: &str,
    address: &SlackAddress,
) -> sqlx::Result<()> {
    let (url, token, channel) = match address {
        SlackAddress::Webhook { url } => (Some(url), None, None),
        SlackAddress::Channel { token, channel } => (None, Some(token), Some(channel)),
    };
    sqlx::query!(
        "INSERT INTO slack_addresses (workspace, endpoint, webhook_url, token, channel)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (workspace, endpoint) DO UPDATE
         SET webhook_url = excluded.webhook_url, token = excluded.token, channel = excluded.channel",
        workspace,
        endpoint,
        url,
        token,
        channel
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn slack_address(
    conn: &mut PgConnection,
    workspace: &str,
    endpoint: &str,
) -> sqlx::Result<Option<SlackAddress>> {
    let row = sqlx::query!(
        "SELECT webhook_url, token, channel FROM slack_addresses WHERE workspace = $1 AND endpoint = $2",
        workspace,
        endpoint
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.and_then(|row| SlackAddress::of(row.webhook_url, row.token, row.channel)))
}

pub(crate) async fn put_member(
    conn: &mut PgConnection,
    workspace: &str,
    member: &MemberRow,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO team (workspace, owner, name, email, slack_member)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (workspace, owner) DO UPDATE
         SET name = excluded.name, email = excluded.email, slack_member = excluded.slack_member",
        workspace,
        &member.owner,
        &member.name,
        &member.email,
        &member.slack_member
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn member(
    conn: &mut PgConnection,
    workspace: &str,
    owner: &str,
) -> sqlx::Result<Option<MemberRow>> {
    sqlx::query_as!(
        MemberRow,
        "SELECT owner, name, email, slack_member FROM team WHERE workspace = $1 AND owner = $2",
        workspace,
        owner
    )
    .fetch_optional(conn)
    .await
}

/// The team, by owner.
pub(crate) async fn team(
    conn: &mut PgConnection,
    workspace: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<MemberRow>> {
    sqlx::query_as!(
        MemberRow,
        "SELECT owner, name, email, slack_member FROM team
         WHERE workspace = $1 AND owner > $2
         ORDER BY owner
         LIMIT $3",
        workspace,
        after,
        limit
    )
    .fetch_all(conn)
    .await
}

/// Whether there was one.
pub(crate) async fn remove_member(
    conn: &mut PgConnection,
    workspace: &str,
    owner: &str,
) -> sqlx::Result<bool> {
    let removed = sqlx::query!("DELETE FROM team WHERE workspace = $1 AND owner = $2", workspace, owner);
    Ok(removed.execute(conn).await?.rows_affected() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_it_takes_to_use_it() {
        let url = "https://hooks.slack.com/services/T000/B000/XXXXXXXXwxyz".to_owned();
        assert_eq!(SlackAddress::Webhook { url }.shortened(), "hooks.slack.com/…wxyz");
        let (token, channel) = ("xoxb-123-456-abcdef".to_owned(), "C0123".to_owned());
        assert_eq!(SlackAddress::Channel { token, channel }.shortened(), "C0123, token …cdef");
    }
}
