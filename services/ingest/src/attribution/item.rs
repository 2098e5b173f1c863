//! What attribution tells the store, each with the place in the inbox that it follows from.

use contracts::{
    account::{NamedValue, Value as Wire},
    inbox::Message,
};
use domain::value::Value;
use serde_json::{Map, Value as Json, json};

use super::Held;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A message that is no repeat.
    Counted,
    /// So many more events wait until their contact's account is known; below 0: so many fewer.
    Waiting(i64),
    /// The contact belongs to an account from here on, or no more.
    Belongs(Belongs),
    Quarantined(Quarantined),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belongs {
    pub account: String,
    pub member: bool,
    pub since_at: i64,
}

/// A message that found no account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    pub code: &'static str,
    pub reason: &'static str,
    pub message_id: String,
    /// When the inbox took it.
    pub received_at: i64,
    /// 16 bytes, or empty.
    pub contact: Vec<u8>,
    /// The message for people: JSON.
    pub body: String,
}

impl Quarantined {
    pub(crate) fn of(held: &Held, code: &'static str, reason: &'static str) -> Self {
        Self {
            code,
            reason,
            message_id: held.message.message_id.clone(),
            received_at: held.appended_at,
            contact: held.message.contact.clone(),
            body: shown(held),
        }
    }
}

/// As the log has it: with the contact's pseudonym and without names.
fn shown(held: &Held) -> String {
    let Message { event, contact, properties, .. } = &held.message;
    let body = json!({
        "kind": held.message.kind().as_str_name(),
        "contact": contracts::hex_id(contact),
        "event": event,
        "properties": object(properties),
        "timestamp": domain::time::Instant(held.event_at).to_string(),
    });
    body.to_string()
}

fn object(values: &[NamedValue]) -> Map<String, Json> {
    let json = |value: Option<Wire>| Value::from(value.unwrap_or_default()).to_json();
    values.iter().map(|it| (it.name.clone(), json(it.value.clone()))).collect()
}
