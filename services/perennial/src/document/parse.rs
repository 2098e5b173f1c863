//! From YAML's events to nodes.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span as YamlSpan};
use serde_json::{Number, Value};

use super::{Content, Node, Span};

/// Deeper than any catalogue, and shallow enough for the stack.
const DEPTH: usize = 64;
/// What aliases may unfold to.
const NODES: usize = 200_000;

type Fault = (Span, String);

pub(super) fn parse(text: &str) -> Result<Node, Fault> {
    let mut reader = Reader { events: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0 };
    reader.document()
}

struct Reader<I> {
    events: I,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'a, I: Iterator<Item = Result<(Event<'a>, YamlSpan), ScanError>>> Reader<I> {
    fn document(&mut self) -> Result<Node, Fault> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
                Event::StreamEnd => return Err((place(&span), "the document is empty".to_owned())),
                event => {
                    let root = self.node(event, &span, 0)?;
                    self.end()?;
                    return Ok(root);
                }
            }
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        loop {
            match self.next()? {
                (Event::DocumentStart(_), span) => {
                    return Err((place(&span), "a second document begins".to_owned()));
                }
                (Event::StreamEnd, _) => return Ok(()),
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, YamlSpan), Fault> {
        match self.events.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let at = Span { line: error.marker().line(), column: error.marker().col(), length: 1 };
                Err((at, error.info().to_owned()))
            }
            None => Err((Span::default(), "the document ends too early".to_owned())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: &YamlSpan, depth: usize) -> Result<Node, Fault> {
        let at = place(span);
        self.nodes += 1;
        if depth > DEPTH || self.nodes > NODES {
            return Err((at, "the document is too deep or too large".to_owned()));
        }
        let (anchor, content) = match event {
            Event::Scalar(text, style, anchor, _) => (anchor, Content::Scalar(scalar(&text, style))),
            Event::SequenceStart(anchor, _) => (anchor, Content::List(self.list(depth)?)),
            Event::MappingStart(anchor, _) => (anchor, Content::Map(self.map(depth)?)),
            Event::Alias(anchor) => {
                let content = self.anchors.get(&anchor).map(|node| node.content.clone());
                let content =
                    content.ok_or_else(|| (at, "an alias of something that holds it".to_owned()))?;
                self.nodes += size(&content);
                (0, content)
            }
            event => return Err((at, format!("unexpected {event:?}"))),
        };
        let node = Node { span: at, content };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Fault> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, &span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(String, Span, Node)>, Fault> {
        let mut entries: Vec<(String, Span, Node)> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(entries),
                Event::Scalar(key, ..) => key.into_owned(),
                _ => return Err((place(&span), "a key must be a word".to_owned())),
            };
            if let Some((_, first, _)) = entries.iter().find(|(known, ..)| *known == key) {
                return Err((place(&span), format!("{key} stands here twice; first on line {}", first.line)));
            }
            let (event, value_span) = self.next()?;
            let value = self.node(event, &value_span, depth + 1)?;
            entries.push((key, place(&span), value));
        }
    }
}

/// A plain word means what JSON and YAML 1.2 say it means; a quoted one is text.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

/// JSON's numbers, with the text they were written with.
fn number(text: &str) -> Option<Number> {
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

fn size(content: &Content) -> usize {
    match content {
        Content::Scalar(_) => 1,
        Content::List(items) => 1 + items.iter().map(|node| size(&node.content)).sum::<usize>(),
        Content::Map(entries) => 1 + entries.iter().map(|(_, _, node)| size(&node.content)).sum::<usize>(),
    }
}

fn place(span: &YamlSpan) -> Span {
    let one_line = span.end.line() == span.start.line();
    let length = if one_line { span.end.index().saturating_sub(span.start.index()) } else { 1 };
    Span { line: span.start.line(), column: span.start.col(), length: length.max(1) }
}

#[cfg(test)]
mod tests {
    use crate::document::Document;

    fn check(yaml: &str, json: &str) {
        let document = Document::parse("x.yaml", yaml.to_owned()).map_err(|problem| problem.to_string());
        assert_eq!(document.unwrap().json().to_string(), json);
    }

    #[test]
    fn yaml_becomes_json() {
        check("a: 1\nb: [x, 'y', null, true]\n", r#"{"a":1,"b":["x","y",null,true]}"#);
        check("{\"a\": {\"b\": \"1\"}}", r#"{"a":{"b":"1"}}"#);
        check("a: &x {n: 1}\nb: *x\n", r#"{"a":{"n":1},"b":{"n":1}}"#);
    }

    #[test]
    fn numbers_keep_their_text() {
        check(
            "[0.10, 12345678901234567890.5, -3, 1.0.0, 007]",
            r#"[0.10,12345678901234567890.5,-3,"1.0.0","007"]"#,
        );
    }

    #[test]
    fn what_is_no_catalogue_is_refused_with_its_place() {
        let refused =
            |yaml: &str| Document::parse("x.yaml", yaml.to_owned()).err().map(|p| p.to_string()).unwrap();
        assert!(refused("a: 1\nb: [1\n").starts_with("x.yaml:"));
        assert!(refused("a: 1\na: 2\n").contains("x.yaml:2:1: a stands here twice; first on line 1"));
        assert!(refused(&"[".repeat(100)).contains("too deep"));
        assert!(refused("").contains("empty"));
    }
}
