//! From a row to the call that it becomes, as an SDK would send it.
//!
//! Invariant: what ingest would refuse for what is known here (ids, times, sizes) is refused here, by its column.

use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Value, json};

use super::kind::{Kind, Slot};
use super::mapping::{Mapping, Origin, Source, Values};
use super::table::{Column, Row, Table};
use super::value::{Type, text};
use crate::sender::Call;

/// What ingest takes: bytes of an account's id and of a name, of a contact's id, characters of a message's, bytes of a
/// call, and minutes into the future.
pub(crate) const MAX_NAME: usize = 255;
const MAX_CONTACT_ID: usize = 1_024;
const MAX_MESSAGE_ID: usize = 100;
const MAX_CALL: usize = 32 * 1024;
/// How deep a call may be nested: one that is deeper would cost its whole batch.
const MAX_DEPTH: usize = 60;
const MAX_AHEAD_MINUTES: i64 = 5;

/// How the rows of a file become calls.
pub(crate) struct Plan {
    kind: Kind,
    slots: Vec<(Slot, Part)>,
    values: Parts,
    currency: Option<Part>,
}

enum Parts {
    Whole(Column),
    Each(Vec<(String, Part)>),
}

#[derive(Clone)]
struct Part {
    from: From,
    kind: Type,
}

#[derive(Clone)]
enum From {
    Column(Column),
    Always(Value),
}

/// A call, and when what it says happened, if the row tells.
pub(crate) struct Made {
    pub(crate) call: Call,
    pub(crate) at: Option<Timestamp>,
}

impl Plan {
    /// A column that the table does not have is never there.
    pub(crate) fn new(mapping: &Mapping, table: &Table) -> Self {
        let part = |source: &Source| {
            let from = match &source.origin {
                Origin::Column(name) => From::Column(table.column(name)?),
                Origin::Always(text) => From::Always(text.as_str().into()),
            };
            Some(Part { from, kind: source.kind.clone() })
        };
        let slots = mapping.slots.iter().filter_map(|(slot, source)| Some((*slot, part(source)?))).collect();
        let values = match &mapping.values {
            Values::Whole(name) => table.column(name).map(Parts::Whole),
            Values::Each(values) => {
                let parts = values.iter().filter_map(|(name, source)| Some((name.clone(), part(source)?)));
                Some(Parts::Each(parts.collect()))
            }
        };
        let values = values.unwrap_or_else(|| Parts::Each(Vec::new()));
        let currency = match &values {
            Parts::Whole(_) => None,
            Parts::Each(parts) => {
                parts.iter().find(|(name, _)| name == "currency").map(|(_, part)| part.clone())
            }
        };
        Self { kind: mapping.kind, slots, values, currency }
    }

    /// Fails with what is wrong, and in which column.
    pub(crate) fn call(&self, row: &Row, message_id: &str, now: Timestamp) -> Result<Made, String> {
        let at = self.time(row, now)?;
        let message_id = match self.slot(row, Slot::MessageId)? {
            Some(id) if id.chars().count() > MAX_MESSAGE_ID => {
                return Err(format!(
                    "{}: it has more than {MAX_MESSAGE_ID} characters",
                    self.named(Slot::MessageId)
                ));
            }
            Some(id) => id,
            None => message_id.to_owned(),
        };
        let values = self.values(row)?;
        let (key, mut body) = match self.kind {
            Kind::Accounts => self.group(row, values)?,
            Kind::Contacts => self.identify(row, values)?,
            Kind::Contracts => self.contract(row, values)?,
            Kind::History => self.track(row, values)?,
        };
        body["messageId"] = message_id.into();
        if let Some(at) = at {
            body["timestamp"] = at.to_string().into();
        }
        if is_deeper(&body, MAX_DEPTH) {
            return Err(format!("it is nested deeper than {MAX_DEPTH}"));
        }
        let call = Call::new(&key, &body);
        let bytes = call.text().len();
        if bytes > MAX_CALL {
            return Err(format!("it becomes a call of {bytes} bytes; {MAX_CALL} are taken"));
        }
        Ok(Made { call, at })
    }

    fn group(&self, row: &Row, traits: Map<String, Value>) -> Result<(String, Value), String> {
        let id = self.account(row, Slot::Id)?.ok_or_else(|| self.empty(Slot::Id))?;
        let body = json!({"type": "group", "groupId": id, "traits": traits});
        Ok((id, body))
    }

    fn identify(&self, row: &Row, traits: Map<String, Value>) -> Result<(String, Value), String> {
        let id = self.contact(row, Slot::Id)?.ok_or_else(|| self.empty(Slot::Id))?;
        let mut body = json!({"type": "identify", "userId": id, "traits": traits});
        if let Some(account) = self.account(row, Slot::Account)? {
            body["context"] = json!({ "groupId": account });
        }
        Ok((id, body))
    }

    /// Nobody says it: it is about the account alone.
    fn contract(&self, row: &Row, mut terms: Map<String, Value>) -> Result<(String, Value), String> {
        let id = self.slot(row, Slot::Id)?.ok_or_else(|| self.empty(Slot::Id))?;
        self.check_name(Slot::Id, &id)?;
        let account = self.account(row, Slot::Account)?.ok_or_else(|| self.empty(Slot::Account))?;
        terms.insert("contract_id".to_owned(), id.into());
        let context = json!({ "groupId": account });
        let body =
            json!({"type": "track", "event": "Contract Updated", "context": context, "properties": terms});
        Ok((account, body))
    }

