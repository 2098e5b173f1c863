//! Endpoints, and the messages that go there. Whether a template can be read is not asked here: whoever renders it tells
//! when a catalogue is applied, so that no fold depends on the templates' language.

use super::{Compiler, conditions::NODES_MOST};
use crate::{
    catalogue::{
        document::{ContactsDoc, EndpointDoc, FactsDoc, MessageDoc, NotifyDoc},
        messages::{Address, AskedContacts, Asks, Endpoint, Message, Texts},
        playbooks::Action,
        problem::Place,
    },
    measure::MeasureIx,
};

/// Of each kind of fact that a message asks for.
const FACTS_MOST: usize = 20;
const CONTACTS_MOST: u32 = 10;
/// Bytes.
const TEMPLATE_MOST: usize = 16 * 1024;

impl<'d> Compiler<'d> {
    pub(super) fn all_endpoints(&mut self) -> Vec<Endpoint> {
        let endpoints = Place::Root.key("endpoints");
        let doc = self.doc;
        let read = doc.endpoints.iter().filter_map(|(name, doc)| {
            let address = self.address(&endpoints.key(name), doc)?;
            Some(Endpoint { name: name.clone(), address })
        });
        read.collect()
    }

    fn address(&mut self, place: &Place<'_>, doc: &EndpointDoc) -> Option<Address> {
        match (&doc.url, doc.slack, doc.email) {
            (Some(url), None, None) => {
                if !is_web_address(url) {
                    self.problems.say(&place.key("url"), format!("`{url}` is no http or https address"));
                }
                Some(Address::Web { url: url.clone() })
            }
            (None, Some(_), None) => Some(Address::Slack),
            (None, None, Some(_)) => Some(Address::Email),
            _ => {
                self.problems.say(place, "an endpoint is exactly one of url, slack, email");
                None
            }
        }
    }

    pub(super) fn all_messages(&mut self) -> Vec<Message> {
        let messages = Place::Root.key("messages");
        let doc = self.doc;
        let read = doc.messages.iter().filter_map(|(name, doc)| {
            let place = messages.key(name);
            self.kept_by(&place, doc.purpose.as_deref(), None, None);
            let texts = self.texts(&place, doc);
            let asks = self.asks(&place.key("facts"), &doc.facts)?;
            Some(Message { name: name.clone(), asks, texts })
        });
        read.collect()
    }

    fn texts(&mut self, place: &Place<'_>, doc: &MessageDoc) -> Texts {
        let templates = [
            ("subject", doc.subject.as_ref()),
            ("text", Some(&doc.text)),
            ("slack", doc.slack.as_ref()),
            ("html", doc.html.as_ref()),
        ];
        for (key, template) in templates {
            let Some(template) = template else { continue };
            if template.trim().is_empty() {
                self.problems.say(&place.key(key), "must not be empty");
            } else if template.len() > TEMPLATE_MOST {
                self.problems.say(&place.key(key), format!("is longer than {TEMPLATE_MOST} bytes"));
            }
        }
        let MessageDoc { subject, text, slack, html, .. } = doc.clone();
        Texts { subject, text, slack, html }
    }

    fn asks(&mut self, place: &Place<'_>, doc: &'d FactsDoc) -> Option<Asks> {
        for (key, names) in
            [("traits", &doc.traits), ("measures", &doc.measures), ("segments", &doc.segments)]
        {
            self.few(&place.key(key), names);
        }
        doc.traits.iter().enumerate().for_each(|(at, name)| self.text(&place.key("traits").item(at), name));
        let measures = self.asked_measures(&place.key("measures"), &doc.measures);
        for (at, segment) in doc.segments.iter().enumerate() {
            self.known_segment(&place.key("segments").item(at), segment);
        }
        let contacts = doc.contacts.as_ref().map(|doc| self.asked_contacts(&place.key("contacts"), doc));
        let contacts = match contacts {
            None => None,
            Some(contacts) => Some(contacts?),
        };
        Some(Asks {
            traits: doc.traits.clone(),
            measures: measures?,
            segments: doc.segments.clone(),
            contacts,
        })
    }

    fn asked_measures(&mut self, place: &Place<'_>, names: &[String]) -> Option<Vec<(String, MeasureIx)>> {
        let found: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(at, name)| Some((name.clone(), self.measure(&place.item(at), name)?)))
            .collect();
        found.into_iter().collect()
    }

    fn asked_contacts(&mut self, place: &Place<'_>, doc: &'d ContactsDoc) -> Option<AskedContacts> {
        self.problems.within(&place.key("most"), doc.most, 1, CONTACTS_MOST);
        self.few(&place.key("traits"), &doc.traits);
        doc.traits.iter().enumerate().for_each(|(at, name)| self.text(&place.key("traits").item(at), name));
        let mut nodes = 0;
        let condition = self.contact_condition(&place.key("where"), &doc.where_, &mut nodes)?;
        if nodes > NODES_MOST {
            self.problems.say(&place.key("where"), format!("{nodes} nodes are more than {NODES_MOST}"));
        }
        Some(AskedContacts {
            condition,
            most: usize::try_from(doc.most).unwrap_or_default(),
            traits: doc.traits.clone(),
        })
    }

    fn few(&mut self, place: &Place<'_>, names: &[String]) {
        if names.len() > FACTS_MOST {
            self.problems.say(place, format!("{} are more than {FACTS_MOST}", names.len()));
        }
        for (at, name) in names.iter().enumerate() {
            if names[..at].contains(name) {
                self.problems.say(&place.item(at), format!("`{name}` stands there already"));
            }
        }
    }

    pub(super) fn notify(&mut self, place: &Place<'_>, doc: &NotifyDoc) -> Action {
        let endpoints = &self.doc.endpoints;
        match endpoints.get(&doc.endpoint) {
            None => {
                let known = endpoints.keys().map(String::as_str);
                self.problems.unknown(&place.key("endpoint"), "endpoint", &doc.endpoint, known);
            }
            Some(endpoint) if doc.to.is_some() && endpoint.email.is_none() => {
                self.problems.say(&place.key("to"), format!("`{}` is no endpoint of e-mail", doc.endpoint));
            }
            Some(_) => {}
        }
        let messages = &self.doc.messages;
        if let Some(message) = doc.message.as_ref().filter(|message| !messages.contains_key(*message)) {
            let known = messages.keys().map(String::as_str);
            self.problems.unknown(&place.key("message"), "message", message, known);
        }
        Action::Notify { endpoint: doc.endpoint.clone(), message: doc.message.clone() }
    }
}

/// Whether it is plainly an address of the web: which hosts may be called is for the sender to decide.
fn is_web_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty() && !url.contains(char::is_whitespace)
    })
}
