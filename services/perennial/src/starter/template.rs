//! One template: what it is for, what it needs, its parameters, and the part of a catalogue that it is.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde::Deserialize;
use serde_json::{Number, Value};

use super::Settings;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Template {
    /// Which file it stands in.
    #[serde(skip)]
    pub(crate) kind: &'static str,
    pub(crate) title: String,
    pub(crate) purpose: String,
    /// What must be sent for it to say anything.
    pub(crate) needs: Vec<String>,
    /// Whether it is put in only by its name.
    #[serde(default)]
    pub(crate) on_request: bool,
    #[serde(default)]
    pub(crate) stands_on: Vec<String>,
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, Parameter>,
    /// Where a text is `${NAME}` and nothing else, the parameter's value comes in its place.
    catalogue: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameter {
    pub(crate) says: String,
    /// Without one it has to be set.
    pub(crate) default: Option<Value>,
    #[serde(default)]
    pub(crate) list: bool,
}

impl Template {
    pub(super) fn read(kind: &'static str, template: Value) -> Result<Self> {
        Ok(Self { kind, ..serde_json::from_value(template)? })
    }

    /// The part of the catalogue, parameters filled in: as they are set, or else by their defaults. One that has neither
    /// stays as it stands.
    pub(crate) fn filled(&self, settings: &Settings) -> Value {
        let value =
            |name: &str| settings.get(name).or_else(|| self.parameters.get(name)?.default.as_ref()).cloned();
        fill(&self.catalogue, &value)
    }

    /// A parameter that still stands in a part.
    pub(super) fn open_in(&self, part: &Value) -> Option<(&str, &Parameter)> {
        let text = part.to_string();
        let parameters = self.parameters.iter();
        let mut open = parameters.filter(|(name, _)| text.contains(&format!("\"${{{name}}}\"")));
        open.next().map(|(name, parameter)| (name.as_str(), parameter))
    }
}

fn fill(part: &Value, value: &impl Fn(&str) -> Option<Value>) -> Value {
    match part {
        Value::String(text) => {
            let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
            name.and_then(value).unwrap_or_else(|| part.clone())
        }
        Value::Array(items) => items.iter().map(|item| fill(item, value)).collect(),
        Value::Object(entries) => {
            Value::Object(entries.iter().map(|(key, part)| (key.clone(), fill(part, value))).collect())
        }
        _ => part.clone(),
    }
}

impl Parameter {
    pub(super) fn read(&self, written: &str) -> Result<Value> {
        if self.list {
            let items = written.split(',').map(str::trim).filter(|item| !item.is_empty());
            let items: Vec<Value> = items.map(Value::from).collect();
            if items.is_empty() {
                bail!("a list is empty: write A, B");
            }
            return Ok(Value::Array(items));
        }
        match (&self.default, serde_json::from_str::<Number>(written.trim())) {
            (Some(Value::Number(_)), Ok(number)) => Ok(Value::Number(number)),
            (Some(Value::Number(_)), Err(_)) => bail!("`{written}` is no number"),
            _ => Ok(Value::from(written)),
        }
    }

    /// As it would be set.
    pub(crate) fn usual(&self) -> String {
        match &self.default {
            None => String::new(),
            Some(Value::Array(items)) => {
                items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
            }
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        }
    }
}
