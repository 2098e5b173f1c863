//! Whether a catalogue's templates can be rendered: each is tried out on an account of which everything is known, and on
//! one of which nothing is.

use domain::catalogue::{CatalogueDoc, Problem, document::MessageDoc};
use serde_json::{Map, Value as Json, json};

use crate::{
    Form,
    context::{Owner, People, Told},
    render::render,
};

/// What is wrong with the templates of a document, and where.
pub fn problems(doc: &CatalogueDoc) -> Vec<Problem> {
    doc.messages.iter().flat_map(|(name, message)| of_message(name, message)).collect()
}

fn of_message(name: &str, message: &MessageDoc) -> Vec<Problem> {
    let templates = [
        ("subject", message.subject.as_ref(), Form::Text),
        ("text", Some(&message.text), Form::Text),
        ("slack", message.slack.as_ref(), Form::Slack),
        ("html", message.html.as_ref(), Form::Html),
    ];
    let [all, nothing] = [full(message), bare(message)];
    let tried = templates.into_iter().filter_map(|(key, template, form)| {
        let template = template?;
        let fault = match render(template, &all, form) {
            Err(fault) => fault.to_string(),
            Ok(_) => format!("{} where nothing is known", render(template, &nothing, form).err()?),
        };
        Some(Problem { path: format!("messages.{name}.{key}"), message: fault })
    });
    tried.collect()
}

fn full(message: &MessageDoc) -> Told {
    let facts = &message.facts;
    let each = |names: &[String], value: &Json| -> Map<String, Json> {
        names.iter().map(|name| (name.clone(), value.clone())).collect()
    };
    let score = json!({"score": 71, "band": "green"});
    let contact = facts.contacts.as_ref().map(|asked| {
        json!({
            "contact": "00000000000000000000000000000001",
            "last_seen": "2026-03-01T12:00:00Z",
            "traits": each(&asked.traits, &Json::Null),
        })
    });
    let body = json!({
        "timestamp": "2026-03-04T12:00:00Z",
        "data": {
            "workspace": "w", "account": "a", "name": "n", "time_zone": "UTC", "playbook": "p", "title": "t",
            "step": "s",
            "trigger": {"segment": "s", "band": {"from": "green", "to": "red"}, "event": "e"},
            "reasons": [{"comparison": "c", "value": "1", "holds": true}],
            "health": {
                "score": 39, "band": "red", "scorecard": "main", "since": "2026-03-03T12:00:00Z",
                "before": score, "known_percent": 92,
                "drivers": [{"source": "m", "points": -11, "value": "12", "value_before": "31"}],
            },
            "action": {"type": "risk", "title": "t", "priority": 1, "owner": "o", "due": "2026-03-05"},
            "traits": each(&facts.traits, &Json::Null),
            "measures": each(&facts.measures, &json!("1")),
            "segments": each(&facts.segments, &json!(true)),
            "contacts": contact.into_iter().collect::<Vec<_>>(),
        },
    });
    Told::new(
        &body,
        &People { owner: Some(Owner { id: "o".into(), ..Owner::default() }), ..People::default() },
    )
}

fn bare(message: &MessageDoc) -> Told {
    let facts = &message.facts;
    let each = |names: &[String], value: &Json| -> Map<String, Json> {
        names.iter().map(|name| (name.clone(), value.clone())).collect()
    };
    let body = json!({
        "timestamp": "2026-03-04T12:00:00Z",
        "data": {
            "workspace": "w", "account": "a", "time_zone": "UTC", "playbook": "p", "title": "t", "step": "s",
            "trigger": {"event": "e"},
            "traits": each(&facts.traits, &Json::Null),
            "measures": each(&facts.measures, &Json::Null),
            "segments": each(&facts.segments, &json!(false)),
        },
    });
    Told::new(&body, &People::default())
}
