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

/// The messages that a call becomes, after the one that accepts it.
fn links(call: &str) -> Vec<(Key, Message)> {
    let prepared = prepared("batch", &format!(r#"{{"batch": [{call}]}}"#));
    assert_eq!(prepared.accepted, 1, "a call is one event: {call}");
    let read = |(key, bytes): &(Key, Bytes)| {
        let Some(Kind::Message(message)) = InboxRecord::decode(bytes.clone()).unwrap().kind else {
            panic!("no message")
        };
        assert_eq!(inbox_key("w", &message), *key);
        (key.clone(), message)
    };
    prepared.records[1..].iter().map(read).collect()
}

#[test]
fn an_anonymous_contact_is_told_who_it_turned_out_to_be() {
    let contact = |id: &str| contracts::id_bytes(PseudonymKey::new(b"key").of(id).0);
    for call in [
        r#"{"type": "identify", "messageId": "m1", "userId": "ada", "anonymousId": 7}"#,
        r#"{"type": "alias", "messageId": "m1", "userId": "ada", "previousId": "7", "anonymousId": "8"}"#,
    ] {
        let links = links(call);
        let [(_, link)] = &links[..] else { panic!("{links:?}") };
        assert_eq!(link.kind(), MessageKind::Link);
        assert_eq!((&link.contact, &link.known), (&contact("anon:7"), &contact("ada")), "{call}");
        assert_eq!((link.message_id.as_str(), link.anonymous), ("m1", true));
    }
}

#[test]
fn what_says_no_more_of_a_contact_than_one_id_links_nobody() {
    for call in [
        r#"{"type": "identify", "userId": "ada"}"#,
        r#"{"type": "identify", "userId": "ada", "anonymousId": null}"#,
        r#"{"type": "identify", "userId": "ada", "anonymousId": {"unfit": true}}"#,
        r#"{"type": "identify", "anonymousId": "7"}"#,
        r#"{"type": "alias", "anonymousId": "7", "previousId": "8"}"#,
        r#"{"type": "track", "event": "E", "userId": "ada", "anonymousId": "7"}"#,
        r#"{"type": "identify", "userId": "anon:7", "anonymousId": "7"}"#,
    ] {
        assert_eq!(links(call), [], "{call}");
    }
}
