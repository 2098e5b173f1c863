//! Records as the edges write them.

use contracts::{
    account::{AccountRecord, NamedValue, Value, ValueList, account_record, value},
    inbox::{InboxRecord, Message, inbox_record},
    log::{CatalogueVersion, ClockAdvanced, ClockKind, Header, control},
};
use eventlog::{FORMAT, GENERATION, Key, NewRecord, concat_record, control_record};
use prost::Message as _;

/// A message as ingest's edge puts it into the inbox, with its key there.
pub(crate) fn message(workspace: &str, id: [u8; 16], event_at: i64, message: Message) -> (Key, NewRecord) {
    let name = if message.contact.is_empty() {
        message.group_account.clone()
    } else {
        contracts::hex_id(&message.contact)
    };
    let key = Key::new(workspace, name);
    let header = Header { id: id.to_vec().into(), event_at, original_at: event_at, ..header(&key) };
    let body = InboxRecord { header: None, control: None, kind: Some(inbox_record::Kind::Message(message)) };
    let value = concat_record(header, &body.encode_to_vec());
    (key, NewRecord { value, traceparent: None })
}

/// A fact that somebody appends to an account's log directly: a command or a report.
pub(crate) fn fact(key: &Key, id: [u8; 16], at: i64, kind: account_record::Kind) -> NewRecord {
    let id: bytes::Bytes = id.to_vec().into();
    let header = Header { id: id.clone(), request_id: id, event_at: at, original_at: at, ..header(key) };
    let body = AccountRecord { header: None, control: None, kind: Some(kind) };
    NewRecord { value: concat_record(header, &body.encode_to_vec()), traceparent: None }
}

/// A version of a workspace's catalogue.
pub(crate) struct Version<'a> {
    pub(crate) workspace: &'a str,
    pub(crate) version: u64,
    pub(crate) clock: ClockKind,
    pub(crate) time_zone: &'a str,
    pub(crate) fire_playbooks: bool,
    pub(crate) document: &'a str,
}

/// The version in parts.
pub(crate) fn version(of: &Version<'_>, parts: usize) -> Vec<NewRecord> {
    let share = of.document.len().div_ceil(parts).max(1);
    let shares: Vec<&[u8]> = of.document.as_bytes().chunks(share).collect();
    let part = |(n, share): (usize, &&[u8])| {
        let kind = control::Kind::CatalogueVersion(CatalogueVersion {
            version: of.version,
            part: u32::try_from(n + 1).unwrap_or_default(),
            parts: u32::try_from(shares.len()).unwrap_or_default(),
            clock: of.clock.into(),
            time_zone: of.time_zone.into(),
            fire_playbooks: of.fire_playbooks,
            document: share.to_vec().into(),
        });
        NewRecord { value: control_record(header(&Key::new(of.workspace, "")), kind), traceparent: None }
    };
    shares.iter().enumerate().map(part).collect()
}

pub(crate) fn clock(workspace: &str, to_at: i64, partition: u32, partitions: u32) -> NewRecord {
    let kind = control::Kind::ClockAdvanced(ClockAdvanced {
        to_at,
        inbox_partition: partition,
        inbox_partitions: partitions,
    });
    let header = Header { event_at: to_at, original_at: to_at, ..header(&Key::new(workspace, "")) };
    NewRecord { value: control_record(header, kind), traceparent: None }
}

fn header(key: &Key) -> Header {
    Header {
        format: FORMAT,
        generation: GENERATION,
        workspace: key.workspace.clone(),
        account: key.account.clone(),
        ..Header::default()
    }
}

pub(crate) fn named(name: &str, kind: Option<value::Kind>) -> NamedValue {
    NamedValue { name: name.into(), value: Some(Value { kind }) }
}

pub(crate) fn text(text: &str) -> Option<value::Kind> {
    Some(value::Kind::Text(text.into()))
}

pub(crate) fn texts(texts: &[&str]) -> Option<value::Kind> {
    let values = texts.iter().map(|t| Value { kind: text(t) }).collect();
    Some(value::Kind::List(ValueList { values }))
}

/// Hundredths as a decimal.
pub(crate) fn hundredths(n: i64) -> Option<value::Kind> {
    Some(value::Kind::Decimal(n * 10_000))
}
