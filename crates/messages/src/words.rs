//! Filters: values as people say them. What is unknown stays so.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use minijinja::{Environment, Error, ErrorKind, State, Value};

/// Bytes of what a filter makes.
const MOST: usize = 16 * 1024;

pub(crate) fn add_to(environment: &mut Environment<'_>) {
    environment.add_filter("money", money);
    environment.add_filter("day", |state: &State<'_, '_>, value: &Value| known(value, |it| day(state, it)));
    environment.add_filter("ago", |state: &State<'_, '_>, value: &Value| known(value, |it| ago(state, it)));
    environment.add_filter("signed", |value: &Value| known(value, signed));
    environment.add_filter("number", |value: &Value| known(value, number));
    environment.add_filter("label", |value: &Value| known(value, label));
    environment.add_filter("count", counted);
    environment.add_filter("join", join);
    environment.add_filter(
        "default",
        |value: &Value, other: &Value| {
            if value.is_none() { other.clone() } else { value.clone() }
        },
    );
    environment.add_filter("length", |value: &Value| value.len());
    environment.add_filter("upper", |text: &str| text.to_uppercase());
    environment.add_filter("lower", |text: &str| text.to_lowercase());
}

fn known(value: &Value, say: impl FnOnce(&Value) -> Result<String, Error>) -> Result<Value, Error> {
    if value.is_none() { Ok(value.clone()) } else { say(value).map(Value::from) }
}

fn unfit(what: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

fn float(value: &Value) -> Result<f64, Error> {
    f64::try_from(value.clone()).map_err(|_| unfit(format!("`{value}` is no number")))
}

/// An amount in hundredths (or in what has none): `$84k`.
fn money(minor: &Value, currency: &Value) -> Result<Value, Error> {
    if minor.is_none() {
        return Ok(minor.clone());
    }
    let currency = currency.as_str().unwrap_or_default().to_uppercase();
    let whole = if ["JPY", "KRW"].contains(&&*currency) { 1.0 } else { 100.0 };
    let amount = float(minor)? / whole;
    let sign = if amount < 0.0 { "-" } else { "" };
    let text = short(amount.abs());
    Ok(Value::from(match &*currency {
        "USD" => format!("{sign}${text}"),
        "EUR" => format!("{sign}€{text}"),
        "GBP" => format!("{sign}£{text}"),
        "" => format!("{sign}{text}"),
        other => format!("{sign}{text} {other}"),
    }))
}

fn short(amount: f64) -> String {
    let (amount, unit) = match amount {
        _ if amount >= 999_500.0 => (amount / 1_000_000.0, "M"),
        _ if amount >= 1_000.0 => (amount / 1_000.0, "k"),
        _ => (amount, ""),
    };
    let text =
        if amount >= 10.0 || unit.is_empty() { format!("{amount:.0}") } else { format!("{amount:.1}") };
    format!("{}{unit}", text.trim_end_matches(".0"))
}

fn date(state: &State<'_, '_>, value: &Value) -> Result<Date, Error> {
    let text = value.as_str().unwrap_or_default();
    if text.len() == 10 {
        return text.parse().map_err(|_| unfit(format!("`{value}` is no day")));
    }
    let at: Timestamp = text.parse().map_err(|_| unfit(format!("`{value}` is no day and no instant")))?;
    Ok(zone(state).to_datetime(at).date())
}

fn zone(state: &State<'_, '_>) -> TimeZone {
    let name = state.lookup("time_zone");
    let name = name.as_ref().and_then(|name| name.as_str());
    name.and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC)
}

fn today(state: &State<'_, '_>) -> Result<Date, Error> {
    date(state, &state.lookup("timestamp").unwrap_or_default())
}

/// `3 March`, with its year if that is another than the present one.
fn day(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    let (date, today) = (date(state, value)?, today(state)?);
    Ok(date.strftime(if date.year() == today.year() { "%-d %B" } else { "%-d %B %Y" }).to_string())
}

/// `29 days ago`, `in 41 days`.
fn ago(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    let days = (today(state)? - date(state, value)?).get_days();
    Ok(match days {
        0 => "today".to_owned(),
        1 => "yesterday".to_owned(),
        -1 => "tomorrow".to_owned(),
        2.. => format!("{days} days ago"),
        _ => format!("in {} days", -days),
    })
}

/// `+3`, `-11.2`.
fn signed(value: &Value) -> Result<String, Error> {
    let text = format!("{:+.1}", float(value)?);
    Ok(text.strip_suffix(".0").unwrap_or(&text).to_owned())
}

/// `12,400`.
fn number(value: &Value) -> Result<String, Error> {
    let text = format!("{:.2}", float(value)?);
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let rest = rest.trim_end_matches('0');
    let point = if rest.is_empty() { "" } else { "." };
    Ok(format!("{sign}{grouped}{point}{rest}"))
}

/// A name of the catalogue as words: `active_contacts` is `active contacts`, and a cap is one.
fn label(value: &Value) -> Result<String, Error> {
    let text = value.to_string();
    Ok(match text.strip_prefix("cap ") {
        Some(cap) => format!("cap: {}", cap.replace('_', " ")),
        None => text.replace('_', " "),
    })
}

/// `1 day`, `41 days`.
fn counted(value: &Value, one: &str, many: &str) -> Result<Value, Error> {
    known(value, |value| {
        let count = float(value)?;
        let unit = if (count - 1.0).abs() < f64::EPSILON { one } else { many };
        Ok(format!("{} {unit}", number(&Value::from(count))?))
    })
}

fn join(value: &Value, between: &str) -> Result<String, Error> {
    let mut joined = String::new();
    for (at, item) in value.try_iter()?.enumerate() {
        if at > 0 {
            joined.push_str(between);
        }
        joined.push_str(item.as_str().map_or_else(|| item.to_string(), str::to_owned).as_str());
        if joined.len() > MOST {
            return Err(unfit(format!("what is joined is longer than {MOST} bytes")));
        }
    }
    Ok(joined)
}
