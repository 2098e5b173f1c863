//! Each request gets its answer, and the process stays up.

use std::io::Write;

use contracts::{
    inbox::{InboxRecord, inbox_record::Kind},
    log::ClockKind,
};
use eventlog::Topic;
use flate2::{Compression, write::GzEncoder};
use prost::Message;
use serde_json::json;

use crate::support::{Answer, Ingest, answer};

const TRACK: &str = r#"{"userId": "ada", "event": "E", "messageId": "m1"}"#;

fn check(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{answer:?}");
    assert!(answer.json()["message"].as_str().is_some_and(|message| !message.is_empty()));
    assert_eq!(answer.headers["content-type"], "application/problem+json");
}

fn zipped(text: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text)?;
    Ok(encoder.finish()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_stands_in_the_log_when_the_answer_is_200() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    for path in ["/v1/track", "/v1/batch", "/v1/import"] {
        let before = messages(&ingest).await?.len();
        let call =
            json!({"type": "track", "userId": "ada", "event": "Report Exported", "properties": {"pages": 3}});
        let body = if path == "/v1/track" { call } else { json!({"batch": [call]}) };
        ingest.send(&key, path, &body).await?;
        assert_eq!(messages(&ingest).await?.len(), before + 1, "{path}");
    }
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_has_its_path_and_its_short_one() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    let call = json!({"userId": "ada", "event": "E", "groupId": "bolt"});
    for path in ["identify", "track", "page", "screen", "group", "alias", "i", "t", "p", "s", "g", "a"] {
        ingest.send(&key, &format!("/v1/{path}"), &call).await?;
    }
    let batch = json!({"batch": [{"type": "track", "userId": "ada", "event": "E"}]});
    for path in ["batch", "import", "b"] {
        ingest.send(&key, &format!("/v1/{path}"), &batch).await?;
    }
    let kinds = messages(&ingest).await?.into_iter().map(|message| message.kind);
    let expected = [1, 2, 3, 4, 5, 6].repeat(2).into_iter().chain([2; 3]);
    assert!(kinds.eq(expected), "each is what its path says");
    ingest.stop().await
}

/// They stop at 4 MB, one event too large for us among them.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_as_large_as_rudderstacks_send_is_taken() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    // With an account: what waits for one has less room.
    let call = |bytes: usize| {
        json!({"type": "track", "userId": "ada", "event": "E", "context": {"groupId": "initech"},
            "properties": {"p": "x".repeat(bytes)}})
    };
    let mut calls: Vec<_> = std::iter::repeat_n(call(30 << 10), 130).collect();
    calls.push(call(40 << 10));
    let batch = json!({"batch": calls});
    assert!((4_000_000..4 << 20).contains(&batch.to_string().len()));
    ingest.send(&key, "/v1/batch", &batch).await?;
    assert_eq!(messages(&ingest).await?.len(), 130);
    assert_eq!(ingest.quarantined_soon("acme", 1).await?, ["EVENT_TOO_LARGE"]);
    ingest.stop().await
}

/// A repeat of it cannot be known, so each is an event of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_message_id_gets_one() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    for _ in 0..2 {
        ingest.send(&key, "/v1/track", &json!({"userId": "ada", "event": "E", "messageId": null})).await?;
    }
    let ids: Vec<String> = messages(&ingest).await?.into_iter().map(|message| message.message_id).collect();
    assert!(ids.len() == 2 && ids[0] != ids[1] && !ids.contains(&String::new()), "{ids:?}");
    ingest.stop().await
}

