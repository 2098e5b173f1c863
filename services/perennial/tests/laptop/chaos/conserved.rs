//! Whether of what was sent everything became what it had to, and nothing else did.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use bytes::Bytes;
use contracts::{
    account::{AccountRecord, Value, account_record::Kind, value},
    inbox::{InboxRecord, MessageKind, inbox_record},
    ingest::{ListQuarantineRequest, Quarantined, admin_service_client::AdminServiceClient},
};
use oracle::Record;
use prost::Message;

use super::{
    check::Held,
    traffic::{Fate, Number},
};
use crate::{client::Client, evidence};

/// Received = kept + waiting for an account + saying only who somebody is + repeats; what is refused never came so far,
/// and nobody who sends gives up. How many repeats there were.
pub(super) async fn check(held: &Held, ingest: &Client, workspace: &str, fate: &Fate) -> Result<usize> {
    let Held { inbox, account, .. } = held;
    let received = received(inbox, workspace);
    let (ids, distinct): (BTreeSet<_>, _) = (received.iter().collect(), fate.received());
    ensure!(ids.len() == distinct, "{workspace}: {} messages in the inbox, {distinct} were sent", ids.len());
    let repeats = received.len() - ids.len();
    ensure!(repeats >= fate.repeated, "{workspace}: {repeats} repeats, {} were sent", fate.repeated);
    check_facts(account, workspace, fate)?;
    let told = ingest.workspace(workspace).await?;
    let (taken, waiting) = (told.events, told.events_waiting);
    ensure!(taken == distinct as u64, "{workspace}: {taken} events are counted, {distinct} were sent");
    ensure!(waiting == fate.parked as u64, "{workspace}: {waiting} wait, not {}", fate.parked);
    check_quarantine(quarantined(ingest, workspace).await?, workspace, fate)?;
    Ok(repeats)
}

/// The ids of what clients said, as often as it came; not what contacts handed on, nor what we say beside it.
fn received(inbox: &[Record], workspace: &str) -> Vec<Bytes> {
    let id = |record: &Record| {
        let read = InboxRecord::decode(record.bytes.as_slice()).ok()?;
        let header = read.header.filter(|it| it.workspace == workspace && it.cause.is_none())?;
        let Some(inbox_record::Kind::Message(message)) = read.kind else { return None };
        (message.kind() != MessageKind::Link).then_some(header.id)
    };
    inbox.iter().filter_map(id).collect()
}

fn check_facts(account: &[Record], workspace: &str, fate: &Fate) -> Result<()> {
    let mut kept: BTreeMap<Number, String> = BTreeMap::new();
    for (number, of) in account.iter().filter_map(|record| numbered(record, workspace)) {
        let twice = kept.insert(number, of.clone()).filter(|before| *before != of);
        ensure!(twice.is_none(), "{workspace}: {number:?} is {of}'s and {twice:?}'s");
    }
    let lost: Vec<_> = fate.kept.iter().filter(|(number, _)| !kept.contains_key(number)).take(5).collect();
    ensure!(lost.is_empty(), "{workspace}: lost {lost:?} and perhaps others");
    ensure!(kept == fate.kept, "{workspace}: {} facts, {} were sent", kept.len(), fate.kept.len());
    let (taken, used) = (evidence::usage(account, workspace), fate.used());
    ensure!(taken == used, "{workspace}: {taken} facts are taken of usage, {used} were sent");
    Ok(())
}

/// Each lies there once, for its own reason.
fn check_quarantine(listed: Vec<Quarantined>, workspace: &str, fate: &Fate) -> Result<()> {
    let number = listed.len();
    let found: BTreeMap<String, String> = listed.into_iter().map(|it| (it.message_id, it.code)).collect();
    let differing: Vec<_> =
        fate.quarantined.iter().filter(|(id, code)| found.get(*id) != Some(*code)).take(5).collect();
    ensure!(differing.is_empty(), "{workspace}: not in quarantine, or for another reason: {differing:?}");
    let wanted = fate.quarantined.len();
    ensure!(number == wanted, "{workspace}: {number} in quarantine, not {wanted}");
    Ok(())
}

/// A fact's number, and whose it is.
fn numbered(record: &Record, workspace: &str) -> Option<(Number, String)> {
    let read = AccountRecord::decode(record.bytes.as_slice()).ok()?;
    let header = read.header.filter(|header| header.workspace == workspace)?;
    let (values, of): (_, fn(u64) -> Number) = match read.kind? {
        Kind::Usage(usage) => (usage.properties, Number::Used),
        Kind::AccountTraits(said) => (said.traits, Number::Told),
        Kind::ContactTraits(said) => (said.traits, Number::Told),
        _ => return None,
    };
    let number = values.into_iter().find(|property| property.name == "n")?;
    let Some(Value { kind: Some(value::Kind::Decimal(millionths)) }) = number.value else { return None };
    Some((of(u64::try_from(millionths / 1_000_000).ok()?), header.account))
}

async fn quarantined(ingest: &Client, workspace: &str) -> Result<Vec<Quarantined>> {
    let list = async |channel, page_token| {
        let workspace = workspace.to_owned();
        let asked = ListQuarantineRequest { workspace, page_size: 1000, page_token, ..Default::default() };
        let page = AdminServiceClient::new(channel).list_quarantine(asked).await?.into_inner();
        Ok((page.quarantined, page.next_page_token))
    };
    ingest.all(list).await
}
