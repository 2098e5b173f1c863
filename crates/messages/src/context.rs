//! What a template can name: what the notification's body tells, and who the people in it are.

use std::collections::BTreeMap;

use minijinja::Value;
use serde_json::Value as Json;

use crate::render::Form;

/// Somebody of whom no name is known, or could be asked.
const SOMEBODY: &str = "a contact";

/// Whoever the account or its CTA belongs to, of the customer-success team.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// As accounts and CTAs have it.
    pub id: String,
    pub name: Option<String>,
    /// Of Slack: `U0123`.
    pub slack_member: Option<String>,
}

/// Who the people are of whom a notification knows pseudonyms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    pub owner: Option<Owner>,
    /// By their pseudonym, 32 hex digits.
    pub contacts: BTreeMap<String, String>,
}

/// What is told, ready for templates.
#[derive(Debug, Clone)]
pub struct Told {
    /// Where the owner is mentioned as Slack has it, ...
    slack: Value,
    /// ... and where by name.
    elsewhere: Value,
}

impl Told {
    /// From a notification's body.
    pub fn new(body: &Json, people: &People) -> Self {
        let data = &body["data"];
        let text = |key: &str| data[key].as_str().unwrap_or_default();
        let name = data["name"].as_str().filter(|name| !name.is_empty()).unwrap_or(text("account"));
        let part = |key: &str| of_json(&data[key]);
        let all = |owner: Value| -> Value {
            [
                ("timestamp", of_json(&body["timestamp"])),
                ("time_zone", part("time_zone")),
                ("workspace", part("workspace")),
                ("account", part("account")),
                ("name", Value::from(name)),
                ("playbook", part("playbook")),
                ("title", part("title")),
                ("step", part("step")),
                ("trigger", trigger(&data["trigger"])),
                ("reasons", list(&data["reasons"])),
                ("health", part("health")),
                ("cta", part("action")),
                ("owner", owner),
                ("traits", named(&data["traits"], of_json)),
                ("measures", named(&data["measures"], measured)),
                ("segments", named(&data["segments"], of_json)),
                ("contacts", contacts(&data["contacts"], people)),
            ]
            .into_iter()
            .collect()
        };
        let owner = |form| owner(people.owner.as_ref(), form);
        Self { slack: all(owner(Form::Slack)), elsewhere: all(owner(Form::Text)) }
    }

    pub(crate) fn value(&self, form: Form) -> &Value {
        if form == Form::Slack { &self.slack } else { &self.elsewhere }
    }
}

/// Every key of it is there.
fn trigger(json: &Json) -> Value {
    let event = of_json(&json["event"]);
    let band = if json["band"].is_object() { of_json(&json["band"]) } else { Value::from(()) };
    [("segment", of_json(&json["segment"])), ("band", band), ("event", event)].into_iter().collect()
}

fn owner(owner: Option<&Owner>, form: Form) -> Value {
    let Some(Owner { id, name, slack_member }) = owner else { return Value::from(()) };
    let shown = name.as_ref().unwrap_or(id);
    let member = slack_member.as_ref().filter(|_| form == Form::Slack);
    let member = member.filter(|member| member.chars().all(|c| c.is_ascii_alphanumeric()));
    let mention = match member {
        Some(member) => Value::from_safe_string(format!("<@{member}>")),
        None => Value::from(shown.as_str()),
    };
    [("id", Value::from(id.as_str())), ("name", Value::from(shown.as_str())), ("mention", mention)]
        .into_iter()
        .collect()
}

fn contacts(json: &Json, people: &People) -> Value {
    let one = |contact: &Json| {
        let known = contact["contact"].as_str().and_then(|id| people.contacts.get(id));
        let name = Value::from(known.map_or(SOMEBODY, String::as_str));
        [
            ("name", name),
            ("last_seen", of_json(&contact["last_seen"])),
            ("traits", named(&contact["traits"], of_json)),
        ]
        .into_iter()
        .collect::<Value>()
    };
    json.as_array().into_iter().flatten().map(one).collect()
}

fn list(json: &Json) -> Value {
    json.as_array().into_iter().flatten().map(of_json).collect()
}

fn named(json: &Json, of: impl Fn(&Json) -> Value) -> Value {
    json.as_object().into_iter().flatten().map(|(name, json)| (name.as_str(), of(json))).collect()
}

/// A measure, which is told in words: a number if it is one.
fn measured(json: &Json) -> Value {
    json.as_str().and_then(number).unwrap_or_else(|| of_json(json))
}

fn of_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(truth) => Value::from(*truth),
        Json::Number(digits) => number(&digits.to_string()).unwrap_or_default(),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(_) => list(json),
        Json::Object(_) => named(json, of_json),
    }
}

fn number(text: &str) -> Option<Value> {
    let whole = text.parse::<i64>().map(Value::from).ok();
    whole.or_else(|| text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from))
}
