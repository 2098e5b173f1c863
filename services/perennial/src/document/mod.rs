//! A catalogue as people write it: YAML (or JSON, which is YAML), turned into JSON, with the place of everything kept
//! so that an error can point at it.
//!
//! Invariant: numbers keep the text they were written with; nothing goes through floating point.

mod parse;
mod path;
mod show;

use serde_json::{Map, Value};

use path::Part;
pub(crate) use show::Problem;

/// A place in the text: 1-based line, 0-based column, length in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) length: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    span: Span,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Scalar(Value),
    List(Vec<Node>),
    /// Keys with their places, in order.
    Map(Vec<(String, Span, Node)>),
}

/// A document with the text it was read from.
pub(crate) struct Document {
    file: String,
    text: String,
    root: Node,
}

impl Document {
    /// Reads a document; what is no YAML is shown with its place.
    pub(crate) fn parse(file: &str, text: String) -> Result<Self, Problem> {
        let root = parse::parse(&text).map_err(|(span, message)| Problem::at(file, &text, span, message))?;
        Ok(Self { file: file.to_owned(), text, root })
    }

    pub(crate) fn json(&self) -> Value {
        self.root.json()
    }

    /// What is wrong at a path such as `segments.slipping_away.when.all[1].measure`, with its line.
    pub(crate) fn problem(&self, path: &str, message: &str) -> Problem {
        // A wrong name is marked itself, anything else where its value stands.
        let part = if message.starts_with("unknown key") { Part::Key } else { Part::Value };
        Problem::at(&self.file, &self.text, path::find(&self.root, path, part), format!("{path}: {message}"))
    }
}

impl Node {
    fn json(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(Self::json).collect(),
            Content::Map(entries) => {
                let entries = entries.iter().map(|(key, _, value)| (key.clone(), value.json()));
                Value::Object(entries.collect::<Map<_, _>>())
            }
        }
    }
}
