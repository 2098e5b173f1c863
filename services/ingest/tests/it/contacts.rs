//! Names stay out of the log.

use contracts::log::ClockKind;
use eventlog::Topic;
use serde_json::{Value as Json, json};

use crate::support::Ingest;

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_a_name_enters_the_log_and_the_directory_has_them() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    let context = json!({"groupId": "bolt"});
    let traits =
        json!({"email": "ada@lovelace.example", "name": "Ada Lovelace", "title": "Countess", "phone": null});
    ingest
        .send(&key, "/v1/identify", &json!({"userId": "ada-1815", "traits": traits, "context": context}))
        .await?;
    let properties = json!({"to": "ada@lovelace.example", "name": "Ada Lovelace", "seats": 3});
    ingest
        .send(
            &key,
            "/v1/track",
            &json!({"userId": "ada-1815", "event": "Invite Sent", "properties": properties}),
        )
        .await?;
    ingest.facts_soon("acme", 3).await?;
    for topic in [Topic::Inbox, Topic::Account] {
        for record in ingest.records(topic).await? {
            let text = String::from_utf8_lossy(&record.value).into_owned();
            for name in ["ada@", "Ada", "Lovelace", "ada-1815"] {
                assert!(!text.contains(name), "{name} stands in {topic:?}: {text:?}");
            }
        }
    }
    let found = ingest.contact_in("acme", "ada-1815", &["bolt"]).await?;
    let names: Json = serde_json::from_str(&found.names_json)?;
    assert_eq!(names, json!({"email": "ada@lovelace.example", "name": "Ada Lovelace", "phone": null}));
    let by_pseudonym = ingest.contact("acme", &found.contact).await?;
    assert_eq!(by_pseudonym.external_id, "ada-1815");
    assert!(ingest.contact("acme", "nobody").await.is_err());
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_names_the_later_one_holds_whatever_the_order_of_arrival() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    for (day, name) in [(2, "second"), (1, "first"), (3, "third"), (2, "second again")] {
        let timestamp = format!("2024-01-0{day}T00:00:00Z");
        let call = json!({"userId": "ada", "timestamp": timestamp, "traits": {"name": name}});
        ingest.send(&key, "/v1/identify", &call).await?;
    }
    assert_eq!(ingest.contact("acme", "ada").await?.names_json, r#"{"name":"third"}"#);
    ingest.stop().await
}
