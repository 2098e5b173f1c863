//! Values of traits and properties. Numbers are exact decimals of six places: what a client wrote is what is
//! compared, summed and shown; no number passes through a float.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Millionths, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Decimal(pub i64);

/// What a trait or property is. Null and absent are different things: a null trait was set to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Value {
    Null,
    Bool(bool),
    Text(String),
    Decimal(Decimal),
    List(Vec<Value>),
}

/// Why a text is no decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecimalError {
    #[error("not a number")]
    NotANumber,
    /// More than about 9.2 million million either way.
    #[error("number out of range")]
    OutOfRange,
}

/// Why a JSON value is no value of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ValueError {
    #[error(transparent)]
    Number(#[from] DecimalError),
    #[error("an object is not a value")]
    Object,
}

impl Decimal {
    /// Millionths in one.
    pub const SCALE: i64 = 1_000_000;
    const PLACES: i64 = 6;

    /// A whole number; `None` beyond the range.
    pub fn from_int(whole: i64) -> Option<Self> {
        whole.checked_mul(Self::SCALE).map(Self)
    }

    /// Reads a number as JSON writes it (`-12.5`, `1e3`), from the text itself. What lies beyond six places is
    /// rounded half to even.
    ///
    /// # Errors
    /// `NotANumber` for anything else, `OutOfRange` when it does not fit.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = split_exponent(unsigned)?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = whole.bytes().chain(fraction.bytes());
        if whole.is_empty() || mantissa.ends_with('.') || !digits.clone().all(|b| b.is_ascii_digit()) {
            return Err(DecimalError::NotANumber);
        }
        // The decimal point stands after this many digits; millionths are the digits up to six beyond it.
        let point = (whole.len() as i64).saturating_add(exponent);
        let magnitude = millionths(digits.map(|b| b - b'0'), point.saturating_add(Self::PLACES))?;
        let signed = if negative { -magnitude } else { magnitude };
        i64::try_from(signed).map(Self).map_err(|_| DecimalError::OutOfRange)
    }
}

fn split_exponent(text: &str) -> Result<(&str, i64), DecimalError> {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return Ok((text, 0));
    };
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DecimalError::NotANumber);
    }
    let size = digits.parse::<i64>().unwrap_or(i64::MAX / 2).min(i64::MAX / 2);
    Ok((mantissa, if exponent.starts_with('-') { -size } else { size }))
}

/// The first `keep` digits as a number (zeros are supplied), rounded half to even by those that follow.
fn millionths(digits: impl Iterator<Item = u8>, keep: i64) -> Result<i128, DecimalError> {
    let (mut kept, mut half, mut beyond, mut place) = (0_i128, 0_u8, false, 0_i64);
    for digit in digits {
        if place < keep {
            kept = kept * 10 + i128::from(digit);
        } else if place == keep {
            half = digit;
        } else {
            beyond |= digit != 0;
        }
        if kept > i128::from(i64::MAX) + 1 {
            return Err(DecimalError::OutOfRange);
        }
        place += 1;
    }
    while place < keep && kept != 0 {
        kept *= 10;
        place += 1;
        if kept > i128::from(i64::MAX) + 1 {
            return Err(DecimalError::OutOfRange);
        }
    }
    let up = keep >= 0 && (half > 5 || (half == 5 && (beyond || kept % 2 == 1)));
    Ok(kept + i128::from(up))
}

impl fmt::Display for Decimal {
    /// As short as it is exact: `12`, `12.5`, `-0.000001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let scale = Self::SCALE.unsigned_abs();
        let (whole, fraction) = (self.0.unsigned_abs() / scale, self.0.unsigned_abs() % scale);
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let places = format!("{fraction:06}");
        write!(f, "{sign}{whole}.{}", places.trim_end_matches('0'))
    }
}

