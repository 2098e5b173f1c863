//! Values between wire and domain.

use domain::value::{Decimal, Value};

use crate::account::{NamedValue, Value as Wire, ValueList, value::Kind};

/// Nesting deeper than this is cut off to null: the edge refuses it long before.
const DEPTH: usize = 64;

impl From<Value> for Wire {
    fn from(value: Value) -> Self {
        let kind = match value {
            Value::Null => None,
            Value::Bool(it) => Some(Kind::Bool(it)),
            Value::Text(it) => Some(Kind::Text(it)),
            Value::Decimal(Decimal(millionths)) => Some(Kind::Decimal(millionths)),
            Value::List(items) => {
                Some(Kind::List(ValueList { values: items.into_iter().map(Self::from).collect() }))
            }
        };
        Self { kind }
    }
}

impl From<Wire> for Value {
    fn from(wire: Wire) -> Self {
        read(wire, DEPTH)
    }
}

fn read(wire: Wire, depth: usize) -> Value {
    match wire.kind {
        None => Value::Null,
        Some(Kind::Bool(it)) => Value::Bool(it),
        Some(Kind::Text(it)) => Value::Text(it),
        Some(Kind::Decimal(millionths)) => Value::Decimal(Decimal(millionths)),
        Some(Kind::List(_)) if depth == 0 => Value::Null,
        Some(Kind::List(list)) => {
            Value::List(list.values.into_iter().map(|it| read(it, depth - 1)).collect())
        }
    }
}

/// Named values as the domain keeps them: sorted by name.
pub fn named(values: Vec<NamedValue>) -> Vec<(String, Value)> {
    let mut named: Vec<_> =
        values.into_iter().map(|it| (it.name, it.value.map_or(Value::Null, Value::from))).collect();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    named
}

/// Named values as the wire has them.
pub fn wire_named(values: Vec<(String, Value)>) -> Vec<NamedValue> {
    values.into_iter().map(|(name, value)| NamedValue { name, value: Some(value.into()) }).collect()
}
