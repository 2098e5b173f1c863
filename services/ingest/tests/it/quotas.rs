//! How many events a second may come.

use contracts::{
    ingest::{IngestBatchRequest, ListWriteKeysRequest, SetQuotaRequest},
    log::ClockKind,
};
use ephemera::Rate;
use serde_json::json;
use testkit::servers::OwnRedis;

use crate::support::{Answer, Ingest};

const TRACK: &str = r#"{"userId": "ada", "event": "E"}"#;

fn config(per_second: u32) -> ingest::Config {
    ingest::Config { quota: Rate::new(per_second), ..ingest::Config::default() }
}

fn batch(events: usize) -> String {
    let call = json!({"type": "track", "userId": "ada", "event": "E"});
    json!({"batch": vec![call; events]}).to_string()
}

/// Says when to come back, as Segment's clients understand it.
fn check_refused(answer: &Answer, at_least: u64) {
    assert_eq!((answer.status, answer.json()["code"].as_str()), (429, Some("QUOTA_EXCEEDED")), "{answer:?}");
    let number = |name: &str| answer.headers[name].to_str().expect("text").parse::<u64>().expect("a number");
    let wait = number("retry-after");
    assert!(wait >= at_least && wait <= 300, "{wait}");
    let left = number("x-ratelimit-reset") - chassis::clock::now().cast_unsigned();
    assert!(left <= wait * 1_000 && left + 20_000 > wait * 1_000, "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_larger_than_the_bucket_is_taken_and_what_follows_waits() -> anyhow::Result<()> {
    let mut ingest = Ingest::start_with(config(10)).await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    assert_eq!(ingest.post(&key, "/v1/batch", batch(1_100)).await?.status, 200);
    check_refused(&ingest.post(&key, "/v1/track", TRACK).await?, 60);
    let calls = vec![json!({"type": "track", "userId": "ada", "event": "E"}).to_string()];
    let asked = IngestBatchRequest { write_key: key, calls, sent_at: 0 };
    let refused = ingest.ingest.ingest_batch(asked).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    ingest.soon(r#"perennial_ingest_events_total{outcome="accepted"} 1100"#).await?;
    ingest.soon(r#"perennial_ingest_quota_events_total{outcome="key"} 2"#).await?;
    ingest.soon(r#"perennial_ingest_requests_total{outcome="QUOTA_EXCEEDED"} 2"#).await?;
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_is_set_of_a_key_or_of_a_workspace() -> anyhow::Result<()> {
    let mut ingest = Ingest::start_with(config(1)).await?;
    let key = ingest.workspace("acme", ClockKind::Wall).await?;
    let set = |prefix: &str, events_per_second| SetQuotaRequest {
        workspace: "acme".into(),
        prefix: prefix.into(),
        events_per_second,
    };
    assert_eq!(ingest.post(&key, "/v1/batch", batch(50)).await?.status, 200);
    check_refused(&ingest.post(&key, "/v1/track", TRACK).await?, 30);
    let free = ingest.admin.set_quota(set(&key[..11], Some(0))).await?.into_inner();
    assert_eq!(free.key.unwrap().events_per_second, Some(0));
    assert_eq!(ingest.post(&key, "/v1/batch", batch(2_000)).await?.status, 200);
    let shared = ingest.admin.set_quota(set("", Some(5))).await?.into_inner();
    assert_eq!(shared.workspace.unwrap().events_per_second, Some(5));
    assert_eq!(ingest.post(&key, "/v1/batch", batch(500)).await?.status, 200);
    let refused = ingest.post(&key, "/v1/track", TRACK).await?;
    check_refused(&refused, 60);
    assert!(refused.text.contains("all write keys of this workspace"), "{refused:?}");
    ingest.admin.set_quota(set("", None)).await?;
    assert_eq!(ingest.post(&key, "/v1/track", TRACK).await?.status, 200);
    let listed = ListWriteKeysRequest { workspace: "acme".into(), ..Default::default() };
    let listed = ingest.admin.list_write_keys(listed).await?.into_inner().keys;
    assert_eq!(listed[0].events_per_second, Some(0));
    for (wrong, code) in [
        (set("pk_nobody", Some(1)), tonic::Code::NotFound),
        (set("", Some(1_000_000_001)), tonic::Code::InvalidArgument),
        (SetQuotaRequest { workspace: "nobodys".into(), ..set("", Some(1)) }, tonic::Code::NotFound),
    ] {
        assert_eq!(ingest.admin.set_quota(wrong).await.unwrap_err().code(), code);
    }
    ingest.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_a_quota_and_without_redis_each_has_its_part() -> anyhow::Result<()> {
    let mut redis = OwnRedis::start()?;
    let mut one = Ingest::start_sharing(config(10), &redis).await?;
    let other = one.beside(config(10)).await?;
    let key = one.workspace("acme", ClockKind::Wall).await?;
    assert_eq!(one.post(&key, "/v1/batch", batch(1_000)).await?.status, 200);
    check_refused(&other.post(&key, "/v1/track", TRACK).await?, 60);
    redis.kill()?;
    for replica in [&one, &other] {
        replica.soon("perennial_redis_up 0").await?;
        assert_eq!(replica.post(&key, "/v1/batch", batch(100)).await?.status, 200);
        check_refused(&replica.post(&key, "/v1/track", TRACK).await?, 5);
    }
    redis.start_again()?;
    for replica in [&one, &other] {
        replica.soon("perennial_redis_up 1").await?;
    }
    assert_eq!(other.post(&key, "/v1/batch", batch(1_000)).await?.status, 200);
    check_refused(&one.post(&key, "/v1/track", TRACK).await?, 60);
    one.stop().await?;
    other.stop().await
}
