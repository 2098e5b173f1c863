//! One CloudEvent, read once: <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md>
//! into our words. Pure.
//!
//! Invariant: whatever the mode, an event is understood from the same JSON object, which quarantine keeps if it makes no
//! sense.

use contracts::log::ClockKind;
use domain::time::Instant;
use eventlog::kafka::Foreign;
use serde_json::{Map, Value as Json};

use crate::edge::{Call, Contact, MAX_EVENT, Sender, Tracked, Unfit, clock, measure};

/// Of an id or a source; they become part of a hash.
const MOST_ID: usize = 1_024;
const STRUCTURED: &str = "application/cloudevents";
const ACCOUNT: &str = "account/";
const CONTACT: &str = "contact/";
const NOBODYS: &str = "neither a subject, the extensions userid and groupid, nor a key says whose it is";

/// A record with an event in it, as text, and what it means.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) text: String,
    pub(crate) call: Result<Call, Unfit>,
}

/// When it came, for an event that does not say when it happened.
#[derive(Clone, Copy)]
struct Came {
    /// As its record says.
    at: Instant,
    now: Instant,
    clock: ClockKind,
}

/// Whom an event is about, and who did it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Whose {
    contact: Option<String>,
    account: Option<String>,
}

impl Received {
    /// `None`: a tombstone, which on a compacted topic says that something is gone.
    pub(crate) fn read(record: &Foreign, clock: ClockKind, now: Instant) -> Option<Self> {
        let value = record.value.as_ref()?;
        let came = Came { at: record.at.map_or(now, Instant), now, clock };
        let content = content_type(record);
        let object = match structured(&content) {
            Some(format) => object_of(value, format),
            None => object_around(value, &content, record),
        };
        let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
        Some(match object {
            Ok(object) => {
                let event = Event { object: &object, key };
                let call = size(value.len()).and_then(|()| event.call(came));
                let call = call.map_err(|unfit| unfit.by(event.sender()));
                Self { call, text: Json::Object(object).to_string() }
            }
            Err(unfit) => Self { text: String::from_utf8_lossy(value).into_owned(), call: Err(unfit) },
        })
    }
}

/// In lower case; the empty text if none is said.
fn content_type(record: &Foreign) -> String {
    let of = |(name, _): &&(String, bytes::Bytes)| name.eq_ignore_ascii_case("content-type");
    let said = record.headers.iter().find(of).map(|(_, value)| String::from_utf8_lossy(value).to_lowercase());
    said.map(|it| it.trim().to_owned()).unwrap_or_default()
}

/// Of the structured mode, what follows in the content type.
fn structured(content: &str) -> Option<&str> {
    content.strip_prefix(STRUCTURED).map(|rest| rest.split(';').next().unwrap_or_default().trim())
}

fn object_of(value: &[u8], format: &str) -> Result<Map<String, Json>, Unfit> {
    if !matches!(format, "" | "+json") {
        let reason =
            format!("{:?} is not understood: send JSON, one event a record", format!("{STRUCTURED}{format}"));
        return Err(Unfit::new("UNKNOWN_FORMAT", reason));
    }
    match json(value)? {
        Json::Object(object) => Ok(object),
        _ => Err(Unfit::new("NOT_AN_OBJECT", "an event is a JSON object")),
    }
}

/// The binary mode's, as the structured one would have said it.
fn object_around(value: &[u8], content: &str, record: &Foreign) -> Result<Map<String, Json>, Unfit> {
    let mut object = Map::new();
    for (name, value) in &record.headers {
        let Some(attribute) = name.strip_prefix("ce_") else { continue };
        let text = std::str::from_utf8(value)
            .map_err(|_| Unfit::new("BAD_ATTRIBUTE", format!("the header {name:?} is not UTF-8")))?;
        object.insert(attribute.to_owned(), Json::String(text.to_owned()));
    }
    if !content.is_empty() {
        object.insert("datacontenttype".into(), Json::String(content.to_owned()));
    }
    if !value.is_empty() {
        let data =
            if is_json(content) { json(value)? } else { Json::String(String::from_utf8_lossy(value).into()) };
        object.insert("data".into(), data);
    }
    Ok(object)
}

/// Whether data of this type is JSON; what says nothing of itself is taken to be.
fn is_json(content: &str) -> bool {
    let media = content.split(';').next().unwrap_or_default().trim();
    media.is_empty() || media == "application/json" || media == "text/json" || media.ends_with("+json")
}

