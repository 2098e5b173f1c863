//! What is written to people: templates of the catalogue, or the built-in ones, and what a notification tells.
//!
//! Invariants: no IO; what is written follows from what is told. A template takes bounded time and room whatever it says;
//! it was tried out when its catalogue was applied.

mod check;
mod context;
mod render;
mod sandbox;
mod words;

pub use check::problems;
pub use context::{Owner, People, Told};
pub use render::{Form, RenderError};

use domain::catalogue::messages::Texts;

/// Bytes of a subject; what is longer is cut off.
const SUBJECT_MOST: usize = 300;

/// An e-mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// One line.
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// What was written, and why it is not what the catalogue's message says, if it is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T> {
    pub what: T,
    pub fault: Option<RenderError>,
}

/// The text of a message in Slack. A message that cannot be rendered becomes the built-in one: who must hear of it hears
/// of it.
pub fn slack(texts: Option<&Texts>, told: &Told) -> Written<String> {
    let own = |texts: &Texts| match &texts.slack {
        Some(slack) => render::render(slack, told, Form::Slack),
        None => render::render(&texts.text, told, Form::Slack),
    };
    or_built_in(texts, own, || built_in(include_str!("built_in/slack.jinja"), told, Form::Slack))
}

/// An e-mail, likewise.
pub fn letter(texts: Option<&Texts>, told: &Told) -> Written<Letter> {
    let built_in_subject = || built_in(include_str!("built_in/subject.jinja"), told, Form::Text);
    let own = |texts: &Texts| {
        let subject = match &texts.subject {
            Some(subject) => render::render(subject, told, Form::Text)?,
            None => built_in_subject(),
        };
        let text = render::render(&texts.text, told, Form::Text)?;
        let html = match &texts.html {
            Some(html) => render::render(html, told, Form::Html)?,
            None => paragraphs(&text),
        };
        Ok(Letter { subject: line(&subject), text, html })
    };
    or_built_in(texts, own, || Letter {
        subject: line(&built_in_subject()),
        text: built_in(include_str!("built_in/text.jinja"), told, Form::Text),
        html: built_in(include_str!("built_in/html.jinja"), told, Form::Html),
    })
}

fn or_built_in<T>(
    texts: Option<&Texts>,
    own: impl FnOnce(&Texts) -> Result<T, RenderError>,
    built_in: impl FnOnce() -> T,
) -> Written<T> {
    match texts.map(own) {
        Some(Ok(what)) => Written { what, fault: None },
        Some(Err(fault)) => Written { what: built_in(), fault: Some(fault) },
        None => Written { what: built_in(), fault: None },
    }
}

/// The built-in templates ask for nothing that may not be there: a sentence tests it.
fn built_in(template: &str, told: &Told, form: Form) -> String {
    render::render(template, told, form).unwrap_or_else(|fault| fault.to_string())
}

/// A text as HTML: a paragraph a block of lines.
fn paragraphs(text: &str) -> String {
    let blocks = text.split("\n\n").map(str::trim).filter(|block| !block.is_empty());
    let paragraph = |block| format!("<p>{}</p>\n", render::escape_html(block).replace('\n', "<br>\n"));
    blocks.map(paragraph).collect()
}

fn line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line = words.join(" ");
    line.truncate(line.floor_char_boundary(SUBJECT_MOST));
    line
}
