//! One call, read once: Segment's words into ours.
//!
//! Invariant: a `Call` is whole and bounded, and carries a person's names apart from what goes to the log.

use contracts::{inbox::MessageKind, log::ClockKind};
use domain::{time::Instant, value::Value};
use serde_json::{Map, Value as Json};

use super::{
    b2b,
    clock::{self, Times},
    contract,
    envelope::{CallType, Envelope},
    limits::{MAX_CONTACT_ID, MAX_EVENT, MAX_MESSAGE_ID, MAX_NAME},
    names,
    refusal::Unfit,
    values,
};

/// A call that makes sense.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) kind: MessageKind,
    /// Who sent it, where that is not whose key was shown.
    pub(crate) source: Option<String>,
    /// `None`: the client gave none, so no repeat of it can be known.
    pub(crate) message_id: Option<String>,
    pub(crate) contact: Option<Contact>,
    /// The anonymous contact that turns out to be this one.
    pub(crate) linked: Option<Contact>,
    pub(crate) context_account: Option<String>,
    pub(crate) group_account: Option<String>,
    /// Of usage; else empty.
    pub(crate) event: String,
    pub(crate) properties: Vec<(String, Value)>,
    pub(crate) traits: Vec<(String, Value)>,
    /// What names the contact: for the directory.
    pub(crate) names: Vec<(String, Value)>,
    pub(crate) active: bool,
    /// Of what is said of a contract: its id and terms.
    pub(crate) contract: String,
    pub(crate) terms: Vec<(String, Value)>,
    pub(crate) times: Times,
}

/// Who did it, as the client knows them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Contact {
    Known(String),
    Anonymous(String),
}

impl Contact {
    /// What the pseudonym is made of, and what the directory keeps.
    pub(crate) fn external_id(&self) -> String {
        match self {
            Self::Known(id) => id.clone(),
            Self::Anonymous(id) => format!("anon:{id}"),
        }
    }

    /// As the directory can keep it.
    pub(crate) fn bounded(self) -> Result<Self, Unfit> {
        let (Self::Known(id) | Self::Anonymous(id)) = &self;
        if id.len() > MAX_CONTACT_ID {
            let reason = format!("a contact's id has at most {MAX_CONTACT_ID} bytes");
            return Err(Unfit::new("BAD_USER_ID", reason));
        }
        let id = values::clean(id);
        Ok(match self {
            Self::Known(_) => Self::Known(id),
            Self::Anonymous(_) => Self::Anonymous(id),
        })
    }
}

/// What holds for every call of a request.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    pub(crate) envelope: &'a Envelope<'a>,
    pub(crate) received: Instant,
    pub(crate) clock: ClockKind,
}

impl Call {
    /// Reads one call of the envelope.
    pub(crate) fn read(text: &str, around: &Around<'_>) -> Result<Self, Unfit> {
        if text.len() > MAX_EVENT {
            return Err(Unfit::new(
                "EVENT_TOO_LARGE",
                format!("{} bytes; {MAX_EVENT} are taken", text.len()),
            ));
        }
        let context = around.envelope.context_bytes;
        if context > MAX_EVENT {
            let reason = format!("its batch's context alone has {context} bytes; {MAX_EVENT} are taken");
            return Err(Unfit::new("EVENT_TOO_LARGE", reason));
        }
        let json = serde_json::from_str(text).map_err(|e| Unfit::new("NOT_JSON", e.to_string()))?;
        let Json::Object(fields) = json else {
            return Err(Unfit::new("NOT_AN_OBJECT", "a call is a JSON object"));
        };
        Fields { fields: &fields, around }.call()
    }

    /// An event that came otherwise, as a track call would have said it.
    pub(crate) fn tracked(it: Tracked<'_>) -> Result<Self, Unfit> {
        let contact = it.contact.bounded()?;
        let mut call = Self {
            kind: MessageKind::Unspecified,
            source: Some(values::clean(&it.source)),
            message_id: Some(values::clean(&it.message_id)),
            contact: Some(contact),
            linked: None,
            context_account: bounded_account(it.account)?,
            group_account: None,
            event: String::new(),
            properties: Vec::new(),
            traits: Vec::new(),
            names: Vec::new(),
            active: it.active,
            contract: String::new(),
            terms: Vec::new(),
            times: it.times,
        };
        call.usage(MessageKind::Track, event_name(it.event.trim())?, it.properties)?;
        Ok(call)
    }

    fn usage(
        &mut self,
        kind: MessageKind,
        event: String,
        properties: Option<&Map<String, Json>>,
    ) -> Result<(), Unfit> {
        if kind == MessageKind::Track && event == contract::EVENT {
            return self.contract(properties);
        }
        (self.kind, self.event) = (kind, event);
        if let Some(properties) = properties {
            self.properties = values::flatten(properties)?;
        }
        self.properties
            .retain(|(name, value)| !(names::names_somebody(name, value) || names::personal_value(value)));
        if kind == MessageKind::Track {
            self.traits = b2b::traits_of_account(&self.event, &self.properties);
        }
        Ok(())
    }
}

