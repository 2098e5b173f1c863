//! A call in Segment's form.

use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// What somebody did, or what is said of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub kind: Kind,
    /// The same in every generation of the same company.
    pub message_id: String,
    /// Absent in what is said of an account alone.
    pub user: Option<Arc<str>>,
    pub account: Arc<str>,
    /// Milliseconds since 1970.
    pub at: i64,
    /// Properties of an event, traits of the others.
    pub said: Vec<(&'static str, Said)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Track(&'static str),
    /// Traits of a contact.
    Identify,
    /// Traits of an account.
    Group,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    Number(i64),
    Truth(bool),
    Word(&'static str),
    Text(String),
    Words(Vec<&'static str>),
}

impl Call {
    /// The event's name, if it is one.
    #[must_use]
    pub fn event(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Track(event) => Some(event),
            Kind::Identify | Kind::Group => None,
        }
    }

    /// What is said of a name.
    #[must_use]
    pub fn said(&self, name: &str) -> Option<&Said> {
        self.said.iter().find(|(said, _)| *said == name).map(|(_, what)| what)
    }

    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.said(name) {
            Some(Said::Number(number)) => Some(*number),
            _ => None,
        }
    }
}

impl Serialize for Call {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let kind = match self.kind {
            Kind::Track(_) => "track",
            Kind::Identify => "identify",
            Kind::Group => "group",
        };
        map.serialize_entry("type", kind)?;
        if let Some(event) = self.event() {
            map.serialize_entry("event", event)?;
        }
        map.serialize_entry("messageId", &self.message_id)?;
        if let Some(user) = &self.user {
            map.serialize_entry("userId", &**user)?;
        }
        if self.kind == Kind::Group {
            map.serialize_entry("groupId", &*self.account)?;
        }
        map.serialize_entry("context", &Context(&self.account))?;
        map.serialize_entry("timestamp", &Instant(self.at))?;
        let name = if self.event().is_some() { "properties" } else { "traits" };
        map.serialize_entry(name, &All(&self.said))?;
        map.end()
    }
}

struct Context<'a>(&'a str);

impl Serialize for Context<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("groupId", self.0)?;
        map.end()
    }
}

struct Instant(i64);

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at = jiff::Timestamp::from_millisecond(self.0).map_err(serde::ser::Error::custom)?;
        serializer.collect_str(&format_args!("{at:.3}"))
    }
}

/// Names may have one dot: what stands before it is an object.
struct All<'a>(&'a [(&'static str, Said)]);

impl Serialize for All<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, said) in self.0 {
            match name.split_once('.') {
                None => map.serialize_entry(name, said)?,
                Some((object, name)) => map.serialize_entry(object, &Inner(name, said))?,
            }
        }
        map.end()
    }
}

struct Inner<'a>(&'a str, &'a Said);

impl Serialize for Inner<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, self.1)?;
        map.end()
    }
}

impl Serialize for Said {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Truth(truth) => serializer.serialize_bool(*truth),
            Self::Word(word) => serializer.serialize_str(word),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Words(words) => {
                let mut list = serializer.serialize_seq(Some(words.len()))?;
                for word in words {
                    list.serialize_element(word)?;
                }
                list.end()
            }
        }
    }
}

impl From<i64> for Said {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Said {
    fn from(truth: bool) -> Self {
        Self::Truth(truth)
    }
}

impl From<&'static str> for Said {
    fn from(word: &'static str) -> Self {
        Self::Word(word)
    }
}

impl From<String> for Said {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

#[cfg(test)]
mod tests {
    use super::{Call, Kind, Said};

    fn call(kind: Kind, user: Option<&str>, said: Vec<(&'static str, Said)>) -> Call {
        let message_id = "m".to_owned();
        Call { kind, message_id, user: user.map(Into::into), account: "acme".into(), at: 1_000, said }
    }

    fn check(call: &Call, expected: &str) {
        assert_eq!(serde_json::to_string(call).unwrap(), expected);
    }

    #[test]
    fn calls_are_segments() {
        check(
            &call(Kind::Track("Query Run"), Some("ada"), vec![("quantity", 2.into())]),
            r#"{"type":"track","event":"Query Run","messageId":"m","userId":"ada","context":{"groupId":"acme"},"timestamp":"1970-01-01T00:00:01.000Z","properties":{"quantity":2}}"#,
        );
        check(
            &call(
                Kind::Group,
                None,
                vec![("address.country", "DE".into()), ("goals", Said::Words(vec!["a"]))],
            ),
            r#"{"type":"group","messageId":"m","groupId":"acme","context":{"groupId":"acme"},"timestamp":"1970-01-01T00:00:01.000Z","traits":{"address":{"country":"DE"},"goals":["a"]}}"#,
        );
    }
}
