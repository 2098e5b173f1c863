//! `Contract Updated`: what is said of a contract of an account, by whoever says it.
//!
//! It is no usage: nobody is seen by it, and whoever sent it does not come to be a contact of the account. Invariant: what
//! goes on is a contract's id and terms that have the shape that the domain reads, or null.

use contracts::inbox::MessageKind;
use domain::{
    contract::{MONTHS_MOST, NOTICE_DAYS_MOST, Status, Verdict, term},
    time::{Day, Instant},
    value::{Decimal, Value},
};
use serde_json::{Map, Value as Json};

use super::{call::Call, limits::MAX_NAME, names, refusal::Unfit, values};

pub(super) const EVENT: &str = "Contract Updated";
const ID: &str = "contract_id";

/// What a term is; whole numbers with their bounds.
#[derive(Clone, Copy)]
enum Shape {
    Day,
    Whole { least: i64, most: i64 },
    Truth,
    Currency,
    Text,
    OneOf(&'static [&'static str]),
}

const STATUSES: &[&str] =
    &[Status::Active.name(), Status::Renewed.name(), Status::Ending.name(), Status::Ended.name()];
const VERDICTS: &[&str] = &[Verdict::Undecided.name(), Verdict::Renewing.name(), Verdict::NotRenewing.name()];
/// In minor units: what a decimal of six places holds.
const AMOUNT_MOST: i64 = i64::MAX / Decimal::SCALE;

const TERMS: [(&str, Shape); 12] = [
    (term::START, Shape::Day),
    (term::END, Shape::Day),
    (term::NOTICE_DEADLINE, Shape::Day),
    (term::NOTICE_DAYS, Shape::Whole { least: 0, most: NOTICE_DAYS_MOST as i64 }),
    (term::MONTHS, Shape::Whole { least: 1, most: MONTHS_MOST as i64 }),
    (term::AUTO_RENEW, Shape::Truth),
    (term::ARR, Shape::Whole { least: 0, most: AMOUNT_MOST }),
    (term::CURRENCY, Shape::Currency),
    (term::SEATS, Shape::Whole { least: 0, most: AMOUNT_MOST }),
    (term::PRODUCT, Shape::Text),
    (term::STATUS, Shape::OneOf(STATUSES)),
    (term::VERDICT, Shape::OneOf(VERDICTS)),
];

impl Call {
    /// Of its properties: names in any spelling, others left out.
    pub(super) fn contract(&mut self, properties: Option<&Map<String, Json>>) -> Result<(), Unfit> {
        self.group_account = self.context_account.take().or(self.group_account.take());
        if self.group_account.is_none() {
            return Err(Unfit::new("NO_GROUP_ID", "context.groupId is missing: a contract is an account's"));
        }
        let said = values::flatten(properties.unwrap_or(&Map::new()))?;
        let id = said.iter().find(|(name, _)| names::same(name, ID)).map(|(_, value)| value);
        self.contract = contract_id(id.unwrap_or(&Value::Null))?;
        for (name, value) in &said {
            if let Some((term, shape)) = TERMS.iter().find(|(term, _)| names::same(name, term)) {
                let value = shape.read(value).map_err(|why| bad(term, value, &why))?;
                values::put(&mut self.terms, term, value);
            }
        }
        (self.kind, self.contact) = (MessageKind::Contract, None);
        Ok(())
    }
}

fn contract_id(value: &Value) -> Result<String, Unfit> {
    let id = match value {
        Value::Text(text) => text.trim().to_owned(),
        Value::Decimal(number) => number.to_string(),
        _ => String::new(),
    };
    if id.is_empty() {
        return Err(Unfit::new("BAD_CONTRACT", format!("{ID} is missing: a text or a number")));
    }
    fitting(&id).map_err(|why| bad(ID, value, &why))?;
    Ok(id)
}