/// What is known of an event that came otherwise than as a call.
#[derive(Debug)]
pub(crate) struct Tracked<'a> {
    pub(crate) source: String,
    pub(crate) message_id: String,
    pub(crate) contact: Contact,
    pub(crate) account: Option<String>,
    pub(crate) active: bool,
    pub(crate) event: &'a str,
    pub(crate) properties: Option<&'a Map<String, Json>>,
    pub(crate) times: Times,
}

/// A call's fields, with those of its batch beneath them.
struct Fields<'a> {
    fields: &'a Map<String, Json>,
    around: &'a Around<'a>,
}

impl Fields<'_> {
    fn call(&self) -> Result<Call, Unfit> {
        let call_type = self.call_type()?;
        let mut call = Call {
            kind: MessageKind::Unspecified,
            source: None,
            message_id: self.message_id()?,
            contact: self.contact()?,
            linked: None,
            context_account: account(self.in_context("groupId"))?,
            group_account: None,
            event: String::new(),
            properties: Vec::new(),
            traits: Vec::new(),
            names: Vec::new(),
            active: self.in_context("active") != Some(&Json::Bool(false)),
            contract: String::new(),
            terms: Vec::new(),
            times: self.times()?,
        };
        match call_type {
            CallType::Identify => self.identify(&mut call)?,
            CallType::Track => self.usage(&mut call, MessageKind::Track, self.event()?)?,
            CallType::Page => self.usage(&mut call, MessageKind::Page, self.viewed("Page")?)?,
            CallType::Screen => self.usage(&mut call, MessageKind::Screen, self.viewed("Screen")?)?,
            CallType::Group => self.group(&mut call)?,
            CallType::Alias => {
                call.kind = MessageKind::Alias;
                self.link(&mut call, "previousId");
            }
        }
        let needs_contact = !matches!(call.kind, MessageKind::Group | MessageKind::Contract);
        if call.contact.is_none() && needs_contact {
            return Err(Unfit::new("NO_USER", "neither userId nor anonymousId"));
        }
        Ok(call)
    }

    fn call_type(&self) -> Result<CallType, Unfit> {
        match self.fields.get("type") {
            Some(Json::String(name)) => CallType::parse(name)
                .or(self.around.envelope.call_type)
                .ok_or_else(|| Unfit::new("UNKNOWN_TYPE", format!("there is no call {:?}", start_of(name)))),
            _ => self
                .around
                .envelope
                .call_type
                .ok_or_else(|| Unfit::new("NO_TYPE", "a call in a batch names its type")),
        }
    }

    fn message_id(&self) -> Result<Option<String>, Unfit> {
        let id =
            id_text(self.fields.get("messageId")).map_err(|()| not_an_id("BAD_MESSAGE_ID", "messageId"))?;
        match id {
            Some(id) if id.chars().count() > MAX_MESSAGE_ID => Err(Unfit::new(
                "BAD_MESSAGE_ID",
                format!("a messageId has at most {MAX_MESSAGE_ID} characters"),
            )),
            other => Ok(other.map(|id| values::clean(&id))),
        }
    }

    fn contact(&self) -> Result<Option<Contact>, Unfit> {
        if let Some(id) = self.contact_id("userId")? {
            return Ok(Some(Contact::Known(id)));
        }
        Ok(self.contact_id("anonymousId")?.map(Contact::Anonymous))
    }

    fn contact_id(&self, name: &str) -> Result<Option<String>, Unfit> {
        let id = id_text(self.fields.get(name)).map_err(|()| not_an_id("BAD_USER_ID", name))?;
        match id {
            Some(id) if id.len() > MAX_CONTACT_ID => {
                Err(Unfit::new("BAD_USER_ID", format!("{name} has at most {MAX_CONTACT_ID} bytes")))
            }
            other => Ok(other.map(|id| values::clean(&id))),
        }
    }

    /// Who was known by an anonymous id until now, if the contact is known by more. One that is unfit links nobody: the
    /// call says enough without.
    fn link(&self, call: &mut Call, by: &str) {
        if matches!(call.contact, Some(Contact::Known(_))) {
            call.linked = self.contact_id(by).unwrap_or_default().map(Contact::Anonymous);
        }
    }

    fn times(&self) -> Result<Times, Unfit> {
        let own = |name| match self.fields.get(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) => clock::parse(text).map(Some),
            Some(_) => Err(Unfit::new("BAD_TIMESTAMP", format!("{name} is not a text"))),
        };
        let envelope = self.around.envelope;
        let (original, timestamp) = (own("originalTimestamp")?, own("timestamp")?);
        let named = original.and(timestamp);
        let original = original.or(timestamp).or(envelope.timestamp);
        let sent = own("sentAt").unwrap_or_default().or(envelope.sent_at);
        Ok(clock::correct(clock::Said { original, named, sent }, self.around.received, self.around.clock))
    }

    /// A field of the call's context, else of its batch's.
    fn in_context(&self, name: &str) -> Option<&Json> {
        let own = self.fields.get("context").and_then(|context| context.get(name));
        own.or_else(|| self.around.envelope.context.get(name))
    }

    /// `traits`, over the call's `context.traits`, over the batch's.
    fn person_traits(&self) -> Map<String, Json> {
        let contexts = [Some(&self.around.envelope.context), self.fields.get("context")];
        let beneath = contexts.into_iter().flatten().filter_map(|context| context.get("traits"));
        let mut merged = Map::new();
        for traits in beneath.chain(self.fields.get("traits")).filter_map(Json::as_object) {
            merged.extend(traits.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        merged
    }

    fn identify(&self, call: &mut Call) -> Result<(), Unfit> {
        call.kind = MessageKind::Identify;
        self.link(call, "anonymousId");
        let traits = values::flatten(&self.person_traits())?;
        let domain = traits
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("email"))
            .map(|(_, email)| domain_of(email));
        let personal =
            |(name, value): &(String, Value)| names::personal(name) || names::personal_value(value);
        (call.names, call.traits) = traits.into_iter().partition(personal);
        if let Some(domain) = domain {
            values::put(&mut call.traits, "email_domain", domain);
        }
        Ok(())
    }

    fn group(&self, call: &mut Call) -> Result<(), Unfit> {
        call.kind = MessageKind::Group;
        call.group_account = account(self.fields.get("groupId"))?;
        if call.group_account.is_none() {
            return Err(Unfit::new("NO_GROUP_ID", "a group call names its group"));
        }
        let traits = self.fields.get("traits").and_then(Json::as_object).cloned().unwrap_or_default();
        call.traits = b2b::of_account(values::flatten(&traits)?);
        Ok(())
    }

    fn usage(&self, call: &mut Call, kind: MessageKind, event: String) -> Result<(), Unfit> {
        call.usage(kind, event, self.fields.get("properties").and_then(Json::as_object))
    }

    fn event(&self) -> Result<String, Unfit> {
        match self.fields.get("event") {
            Some(Json::String(name)) if !name.trim().is_empty() => event_name(name.trim()),
            _ => Err(Unfit::new("NO_EVENT_NAME", "a track call names its event")),
        }
    }

    /// `Viewed NAME`, of the page's name, else of its category.
    fn viewed(&self, what: &str) -> Result<String, Unfit> {
        let named =
            |field| self.fields.get(field).and_then(Json::as_str).map(str::trim).filter(|n| !n.is_empty());
        event_name(&format!("Viewed {}", named("name").or_else(|| named("category")).unwrap_or(what)))
    }
}

