//! Who may send, and until when.

use std::time::Duration;

use contracts::{
    ingest::{CreateWriteKeyRequest, ListWriteKeysRequest, RevokeWriteKeyRequest},
    log::ClockKind,
};
use serde_json::json;

use crate::support::{Ingest, answer};

const TRACK: &str = r#"{"userId": "ada", "event": "E"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_taken_in_every_form_that_clients_send_it() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    let request = |path: &str| ingest.http.post(ingest.url(path));
    let in_body = json!({"userId": "ada", "event": "E", "writeKey": key}).to_string();
    let in_batch =
        json!({"batch": [{"type": "track", "userId": "ada", "event": "E"}], "writeKey": key}).to_string();
    for request in [
        request("/v1/track").basic_auth(&key, Some("")).body(TRACK),
        request("/v1/track").basic_auth(&key, None::<&str>).body(TRACK),
        request("/v1/track").bearer_auth(&key).body(TRACK),
        request("/v1/track").body(in_body.clone()),
        request("/v1/track").bearer_auth("a-token-of-somebody-else").body(in_body),
        request("/v1/batch").body(in_batch),
    ] {
        let answer = answer(request).await?;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_or_none_is_unauthorized() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    let mistyped = format!("{}{}", &key[..40], if key.ends_with('0') { '1' } else { '0' });
    for wrong in ["", "pk_wrong", &mistyped] {
        let answer = ingest.post(wrong, "/v1/track", TRACK).await?;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (401, Some("UNAUTHORIZED")),
            "{answer:?}"
        );
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    assert_eq!(answer(ingest.http.post(ingest.url("/v1/track")).body(TRACK)).await?.status, 401);
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_opens_nothing_and_the_others_still_do() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let first = ingest.workspace("acme", ClockKind::Wall).await?;
    let asked = CreateWriteKeyRequest { workspace: "acme".into(), source: "app".into() };
    let second = ingest.admin.create_write_key(asked).await?.into_inner();
    assert_eq!(ingest.post(&first, "/v1/track", TRACK).await?.status, 200);
    let asked = RevokeWriteKeyRequest { workspace: "acme".into(), prefix: first[..11].into() };
    let revoked = ingest.admin.revoke_write_key(asked).await?.into_inner().key.unwrap();
    assert!(revoked.revoked_at > 0);
    assert_eq!(ingest.post(&first, "/v1/track", TRACK).await?.status, 401);
    assert_eq!(ingest.post(&second.secret, "/v1/track", TRACK).await?.status, 200);
    let asked = ListWriteKeysRequest { workspace: "acme".into(), ..Default::default() };
    let keys = ingest.admin.list_write_keys(asked).await?.into_inner().keys;
    let mut sources: Vec<&str> = keys.iter().map(|key| key.source.as_str()).collect();
    sources.sort_unstable();
    assert_eq!(sources, ["app", "default"]);
    assert!(keys.iter().all(|key| !key.prefix.contains(&first[11..])));
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_revoked_elsewhere_opens_nothing_five_seconds_later() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    assert_eq!(ingest.post(&key, "/v1/track", TRACK).await?.status, 200);
    let mut conn = chassis::postgres::scoped(&ingest.database.pool, "acme").await?;
    sqlx::query("UPDATE write_keys SET revoked_at = 1").execute(&mut *conn).await?;
    conn.commit().await?;
    let begun = std::time::Instant::now();
    while ingest.post(&key, "/v1/track", TRACK).await?.status != 401 {
        assert!(begun.elapsed() < Duration::from_secs(6), "it still opens");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_workspace_sees_anothers_rows_even_when_a_query_is_wrong() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    for workspace in ["acme", "bolt"] {
        let key = ingest.workspace(workspace, ClockKind::Wall).await?;
        ingest.send(&key, "/v1/identify", &json!({"userId": "ada", "traits": {"name": "Ada"}})).await?;
        ingest.send(&key, "/v1/track", &json!({"userId": "ada"})).await?;
    }
    for table in ["workspaces", "write_keys", "catalogue_versions", "contacts", "contact_names", "quarantine"]
    {
        let sql = format!("SELECT count(*) FILTER (WHERE workspace = 'acme'), count(*) FROM {table}");
        let mut conn = chassis::postgres::scoped(&ingest.database.pool, "acme").await?;
        let (own, all): (i64, i64) =
            sqlx::query_as(sqlx::AssertSqlSafe(sql.clone())).fetch_one(&mut *conn).await?;
        assert_eq!((own, all), (1, 1), "{table}");
        let (_, all): (i64, i64) =
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_one(&ingest.database.pool).await?;
        assert_eq!(all, 0, "{table}: nobody is everybody");
    }
    ingest.stop().await
}
