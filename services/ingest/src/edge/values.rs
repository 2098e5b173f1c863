//! Traits and properties: JSON into exact values, flat and sorted by name.
//!
//! An object becomes its leaves, named by their path (`address.city`); objects within lists have no such name and
//! are left out. Numbers are decimals of six places, read from their text and never through a float.

use domain::value::{Decimal, Value};
use serde_json::{Map, Value as Json};

use super::{
    limits::{MAX_DEPTH, MAX_LIST_DEPTH, MAX_NAME, MAX_PROPERTIES},
    refusal::Unfit,
};

/// The leaves of an object, sorted by name, each name once.
pub(crate) fn flatten(object: &Map<String, Json>) -> Result<Vec<(String, Value)>, Unfit> {
    let mut leaves = Vec::with_capacity(object.len());
    collect(object, "", 0, &mut leaves)?;
    leaves.sort_by(|a: &(String, Value), b| a.0.cmp(&b.0));
    leaves.dedup_by(|later, first| later.0 == first.0);
    Ok(leaves)
}

/// Puts a value into a list sorted by name; the last one put holds.
pub(crate) fn put(sorted: &mut Vec<(String, Value)>, name: &str, value: Value) {
    match sorted.binary_search_by(|(other, _)| other.as_str().cmp(name)) {
        Ok(at) => sorted[at].1 = value,
        Err(at) => sorted.insert(at, (name.to_owned(), value)),
    }
}

/// A text without what Postgres cannot hold.
pub(crate) fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn collect(
    object: &Map<String, Json>,
    path: &str,
    depth: usize,
    leaves: &mut Vec<(String, Value)>,
) -> Result<(), Unfit> {
    if depth > MAX_DEPTH {
        return Err(Unfit::new("TOO_DEEP", format!("nested deeper than {MAX_DEPTH}")));
    }
    for (key, json) in object {
        let name = if path.is_empty() { clean(key) } else { format!("{path}.{}", clean(key)) };
        match json {
            Json::Object(inner) => collect(inner, &name, depth + 1, leaves)?,
            _ => leaves.push((fitting(name)?, value(json, 0)?)),
        }
        if leaves.len() > MAX_PROPERTIES {
            return Err(Unfit::new("TOO_MANY_PROPERTIES", format!("more than {MAX_PROPERTIES} properties")));
        }
    }
    Ok(())
}

fn fitting(name: String) -> Result<String, Unfit> {
    if name.is_empty() || name.len() > MAX_NAME {
        let start: String = name.chars().take(40).collect();
        return Err(Unfit::new("BAD_PROPERTY_NAME", format!("{start:?} is empty or above {MAX_NAME} bytes")));
    }
    Ok(name)
}

fn value(json: &Json, depth: usize) -> Result<Value, Unfit> {
    Ok(match json {
        Json::Null | Json::Object(_) => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::String(text) => Value::Text(clean(text)),
        Json::Number(number) => Value::Decimal(decimal(number.as_str())?),
        Json::Array(_) if depth >= MAX_LIST_DEPTH => {
            return Err(Unfit::new("TOO_DEEP", format!("lists nested deeper than {MAX_LIST_DEPTH}")));
        }
        Json::Array(items) => Value::List(
            items
                .iter()
                .filter(|item| !item.is_object())
                .map(|item| value(item, depth + 1))
                .collect::<Result<_, _>>()?,
        ),
    })
}

fn decimal(text: &str) -> Result<Decimal, Unfit> {
    Decimal::parse(text).map_err(|e| {
        let start: String = text.chars().take(40).collect();
        Unfit::new("BAD_NUMBER", format!("{start:?}: {e}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Result<&str, &str>) {
        let object: Map<String, Json> = serde_json::from_str(json).unwrap();
        let found = flatten(&object).map_err(|unfit| unfit.code).map(|leaves| {
            leaves.iter().map(|(name, value)| format!("{name}={value:?}")).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(found.as_deref().map_err(|code| *code), expected, "{json}");
    }

    #[test]
    fn numbers_are_exact_to_six_places() {
        check(r#"{"a": 0.1}"#, Ok("a=Decimal(Decimal(100000))"));
        check(r#"{"a": 29.330000}"#, Ok("a=Decimal(Decimal(29330000))"));
        check(r#"{"a": 9007199254740.993}"#, Ok("a=Decimal(Decimal(9007199254740993000))"));
        check(r#"{"a": 1.5e3}"#, Ok("a=Decimal(Decimal(1500000000))"));
    }

    #[test]
    fn a_number_beyond_what_is_kept_is_not_rounded_but_refused() {
        check(r#"{"a": 1e30}"#, Err("BAD_NUMBER"));
        check(r#"{"a": {"b": [99999999999999999999]}}"#, Err("BAD_NUMBER"));
    }

    #[test]
    fn objects_become_their_leaves_sorted_by_name() {
        check(
            r#"{"b": {"y": true, "x": null}, "a": ["t", 1, {"no": 1}]}"#,
            Ok(r#"a=List([Text("t"), Decimal(Decimal(1000000))]) b.x=Null b.y=Bool(true)"#),
        );
    }

    #[test]
    fn more_properties_than_are_kept_are_refused() {
        let many = |n: usize| {
            let members: Vec<String> = (0..n).map(|i| format!("\"p{i}\": 1")).collect();
            format!("{{{}}}", members.join(","))
        };
        let object: Map<String, Json> = serde_json::from_str(&many(MAX_PROPERTIES)).unwrap();
        assert_eq!(flatten(&object).unwrap().len(), MAX_PROPERTIES);
        check(&many(MAX_PROPERTIES + 1), Err("TOO_MANY_PROPERTIES"));
    }

    #[test]
    fn lists_nest_only_as_deep_as_a_reader_of_the_log_decodes() {
        let nested = |depth: usize| format!(r#"{{"a": {}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        let object: Map<String, Json> = serde_json::from_str(&nested(MAX_LIST_DEPTH)).unwrap();
        assert!(flatten(&object).is_ok());
        check(&nested(MAX_LIST_DEPTH + 1), Err("TOO_DEEP"));
    }

    #[test]
    fn a_name_that_no_index_can_hold_is_refused() {
        check(&format!(r#"{{"{}": 1}}"#, "n".repeat(MAX_NAME + 1)), Err("BAD_PROPERTY_NAME"));
        check(r#"{"": 1}"#, Err("BAD_PROPERTY_NAME"));
        check("{\"a\": \"x\\u0000y\"}", Ok("a=Text(\"x\u{fffd}y\")"));
    }
}
