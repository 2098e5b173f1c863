//! A mapping as people edit it.

use serde_json::{Map, Value, json};

use super::{Mapping, Origin, Source, Values};
use crate::import::value::{Decimal, Order, Type};
use crate::yaml::to_yaml;

impl Mapping {
    /// The whole of it: what two mappings are compared by.
    pub(crate) fn json(&self) -> Value {
        let mut json = Map::from_iter([("kind".to_owned(), self.kind.name().into())]);
        json.extend(self.slots.iter().map(|(slot, source)| (slot.name().to_owned(), source.json())));
        json.insert(self.kind.values().to_owned(), self.values.json());
        Value::Object(json)
    }

    /// In the order in which people think: whose row it is, when, and the rest.
    pub(crate) fn yaml(&self, file: &str, left_out: &[String]) -> anyhow::Result<String> {
        let mut text = format!(
            "# Which column of {file} becomes what: perennial import {0} FILE --mapping THIS.\n",
            self.kind.name()
        );
        text += HELP;
        text += &to_yaml(&json!({ "kind": self.kind.name() }))?;
        for slot in self.kind.slots() {
            text += &match self.slots.get(slot) {
                Some(source) => to_yaml(&json!({ slot.name(): source.json() }))?,
                None if self.kind.must_have(*slot) => format!("{}: # which column?\n", slot.name()),
                None => format!("# {}: no column\n", slot.name()),
            };
        }
        text += &match &self.values {
            Values::Each(values) if values.is_empty() => format!("{}: {{}}\n", self.kind.values()),
            values => to_yaml(&json!({ self.kind.values(): values.json() }))?,
        };
        for column in left_out {
            text += &format!("# left out: {}\n", column.replace(['\n', '\r'], " "));
        }
        Ok(text)
    }
}

const HELP: &str = "\
# NAME: COLUMN, or NAME: {column: COLUMN, as: TYPE}, or NAME: {always: TEXT}. Types:
#   text, truth; number and money (decimal: point or comma; digits: of the minor unit);
#   date and time (order: ymd, dmy or mdy; zone: Europe/Berlin); list (separator: \";\").
";

impl Values {
    fn json(&self) -> Value {
        match self {
            Self::Whole(column) => column.as_str().into(),
            Self::Each(values) => values
                .iter()
                .map(|(name, source)| (name.clone(), source.json()))
                .collect::<Map<_, _>>()
                .into(),
        }
    }
}

impl Source {
    /// A column of text is its name.
    fn json(&self) -> Value {
        match (&self.origin, &self.kind) {
            (Origin::Column(column), Type::Text) => column.as_str().into(),
            (origin, kind) => {
                let (key, text) = match origin {
                    Origin::Column(column) => ("column", column),
                    Origin::Always(text) => ("always", text),
                };
                let mut json = options(kind);
                json.insert(key.to_owned(), text.as_str().into());
                Value::Object(json)
            }
        }
    }
}

/// A type with what is not usual of it.
fn options(kind: &Type) -> Map<String, Value> {
    let mut json = Map::new();
    if *kind != Type::Text {
        json.insert("as".to_owned(), kind.name().into());
    }
    if let Type::Number(Decimal::Comma) | Type::Money(Decimal::Comma, _) = kind {
        json.insert("decimal".to_owned(), Decimal::Comma.name().into());
    }
    if let Type::Money(_, Some(digits)) = kind {
        json.insert("digits".to_owned(), (*digits).into());
    }
    if let Type::Date(order) | Type::Time(order, _) = kind
        && *order != Order::Ymd
    {
        json.insert("order".to_owned(), order.name().into());
    }
    if let Type::Time(_, zone) = kind
        && let Some(name) = zone.iana_name().filter(|name| *name != "UTC")
    {
        json.insert("zone".to_owned(), name.into());
    }
    if let Type::List(separator) = kind
        && separator != super::LIST
    {
        json.insert("separator".to_owned(), separator.as_str().into());
    }
    json
}
