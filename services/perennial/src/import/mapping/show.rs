//! A mapping as people look it over: each column, what becomes of it, and an example.

use serde_json::Value;

use super::{Mapping, Origin, Source, Values};
use crate::import::table::Table;
use crate::import::value::{Decimal, Order, Type};
use crate::output;

/// Characters of an example.
const SHOWN: usize = 32;
const HEADERS: [&str; 5] = ["column", "becomes", "as", "for instance", "is sent as"];

pub(crate) fn table(mapping: &Mapping, table: &Table) -> String {
    let columns = table.header().iter().filter(|name| !name.is_empty());
    let mut rows: Vec<Vec<String>> = columns.map(|column| row(mapping, table, column)).collect();
    let slots = mapping.slots.iter().map(|(slot, source)| (slot.name(), source));
    let values = match &mapping.values {
        Values::Whole(_) => None,
        Values::Each(values) => Some(values),
    };
    for (name, source) in
        slots.chain(values.into_iter().flatten().map(|(name, source)| (name.as_str(), source)))
    {
        if let Origin::Always(text) = &source.origin {
            rows.push(vec![
                "(always)".to_owned(),
                name.to_owned(),
                source.kind.name().to_owned(),
                text.clone(),
                sent(source, &text.as_str().into()),
            ]);
        }
    }
    output::table(&HEADERS, &rows)
}

fn row(mapping: &Mapping, table: &Table, column: &str) -> Vec<String> {
    let found = table.column(column);
    let first =
        found.and_then(|found| table.sample().iter().find_map(|row| row.get(&found))).unwrap_or_default();
    let (becomes, kind, sent) = match mapping.becomes(column) {
        _ if mapping.values == Values::Whole(column.to_owned()) => {
            (format!("all {}", mapping.kind.values()), String::new(), "as it is".to_owned())
        }
        None => ("(left out)".to_owned(), String::new(), String::new()),
        Some((becomes, source)) => (becomes, with_options(source), sent(source, &first)),
    };
    vec![column.to_owned(), becomes, kind, shown(&first), sent]
}

/// `money, decimal comma`; a time says its zone, whichever it is.
fn with_options(source: &Source) -> String {
    let order =
        |order: Order| if order == Order::Ymd { String::new() } else { format!(", {}", order.name()) };
    let more = match &source.kind {
        Type::Number(Decimal::Comma) | Type::Money(Decimal::Comma, _) => ", decimal comma".to_owned(),
        Type::Date(it) => order(*it),
        Type::Time(it, zone) => format!("{}, {}", order(*it), zone.iana_name().unwrap_or("UTC")),
        Type::List(separator) => format!(" by {separator:?}"),
        _ => String::new(),
    };
    format!("{}{more}", source.kind.name())
}

fn sent(source: &Source, value: &Value) -> String {
    match source.kind.read(value, None) {
        Ok(Value::Null) => String::new(),
        Ok(value) => shown(&value),
        Err(why) => format!("refused: {why}"),
    }
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text = text.replace(char::is_control, " ");
    if text.chars().count() <= SHOWN { text } else { text.chars().take(SHOWN - 1).chain(['…']).collect() }
}
