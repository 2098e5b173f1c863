//! A problem as a compiler would show it: the place, the line, and a caret under it.

use std::fmt;

use super::Span;

/// Characters of a line.
const SHOWN: usize = 160;

#[derive(Debug)]
pub(crate) struct Problem {
    file: String,
    span: Span,
    line: String,
    message: String,
}

impl Problem {
    pub(crate) fn at(file: &str, text: &str, span: Span, message: String) -> Self {
        let line = text.lines().nth(span.line.saturating_sub(1)).unwrap_or_default().to_owned();
        Self { file: file.to_owned(), span, line, message }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Span { line: number, column, length } = self.span;
        writeln!(f, "{}:{number}:{}: {}", self.file, column + 1, self.message)?;
        // Of a very long line what stands around the place.
        let from = if self.line.chars().count() > SHOWN { column.saturating_sub(SHOWN / 2) } else { 0 };
        let line: String = self.line.chars().skip(from).take(SHOWN).collect();
        let (column, before) = (column - from, if from > 0 { "... " } else { "" });
        let room = line.chars().count().saturating_sub(column).max(1);
        writeln!(f, "{number:5} | {before}{line}")?;
        write!(f, "      | {}{}", " ".repeat(before.len() + column), "^".repeat(length.clamp(1, room)))
    }
}

impl std::error::Error for Problem {}
