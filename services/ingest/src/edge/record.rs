//! What a request's calls become: records for the inbox, rows for the directory, rows for quarantine.

use std::collections::BTreeMap;

use bytes::Bytes;
use contracts::{
    inbox::{InboxRecord, Message, MessageKind, inbox_record::Kind},
    log::Header,
    wire_named,
};
use domain::{ids::derived, time::Instant, value::Value};
use eventlog::{FORMAT, GENERATION, Key};
use prost::Message as _;
use serde::Deserialize;
use serde_json::Value as Json;
use uuid::Uuid;

use super::{
    call::{Call, Contact},
    clock::Times,
    limits::{MAX_KEPT_BODY, MAX_RECORD},
    refusal::{Sender, Unfit},
};
use crate::{
    fold::inbox_key,
    keys::Access,
    store::{Name, NewContact, NewRefused, Refused},
};

/// A request, ready to be written down.
pub(crate) struct Prepared {
    /// Keys and bytes of the inbox's records, in the order of the calls.
    records: Vec<(Key, Bytes)>,
    pub(crate) contacts: Vec<NewContact>,
    /// At most one of each contact and name: the one that wins.
    pub(crate) names: Vec<Name>,
    pub(crate) refused: Vec<NewRefused>,
    pub(crate) accepted: u32,
}

impl Prepared {
    pub(crate) fn new<'c>(
        access: &Access,
        received: Instant,
        calls: impl Iterator<Item = (&'c str, Result<Call, Unfit>)>,
    ) -> Self {
        let mut preparing = Preparing {
            access,
            received,
            records: Vec::new(),
            contacts: BTreeMap::new(),
            names: BTreeMap::new(),
            refused: Vec::new(),
            accepted: 0,
        };
        for (text, call) in calls {
            match call {
                Ok(call) => preparing.accept(text, call),
                Err(unfit) => preparing.refuse(text, unfit),
            }
        }
        preparing.done()
    }

    pub(crate) fn quarantined(&self) -> u32 {
        u32::try_from(self.refused.len()).unwrap_or(u32::MAX)
    }

    /// Of them, those for the log.
    pub(crate) fn records(&self) -> usize {
        self.records.len()
    }

    /// Bytes of what is to be written.
    pub(crate) fn bytes(&self) -> usize {
        let records: usize = self.records.iter().map(|(_, record)| record.len()).sum();
        let names: usize = self.names.iter().map(Name::len).sum();
        let refused: usize = self.refused.iter().map(|it| it.refused.body.len()).sum();
        records + names + refused
    }

    /// The records by the partition of their key, each in the order of the calls.
    pub(crate) fn by_partition(&self, partitions: u32) -> BTreeMap<u32, Vec<Bytes>> {
        let mut by_partition: BTreeMap<u32, Vec<Bytes>> = BTreeMap::new();
        for (key, value) in &self.records {
            by_partition.entry(key.partition(partitions)).or_default().push(value.clone());
        }
        by_partition
    }
}

struct Preparing<'a> {
    access: &'a Access,
    received: Instant,
    records: Vec<(Key, Bytes)>,
    contacts: BTreeMap<u128, String>,
    names: BTreeMap<(u128, String), Name>,
    refused: Vec<NewRefused>,
    accepted: u32,
}

impl Preparing<'_> {
    fn accept(&mut self, text: &str, mut call: Call) {
        let contact = call.contact.as_ref().map(|contact| self.contact(contact));
        let linked = call.linked.take();
        let message_id = call.message_id.take().unwrap_or_else(|| chassis::ids::v7().to_string());
        let source = call.source.take().unwrap_or_else(|| self.access.source.to_string());
        let id = message_identity(&self.access.workspace, &source, &message_id, call.kind);
        let names = names(contact, id, &mut call);
        let times = call.times;
        let message = message(call, contact, message_id, source);
        let key = inbox_key(&self.access.workspace, &message);
        let bytes = message.encoded_len() + names.iter().map(Name::len).sum::<usize>();
        if bytes > MAX_RECORD {
            return self.refuse(text, grown(&message, bytes));
        }
        for name in names {
            self.name(name);
        }
        let link = contact.zip(linked).and_then(|(known, linked)| self.link(&linked, known, &message));
        self.put(key, id, times, message);
        if let Some((id, link)) = link {
            self.put(inbox_key(&self.access.workspace, &link), id, times, link);
        }
        self.accepted += 1;
    }

    fn put(&mut self, key: Key, id: u128, times: Times, message: Message) {
        let record = record(&key, id, times, message);
        self.records.push((key, record));
    }

    /// What an anonymous contact is told of whom it turned out to be, if that is somebody else, and the id of that.
    fn link(&mut self, anonymous: &Contact, known: u128, by: &Message) -> Option<(u128, Message)> {
        let kind = MessageKind::Link;
        let anonymous = Some(self.contact(anonymous)).filter(|anonymous| *anonymous != known)?;
        let link = Message {
            kind: kind.into(),
            source: by.source.clone(),
            message_id: by.message_id.clone(),
            contact: contracts::id_bytes(anonymous),
            anonymous: true,
            known: contracts::id_bytes(known),
            ..Message::default()
        };
        Some((message_identity(&self.access.workspace, &link.source, &link.message_id, kind), link))
    }

    /// The contact's pseudonym; the directory learns who stands behind it.
    fn contact(&mut self, contact: &Contact) -> u128 {
        let external_id = contact.external_id();
        let pseudonym = self.access.pseudonyms.of(&external_id).0;
        self.contacts.insert(pseudonym, external_id);
        pseudonym
    }

    fn name(&mut self, new: Name) {
        let kept = self.names.entry((new.contact, new.name.clone())).or_insert_with(|| new.clone());
        if (kept.event_at, kept.fact_id) < (new.event_at, new.fact_id) {
            *kept = new;
        }
    }

    fn refuse(&mut self, text: &str, unfit: Unfit) {
        let sender = match unfit.sender {
            Some(sender) => *sender,
            None => Who::read(text).sender(&self.access.source),
        };
        let Sender { source, message_id, contact } = sender.kept();
        let fingerprint = fingerprint(&source, &message_id, text, unfit.code);
        let mut body = text.as_bytes();
        body = &body[..body.len().min(MAX_KEPT_BODY)];
        let contact = contact.map(|contact| self.contact(&contact).to_be_bytes().to_vec());
        let refused = Refused {
            id: chassis::ids::v7(),
            code: unfit.code.to_owned(),
            reason: unfit.reason.replace('\0', "\u{fffd}"),
            message_id,
            received_at: self.received.0,
            contact,
            body: body.to_vec(),
        };
        self.refused.push(NewRefused { fingerprint, refused });
    }

    fn done(self) -> Prepared {
        let contacts = self.contacts.into_iter();
        Prepared {
            accepted: self.accepted,
            records: self.records,
            contacts: contacts.map(|(contact, external_id)| NewContact { contact, external_id }).collect(),
            names: self.names.into_values().collect(),
            refused: self.refused,
        }
    }
}