fn event_name(name: &str) -> Result<String, Unfit> {
    let bad = |why: &str| Err(Unfit::new("BAD_EVENT_NAME", format!("{:?} {why}", start_of(name))));
    if name.len() > MAX_NAME {
        bad("is longer than 255 bytes")
    } else if name.chars().any(char::is_control) {
        bad("has control characters")
    } else if names::shaped_like_a_person(name) {
        bad("holds an address, a phone number or a query")
    } else {
        Ok(name.to_owned())
    }
}

/// An account's id: stands in the log and in indexes as it is.
fn account(json: Option<&Json>) -> Result<Option<String>, Unfit> {
    let id = id_text(json).map_err(|()| not_an_id("BAD_GROUP_ID", "groupId"))?;
    bounded_account(id)
}

fn bounded_account(id: Option<String>) -> Result<Option<String>, Unfit> {
    match id {
        Some(id) if id.len() > MAX_NAME || id.chars().any(char::is_control) => {
            Err(Unfit::new("BAD_GROUP_ID", "a groupId has at most 255 bytes and no control characters"))
        }
        other => Ok(other),
    }
}

/// Texts and numbers are ids; null and the empty text are none.
fn id_text(json: Option<&Json>) -> Result<Option<String>, ()> {
    match json {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(id)) => Ok(Some(id.clone()).filter(|id| !id.is_empty())),
        Some(Json::Number(id)) => Ok(Some(id.to_string())),
        Some(_) => Err(()),
    }
}

fn not_an_id(code: &'static str, name: &str) -> Unfit {
    Unfit::new(code, format!("{name} is neither a text nor a number"))
}

fn domain_of(email: &Value) -> Value {
    match email {
        Value::Text(text) => names::email_domain(text).map_or(Value::Null, Value::Text),
        _ => Value::Null,
    }
}

fn start_of(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
