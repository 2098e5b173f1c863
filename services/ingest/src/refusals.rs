//! Refused events for everybody else: each goes to the feed, whichever replica refused it, and is then marked.
//!
//! Invariant: a refused event is on the feed before it is marked, and so at least once; of its own text only its message id
//! is.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context, anyhow};
use chassis::postgres::answered;
use contracts::{
    ingest::{QuarantineRecord, Quarantined, quarantine_record::Kind},
    log::{Header, Service},
};
use eventlog::{FORMAT, Feed, GENERATION, Key, NewRecord, Topic, kafka::KafkaLog};
use futures_util::future::try_join_all;
use prost::Message;
use sqlx::PgPool;
use tokio::time::{sleep, timeout};

use crate::store::{self, Unheard};

/// How often it is looked for more.
const LOOK: Duration = Duration::from_millis(500);
/// After a failure.
const LATER: Duration = Duration::from_secs(5);
/// How long a look may take: less than Postgres lets a transaction wait.
const WITHIN: Duration = Duration::from_secs(20);
/// Events of one look, which others leave alone meanwhile.
const AT_ONCE: i64 = 500;

/// Publishes what was refused and is not published yet: at once, and again and again.
pub(crate) async fn publish(
    pool: PgPool,
    kafka: Arc<KafkaLog>,
    shutdown: chassis::Shutdown,
) -> anyhow::Result<()> {
    while !shutdown.requested() {
        let published = tokio::select! {
            () = shutdown.clone().wait() => break,
            published = timeout(WITHIN, publish_some(&pool, &kafka)) => published,
        };
        let pause = match published.unwrap_or_else(|_| Err(anyhow!("not within {WITHIN:?}"))) {
            Ok(published) if published == AT_ONCE.unsigned_abs() => Duration::ZERO,
            Ok(_) => LOOK,
            Err(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "refused events wait to be published: {error:#}"
                );
                LATER
            }
        };
        tokio::select! {
            () = shutdown.clone().wait() => {}
            () = sleep(pause) => {}
        }
    }
    Ok(())
}

/// How many it were.
async fn publish_some(pool: &PgPool, kafka: &KafkaLog) -> anyhow::Result<u64> {
    let mut tx = chassis::postgres::unscoped(pool).await?;
    let unheard = answered(store::unheard(&mut tx, AT_ONCE)).await?;
    if unheard.is_empty() {
        return Ok(0);
    }
    let mut copies: BTreeMap<u32, Vec<NewRecord>> = BTreeMap::new();
    for refused in &unheard {
        let partition = Key::new(&*refused.workspace, "").partition(partitions(kafka));
        copies.entry(partition).or_default().push(copy(refused));
    }
    let landing =
        copies.into_iter().map(|(partition, copies)| kafka.publish(Feed::Quarantine, partition, copies));
    try_join_all(landing).await.context("the feed of refused events")?;
    answered(store::heard(&mut tx, &unheard)).await?;
    tx.commit().await?;
    Ok(unheard.len() as u64)
}

fn partitions(kafka: &KafkaLog) -> u32 {
    eventlog::Log::partitions(kafka, Topic::Account)
}

fn copy(refused: &Unheard) -> NewRecord {
    let header = Header {
        format: FORMAT,
        generation: GENERATION,
        workspace: refused.workspace.clone(),
        service: Service::Ingest.into(),
        id: refused.id.into_bytes().to_vec().into(),
        event_at: refused.received_at,
        ..Header::default()
    };
    let quarantined = Quarantined {
        id: refused.id.to_string(),
        code: refused.code.clone(),
        reason: without_quotes(&refused.reason),
        message_id: refused.message_id.clone(),
        received_at: refused.received_at,
        body: String::new(),
    };
    let record = QuarantineRecord { header: Some(header), kind: Some(Kind::Quarantined(quarantined)) };
    NewRecord { value: record.encode_to_vec().into(), traceparent: None }
}

/// A reason, without what it quotes of the event.
fn without_quotes(reason: &str) -> String {
    let mut told = String::with_capacity(reason.len());
    let (mut is_quoted, mut is_escaped) = (false, false);
    for letter in reason.chars() {
        let ends = letter == '"' && !is_escaped;
        is_escaped = is_quoted && letter == '\\' && !is_escaped;
        match (ends, is_quoted) {
            (true, false) => told.push_str("\"…\""),
            (false, false) => told.push(letter),
            (_, true) => {}
        }
        is_quoted ^= ends;
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reason_quotes_is_left_out() {
        let check = |reason: &str, told: &str| assert_eq!(without_quotes(reason), told);
        check("neither userId nor anonymousId", "neither userId nor anonymousId");
        check("\"ana@example.com\" is not an ISO 8601 time", "\"…\" is not an ISO 8601 time");
        check("\"a \\\"b\\\" c\\\\\" is empty, \"d\" too", "\"…\" is empty, \"…\" too");
        check("it ends \"within", "it ends \"…\"");
    }
}
