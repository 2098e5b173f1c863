//! A request's envelope: the calls in it, each still as text, and what the batch says for all of them.
//!
//! Splitting needs no recursion and looks into no call: one that is too large costs nothing but its scan.

use domain::time::Instant;
use serde::Deserialize;
use serde_json::{Value as Json, value::RawValue};

use super::{
    clock,
    limits::{MAX_CALLS, MAX_CONTEXTS},
    refusal::Refusal,
};

/// The calls that have a path of their own, and the two that carry many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    One(CallType),
    Many,
}

/// What Segment calls a call's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallType {
    Identify,
    Track,
    Page,
    Screen,
    Group,
    Alias,
}

/// Calls as they came, with what the batch says for all of them.
#[derive(Debug)]
pub(crate) struct Envelope<'a> {
    pub(crate) calls: Vec<&'a RawValue>,
    /// The type of a call that names none.
    pub(crate) call_type: Option<CallType>,
    pub(crate) context: Json,
    /// Of the context's text.
    pub(crate) context_bytes: usize,
    /// Absent also where the client wrote no time there.
    pub(crate) sent_at: Option<Instant>,
    pub(crate) timestamp: Option<Instant>,
    /// Write key in the body: the batch's, else the first call's.
    pub(crate) write_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch<'a> {
    #[serde(borrow)]
    batch: Vec<&'a RawValue>,
    #[serde(default)]
    write_key: Json,
    #[serde(default)]
    sent_at: Json,
    #[serde(default)]
    timestamp: Json,
    #[serde(borrow, default)]
    context: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Keyed {
    #[serde(default)]
    write_key: Json,
}

impl Route {
    /// What follows `/v1/` in a path; clients in browsers say the first letter and no more.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(Self::One(match name {
            "batch" | "import" | "b" => return Some(Self::Many),
            "i" => CallType::Identify,
            "t" => CallType::Track,
            "p" => CallType::Page,
            "s" => CallType::Screen,
            "g" => CallType::Group,
            "a" => CallType::Alias,
            one => CallType::parse(one)?,
        }))
    }
}

impl CallType {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "identify" => Self::Identify,
            "track" => Self::Track,
            "page" => Self::Page,
            "screen" => Self::Screen,
            "group" => Self::Group,
            "alias" => Self::Alias,
            _ => return None,
        })
    }
}

impl<'a> Envelope<'a> {
    /// Splits a body that `body::open` let through.
    pub(crate) fn split(route: Route, body: &'a [u8]) -> Result<Self, Refusal> {
        match route {
            Route::Many => Self::many(body),
            Route::One(call_type) => Self::one(call_type, body),
        }
    }

    /// Calls that came one by one, not in a batch's text.
    pub(crate) fn of_calls(calls: Vec<&'a RawValue>, sent_at: Option<Instant>) -> Self {
        Self {
            calls,
            call_type: None,
            context: Json::Null,
            context_bytes: 0,
            sent_at,
            timestamp: None,
            write_key: None,
        }
    }

    fn many(body: &'a [u8]) -> Result<Self, Refusal> {
        let batch: Batch<'a> = serde_json::from_slice(body).map_err(malformed)?;
        let (calls, context) = (batch.batch.len(), batch.context.map_or("null", RawValue::get));
        if calls > MAX_CALLS {
            return Err(Refusal::too_many_calls(calls));
        }
        if calls * context.len() > MAX_CONTEXTS {
            return Err(Refusal::context_too_large(context.len(), calls));
        }
        let first_key = || batch.batch.first().and_then(|call| key_of(call.get()));
        Ok(Self {
            write_key: text(batch.write_key).or_else(first_key),
            calls: batch.batch,
            call_type: None,
            context: serde_json::from_str(context).map_err(malformed)?,
            context_bytes: context.len(),
            sent_at: time(batch.sent_at),
            timestamp: time(batch.timestamp),
        })
    }

    fn one(call_type: CallType, body: &'a [u8]) -> Result<Self, Refusal> {
        let call: &'a RawValue = serde_json::from_slice(body).map_err(malformed)?;
        if !call.get().starts_with('{') {
            return Err(Refusal::Malformed("a call is a JSON object".into()));
        }
        Ok(Self {
            write_key: key_of(call.get()),
            call_type: Some(call_type),
            ..Self::of_calls(vec![call], None)
        })
    }
}

fn key_of(call: &str) -> Option<String> {
    text(serde_json::from_str::<Keyed>(call).ok()?.write_key)
}

fn text(json: Json) -> Option<String> {
    match json {
        Json::String(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn time(json: Json) -> Option<Instant> {
    clock::parse(&text(json)?).ok()
}

fn malformed(error: serde_json::Error) -> Refusal {
    Refusal::Malformed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(route: &str, body: &str, expected: Result<(usize, Option<&str>), &str>) {
        let split = Envelope::split(Route::parse(route).unwrap(), body.as_bytes());
        let found = match &split {
            Ok(envelope) => Ok((envelope.calls.len(), envelope.write_key.as_deref())),
            Err(refusal) => Err(refusal.code()),
        };
        assert_eq!(found, expected, "{route} {body}");
    }

    #[test]
    fn the_key_may_stand_in_the_batch_or_in_a_call() {
        check("batch", r#"{"batch": [{}, {}], "writeKey": "k"}"#, Ok((2, Some("k"))));
        check("import", r#"{"batch": [{"writeKey": "k"}, {}]}"#, Ok((2, Some("k"))));
        check("batch", r#"{"batch": [], "integrations": {"All": true}}"#, Ok((0, None)));
        check("track", r#"{"writeKey": "k", "event": "E"}"#, Ok((1, Some("k"))));
        check("track", r#"  {"writeKey": null}  "#, Ok((1, None)));
    }

    #[test]
    fn what_is_not_a_call_or_batch_is_malformed() {
        for body in [
            "",
            "{",
            "[]",
            "12",
            "\"text\"",
            "{\"batch\": {}}",
            "{}",
            "{\"batch\": [1,]}",
            "{\"batch\": []} x",
        ] {
            check("batch", body, Err("MALFORMED"));
        }
        for body in ["", "{\"event\"", "[]", "null", "{} {}"] {
            check("track", body, Err("MALFORMED"));
        }
    }

    #[test]
    fn a_context_that_lies_under_more_calls_than_there_is_room_for_is_refused() {
        let batch = |calls: usize| {
            let context = format!(r#"{{"traits": {{"t": "{}"}}}}"#, "x".repeat(20_000));
            format!(r#"{{"context": {context}, "batch": [{}]}}"#, vec!["{}"; calls].join(","))
        };
        check("batch", &batch(800), Ok((800, None)));
        check("batch", &batch(900), Err("TOO_LARGE"));
        check(
            "batch",
            &format!(r#"{{"batch": [{}]}}"#, vec!["{}"; MAX_CALLS + 1].join(",")),
            Err("TOO_LARGE"),
        );
    }

    #[test]
    fn only_the_eight_calls_have_a_path_and_seven_of_them_one_of_a_letter() {
        assert_eq!(Route::parse("screen"), Some(Route::One(CallType::Screen)));
        for many in ["batch", "import", "b"] {
            assert_eq!(Route::parse(many), Some(Route::Many));
        }
        for one in ["identify", "track", "page", "screen", "group", "alias"] {
            assert_eq!(Route::parse(&one[..1]), Route::parse(one));
        }
        for none in ["delete", "m", "", "T", "ba"] {
            assert_eq!(Route::parse(none), None, "{none}");
        }
    }
}
