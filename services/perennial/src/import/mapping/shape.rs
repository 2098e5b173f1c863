//! Of which type a column is, by what stands in its first rows.

use jiff::tz::TimeZone;
use serde_json::Value;

use super::LIST;
use crate::import::value::{Decimal, Order, Type, text};

/// What is known of a trait by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    Text,
    Number,
    Money,
    Truth,
    Date,
    List,
}

/// What fits most of the values; a hint that none fits says nothing.
pub(super) fn kind(hint: Option<Hint>, values: &[Value]) -> Type {
    let hinted = hint.map(|hint| best(&of_hint(hint, values), values));
    match hinted {
        Some((kind, fitting)) if fitting > 0 || values.is_empty() => kind,
        _ => guessed(values),
    }
}

/// The ways in which values of a hint may be written, of equal ones the usual first.
fn of_hint(hint: Hint, values: &[Value]) -> Vec<Type> {
    match hint {
        Hint::Text => vec![Type::Text],
        Hint::Number => Decimal::ALL.map(Type::Number).into(),
        Hint::Money => Decimal::ALL.map(|decimal| Type::Money(decimal, None)).into(),
        Hint::Truth => vec![Type::Truth],
        Hint::Date => orders(values).map(Type::Date).into(),
        Hint::List => vec![Type::List(separator(values))],
    }
}

fn best(kinds: &[Type], values: &[Value]) -> (Type, usize) {
    let fitting = |kind: &Type| values.iter().filter(|value| kind.read(value, None).is_ok()).count();
    // Of equal ones the last is the greatest: they are looked at backwards.
    let best = kinds.iter().rev().map(|kind| (fitting(kind), kind)).max_by_key(|(fitting, _)| *fitting);
    best.map_or((Type::Text, 0), |(fitting, kind)| (kind.clone(), fitting))
}

/// Of a column that nobody knows: only what all values are.
fn guessed(values: &[Value]) -> Type {
    let all = |holds: &dyn Fn(&Value) -> bool| !values.is_empty() && values.iter().all(holds);
    if all(&Value::is_array) {
        return Type::List(LIST.to_owned());
    }
    if all(&is_yes_or_no) {
        return Type::Truth;
    }
    let candidates = if all(&is_plain_number) {
        of_hint(Hint::Number, values)
    } else if all(&has_currency) {
        of_hint(Hint::Money, values)
    } else if all(&has_time) {
        orders(values).map(|order| Type::Time(order, TimeZone::UTC)).into()
    } else if all(&has_digit) {
        of_hint(Hint::Date, values)
    } else {
        Vec::new()
    };
    match best(&candidates, values) {
        (kind, fitting) if fitting == values.len() => kind,
        _ => Type::Text,
    }
}

/// Where nothing tells day from month, dots stand between day, month and year, and slashes between month, day and year.
pub(super) fn orders(values: &[Value]) -> [Order; 3] {
    let dotted = values.iter().any(|value| value.as_str().is_some_and(|text| text.contains('.')));
    if dotted { [Order::Ymd, Order::Dmy, Order::Mdy] } else { [Order::Ymd, Order::Mdy, Order::Dmy] }
}

/// Whether the values are the same dates with day and month changed.
pub(super) fn is_either_way(kind: &Type, values: &[Value]) -> bool {
    let other = |order: Order| match order {
        Order::Ymd => Order::Ymd,
        Order::Dmy => Order::Mdy,
        Order::Mdy => Order::Dmy,
    };
    let changed = match kind {
        Type::Date(order) => Type::Date(other(*order)),
        Type::Time(order, zone) => Type::Time(other(*order), zone.clone()),
        _ => return false,
    };
    changed != *kind
        && !values.is_empty()
        && values.iter().all(|value| changed.read(value, None).is_ok())
        && values.iter().any(|value| changed.read(value, None) != kind.read(value, None))
}

fn separator(values: &[Value]) -> String {
    let count = |separator: char| {
        values.iter().filter_map(Value::as_str).map(|text| text.matches(separator).count()).sum::<usize>()
    };
    let most = [',', '|', ';'].into_iter().max_by_key(|separator| count(*separator));
    most.map_or_else(|| LIST.to_owned(), String::from)
}

fn is_yes_or_no(value: &Value) -> bool {
    let words = ["true", "false", "yes", "no"];
    value.is_boolean() || value.as_str().is_some_and(|text| words.contains(&text.to_lowercase().as_str()))
}

/// A number, and no id: those begin with zeros, or are long.
fn is_plain_number(value: &Value) -> bool {
    let Ok(text) = text(value) else { return false };
    let digits = text.trim_start_matches('-');
    let leading_zero =
        digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.") && !digits.starts_with("0,");
    value.is_number()
        || (!leading_zero
            && text.len() <= 15
            && text.chars().any(|c| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_digit() || ".,-".contains(c))
            && text.matches('-').count() == usize::from(text.starts_with('-')))
}

fn has_currency(value: &Value) -> bool {
    let sign = |text: &str| {
        text.contains(['€', '$', '£', '¥'])
            || ["EUR", "USD", "GBP", "CHF"].iter().any(|code| text.contains(code))
    };
    value.as_str().is_some_and(sign)
}

fn has_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains(':') && text.contains(|c: char| c.is_ascii_digit()))
}

fn has_digit(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains(|c: char| c.is_ascii_digit()))
}