fn json(text: &[u8]) -> Result<Json, Unfit> {
    measure(text).map_err(|refusal| Unfit::new(refusal.code(), refusal.to_string()))?;
    serde_json::from_slice(text).map_err(|error| Unfit::new("NOT_JSON", error.to_string()))
}

fn size(bytes: usize) -> Result<(), Unfit> {
    if bytes > MAX_EVENT {
        return Err(Unfit::new("EVENT_TOO_LARGE", format!("{bytes} bytes; {MAX_EVENT} are taken")));
    }
    Ok(())
}

/// An event's attributes and data, and its record's key.
#[derive(Clone, Copy)]
struct Event<'a> {
    object: &'a Map<String, Json>,
    key: Option<&'a str>,
}

impl<'a> Event<'a> {
    fn call(self, came: Came) -> Result<Call, Unfit> {
        self.check_version()?;
        let message_id = self.id("id", "BAD_MESSAGE_ID")?.to_owned();
        let source = self.id("source", "BAD_SOURCE")?.to_owned();
        let event = self.text("type").ok_or_else(|| Unfit::new("NO_EVENT_NAME", "an event has a type"))?;
        let Whose { contact, account } = self.whose();
        let (contact, active) = match (contact, &account) {
            (Some(contact), _) => (Contact::Known(contact), true),
            // Then the program did it: somebody else in every account, so that none of them is in all.
            (None, Some(account)) => (Contact::Anonymous(format!("{source} {account}")), false),
            (None, None) => return Err(Unfit::new("NO_USER", NOBODYS)),
        };
        let properties = self.properties()?;
        let original = self.text("time").map_or(Ok(came.at), clock::parse)?;
        let said = clock::Said { original: Some(original), ..clock::Said::default() };
        let times = clock::correct(said, came.now, came.clock);
        Call::tracked(Tracked { source, message_id, contact, account, active, event, properties, times })
    }

    fn check_version(self) -> Result<(), Unfit> {
        match self.text("specversion") {
            Some("1.0") => Ok(()),
            Some(other) => {
                Err(Unfit::new("UNKNOWN_VERSION", format!("CloudEvents {other:?}; 1.0 is understood")))
            }
            None => Err(Unfit::new("UNKNOWN_VERSION", "it is no CloudEvent: it has no specversion")),
        }
    }

    fn id(self, name: &str, code: &'static str) -> Result<&'a str, Unfit> {
        match self.text(name) {
            Some(id) if id.len() <= MOST_ID => Ok(id),
            Some(_) => Err(Unfit::new(code, format!("{name} has at most {MOST_ID} bytes"))),
            None => Err(Unfit::new(code, format!("an event has an attribute {name}"))),
        }
    }

    /// The extensions `groupid` and `userid` say it outright; else the subject does, or, where there is none, the key:
    /// the record's own, or else the one that the extension `partitionkey` asked for.
    fn whose(self) -> Whose {
        let named = self.text("subject").or(self.key.filter(|key| !key.is_empty()));
        let mut whose = named.or_else(|| self.text("partitionkey")).map_or_else(Whose::default, Whose::of);
        if let Some(account) = self.text("groupid") {
            whose.account = Some(account.to_owned());
        }
        if let Some(contact) = self.text("userid") {
            whose.contact = Some(contact.to_owned());
        }
        whose
    }

    fn properties(self) -> Result<Option<&'a Map<String, Json>>, Unfit> {
        match (self.object.get("data"), self.object.get("data_base64")) {
            (None | Some(Json::Null), None) => Ok(None),
            (Some(Json::Object(properties)), None) => Ok(Some(properties)),
            _ => Err(Unfit::new("BAD_DATA", "its data is no JSON object: properties have names")),
        }
    }

    /// Who seems to have sent it, where it is refused.
    fn sender(self) -> Sender {
        let text = |name| self.text(name).unwrap_or_default().to_owned();
        let contact = self.whose().contact.map(Contact::Known);
        Sender { source: text("source"), message_id: text("id"), contact }
    }

    /// An attribute; the empty text is none.
    fn text(self, name: &str) -> Option<&'a str> {
        self.object.get(name).and_then(Json::as_str).filter(|text| !text.is_empty())
    }
}

impl Whose {
    fn of(subject: &str) -> Self {
        let named = |id: &str| Some(id.to_owned()).filter(|id| !id.is_empty());
        match (subject.strip_prefix(ACCOUNT), subject.strip_prefix(CONTACT)) {
            (Some(account), _) => Self { contact: None, account: named(account) },
            (_, Some(contact)) => Self { contact: named(contact), account: None },
            _ => Self { contact: named(subject), account: None },
        }
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
