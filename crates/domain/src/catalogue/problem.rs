//! What is wrong with a catalogue, and where.

use std::fmt;

use super::document::Json;

/// One thing that is wrong. The path is that of the document: `segments.silent.when.all[1].measure`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub path: String,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// A place in the document, made into text only when something is wrong there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    Root,
    Key(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl<'a> Place<'a> {
    pub(super) fn key(&'a self, key: &'a str) -> Place<'a> {
        Place::Key(self, key)
    }

    pub(super) fn item(&'a self, index: usize) -> Place<'a> {
        Place::Item(self, index)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Self::Root, key) => f.write_str(key),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// Collects what is wrong; reading goes on after a problem, so that all of them are said at once.
#[derive(Debug, Default)]
pub(super) struct Problems(pub(super) Vec<Problem>);

impl Problems {
    pub(super) fn say(&mut self, place: &Place<'_>, message: impl Into<String>) {
        self.0.push(Problem { path: place.to_string(), message: message.into() });
    }

    /// Something is named that is not there.
    pub(super) fn unknown<'n>(
        &mut self,
        place: &Place<'_>,
        what: &str,
        name: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) {
        self.say(place, format!("no {what} named `{name}`{}", suggestion(name, known)));
    }

    /// A number that must lie within bounds.
    pub(super) fn within(&mut self, place: &Place<'_>, value: u32, least: u32, most: u32) {
        if value < least || value > most {
            self.say(place, format!("{value} is not from {least} to {most}"));
        }
    }
}

/// "; did you mean `x`?" if something known is near.
pub fn suggestion<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    let near = known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= (candidate.len().max(name.len()) / 3).max(1));
    near.map(|(_, candidate)| format!("; did you mean `{candidate}`?")).unwrap_or_default()
}

/// The first text, or key, with a character that no database keeps.
pub(super) fn nul(place: &Place<'_>, json: &Json) -> Option<Problem> {
    let bad = |place: &Place<'_>| Problem {
        path: place.to_string().replace('\0', "\\u0000"),
        message: "has the character U+0000, which cannot be kept".to_owned(),
    };
    match json {
        Json::String(text) => text.contains('\0').then(|| bad(place)),
        Json::Array(items) => items.iter().enumerate().find_map(|(at, item)| nul(&place.item(at), item)),
        Json::Object(fields) => fields.iter().find_map(|(key, value)| {
            let place = place.key(key);
            if key.contains('\0') { Some(bad(&place)) } else { nul(&place, value) }
        }),
        Json::Null | Json::Bool(_) | Json::Number(_) => None,
    }
}

/// An error of the document's shape, with the nearest known key or word.
pub(super) fn of_shape(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let message = error.inner().to_string();
    let path = error.path().to_string();
    let path = path.trim_end_matches(".?").trim_matches('.').to_owned();
    let mut quoted = message.split('`').skip(1).step_by(2);
    let name = quoted.next().unwrap_or_default();
    let what = if message.starts_with("unknown field") {
        "unknown key"
    } else if message.starts_with("unknown variant") {
        "unknown word"
    } else {
        return Problem { path, message: in_words(message) };
    };
    let known: Vec<_> = quoted.collect();
    let mut message = format!("{what} `{name}`{}", suggestion(name, known.iter().copied()));
    if !message.ends_with('?') {
        message.push_str(&format!("; known are {}", known.join(", ")));
    }
    Problem { path, message }
}

/// `invalid type: GOT, expected WANTED`, as people say it.
fn in_words(message: String) -> String {
    if message == "invalid number" {
        return "must be a whole number from 0".to_owned();
    }
    let both = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    let Some((got, wanted)) = both.and_then(|both| both.split_once(", expected ")) else { return message };
    let (kind, value) = got.split_once(' ').unwrap_or((got, ""));
    let value = value.trim_start_matches("point ").trim_matches('`');
    let got = match kind {
        "sequence" => "a list",
        "map" => "keys with values",
        "null" | "unit" => "nothing",
        _ if value.is_empty() => &format!("a {kind}"),
        _ => value,
    };
    let wanted = match wanted {
        "u32" => "a whole number from 0",
        "a sequence" => "a list",
        "a string" => "a text",
        "a boolean" => "true or false",
        "a map" => "keys with values",
        wanted if wanted.starts_with("struct ") => "keys with values",
        wanted => wanted,
    };
    format!("must be {wanted}, not {got}")
}
