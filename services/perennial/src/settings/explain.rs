//! `perennial config`: what is set, where, and what could be.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value};

use super::{COMMANDS, FILE, File, Setting, all, variable};
use crate::yaml::to_yaml;

/// Its values may have commas, and stand on lines of their own.
const KAFKA_SET: &str = "kafka-set";

#[derive(Args)]
pub(crate) struct Config {
    /// Say what every setting is for, how it is set, and where its value comes from.
    #[arg(long)]
    explain: bool,
    /// Those of one command.
    #[arg(value_parser = COMMANDS)]
    command: Option<String>,
    /// The file of settings.
    #[arg(long, value_name = "FILE", env = variable(FILE))]
    config: Option<PathBuf>,
}

/// Where a value comes from.
enum Origin {
    Environment,
    File,
    Usual,
}

impl Config {
    pub(crate) fn run(self) -> Result<()> {
        let mut settings = all();
        let file = self.config.as_deref().map(File::read).transpose()?.unwrap_or_default();
        file.check(&settings)?;
        let wanted =
            |setting: &Setting| self.command.as_deref().is_none_or(|command| setting.of.contains(&command));
        settings.retain(|setting| !setting.is_hidden && wanted(setting));
        let environment = |name: &str| std::env::var_os(name);
        if self.explain {
            let explained: Vec<String> =
                settings.iter().map(|setting| setting.explained(&file, environment)).collect();
            println!("{}", explained.join("\n"));
        } else {
            print!("{}", in_force(&settings, &file, environment)?);
        }
        Ok(())
    }
}

/// What is not as usual, as a file would say it.
fn in_force(
    settings: &[Setting],
    file: &File,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<String> {
    let mut set = Map::new();
    for setting in settings {
        match setting.value(file, &environment) {
            (_, Origin::Usual) => {}
            (value, _) => drop(set.insert(setting.name.clone(), Value::String(setting.shown(&value)))),
        }
    }
    if set.is_empty() {
        return Ok("# Everything is as usual; --explain says what that is.\n".to_owned());
    }
    to_yaml(&Value::Object(set))
}

impl Setting {
    fn value(&self, file: &File, environment: impl Fn(&str) -> Option<OsString>) -> (String, Origin) {
        if let Some(value) = environment(&variable(&self.name)) {
            return (value.to_string_lossy().into_owned(), Origin::Environment);
        }
        match file.values(&self.name) {
            Some(values) => (values.join(if self.name == KAFKA_SET { "\n" } else { "," }), Origin::File),
            None => (self.usual.clone(), Origin::Usual),
        }
    }

    fn explained(&self, file: &File, environment: impl Fn(&str) -> Option<OsString>) -> String {
        let (value, origin) = self.value(file, environment);
        let value = if value.is_empty() { "nothing".to_owned() } else { self.shown(&value) };
        let origin = match origin {
            Origin::Environment => ", from the environment".to_owned(),
            Origin::File => format!(", from {}", file.path),
            Origin::Usual => ", as usual".to_owned(),
        };
        format!(
            "{name}\n    {help}\n    --{name}, {variable}, or {name}: ... in a file\n    of {of}\n    is {value}{origin}\n",
            name = self.name,
            help = self.help,
            variable = variable(&self.name),
            of = self.of.join(", "),
        )
    }

    /// Without a password that it may hold.
    fn shown(&self, value: &str) -> String {
        if self.name == KAFKA_SET {
            return without_secrets(value);
        }
        let Some((scheme, rest)) = value.split_once("://") else { return value.to_owned() };
        let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
        let place = match place.rsplit_once('@') {
            Some((user, host)) if user.contains(':') => {
                format!("{}:***@{host}", user.split(':').next().unwrap_or_default())
            }
            _ => place.to_owned(),
        };
        let query = query.map(|query| format!("?{}", without_password(query))).unwrap_or_default();
        format!("{scheme}://{place}{query}")
    }
}

/// Settings of Kafka's client may be secrets: the names of those that have to do with it are enough.
fn without_secrets(settings: &str) -> String {
    let is_secret = |name: &str| name.starts_with("sasl.") || name.starts_with("ssl.");
    let pairs = settings.split('\n').filter(|pair| !pair.is_empty());
    let shown = pairs.map(|pair| match pair.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}=***"),
        _ => pair.to_owned(),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// A URL may say its password in the query as well.
fn without_password(query: &str) -> String {
    let shown = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if name.ends_with("password") => format!("{name}=***"),
        _ => pair.to_owned(),
    });
    shown.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(name: &str, value: Option<&str>) -> String {
        let settings = all();
        let setting = settings.iter().find(|setting| setting.name == name).unwrap();
        setting.explained(&File::default(), |_| value.map(OsString::from))
    }

    #[test]
    fn a_setting_says_how_it_is_set_and_where_its_value_is_from() {
        let usual = explained("kafka-inbox-partitions", None);
        assert!(usual.contains("--kafka-inbox-partitions, PERENNIAL_KAFKA_INBOX_PARTITIONS, or"), "{usual}");
        assert!(usual.contains("is 12, as usual"), "{usual}");
        assert!(explained("kafka-brokers", None).contains("is nothing, as usual"));
        assert!(explained("kafka-brokers", Some("a:1")).contains("is a:1, from the environment"));
    }

    #[test]
    fn no_password_is_shown() {
        for (name, value) in [
            ("database-url", "postgres://me:hush@host/db"),
            ("database-url", "postgres://me:hu@sh@host/db"),
            ("redis", "redis://:hush@host"),
            ("database-url", "postgres://host/db?user=me&password=hush"),
            ("kafka-set", "client.rack=me\nsasl.password=hush"),
            ("kafka-set", "sasl.password=a,hush"),
            ("kafka-set", "sasl.oauthbearer.token.endpoint.url=https://me\nsasl.password=hush"),
        ] {
            let shown = explained(name, Some(value));
            assert!(!shown.contains("hu") && shown.contains("***"), "{shown}");
        }
    }
}
