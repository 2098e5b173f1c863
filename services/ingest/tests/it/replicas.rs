//! What two replicas tell each other of write keys, and that nothing depends on it.

use std::time::{Duration, Instant};

use anyhow::ensure;
use contracts::{
    ingest::{CreateWriteKeyRequest, RevokeWriteKeyRequest, SetQuotaRequest},
    log::ClockKind,
};
use testkit::servers::OwnRedis;

use crate::support::Ingest;

const TRACK: &str = r#"{"userId": "ada", "event": "E"}"#;
/// Long before a key that is believed is asked for again: four seconds at least.
const AT_ONCE: Duration = Duration::from_secs(3);

async fn two(redis: &OwnRedis) -> anyhow::Result<(Ingest, Ingest)> {
    let one = Ingest::start_sharing(ingest::Config::default(), redis).await?;
    let other = one.beside(ingest::Config::default()).await?;
    Ok((one, other))
}

async fn stop(one: Ingest, other: Ingest) -> anyhow::Result<()> {
    one.stop().await?;
    other.stop().await
}

/// Sends until this is the answer.
async fn answers(ingest: &Ingest, key: &str, status: u16, within: Duration) -> anyhow::Result<()> {
    let begun = Instant::now();
    while ingest.post(key, "/v1/track", TRACK).await?.status != status {
        ensure!(begun.elapsed() < within, "it does not answer {status} within {within:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn revoke(ingest: &mut Ingest, key: &str) -> anyhow::Result<()> {
    let asked = RevokeWriteKeyRequest { workspace: "acme".into(), prefix: key[..11].into() };
    ingest.admin.revoke_write_key(asked).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_revoked_by_one_replica_opens_nothing_at_the_other_at_once() -> anyhow::Result<()> {
    let redis = OwnRedis::start()?;
    let (mut one, other) = two(&redis).await?;
    let key = one.workspace("acme", ClockKind::Wall).await?;
    answers(&other, &key, 200, AT_ONCE).await?;
    revoke(&mut one, &key).await?;
    answers(&other, &key, 401, AT_ONCE).await?;
    stop(one, other).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_set_at_one_replica_holds_at_the_other_at_once() -> anyhow::Result<()> {
    let redis = OwnRedis::start()?;
    let (mut one, other) = two(&redis).await?;
    let key = one.workspace("acme", ClockKind::Wall).await?;
    answers(&other, &key, 200, AT_ONCE).await?;
    let asked =
        SetQuotaRequest { workspace: "acme".into(), prefix: key[..11].into(), events_per_second: Some(1) };
    one.admin.set_quota(asked).await?;
    answers(&other, &key, 429, AT_ONCE).await?;
    stop(one, other).await
}

/// A message that is lost costs seconds, as without Redis.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_revoked_while_redis_hangs_opens_nothing_five_seconds_later() -> anyhow::Result<()> {
    let redis = OwnRedis::start()?;
    let (mut one, other) = two(&redis).await?;
    let key = one.workspace("acme", ClockKind::Wall).await?;
    answers(&other, &key, 200, AT_ONCE).await?;
    redis.hang()?;
    revoke(&mut one, &key).await?;
    answers(&one, &key, 401, AT_ONCE).await?;
    answers(&other, &key, 401, Duration::from_secs(8)).await?;
    redis.go_on()?;
    stop(one, other).await
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_flush_keys_open_and_are_revoked_as_before() -> anyhow::Result<()> {
    let redis = OwnRedis::start()?;
    let (mut one, other) = two(&redis).await?;
    let key = one.workspace("acme", ClockKind::Wall).await?;
    redis.flush()?;
    answers(&other, &key, 200, AT_ONCE).await?;
    let asked = CreateWriteKeyRequest { workspace: "acme".into(), source: "app".into() };
    let second = one.admin.create_write_key(asked).await?.into_inner().secret;
    answers(&other, &second, 200, AT_ONCE).await?;
    revoke(&mut one, &key).await?;
    answers(&other, &key, 401, AT_ONCE).await?;
    answers(&other, &second, 200, AT_ONCE).await?;
    stop(one, other).await
}

/// Postgres counts what it is asked: a key that both replicas use is read by hardly more than one of them.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_one_asks_postgres_for_both() -> anyhow::Result<()> {
    let redis = OwnRedis::start()?;
    let (mut one, other) = two(&redis).await?;
    let key = one.workspace("acme", ClockKind::Wall).await?;
    let asked = |replica: &Ingest| {
        let text = replica.metrics.text();
        let lines = text.lines().filter_map(|it| it.strip_prefix("perennial_ingest_key_reads_total "));
        lines.filter_map(|count| count.parse::<u32>().ok()).next().unwrap_or(0)
    };
    for replica in [&one, &other] {
        answers(replica, &key, 200, AT_ONCE).await?;
    }
    let (before, begun) = (asked(&one) + asked(&other), Instant::now());
    let rounds = Duration::from_secs(16);
    while begun.elapsed() < rounds {
        for replica in [&one, &other] {
            answers(replica, &key, 200, AT_ONCE).await?;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Each by itself would ask every four to five seconds.
    let reads = asked(&one) + asked(&other) - before;
    assert!((3..=5).contains(&reads), "{reads} reads");
    stop(one, other).await
}