async fn messages(ingest: &Ingest) -> anyhow::Result<Vec<contracts::inbox::Message>> {
    let records = ingest.records(Topic::Inbox).await?.into_iter();
    let records = records.map(|record| InboxRecord::decode(record.value)).collect::<Result<Vec<_>, _>>()?;
    let message = |record: InboxRecord| match record.kind? {
        Kind::Message(message) => Some(message),
    };
    Ok(records.into_iter().filter_map(message).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_gets_its_answer_and_the_next_one_is_served() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    let post = async |path: &str, body: Vec<u8>| ingest.post(&key, &format!("/v1/{path}"), body).await;
    check(&post("track", b"{\"event\": ".to_vec()).await?, 400, "MALFORMED");
    check(&post("track", b"[1]".to_vec()).await?, 400, "MALFORMED");
    check(&post("batch", b"{}".to_vec()).await?, 400, "MALFORMED");
    check(&post("track", vec![0xff, 0xfe]).await?, 400, "MALFORMED");
    check(&post("track", b"[".repeat(200_000)).await?, 400, "TOO_DEEP");
    check(&post("batch", b"{\"batch\":".repeat(100_000)).await?, 400, "TOO_DEEP");
    check(&post("track", vec![b' '; 4 * 1024 * 1024 + 1]).await?, 413, "TOO_LARGE");
    check(&post("dance", TRACK.into()).await?, 404, "NOT_FOUND");
    check(&post("track/it", TRACK.into()).await?, 404, "NOT_FOUND");
    check(&answer(ingest.http.get(ingest.url("/v1/track"))).await?, 405, "METHOD_NOT_ALLOWED");
    check(&answer(ingest.http.get(ingest.url("/v1"))).await?, 404, "NOT_FOUND");
    assert!(answer(ingest.http.get(ingest.url("/"))).await?.text.contains("POST /v1/identify"));
    for path in ["/api", "/api/v1/track", "/v1/%FF", "/v1/%FF/x", "/%FF", "/v1/", "/v1/a/b/c"] {
        check(&answer(ingest.http.post(ingest.url(path)).body(TRACK)).await?, 404, "NOT_FOUND");
    }
    for path in ["/", "/metrics", "/readyz", "/livez"] {
        check(&answer(ingest.http.post(ingest.url(path)).body(TRACK)).await?, 405, "METHOD_NOT_ALLOWED");
    }
    ingest.send(&key, "/v1/track", &serde_json::from_str(TRACK)?).await?;
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gzip_bomb_is_refused_and_an_honest_gzip_taken() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    let post = |body: Vec<u8>| {
        let request = ingest.http.post(ingest.url("/v1/track")).basic_auth(&key, Some(""));
        answer(request.header("content-encoding", "gzip").header("content-type", "text/plain").body(body))
    };
    check(&post(zipped(&vec![b' '; 400 << 20])?).await?, 413, "TOO_LARGE");
    check(&post(TRACK.into()).await?, 400, "MALFORMED");
    assert_eq!(post(zipped(TRACK.as_bytes())?).await?.status, 200);
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_log_is_away_clients_are_asked_to_wait() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    ingest.stop_log().await?;
    let answer = ingest.post(&key, "/v1/track", TRACK).await?;
    check(&answer, 429, "UNAVAILABLE");
    assert_eq!(answer.headers["retry-after"], "1");
    assert!(answer.headers["x-ratelimit-reset"].to_str()?.parse::<i64>()? > 1_600_000_000_000);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_postgres_will_never_do_is_no_reason_to_wait() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    sqlx::query("ALTER TABLE contacts RENAME TO elsewhere").execute(&ingest.database.pool).await?;
    let answer = ingest.post(&key, "/v1/track", TRACK).await?;
    check(&answer, 500, "INTERNAL");
    assert!(!answer.headers.contains_key("retry-after"));
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_by_grpc_get_the_same_treatment() -> anyhow::Result<()> {
    let mut ingest = Ingest::start().await?;
    let write_key = ingest.workspace("acme", ClockKind::Wall).await?;
    let ask = |calls: &[&str]| contracts::ingest::IngestBatchRequest {
        write_key: write_key.clone(),
        calls: calls.iter().map(|call| (*call).to_owned()).collect(),
        sent_at: 0,
    };
    let track = r#"{"type": "track", "userId": "ada", "event": "E"}"#;
    let taken =
        ingest.ingest.ingest_batch(ask(&[track, r#"{"type": "track", "event": "E"}"#])).await?.into_inner();
    assert_eq!((taken.accepted, taken.quarantined), (1, 1));
    assert_eq!(ingest.quarantined_soon("acme", 1).await?, ["NO_USER"]);
    let status = ingest.ingest.ingest_batch(ask(&["{"])).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    let status = ingest.ingest.ingest_batch(ask(&[&"[".repeat(1_000)])).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    let status = ingest.ingest.ingest_batch(ask(&["{}"; 50_001])).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    assert!(status.message().contains("at most 50000 calls, not 50001"), "{status:?}");
    let stranger = contracts::ingest::IngestBatchRequest { write_key: "pk_x".into(), ..ask(&[track]) };
    assert_eq!(ingest.ingest.ingest_batch(stranger).await.unwrap_err().code(), tonic::Code::Unauthenticated);
    ingest.stop().await
}
