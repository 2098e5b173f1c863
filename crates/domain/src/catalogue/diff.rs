//! What differs between two versions of a catalogue, and the one way to write one down.

use std::collections::BTreeSet;

use super::{CatalogueDoc, document::Json};

/// One definition that was added, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub kind: ChangeKind,
    /// `segment slipping_away`
    pub what: String,
    /// What changed within it: `when.all[1].at_least: 100 -> 200`. Of a changed one only.
    pub details: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    Added,
    Changed,
    Removed,
}

/// The document as JSON, keys in a fixed order, without what is not there.
pub fn canonical(doc: &CatalogueDoc) -> Json {
    // Structs of strings, numbers and JSON always have a JSON form.
    let mut json = serde_json::to_value(doc).unwrap_or_default();
    leave_out_absent(&mut json);
    json
}

fn leave_out_absent(json: &mut Json) {
    match json {
        Json::Object(fields) => {
            fields.retain(|_, value| !(value.is_null() || value.as_array().is_some_and(Vec::is_empty)));
            fields.values_mut().for_each(leave_out_absent);
        }
        Json::Array(items) => items.iter_mut().for_each(leave_out_absent),
        _ => {}
    }
}

/// By kind of definition, then by name.
pub fn diff(old: &CatalogueDoc, new: &CatalogueDoc) -> Vec<Change> {
    let (old, new) = (definitions(old), definitions(new));
    let changes = KINDS.iter().zip(old.iter().zip(&new)).flat_map(|((kind, _), (old, new))| {
        let names: BTreeSet<&str> = old.iter().chain(new).map(|(name, _)| name.as_str()).collect();
        let changed = |name: &str| change(kind, name, find(old, name), find(new, name));
        names.into_iter().filter_map(changed).collect::<Vec<_>>()
    });
    changes.collect()
}

type Definitions = Vec<(String, Json)>;

/// What a definition is called, and under which key of the document they stand.
const KINDS: [(&str, &str); 12] = [
    ("event set", "event_sets"),
    ("measure", "measures"),
    ("condition", "conditions"),
    ("scorecard", "scorecards"),
    ("segment", "segments"),
    ("ordered set", "ordered_sets"),
    ("endpoint", "endpoints"),
    ("working week", "working_week"),
    ("route", "routing"),
    ("outcomes of type", "outcomes"),
    ("playbook", "playbooks"),
    ("message", "messages"),
];

fn definitions(doc: &CatalogueDoc) -> Vec<Definitions> {
    let json = canonical(doc);
    let named = |key: &str| match &json[key] {
        Json::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        Json::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, item)| {
                (item["name"].as_str().map_or_else(|| (at + 1).to_string(), str::to_owned), item.clone())
            })
            .collect(),
        _ => Vec::new(),
    };
    KINDS.iter().map(|(_, key)| named(key)).collect()
}

fn find<'a>(definitions: &'a Definitions, name: &str) -> Option<&'a Json> {
    definitions.iter().find(|(known, _)| known == name).map(|(_, json)| json)
}

fn change(kind: &str, name: &str, old: Option<&Json>, new: Option<&Json>) -> Option<Change> {
    let what = format!("{kind} {name}");
    match (old, new) {
        (None, Some(_)) => Some(Change { kind: ChangeKind::Added, what, details: Vec::new() }),
        (Some(_), None) => Some(Change { kind: ChangeKind::Removed, what, details: Vec::new() }),
        (Some(old), Some(new)) if old != new => {
            let mut details = Vec::new();
            compare("", Some(old), Some(new), &mut details);
            Some(Change { kind: ChangeKind::Changed, what, details })
        }
        _ => None,
    }
}

fn compare(path: &str, old: Option<&Json>, new: Option<&Json>, details: &mut Vec<String>) {
    match (old, new) {
        (old, new) if old == new => {}
        (Some(Json::Object(old)), Some(Json::Object(new))) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(&path, old.get(key), new.get(key), details);
            }
        }
        (Some(Json::Array(old)), Some(Json::Array(new))) => {
            for at in 0..old.len().max(new.len()) {
                compare(&format!("{path}[{at}]"), old.get(at), new.get(at), details);
            }
        }
        (old, new) => {
            let text = |json: Option<&Json>| json.map_or("nothing".to_owned(), Json::to_string);
            details.push(format!("{path}: {} -> {}", text(old), text(new)));
        }
    }
}
