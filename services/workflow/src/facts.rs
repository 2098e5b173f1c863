//! Facts that workflow itself appends to an account's log: commands of people, and reports of attempts.

use bytes::Bytes;
use contracts::{
    account::{AccountRecord, account_record::Kind},
    id_bytes,
    log::Header,
};
use eventlog::{FORMAT, GENERATION, Key, Log, LogError, NewRecord, Topic, TopicPartition};
use prost::Message;
use tracing::Instrument;

/// What a fact is, and what it answers to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About {
    /// Its own identity: a repeat is the same fact.
    pub(crate) id: u128,
    /// The command or notification.
    pub(crate) request: u128,
    pub(crate) attempt: u32,
}

/// Appends a fact about one account; it is durable when this returns.
pub(crate) async fn append(
    log: &dyn Log,
    key: &Key,
    about: About,
    kind: Kind,
    now: i64,
) -> Result<(), LogError> {
    let at =
        TopicPartition { topic: Topic::Account, partition: key.partition(log.partitions(Topic::Account)) };
    let sending = chassis::trace::sending(Topic::Account, 1);
    let traceparent = sending.in_scope(chassis::trace::current);
    let record = NewRecord { value: record(key, about, kind, now), traceparent };
    eventlog::append(log, at, vec![record]).instrument(sending).await?;
    Ok(())
}

fn record(key: &Key, about: About, kind: Kind, now: i64) -> Bytes {
    let header = Header {
        format: FORMAT,
        generation: GENERATION,
        workspace: key.workspace.clone(),
        account: key.account.clone(),
        id: id_bytes(about.id).into(),
        event_at: now,
        original_at: now,
        request_id: id_bytes(about.request).into(),
        attempt: about.attempt,
        ..Header::default()
    };
    AccountRecord { header: Some(header), control: None, kind: Some(kind) }.encode_to_vec().into()
}