impl Value {
    /// From JSON; lists may nest.
    ///
    /// # Errors
    /// Objects are no values, and a number must fit a decimal.
    pub fn from_json(json: &serde_json::Value) -> Result<Self, ValueError> {
        Ok(match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(flag) => Self::Bool(*flag),
            serde_json::Value::Number(number) => Self::Decimal(Decimal::parse(number.as_str())?),
            serde_json::Value::String(text) => Self::Text(text.clone()),
            serde_json::Value::Array(items) => {
                Self::List(items.iter().map(Self::from_json).collect::<Result<_, _>>()?)
            }
            serde_json::Value::Object(_) => return Err(ValueError::Object),
        })
    }

    /// The same as JSON; numbers keep their exact text.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(flag) => (*flag).into(),
            Self::Text(text) => text.as_str().into(),
            // The text of a decimal is always a JSON number.
            Self::Decimal(number) => {
                number.to_string().parse().map_or(serde_json::Value::Null, serde_json::Value::Number)
            }
            Self::List(items) => items.iter().map(Self::to_json).collect(),
        }
    }

    pub fn as_decimal(&self) -> Option<Decimal> {
        match self {
            Self::Decimal(number) => Some(*number),
            _ => None,
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl fmt::Display for Value {
    /// For people: text as it is, a list by commas, null as nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Text(text) => f.write_str(text),
            Self::Decimal(number) => write!(f, "{number}"),
            Self::List(items) => items.iter().enumerate().try_for_each(|(at, item)| {
                let comma = if at == 0 { "" } else { ", " };
                write!(f, "{comma}{item}")
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Result<i64, DecimalError>) {
        assert_eq!(Decimal::parse(text), expected.map(Decimal), "{text}");
    }

    #[test]
    fn a_number_is_read_from_its_text() {
        for (text, millionths) in [
            ("0", 0),
            ("-0", 0),
            ("12", 12_000_000),
            ("12.5", 12_500_000),
            ("-0.000001", -1),
            ("1e3", 1_000_000_000),
            ("1.5E+2", 150_000_000),
            ("25e-1", 2_500_000),
            ("0.1", 100_000),
            ("0e99999999999999999999", 0),
            ("9223372036854.775807", i64::MAX),
            ("-9223372036854.775808", i64::MIN),
        ] {
            check(text, Ok(millionths));
        }
    }

    #[test]
    fn beyond_six_places_half_goes_to_even() {
        for (text, millionths) in [
            ("0.0000005", 0),
            ("0.0000015", 2),
            ("0.00000050000001", 1),
            ("0.0000025", 2),
            ("-0.0000015", -2),
            ("0.00000049", 0),
            ("5e-7", 0),
            ("5e-8", 0),
            ("9e-7", 1),
            ("9e-8", 0),
            ("1e-99999999999999999999", 0),
        ] {
            check(text, Ok(millionths));
        }
    }

    #[test]
    fn what_is_no_number_or_does_not_fit_is_refused() {
        for text in
            ["", "-", ".5", "1.", "1e", "e1", "1e+", "0x1", "1 ", "NaN", "--1", "1.2.3", "1e5.5", "１"]
        {
            check(text, Err(DecimalError::NotANumber));
        }
        for text in ["9223372036854.775808", "1e13", "1e99999999999999999999", "9223372036854.7758075"] {
            check(text, Err(DecimalError::OutOfRange));
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(millionths: i64) {
            prop_assert_eq!(Decimal::parse(&Decimal(millionths).to_string()), Ok(Decimal(millionths)));
        }

        #[test]
        fn json_there_and_back_is_the_same(millionths: i64, text: String, flag: bool) {
            let value = Value::List(vec![Value::Decimal(Decimal(millionths)), Value::Text(text), Value::Bool(flag), Value::Null]);
            prop_assert_eq!(Value::from_json(&value.to_json()), Ok(value));
        }
    }

    #[test]
    fn an_object_is_not_a_value() {
        assert_eq!(Value::from_json(&serde_json::json!([{}])), Err(ValueError::Object));
    }
}
