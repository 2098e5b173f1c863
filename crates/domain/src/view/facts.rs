//! What a message asks for of an account, as it stands.

use std::cmp::Reverse;

use super::View;
use crate::{
    account::{Account, Contact},
    catalogue::{
        Catalogue,
        messages::{AskedContacts, Message},
    },
    condition::{Sight, cut},
    ids::ContactId,
    playbook::{Facts, SeenContact},
    time::Instant,
    value::Value,
};

/// Of a list.
const ITEMS_MOST: usize = 20;

impl View {
    /// What a message, or the built-in one, asks for, now.
    pub fn facts(&self, catalogue: &Catalogue, message: Option<&Message>, now: Instant) -> Facts {
        let sight = self.sight(catalogue, now);
        let account_text = |name: &str| {
            self.account.traits().value(name).and_then(Value::as_text).map(|text| cut(text.to_owned()))
        };
        let named = Facts { name: account_text("name"), owner: account_text("owner"), ..Facts::default() };
        let Some(Message { asks, .. }) = message else { return named };
        let value = |name: &String| (name.clone(), self.account.traits().value(name).map(short));
        let measure = |(name, ix): &(String, _)| (name.clone(), text_of(&sight, *ix));
        let is_in = |name: &String| (name.clone(), self.members.contains(name));
        Facts {
            traits: asks.traits.iter().map(value).collect(),
            measures: asks.measures.iter().map(measure).collect(),
            segments: asks.segments.iter().map(is_in).collect(),
            contacts: asks.contacts.as_ref().map(|asked| contacts(&self.account, asked, now)),
            ..named
        }
    }
}

fn text_of(sight: &Sight<'_>, measure: crate::measure::MeasureIx) -> Option<String> {
    Some(sight.measured(measure).text()).filter(|text| !text.is_empty())
}

fn contacts(account: &Account, asked: &AskedContacts, now: Instant) -> Vec<SeenContact> {
    let fitting = account.members().filter(|(_, contact)| asked.condition.truth(contact, now).holds());
    let mut fitting: Vec<(ContactId, &Contact)> = fitting.collect();
    fitting.sort_by_key(|(id, contact)| (Reverse(contact.last_seen()), *id));
    fitting.truncate(asked.most);
    let seen = |(contact, it): (ContactId, &Contact)| {
        let value = |name: &String| (name.clone(), it.traits().value(name).map(short));
        SeenContact { contact, last_seen: it.last_seen(), traits: asked.traits.iter().map(value).collect() }
    };
    fitting.into_iter().map(seen).collect()
}

/// A value that a record has room for, whatever was sent.
fn short(value: &Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(cut(text.clone())),
        Value::List(items) => Value::List(items.iter().take(ITEMS_MOST).map(short).collect()),
        Value::Null | Value::Bool(_) | Value::Decimal(_) => value.clone(),
    }
}
