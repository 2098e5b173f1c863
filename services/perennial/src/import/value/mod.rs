//! What a cell becomes: of which type it is, and how that is written in the file.
//!
//! Invariant: numbers and money never go through floating point, and what cannot be read is refused and not guessed.

mod number;
mod when;

use jiff::tz::TimeZone;
use serde_json::{Number, Value};

pub(crate) use number::{Decimal, digits_of};
pub(crate) use when::{Order, day, instant};

/// How a column's values are read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    Text,
    Number(Decimal),
    /// Yes or no.
    Truth,
    /// A day of the calendar.
    Date(Order),
    /// An instant; where no offset stands by it, in this time zone.
    Time(Order, TimeZone),
    /// In whole units in the file, in minor ones (cents) in the call. So many digits after the decimal point; if it is
    /// not said, as many as the row's currency has.
    Money(Decimal, Option<u8>),
    /// Several texts, separated so.
    List(String),
}

impl Type {
    pub(crate) const NAMES: [&'static str; 7] = ["text", "number", "truth", "date", "time", "money", "list"];

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number(_) => "number",
            Self::Truth => "truth",
            Self::Date(_) => "date",
            Self::Time(..) => "time",
            Self::Money(..) => "money",
            Self::List(_) => "list",
        }
    }

    /// Reads a value of the file; `currency` is the row's. Null stays null.
    pub(crate) fn read(&self, value: &Value, currency: Option<&str>) -> Result<Value, String> {
        match (self, value) {
            (_, Value::Null) | (Self::Truth, Value::Bool(_)) | (Self::Number(_), Value::Number(_)) => {
                Ok(value.clone())
            }
            // Whatever texts are written with, JSON's numbers have a point.
            (Self::Money(_, digits), Value::Number(number)) => {
                Self::Money(Decimal::Point, *digits).read_text(&number.to_string(), currency)
            }
            (Self::List(_), Value::Array(items)) => {
                items.iter().map(text).collect::<Result<Vec<_>, _>>().map(Value::from)
            }
            _ => self.read_text(&text(value)?, currency),
        }
    }

    fn read_text(&self, text: &str, currency: Option<&str>) -> Result<Value, String> {
        match self {
            Self::Text => Ok(text.into()),
            Self::Number(decimal) => Ok(Value::Number(json(&decimal.number(text)?)?)),
            Self::Truth => truth(text).map(Value::Bool),
            Self::Date(order) => day(text, *order).map(|day| day.to_string().into()),
            Self::Time(order, zone) => instant(text, *order, zone).map(|at| at.to_string().into()),
            Self::Money(decimal, digits) => {
                let digits = digits.unwrap_or_else(|| currency.map_or(2, digits_of));
                Ok(Value::Number(json(&decimal.minor(text, digits)?)?))
            }
            Self::List(separator) => {
                let items = text.split(separator.as_str()).map(str::trim).filter(|item| !item.is_empty());
                Ok(items.collect::<Vec<_>>().into())
            }
        }
    }
}

/// A value as it would stand in a cell.
pub(crate) fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.trim().to_owned()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::Null => Ok(String::new()),
        Value::Array(_) => Err("a list stands where one value is expected".to_owned()),
        Value::Object(_) => Err("an object stands where one value is expected".to_owned()),
    }
}

/// With the text as it is.
fn json(number: &str) -> Result<Number, String> {
    number.parse().map_err(|_| format!("{number:?} is no number"))
}

fn truth(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "y" | "1" | "on" | "x" => Ok(true),
        "false" | "no" | "n" | "0" | "off" => Ok(false),
        _ => Err(format!("{text:?} is neither yes nor no (true/false, yes/no, y/n, 1/0, on/off, x)")),
    }
}

#[cfg(test)]
mod tests;