impl Shape {
    /// The value as the domain reads it, or why it is none.
    fn read(self, value: &Value) -> Result<Value, String> {
        let text = value.as_text().map(str::trim);
        match self {
            _ if value.is_null() => Ok(Value::Null),
            Self::Day => {
                let day = text.filter(|text| Day::parse(text).is_some() || Instant::parse(text).is_some());
                let day = day.ok_or("is no day: write 2027-03-31, or RFC 3339")?;
                Ok(Value::Text(day.to_owned()))
            }
            Self::Whole { least, most } => {
                whole(value, least, most).ok_or_else(|| format!("is no whole number from {least} to {most}"))
            }
            Self::Truth => match (value, text) {
                (Value::Bool(truth), _) => Ok(Value::Bool(*truth)),
                (_, Some("true")) => Ok(Value::Bool(true)),
                (_, Some("false")) => Ok(Value::Bool(false)),
                _ => Err("is neither true nor false".to_owned()),
            },
            Self::Currency => {
                let code =
                    text.filter(|text| text.len() == 3 && text.bytes().all(|b| b.is_ascii_alphabetic()));
                let code = code.ok_or("is no currency: write three letters, such as EUR")?;
                Ok(Value::Text(code.to_ascii_uppercase()))
            }
            Self::Text => {
                let text = text.filter(|text| !text.is_empty()).ok_or("is no text")?;
                fitting(text)?;
                Ok(Value::Text(text.to_owned()))
            }
            Self::OneOf(words) => {
                let said = text.map(str::to_ascii_lowercase).unwrap_or_default();
                let known = words.iter().find(|word| **word == said);
                let known = known.ok_or_else(|| format!("is none of {}", words.join(", ")))?;
                Ok(Value::Text((*known).to_owned()))
            }
        }
    }
}

/// A text that is written as a number is that number.
fn whole(value: &Value, least: i64, most: i64) -> Option<Value> {
    let written = || Decimal::parse(value.as_text()?.trim()).ok();
    let number = value.as_decimal().or_else(written)?;
    let is_whole = number.0 % Decimal::SCALE == 0;
    let within = (least..=most).contains(&(number.0 / Decimal::SCALE));
    (is_whole && within).then_some(Value::Decimal(number))
}

/// Stands in the log and in indexes as it is.
fn fitting(text: &str) -> Result<(), String> {
    if text.len() > MAX_NAME {
        return Err(format!("is longer than {MAX_NAME} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("has control characters".to_owned());
    }
    if names::shaped_like_a_person(text) {
        return Err("holds an address, a phone number or a query".to_owned());
    }
    Ok(())
}

fn bad(name: &str, value: &Value, why: &str) -> Unfit {
    let said: String = value.to_json().to_string().chars().take(60).collect();
    Unfit::new("BAD_CONTRACT", format!("{name}: {said} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, value: &str) -> Result<String, String> {
        let value = Value::from_json(&serde_json::from_str(value).unwrap()).unwrap();
        let (term, shape) = TERMS.iter().find(|(term, _)| names::same(term, name)).unwrap();
        let read = shape.read(&value).map_err(|why| bad(term, &value, &why).reason)?;
        Ok(read.to_json().to_string())
    }

    #[test]
    fn a_term_is_read_as_it_is_meant() {
        for (name, said, read) in [
            ("endDate", r#"" 2027-03-31 ""#, r#""2027-03-31""#),
            ("start_date", r#""2027-03-31T23:00:00-05:00""#, r#""2027-03-31T23:00:00-05:00""#),
            ("Notice Days", r#""30""#, "30"),
            ("arr_minor", "8400000", "8400000"),
            ("auto_renew", r#""true""#, "true"),
            ("currency", r#""eur""#, r#""EUR""#),
            ("status", r#""Ending""#, r#""ending""#),
            ("verdict", r#""not_renewing""#, r#""not_renewing""#),
            ("notice_deadline", "null", "null"),
        ] {
            assert_eq!(shown(name, said).as_deref(), Ok(read), "{name}");
        }
    }

    #[test]
    fn a_term_that_is_none_is_refused_by_its_name() {
        for (name, said, why) in [
            (
                "end_date",
                r#""31/03/2027""#,
                r#"end_date: "31/03/2027" is no day: write 2027-03-31, or RFC 3339"#,
            ),
            ("end_date", "20270331", "end_date: 20270331 is no day: write 2027-03-31, or RFC 3339"),
            ("term_months", "0", "term_months: 0 is no whole number from 1 to 1200"),
            ("notice_days", "1.5", "notice_days: 1.5 is no whole number from 0 to 3650"),
            ("arr_minor", r#""84k""#, r#"arr_minor: "84k" is no whole number from 0 to 9223372036854"#),
            ("auto_renew", "1", "auto_renew: 1 is neither true nor false"),
            ("currency", r#""euro""#, r#"currency: "euro" is no currency: write three letters, such as EUR"#),
            ("status", r#""won""#, r#"status: "won" is none of active, renewed, ending, ended"#),
            ("verdict", "true", "verdict: true is none of undecided, renewing, not_renewing"),
            (
                "product",
                r#""ada@x.example""#,
                r#"product: "ada@x.example" holds an address, a phone number or a query"#,
            ),
        ] {
            assert_eq!(shown(name, said), Err(why.to_owned()), "{name}");
        }
    }
}
