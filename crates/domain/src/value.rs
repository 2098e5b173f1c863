//! Values of traits and properties. Numbers are exact decimals of six places.

use serde::{Deserialize, Serialize};

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