/// What a repeat is known by: the same sender, message id and kind in the same workspace.
fn message_identity(workspace: &str, source: &str, message_id: &str, kind: MessageKind) -> u128 {
    let (workspace, source) = (workspace.as_bytes(), source.as_bytes());
    derived(&[b"message", workspace, source, message_id.as_bytes(), kind.as_str_name().as_bytes()])
}

/// What the call says that names its contact.
fn names(contact: Option<u128>, fact_id: u128, call: &mut Call) -> Vec<Name> {
    let (Some(contact), event_at) = (contact, call.times.event_at.0) else { return Vec::new() };
    let named = |(name, value): (String, Value)| {
        let value = value.to_json().to_string();
        Name { contact, name, value, event_at, fact_id }
    };
    call.names.drain(..).map(named).collect()
}

/// Why an event that was small enough as it came is none to keep.
fn grown(message: &Message, bytes: usize) -> Unfit {
    let kind = message.kind().as_str_name().trim_start_matches("MESSAGE_KIND_").to_ascii_lowercase();
    let event = if message.event.is_empty() { String::new() } else { format!(" {:?}", message.event) };
    Unfit::new(
        "EVENT_TOO_LARGE",
        format!(
            "{kind}{event} becomes {bytes} bytes once each value stands under its whole path; {MAX_RECORD} are taken: \
             shorten the names that objects lie under, or send less"
        ),
    )
}

fn record(key: &Key, id: u128, times: Times, message: Message) -> Bytes {
    let header = Header {
        format: FORMAT,
        generation: GENERATION,
        workspace: key.workspace.clone(),
        account: key.account.clone(),
        id: contracts::id_bytes(id).into(),
        event_at: times.event_at.0,
        original_at: times.original_at.0,
        ..Header::default()
    };
    let body = InboxRecord { header: None, control: None, kind: Some(Kind::Message(message)) };
    eventlog::concat_record(header, &body.encode_to_vec())
}

/// What a repeat of something refused is known by: the same sender, message id or else text, and reason.
fn fingerprint(source: &str, message_id: &str, text: &str, code: &str) -> Uuid {
    let (kind, what) =
        if message_id.is_empty() { (b"text".as_slice(), text) } else { (b"id".as_slice(), message_id) };
    Uuid::from_u128(derived(&[b"refused", source.as_bytes(), kind, what.as_bytes(), code.as_bytes()]))
}

fn message(call: Call, contact: Option<u128>, message_id: String, source: String) -> Message {
    Message {
        kind: call.kind.into(),
        source,
        message_id,
        contact: contact.map(contracts::id_bytes).unwrap_or_default(),
        anonymous: matches!(call.contact, Some(Contact::Anonymous(_))),
        context_account: call.context_account.unwrap_or_default(),
        group_account: call.group_account.unwrap_or_default(),
        event: call.event,
        properties: wire_named(call.properties),
        traits: wire_named(call.traits),
        active: call.active,
        known: Vec::new(),
        contract: call.contract,
        terms: wire_named(call.terms),
    }
}

/// Whose a refused call seems to be: so that it is erased with them.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Who {
    user_id: Json,
    anonymous_id: Json,
    message_id: Json,
}

impl Who {
    fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    fn sender(&self, source: &str) -> Sender {
        let message_id = self.message_id().unwrap_or_default();
        Sender { source: source.to_owned(), message_id, contact: self.contact() }
    }

    fn contact(&self) -> Option<Contact> {
        let known = text_of(&self.user_id).map(Contact::Known);
        known.or_else(|| text_of(&self.anonymous_id).map(Contact::Anonymous))
    }

    fn message_id(&self) -> Option<String> {
        text_of(&self.message_id)
    }
}

fn text_of(json: &Json) -> Option<String> {
    match json {
        Json::String(text) if !text.is_empty() && text.len() <= 1_024 => Some(super::values::clean(text)),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
