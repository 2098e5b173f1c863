//! A comparison of one value, as definitions write it: `at_least: 3`, `in: [a, b]`.
//!
//! Three-valued: `None` is unknown. Absent and null are unknown to every comparison but `exists`; so is a comparison
//! that makes no sense for what the value is (`at_least` on a text). Equality across types is simply false.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::{
    quantity::Quantity,
    value::{Decimal, Value},
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Comparison {
    Is(Value),
    IsNot(Value),
    In(Vec<Value>),
    AtLeast(Decimal),
    AtMost(Decimal),
    MoreThan(Decimal),
    LessThan(Decimal),
    /// Text holds it, or list has it.
    Contains(String),
    Exists(bool),
}

impl Comparison {
    /// Whether it holds of a trait or property; `None` when that is unknown.
    pub fn holds(&self, value: Option<&Value>) -> Option<bool> {
        let value = value.filter(|value| !value.is_null());
        if let Self::Exists(wanted) = self {
            return Some(value.is_some() == *wanted);
        }
        let value = value?;
        match self {
            Self::Is(wanted) => Some(value == wanted),
            Self::IsNot(wanted) => Some(value != wanted),
            Self::In(wanted) => Some(wanted.contains(value)),
            Self::Contains(wanted) => contains(value, wanted),
            Self::AtLeast(_) | Self::AtMost(_) | Self::MoreThan(_) | Self::LessThan(_) | Self::Exists(_) => {
                let number = value.as_decimal()?;
                self.orders(|bound| number.cmp(&bound))
            }
        }
    }

    /// Whether it holds of a measure's value; a comparison with what is no number is unknown.
    pub fn holds_quantity(&self, quantity: Option<Quantity>) -> Option<bool> {
        if let Self::Exists(wanted) = self {
            return Some(quantity.is_some() == *wanted);
        }
        let quantity = quantity?;
        let equals =
            |value: &Value| value.as_decimal().is_some_and(|number| quantity == Quantity::from(number));
        match self {
            Self::Is(wanted) => Some(equals(wanted)),
            Self::IsNot(wanted) => Some(!equals(wanted)),
            Self::In(wanted) => Some(wanted.iter().any(equals)),
            _ => self.orders(|bound| quantity.cmp(&Quantity::from(bound))),
        }
    }

    /// The four inequalities, given how the value stands to a bound; `None` for the other comparisons.
    fn orders(&self, against: impl FnOnce(Decimal) -> Ordering) -> Option<bool> {
        match self {
            Self::AtLeast(bound) => Some(against(*bound).is_ge()),
            Self::AtMost(bound) => Some(against(*bound).is_le()),
            Self::MoreThan(bound) => Some(against(*bound).is_gt()),
            Self::LessThan(bound) => Some(against(*bound).is_lt()),
            _ => None,
        }
    }
}

fn contains(value: &Value, wanted: &str) -> Option<bool> {
    match value {
        Value::Text(text) => Some(text.contains(wanted)),
        Value::List(items) => Some(items.iter().any(|item| item.as_text() == Some(wanted))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn number(whole: i64) -> Value {
        Value::Decimal(Decimal(whole * Decimal::SCALE))
    }

    fn check(comparison: &Comparison, value: Option<&Value>, expected: Option<bool>) {
        assert_eq!(comparison.holds(value), expected, "{comparison:?} of {value:?}");
    }

    #[test]
    fn a_known_value_compares() {
        let three = Decimal(3 * Decimal::SCALE);
        for (comparison, value, holds) in [
            (Comparison::Is(text("gold")), text("gold"), true),
            (Comparison::Is(text("3")), number(3), false),
            (Comparison::IsNot(text("3")), number(3), true),
            (Comparison::In(vec![text("a"), number(3)]), number(3), true),
            (Comparison::AtLeast(three), number(3), true),
            (Comparison::AtMost(three), number(4), false),
            (Comparison::MoreThan(three), number(3), false),
            (Comparison::LessThan(three), number(2), true),
            (Comparison::Contains("ol".into()), text("gold"), true),
            (Comparison::Contains("ol".into()), Value::List(vec![text("gold")]), false),
            (Comparison::Contains("gold".into()), Value::List(vec![text("gold")]), true),
            (Comparison::Exists(true), Value::Bool(false), true),
        ] {
            check(&comparison, Some(&value), Some(holds));
        }
    }

    #[test]
    fn absent_null_and_senseless_are_unknown() {
        let three = Decimal(3 * Decimal::SCALE);
        for comparison in
            [Comparison::Is(number(3)), Comparison::IsNot(number(3)), Comparison::AtLeast(three)]
        {
            check(&comparison, None, None);
            check(&comparison, Some(&Value::Null), None);
        }
        check(&Comparison::AtLeast(three), Some(&text("3")), None);
        check(&Comparison::Contains("3".into()), Some(&number(3)), None);
        check(&Comparison::Exists(false), Some(&Value::Null), Some(true));
        check(&Comparison::Exists(true), None, Some(false));
    }
}
