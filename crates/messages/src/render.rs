//! Templates into text.
//!
//! Undefined is strict: a name that nobody gave is a mistake of the template, and said when it is applied. What was asked
//! for and is not known is `none`, which is false, and written `unknown`.

use std::io;

use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};

use crate::{context::Told, sandbox, words};

/// Instructions that rendering takes at most.
const FUEL: u64 = 50_000;
/// Bytes of what is written.
const MOST: usize = 32 * 1024;
const UNKNOWN: &str = "unknown";

/// What a text is written for, which says how what is put into it is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    Html,
    Slack,
}

/// Why a template cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RenderError(String);

pub(crate) fn render(source: &str, told: &Told, form: Form) -> Result<String, RenderError> {
    sandbox::check(source).map_err(|unfit| RenderError(unfit.to_string()))?;
    let environment = environment(form);
    let template = environment.template_from_str(source).map_err(|error| in_words(&error))?;
    let mut written = Bounded(Vec::new());
    let rendered = template.render_captured_to(told.value(form), &mut written).map(drop);
    if written.0.len() > MOST {
        return Err(RenderError(format!("it writes more than {MOST} bytes")));
    }
    rendered.map_err(|error| in_words(&error))?;
    let text = String::from_utf8_lossy(&written.0);
    Ok(text.trim().to_owned())
}

fn environment(form: Form) -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_formatter(move |out, _state: &State<'_, '_>, value| put(out, value, form));
    environment.add_test("none", |value: &Value| value.is_none());
    words::add_to(&mut environment);
    environment
}

fn put(out: &mut Output<'_>, value: &Value, form: Form) -> Result<(), Error> {
    if value.is_none() {
        return out.write_str(UNKNOWN).map_err(Error::from);
    }
    let text = value.to_string();
    let text: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    let text = match form {
        _ if value.is_safe() => text,
        Form::Text => text,
        Form::Html => escape_html(&text),
        Form::Slack => escape_slack(&text),
    };
    out.write_str(&text).map_err(Error::from)
}

pub(crate) fn escape_html(text: &str) -> String {
    escape_slack(text).replace('"', "&quot;").replace('\'', "&#39;")
}

/// As Slack asks for it: these three, and no others.
fn escape_slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn in_words(error: &Error) -> RenderError {
    let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
    let what = match error.kind() {
        ErrorKind::OutOfFuel => "it takes too long".to_owned(),
        ErrorKind::UndefinedError => "it names something that is not there".to_owned(),
        kind => error.detail().map_or_else(|| kind.to_string(), str::to_owned),
    };
    let names = error.detail().filter(|_| error.kind() == ErrorKind::UndefinedError);
    RenderError(names.map_or_else(|| format!("{line}{what}"), |detail| format!("{line}{what}: {detail}")))
}

/// Takes what fits.
struct Bounded(Vec<u8>);

impl io::Write for &mut Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() > MOST {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
