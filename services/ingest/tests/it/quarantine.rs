//! What is wrong in meaning is taken, and told.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use chassis::Tasks;
use contracts::{
    ingest::{GetQuarantinedRequest, ListQuarantineRequest, QuarantineRecord},
    log::ClockKind,
};
use eventlog::{Feed, kafka::KafkaOptions};
use prost::Message;
use serde_json::json;
use testkit::servers::{kafka, kafka_log};

use crate::support::{Ingest, SOON};

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
        let asked = ListQuarantineRequest {
            workspace: "acme".into(),
            page_size: 2,
            page_token,
            ..Default::default()
        };
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

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_sent_again_is_listed_once() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    ingest.stop_log().await?;
    for attempt in 0..3 {
        let sent_at = format!("2024-01-01T00:00:0{attempt}Z");
        let batch = json!({"batch": [
            {"type": "track", "userId": "ada", "event": "E", "messageId": "1", "sentAt": sent_at},
            {"type": "track", "userId": "ada", "messageId": "2", "sentAt": sent_at},
            {"type": "track", "event": "E"},
            {"type": "track", "event": "E"},
        ]});
        assert_eq!(ingest.post(&key, "/v1/batch", batch.to_string()).await?.status, 429);
    }
    assert_eq!(ingest.quarantined_soon("acme", 2).await?, ["NO_USER", "NO_EVENT_NAME"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_more_than_thirty_days_ago_is_forgotten() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    for message_id in ["old", "new"] {
        ingest.send(&key, "/v1/track", &json!({"userId": "ada", "messageId": message_id})).await?;
    }
    // Received long ago, as what waited for its account was, is not refused long ago.
    let mut conn = chassis::postgres::scoped(&ingest.database.pool, "acme").await?;
    sqlx::query("UPDATE quarantine SET received_at = 1").execute(&mut *conn).await?;
    sqlx::query("UPDATE quarantine SET id = '018cc251-f400-7000-8000-000000000000' WHERE message_id = 'old'")
        .execute(&mut *conn)
        .await?;
    conn.commit().await?;
    assert_eq!(ingest.quarantined_soon("acme", 2).await?.len(), 2);
    let mut ingest = ingest.restart().await?;
    let begun = Instant::now();
    loop {
        let asked = ListQuarantineRequest { workspace: "acme".into(), ..Default::default() };
        let left = ingest.admin.list_quarantine(asked).await?.into_inner().quarantined;
        if left.len() == 1 {
            assert_eq!(left[0].message_id, "new");
            break;
        }
        assert!(begun.elapsed().as_secs() < 20, "nothing is forgotten: {left:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn others_hear_of_what_is_refused_once_and_nothing_of_its_text() -> anyhow::Result<()> {
    let kind = |stream, record: &_| contracts::kind(stream, record);
    let kafka_options = KafkaOptions { kind, ..kafka().topics().await? };
    let mut ingest = Ingest::start_reading(kafka_options.clone(), ingest::Config::default()).await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    let wrong = json!({"batch": [
        {"type": "track", "userId": "ada", "messageId": "1"},
        {"type": "track", "userId": "ada", "messageId": "2", "event": "E", "timestamp": "ada@example.com"},
        {"type": "track", "userId": "ada", "messageId": "3", "event": "E", "properties": {"card": 4111111111111111_u64}},
    ]});
    for _ in 0..2 {
        ingest.send(&key, "/v1/batch", &wrong).await?;
    }
    ingest.quarantined_soon("acme", 3).await?;
    published(&ingest).await?;
    let asked = ListQuarantineRequest { workspace: "acme".into(), ..Default::default() };
    let listed = ingest.admin.list_quarantine(asked).await?.into_inner().quarantined;
    let mut ids: Vec<String> = listed.into_iter().map(|it| it.id.replace('-', "")).collect();
    ids.sort();
    let topic = kafka_options.feed(Feed::Quarantine);
    let heard = tokio::task::spawn_blocking(move || kafka().heard(&topic)).await??;
    assert_eq!(heard.len(), 3, "{heard:#?}");
    for id in ids {
        let it =
            heard.iter().find(|it| it.contains(&format!("ce_id:{id}"))).context("it is not on the feed")?;
        assert!(it.contains("ce_type:perennial.ingest.v1.Quarantined"), "{it}");
        assert!(it.contains("ce_source:/perennial/ingest") && it.ends_with("\tacme/"), "{it}");
    }
    let topic = kafka_options.feed(Feed::Quarantine);
    let said = values(kafka_options, topic, 3).await?;
    assert!(
        said.iter().all(|it| !it.contains("ada@example.com") && !it.contains("4111111111111111")),
        "{said:?}"
    );
    assert!(said.iter().any(|it| it.contains("\"…\" is not an ISO 8601 time")), "{said:?}");
    ingest.stop().await
}

/// What so many records of a topic say.
async fn values(kafka: KafkaOptions, topic: String, count: usize) -> anyhow::Result<Vec<String>> {
    let tasks = Tasks::new();
    let log = kafka_log(kafka, &tasks).await?;
    let read = move || -> anyhow::Result<Vec<String>> {
        let (others, mut all, begun) = (log.read_others("test", &topic)?, Vec::new(), Instant::now());
        while all.len() < count {
            ensure!(begun.elapsed() < SOON, "{} records, not {count}", all.len());
            let taken = others.take(count, Duration::from_millis(100))?;
            all.extend(taken.into_iter().filter_map(|it| it.value));
        }
        let text = |value: Bytes| -> anyhow::Result<String> {
            let kind = QuarantineRecord::decode(value)?.kind.context("it says nothing")?;
            Ok(format!("{kind:?}").replace("\\\"", "\""))
        };
        all.into_iter().map(text).collect()
    };
    let said = tokio::task::spawn_blocking(read).await??;
    tasks.stop();
    tasks.finish(SOON).await?;
    Ok(said)
}

/// Waits until all that was refused is on the feed.
async fn published(ingest: &Ingest) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let mut conn = chassis::postgres::unscoped(&ingest.database.pool).await?;
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM quarantine WHERE NOT published")
            .fetch_one(&mut *conn)
            .await?;
        if left == 0 {
            return Ok(());
        }
        ensure!(begun.elapsed() < SOON, "{left} refused events are not published");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