    fn track(&self, row: &Row, properties: Map<String, Value>) -> Result<(String, Value), String> {
        let event = self.slot(row, Slot::Event)?.ok_or_else(|| self.empty(Slot::Event))?;
        self.check_name(Slot::Event, &event)?;
        let (contact, account) = (self.contact(row, Slot::Contact)?, self.account(row, Slot::Account)?);
        let mut body = json!({"type": "track", "event": event, "properties": properties});
        let key = match (contact, &account) {
            (Some(contact), _) => {
                body["userId"] = contact.as_str().into();
                contact
            }
            // A program did it, or nobody knows who: somebody else in every account, who was not seen in it.
            (None, Some(account)) => {
                body["anonymousId"] = format!("import {account}").into();
                body["context"] = json!({ "active": false });
                account.clone()
            }
            (None, None) => return Err("neither a contact nor an account stands in it".to_owned()),
        };
        if let Some(account) = account {
            body["context"]["groupId"] = account.into();
        }
        Ok((key, body))
    }

    fn account(&self, row: &Row, slot: Slot) -> Result<Option<String>, String> {
        let id = self.slot(row, slot)?;
        id.map(|id| self.check_name(slot, &id).map(|()| id)).transpose()
    }

    fn contact(&self, row: &Row, slot: Slot) -> Result<Option<String>, String> {
        let id = self.slot(row, slot)?;
        match id {
            Some(id) if id.len() > MAX_CONTACT_ID => {
                Err(format!("{}: a contact's id has at most {MAX_CONTACT_ID} bytes", self.named(slot)))
            }
            id => Ok(id),
        }
    }

    fn check_name(&self, slot: Slot, name: &str) -> Result<(), String> {
        if name.len() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(format!("{}: it has at most {MAX_NAME} bytes and no line breaks", self.named(slot)));
        }
        Ok(())
    }

    fn time(&self, row: &Row, now: Timestamp) -> Result<Option<Timestamp>, String> {
        let Some(said) = self.slot(row, Slot::Time)? else {
            return if self.kind.must_have(Slot::Time) { Err(self.empty(Slot::Time)) } else { Ok(None) };
        };
        // What the type reads is written so.
        let at: Timestamp =
            said.parse().map_err(|_| format!("{}: {said:?} is no time", self.named(Slot::Time)))?;
        let latest = now.saturating_add(MAX_AHEAD_MINUTES.minutes()).unwrap_or(now);
        if at < Timestamp::UNIX_EPOCH || at > latest {
            let where_it_lies = if at > latest { "in the future" } else { "before 1970" };
            return Err(format!("{}: {at} lies {where_it_lies}", self.named(Slot::Time)));
        }
        Ok(Some(at))
    }

    fn slot(&self, row: &Row, slot: Slot) -> Result<Option<String>, String> {
        let Some((_, part)) = self.slots.iter().find(|(known, _)| *known == slot) else { return Ok(None) };
        let value = part.read(row, None)?.map(|value| text(&value)).transpose()?;
        Ok(value.filter(|text| !text.is_empty()))
    }

    fn named(&self, slot: Slot) -> &str {
        let part = self.slots.iter().find(|(known, _)| *known == slot);
        part.map_or(slot.name(), |(_, part)| part.name())
    }

    fn empty(&self, slot: Slot) -> String {
        format!(
            "{}: it is empty, and a row of {} needs its {}",
            self.named(slot),
            self.kind.name(),
            slot.name()
        )
    }

    fn values(&self, row: &Row) -> Result<Map<String, Value>, String> {
        let parts = match &self.values {
            Parts::Whole(column) => {
                return match row.get(column) {
                    Some(Value::Object(whole)) => Ok(whole),
                    None | Some(Value::Null) => Ok(Map::new()),
                    Some(_) => Err(format!("{}: it is no object", column.name)),
                };
            }
            Parts::Each(parts) => parts,
        };
        let currency = match &self.currency {
            Some(part) => part.read(row, None)?.map(|value| text(&value)).transpose()?,
            None => None,
        };
        let mut values = Map::new();
        for (name, part) in parts {
            if let Some(value) = part.read(row, currency.as_deref())? {
                values.insert(name.clone(), value);
            }
        }
        Ok(values)
    }
}

impl Part {
    /// Nothing where the cell is empty.
    fn read(&self, row: &Row, currency: Option<&str>) -> Result<Option<Value>, String> {
        let value = match &self.from {
            From::Column(column) => row.get(column),
            From::Always(text) => Some(text.clone()),
        };
        let read = |value: Value| self.kind.read(&value, currency);
        value.map(read).transpose().map_err(|why| format!("{}: {why}", self.name()))
    }

    fn name(&self) -> &str {
        match &self.from {
            From::Column(column) => &column.name,
            From::Always(_) => "always",
        }
    }
}

fn is_deeper(value: &Value, most: usize) -> bool {
    let Some(left) = most.checked_sub(1) else { return value.is_object() || value.is_array() };
    match value {
        Value::Array(items) => items.iter().any(|item| is_deeper(item, left)),
        Value::Object(entries) => entries.values().any(|item| is_deeper(item, left)),
        _ => false,
    }
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
