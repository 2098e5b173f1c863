//! The way to a place: `segments.slipping_away.when.all[1].measure`.

use super::{Content, Node, Span};

/// What of an entry is to be marked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Key,
    /// The value if it is a word, else its key.
    Value,
}

/// Where the path leads, or how far it leads. A key may hold dots itself (`address.country`).
pub(super) fn find(root: &Node, path: &str, part: Part) -> Span {
    let mut node = root;
    let mut span = root.span;
    let mut rest = path;
    while let Some((key, value, after)) = step(node, rest) {
        span =
            if part == Part::Value && matches!(value.content, Content::Scalar(_)) { value.span } else { key };
        (node, rest) = (value, after.trim_start_matches('.'));
    }
    span
}

/// What the path's first part names, the longest of several, with the place of its key; and the rest of the path.
fn step<'n, 'p>(node: &'n Node, path: &'p str) -> Option<(Span, &'n Node, &'p str)> {
    match &node.content {
        Content::Scalar(_) => None,
        Content::List(items) => {
            let (index, after) = path.strip_prefix('[')?.split_once(']')?;
            let item = items.get(index.parse::<usize>().ok()?)?;
            Some((item.span, item, after))
        }
        Content::Map(entries) => {
            let named = entries.iter().filter_map(|(key, span, value)| {
                let after = path.strip_prefix(key.as_str())?;
                (after.is_empty() || after.starts_with(['.', '['])).then_some((*span, value, after))
            });
            named.min_by_key(|(.., after)| after.len())
        }
    }
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

    #[test]
    fn a_key_with_a_dot_is_found_as_well() {
        let yaml = "traits:\n  address: City\n  address.country: {as: txt}\n";
        let document =
            Document::parse("x.yaml", yaml.to_owned()).map_err(|problem| problem.to_string()).unwrap();
        let shown = document.problem("traits.address.country.as", "no").to_string();
        assert!(shown.starts_with("x.yaml:3:25: "), "{shown}");
    }
}
