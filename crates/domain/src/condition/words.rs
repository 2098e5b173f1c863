//! Comparisons as people read them.

use std::fmt;

use crate::comparison::Comparison;

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(value) => write!(f, "is {value}"),
            Self::IsNot(value) => write!(f, "is not {value}"),
            Self::In(values) => {
                let values: Vec<_> = values.iter().map(ToString::to_string).collect();
                write!(f, "in {}", values.join(", "))
            }
            Self::AtLeast(limit) => write!(f, "at least {limit}"),
            Self::AtMost(limit) => write!(f, "at most {limit}"),
            Self::MoreThan(limit) => write!(f, "more than {limit}"),
            Self::LessThan(limit) => write!(f, "less than {limit}"),
            Self::Contains(part) => write!(f, "contains {part}"),
            Self::Exists(true) => write!(f, "exists"),
            Self::Exists(false) => write!(f, "does not exist"),
        }
    }
}
