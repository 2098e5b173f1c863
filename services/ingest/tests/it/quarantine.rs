//! What is wrong in meaning is taken, and told.

use contracts::{
    ingest::{GetQuarantinedRequest, ListQuarantineRequest},
    log::ClockKind,
};
use serde_json::json;

use crate::support::Ingest;

#[tokio::test(flavor = "multi_thread")]
async fn wrong_events_go_to_quarantine_and_the_rest_of_their_batch_is_kept() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    let in_account = json!({"groupId": "bolt"});
    ingest
        .send(
            &key,
            "/v1/batch",
            &json!({"context": in_account, "batch": [
                {"type": "track", "userId": "ada", "event": "Kept", "messageId": "1"},
                {"type": "track", "event": "E"},
                {"type": "track", "userId": "ada"},
                {"type": "track", "userId": "ada", "event": "E", "properties": {"long": "x".repeat(40_000)}},
                {"type": "track", "userId": "ada", "event": "E", "timestamp": "soon"},
                {"type": "track", "userId": "ada", "event": "E", "properties": {"n": 99_999_999_999_999_999_u64}},
                {"type": "track", "userId": "ada", "event": "Kept too", "messageId": "2"},
            ]}),
        )
        .await?;
    let mut codes = ingest.quarantined_soon("acme", 5).await?;
    codes.sort();
    assert_eq!(codes, ["BAD_NUMBER", "BAD_TIMESTAMP", "EVENT_TOO_LARGE", "NO_EVENT_NAME", "NO_USER"]);
    ingest.facts_soon("acme", 3).await?;
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_event_is_shown_as_it_came_and_listed_in_pages() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    for number in 0..5 {
        ingest.send(&key, "/v1/track", &json!({"userId": "ada", "messageId": number})).await?;
    }
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let asked = ListQuarantineRequest { workspace: "acme".into(), page_size: 2, page_token };
        let page = ingest.admin.list_quarantine(asked).await?.into_inner();
        seen.extend(page.quarantined);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let ids: Vec<&str> = seen.iter().map(|it| it.message_id.as_str()).collect();
    assert_eq!(ids, ["4", "3", "2", "1", "0"]);
    let asked = GetQuarantinedRequest { workspace: "acme".into(), id: seen[0].id.clone() };
    let shown = ingest.admin.get_quarantined(asked).await?.into_inner().quarantined.unwrap();
    assert_eq!(shown.body, r#"{"messageId":4,"userId":"ada"}"#);
    assert_eq!(
        (shown.code.as_str(), shown.reason.as_str()),
        ("NO_EVENT_NAME", "a track call names its event")
    );
    for wrong in ["nonsense", "00000000-0000-7000-8000-000000000000"] {
        let asked = GetQuarantinedRequest { workspace: "acme".into(), id: wrong.into() };
        assert!(ingest.admin.get_quarantined(asked).await.is_err());
    }
    ingest.stop().await
}
