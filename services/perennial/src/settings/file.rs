//! A file of settings: YAML, each setting by its name.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use domain::catalogue::suggestion;
use serde_json::Value;

use super::Setting;
use crate::document::Document;

/// What a file says, each setting's values as they would be typed.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pub(super) path: String,
    text: String,
    values: BTreeMap<String, Vec<String>>,
}

impl File {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&path.display().to_string(), text)
    }

    pub(super) fn parse(path: &str, text: String) -> Result<Self> {
        // A file in which everything is commented out says nothing, which is no mistake.
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(Self::default());
        }
        let document = Document::parse(path, text.clone())?;
        let entries = match document.json() {
            Value::Object(entries) => entries,
            _ => bail!(document.problem("", "settings are written NAME: VALUE")),
        };
        let mut values = BTreeMap::new();
        for (name, value) in entries {
            let typed = typed(&value)
                .ok_or_else(|| document.problem(&name, "a text, a number, or a list of them"))?;
            values.insert(name, typed);
        }
        Ok(Self { path: path.to_owned(), text, values })
    }

    pub(super) fn values(&self, name: &str) -> Option<Vec<String>> {
        self.values.get(name).cloned()
    }

    /// Refuses settings that there are not, and lists where there can be none.
    pub(super) fn check(&self, settings: &[Setting]) -> Result<()> {
        for (name, values) in &self.values {
            let message = match settings.iter().find(|setting| setting.name == *name) {
                Some(setting) if setting.is_list || values.len() == 1 => {
                    let Some(objection) = values.iter().find_map(|value| setting.objection(value)) else {
                        continue;
                    };
                    objection
                }
                Some(_) => "one value, and no list of them".to_owned(),
                None => {
                    let nearest = suggestion(name, settings.iter().map(|setting| setting.name.as_str()));
                    format!("unknown key: there is no such setting{nearest}")
                }
            };
            bail!(Document::parse(&self.path, self.text.clone())?.problem(name, &message));
        }
        Ok(())
    }
}

/// As it would be typed; `{a: b}` is `a=b`.
fn typed(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => items.iter().map(word).collect(),
        Value::Object(entries) => {
            entries.iter().map(|(name, value)| Some(format!("{name}={}", word(value)?))).collect()
        }
        value => Some(vec![word(value)?]),
    }
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::all;

    fn refused(text: &str) -> String {
        let file = File::parse("x.yaml", text.to_owned());
        file.and_then(|file| file.check(&all())).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_file_says_what_could_be_typed() {
        let text = "kafka-brokers: [a:9092, b:9092]\nkafka-inbox-partitions: 24\nkafka-set: {security.protocol: SSL}\n";
        let file = File::parse("x.yaml", text.to_owned()).unwrap();
        assert_eq!(file.values("kafka-brokers").unwrap(), ["a:9092", "b:9092"]);
        assert_eq!(file.values("kafka-inbox-partitions").unwrap(), ["24"]);
        assert_eq!(file.values("kafka-set").unwrap(), ["security.protocol=SSL"]);
        assert_eq!(refused(text), "");
        assert_eq!(refused("# kafka-brokers: a:9092\n\n"), "");
    }

    #[test]
    fn what_is_wrong_is_shown_where_it_stands() {
        let shown = refused("log: info\nkafka-broker: x\n");
        assert!(shown.starts_with("x.yaml:2:1: kafka-broker: unknown key"), "{shown}");
        assert!(shown.contains("did you mean `kafka-brokers`?"), "{shown}");
        assert!(refused("log: {a: {b: c}}").starts_with("x.yaml:1:1: log: a text"));
        assert!(refused("- log").contains("NAME: VALUE"));
        let shown = refused("log: info\nspool-mib: lots");
        assert!(shown.starts_with("x.yaml:2:12: spool-mib: invalid value 'lots'"), "{shown}");
        for (text, why) in [
            ("listen-http: 5", "invalid socket address"),
            ("allow-loopback-webhooks: maybe", "possible values: true, false"),
            ("log-format: xml", "possible values: pretty, json"),
            ("cloudevents-topic: 'orders=acme,billing'", "it must be TOPIC=WORKSPACE"),
        ] {
            assert!(refused(text).contains(why), "{}", refused(text));
        }
        assert_eq!(refused("allow-loopback-webhooks: true\nkafka-brokers: 'a:1,b:2'"), "");
        let shown = refused("kafka-inbox-partitions: [1, 2]");
        assert!(shown.starts_with("x.yaml:1:1: kafka-inbox-partitions: one value"), "{shown}");
    }
}
