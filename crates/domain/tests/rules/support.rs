//! Reading definitions, and saying facts.

use domain::{
    catalogue::{Catalogue, Clock, Problem, compile},
    fact::{Fact, FactKind, Usage},
    ids::{ContactId, FactId},
    time::Instant,
    value::Value,
};
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::Value as Json;

/// YAML as JSON: enough of it for definitions.
pub(crate) fn yaml(text: &str) -> Json {
    let mut events = Parser::new_from_str(text).map(|event| event.unwrap().0);
    let first = events.find(|e| !matches!(e, Event::StreamStart | Event::DocumentStart(_) | Event::Nothing));
    node(first.unwrap(), &mut events)
}

fn node<'a>(event: Event<'a>, events: &mut impl Iterator<Item = Event<'a>>) -> Json {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, ..) => {
            serde_json::from_str(&text).unwrap_or(Json::String(text.into_owned()))
        }
        Event::Scalar(text, ..) => Json::String(text.into_owned()),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match events.next().unwrap() {
                    Event::SequenceEnd => return items.into(),
                    event => items.push(node(event, events)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut entries = serde_json::Map::new();
            loop {
                match events.next().unwrap() {
                    Event::MappingEnd => return entries.into(),
                    Event::Scalar(key, ..) => {
                        let next = events.next().unwrap();
                        entries.insert(key.into_owned(), node(next, events));
                    }
                    other => panic!("{other:?} is no key"),
                }
            }
        }
        other => panic!("{other:?} is no value"),
    }
}

pub(crate) fn compiled(text: &str) -> Catalogue {
    compile(&yaml(text), "UTC", Clock::Log).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

pub(crate) fn problems(text: &str) -> Vec<Problem> {
    compile(&yaml(text), "UTC", Clock::Log).err().unwrap_or_default()
}

pub(crate) const CONTACT: ContactId = ContactId(1);

pub(crate) fn usage(id: u128, at: Instant, event: &str, properties: &[(&str, Value)]) -> Fact {
    let mut properties: Vec<_> =
        properties.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    properties.sort();
    let usage = Usage { contact: Some(CONTACT), event: event.to_owned(), properties, active: true };
    Fact { id: FactId(id), event_at: at, kind: FactKind::Usage(usage) }
}

pub(crate) fn traits(id: u128, at: Instant, name: &str, value: Value) -> Fact {
    Fact { id: FactId(id), event_at: at, kind: FactKind::AccountTraits(vec![(name.to_owned(), value)]) }
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(crate) fn number(text: &str) -> Value {
    Value::from_json(&serde_json::from_str(text).unwrap()).unwrap()
}
