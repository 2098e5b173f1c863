//! What templates may not use, so that what they take in time and room is bounded by their own length: nothing makes a text
//! of two others but writing them one behind the other, and what is written is counted.

/// What stands in a template that may not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub(crate) struct Unfit {
    line: usize,
    what: String,
}

const TAGS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];

/// Looks at what stands between braces; whether it can be read at all is not asked here.
pub(crate) fn check(source: &str) -> Result<(), Unfit> {
    let mut rest = source;
    while let Some(start) = rest.find("{{").into_iter().chain(rest.find("{%")).chain(rest.find("{#")).min() {
        let at = source.len() - rest.len() + start;
        let line = source[..at].matches('\n').count() + 1;
        let (opening, inner) = rest[start..].split_at(2);
        if opening == "{#" {
            rest = inner.split_once("#}").map_or("", |(_, rest)| rest);
            continue;
        }
        let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner);
        let closing = if opening == "{{" { "}}" } else { "%}" };
        let length = length(inner, closing);
        look(&inner[..length], opening == "{%").map_err(|what| Unfit { line, what })?;
        rest = inner.get(length + 2..).unwrap_or_default();
    }
    Ok(())
}

/// Up to what closes it, texts within skipped.
fn length(inner: &str, closing: &str) -> usize {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        match quote {
            None if inner[at..].starts_with(closing) => return at,
            None if c == '"' || c == '\'' => quote = Some(c),
            None => {}
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
        }
    }
    inner.len()
}

fn look(inner: &str, is_tag: bool) -> Result<(), String> {
    let code = without_texts(inner);
    let code = code.trim().trim_end_matches(['-', '+']);
    let mut words = code.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    if is_tag {
        let tag = words.next().unwrap_or_default();
        if !TAGS.contains(&tag) {
            return Err(format!("`{tag}` is none of {}", TAGS.join(", ")));
        }
    }
    if words.any(|word| word == "recursive") {
        return Err("`recursive` is not for templates".to_owned());
    }
    match code.find(['~', '+', '*']) {
        Some(at) => Err(format!("`{}` is not for templates: write one behind the other", &code[at..=at])),
        None => Ok(()),
    }
}

fn without_texts(inner: &str) -> String {
    let mut code = String::new();
    let mut quote = None;
    let mut escaped = false;
    for c in inner.chars() {
        match quote {
            None if c == '"' || c == '\'' => quote = Some(c),
            None => code.push(c),
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_grow_is_refused_with_its_line() {
        let refused = |source: &str, expected: &str| {
            assert_eq!(
                check(source).map_err(|unfit| unfit.to_string()),
                Err(expected.to_owned()),
                "{source}"
            );
        };
        refused("a\n{% set x = 1 %}", "line 2: `set` is none of if, elif, else, endif, for, endfor");
        refused("{%- macro m() %}", "line 1: `macro` is none of if, elif, else, endif, for, endfor");
        refused("{{ a ~ a }}", "line 1: `~` is not for templates: write one behind the other");
        refused("{{ 'x' * 9 }}", "line 1: `*` is not for templates: write one behind the other");
        refused("{{- [a] + [a] -}}", "line 1: `+` is not for templates: write one behind the other");
        refused("{% for a in b recursive %}", "line 1: `recursive` is not for templates");
        refused("{{ '}}' ~ a }}", "line 1: `~` is not for templates: write one behind the other");
        refused("{# a #}{{ b\n+ 1 }}", "line 1: `+` is not for templates: write one behind the other");
    }

    #[test]
    fn all_else_is_left_to_who_reads_it() {
        for source in [
            "",
            "a * b + c ~ d",
            "{{ 'a + b' }}",
            "{%- if a - 1 > 2 -%}x{%- endif -%}",
            "{# * #}",
            "{{",
            "{% if",
        ] {
            assert_eq!(check(source), Ok(()), "{source}");
        }
    }
}
