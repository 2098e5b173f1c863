//! What becomes of calls, as sentences.

use contracts::log::ClockKind;

use super::*;
use crate::{
    edge::{
        call::Around,
        envelope::{Envelope, Route},
        limits::MAX_EVENT,
    },
    pseudonym::PseudonymKey,
    quota::Quota,
};

const RECEIVED: Instant = Instant(1_700_000_000_000);

fn prepared(route: &str, body: &str) -> Prepared {
    let access = Access {
        workspace: "w".into(),
        source: "app".into(),
        clock: ClockKind::Wall,
        pseudonyms: PseudonymKey::new(b"key"),
        ready: true,
        quota: Quota::default(),
    };
    let envelope = Envelope::split(Route::parse(route).unwrap(), body.as_bytes()).unwrap();
    let around = Around { envelope: &envelope, received: RECEIVED, clock: ClockKind::Wall };
    let calls = envelope.calls.iter().map(|call| (call.get(), Call::read(call.get(), &around)));
    Prepared::new(&access, RECEIVED, calls)
}

/// As many leaves as fit into an event, beneath an object of that name.
fn nested(parent: &str) -> String {
    let mut leaves = String::new();
    for number in 0.. {
        let leaf = format!("\"{number:x}\":1,");
        if leaves.len() + leaf.len() + parent.len() + 200 > MAX_EVENT {
            break;
        }
        leaves.push_str(&leaf);
    }
    format!(r#"{{"{parent}": {{{}}}}}"#, leaves.trim_end_matches(','))
}

#[test]
fn an_event_that_grows_beyond_all_bounds_when_its_paths_are_written_out_is_refused_and_says_so() {
    for (call_type, field) in [("identify", "traits"), ("track", "properties"), ("group", "traits")] {
        // Beneath `address` it would be the directory that grows.
        for parent in ["p".repeat(240), format!("address.{}", "p".repeat(230))] {
            let large = format!(
                r#"{{"type": "{call_type}", "userId": "ada", "groupId": "g", "event": "E", "messageId": "m1",
                    "{field}": {}}}"#,
                nested(&parent)
            );
            assert!(large.len() <= MAX_EVENT);
            let small = r#"{"type": "track", "userId": "ada", "event": "E"}"#;
            let prepared = prepared("batch", &format!(r#"{{"batch": [{large}, {small}]}}"#));
            assert_eq!((prepared.accepted, prepared.names.len()), (1, 0), "{call_type}");
            let refused = &prepared.refused[0].refused;
            assert_eq!((refused.code.as_str(), refused.message_id.as_str()), ("EVENT_TOO_LARGE", "m1"));
            assert!(refused.reason.starts_with(call_type), "{}", refused.reason);
            assert!(refused.reason.contains("65536 are taken: shorten the names"), "{}", refused.reason);
        }
    }
}

#[test]
fn as_many_flat_properties_as_fit_into_an_event_are_taken() {
    let prepared =
        prepared("track", &format!(r#"{{"userId": "ada", "event": "E", "properties": {}}}"#, nested("")));
    assert_eq!(prepared.refused.iter().map(|it| it.refused.reason.clone()).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(prepared.accepted, 1);
}

#[test]
fn a_repeat_of_what_was_refused_is_known_by_its_message_id_or_else_its_text() {
    let fingerprint = |call: &str| {
        let prepared = prepared("batch", &format!(r#"{{"batch": [{call}]}}"#));
        prepared.refused[0].fingerprint
    };
    let check = |one: &str, other: &str, same: bool| {
        assert_eq!(fingerprint(one) == fingerprint(other), same, "{one} {other}");
    };
    let named = r#"{"type": "track", "messageId": "m1", "userId": "ada"}"#;
    check(
        named,
        r#"{"type": "track", "messageId": "m1", "userId": "ada", "sentAt": "2024-01-01T00:00:00Z"}"#,
        true,
    );
    check(named, r#"{"type": "track", "messageId": "m2", "userId": "ada"}"#, false);
    check(named, r#"{"type": "track", "messageId": "m1"}"#, true);
    check(named, r#"{"type": "dance", "messageId": "m1", "userId": "ada"}"#, false);
    check(r#"{"type": "track", "userId": "ada"}"#, r#"{"type": "track", "userId": "ada"}"#, true);
    check(r#"{"type": "track", "userId": "ada"}"#, r#"{"type": "track", "userId": "bob"}"#, false);
}
