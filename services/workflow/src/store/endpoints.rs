//! Where notifications go: the address by the catalogue, the secret and whether it is in use by us.

use sqlx::PgConnection;

use super::column;

/// An endpoint as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EndpointRow {
    pub endpoint: String,
    pub url: String,
    /// `whsec_` and base64.
    pub secret: String,
    /// When it answered 410.
    pub disabled_at: Option<i64>,
}

/// How an endpoint is reached: its URL says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Webhook,
    Slack,
    Email,
}

impl Kind {
    /// Stands for the URL of those that have none in the catalogue.
    pub(crate) const SLACK: &str = "slack:";
    pub(crate) const EMAIL: &str = "mailto:";
}

impl EndpointRow {
    pub(crate) fn kind(&self) -> Kind {
        match self.url.as_str() {
            Kind::SLACK => Kind::Slack,
            Kind::EMAIL => Kind::Email,
            _ => Kind::Webhook,
        }
    }
}

/// Takes the endpoints of a catalogue version. One that was never met before gets a secret: 32 bytes of Postgres's
/// strong randomness. An older version changes nothing; a new address is in use again.
pub(crate) async fn meet(
    conn: &mut PgConnection,
    workspace: &str,
    version: i64,
    names: &[String],
    urls: &[String],
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO endpoints (workspace, endpoint, url, secret, catalogue_version, in_catalogue)
         SELECT $1, name, url,
                'whsec_' || encode(decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''),
                                          'hex'), 'base64'),
                $2, true
         FROM UNNEST($3::text[], $4::text[]) AS met (name, url)
         WHERE NOT EXISTS (SELECT FROM endpoints WHERE workspace = $1 AND catalogue_version > $2)
         ON CONFLICT (workspace, endpoint) DO UPDATE
         SET url = excluded.url, catalogue_version = excluded.catalogue_version, in_catalogue = true,
             disabled_at = CASE WHEN endpoints.url = excluded.url THEN endpoints.disabled_at END
         WHERE endpoints.catalogue_version < excluded.catalogue_version",
        workspace,
        version,
        names,
        urls
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE endpoints SET in_catalogue = false, catalogue_version = $2
         WHERE workspace = $1 AND catalogue_version < $2",
        workspace,
        version
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Endpoints of catalogues, known by their workspace and name, with their workspace: of those that are there.
pub(crate) async fn endpoints_of(
    conn: &mut PgConnection,
    asked: &[(&str, &str)],
) -> sqlx::Result<Vec<(String, EndpointRow)>> {
    let rows = sqlx::query!(
        "SELECT endpoints.workspace, endpoints.endpoint, url, secret, disabled_at
         FROM UNNEST($1::text[], $2::text[]) AS asked (workspace, endpoint)
         JOIN endpoints ON endpoints.workspace = asked.workspace AND endpoints.endpoint = asked.endpoint
         WHERE in_catalogue",
        &column(asked, |(workspace, _)| (*workspace).to_owned()),
        &column(asked, |(_, endpoint)| (*endpoint).to_owned())
    )
    .fetch_all(conn)
    .await?;
    let endpoint = |endpoint, url, secret, disabled_at| EndpointRow { endpoint, url, secret, disabled_at };
    Ok(rows
        .into_iter()
        .map(|row| (row.workspace, endpoint(row.endpoint, row.url, row.secret, row.disabled_at)))
        .collect())
}

/// The endpoints of the catalogue, by name.
pub(crate) async fn endpoints(
    conn: &mut PgConnection,
    workspace: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<EndpointRow>> {
    sqlx::query_as!(
        EndpointRow,
        "SELECT endpoint, url, secret, disabled_at FROM endpoints
         WHERE workspace = $1 AND endpoint > $2 AND in_catalogue
         ORDER BY endpoint
         LIMIT $3",
        workspace,
        after,
        limit
    )
    .fetch_all(conn)
    .await
}

/// One of the catalogue's.
pub(crate) async fn endpoint(
    conn: &mut PgConnection,
    workspace: &str,
    endpoint: &str,
) -> sqlx::Result<Option<EndpointRow>> {
    sqlx::query_as!(
        EndpointRow,
        "SELECT endpoint, url, secret, disabled_at FROM endpoints
         WHERE workspace = $1 AND endpoint = $2 AND in_catalogue",
        workspace,
        endpoint
    )
    .fetch_optional(conn)
    .await
}

/// The endpoint answered 410 at this address: no calls any more.
pub(crate) async fn disable(
    conn: &mut PgConnection,
    workspace: &str,
    endpoint: &EndpointRow,
    at: i64,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE endpoints SET disabled_at = $4
         WHERE workspace = $1 AND endpoint = $2 AND url = $3 AND disabled_at IS NULL",
        workspace,
        &endpoint.endpoint,
        &endpoint.url,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes an endpoint into use again.
pub(crate) async fn enable(
    conn: &mut PgConnection,
    workspace: &str,
    endpoint: &str,
) -> sqlx::Result<Option<EndpointRow>> {
    sqlx::query_as!(
        EndpointRow,
        "UPDATE endpoints SET disabled_at = NULL
         WHERE workspace = $1 AND endpoint = $2 AND in_catalogue
         RETURNING endpoint, url, secret, disabled_at",
        workspace,
        endpoint
    )
    .fetch_optional(conn)
    .await
}
