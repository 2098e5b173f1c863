//! The way to a place: `segments.slipping_away.when.all[1].measure`.

use super::{Content, Node, Span};

/// What of an entry is to be marked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Key,
    /// The value if it is a word, else its key.
    Value,
}

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// Where the path leads, or how far it leads.
pub(super) fn find(root: &Node, path: &str, part: Part) -> Span {
    let mut node = root;
    let mut span = root.span;
    for step in steps(path) {
        let next = match (&node.content, step) {
            (Content::Map(entries), Step::Key(name)) => {
                entries.iter().find(|(key, ..)| key == name).map(|(_, key, value)| (*key, value))
            }
            (Content::List(items), Step::Index(index)) => items.get(index).map(|item| (item.span, item)),
            _ => None,
        };
        let Some((key, value)) = next else { return span };
        span =
            if part == Part::Value && matches!(value.content, Content::Scalar(_)) { value.span } else { key };
        node = value;
    }
    span
}

fn steps(path: &str) -> impl Iterator<Item = Step<'_>> {
    path.split(['.', '[']).filter(|part| !part.is_empty()).map(|part| {
        let index = part.strip_suffix(']').and_then(|index| index.parse().ok());
        index.map_or(Step::Key(part), Step::Index)
    })
}

#[cfg(test)]
mod tests {
    use crate::document::Document;

    fn check(path: &str, shown: &str) {
        let yaml =
            "segments:\n  big:\n    when: {all: [{measure: orders, at_least: 3}, {measure: revenu}]}\n";
        let document =
            Document::parse("x.yaml", yaml.to_owned()).map_err(|problem| problem.to_string()).unwrap();
        assert!(
            document.problem(path, "no").to_string().starts_with(shown),
            "{}",
            document.problem(path, "no")
        );
    }

    #[test]
    fn a_path_leads_to_a_line_and_a_column() {
        check("segments.big.when.all[1].measure", "x.yaml:3:60: ");
        check("segments.big.when.all[0].at_least", "x.yaml:3:46: ");
        check("segments.big.when", "x.yaml:3:5: ");
    }

    #[test]
    fn an_unknown_key_is_marked_itself() {
        let yaml = "segments:\n  big: {titel: x}\n";
        let document =
            Document::parse("x.yaml", yaml.to_owned()).map_err(|problem| problem.to_string()).unwrap();
        let shown = document.problem("segments.big.titel", "unknown key `titel`").to_string();
        assert!(shown.starts_with("x.yaml:2:9: ") && shown.ends_with("^^^^^"), "{shown}");
    }

    #[test]
    fn a_path_into_nothing_points_at_what_should_hold_it() {
        check("segments.big.title", "x.yaml:2:3: ");
        check("scorecards[0]", "x.yaml:1:1: ");
    }
}
