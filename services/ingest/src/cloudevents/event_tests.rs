use bytes::Bytes;
use domain::value::Value;
use serde_json::json;

use super::*;

const NOW: Instant = Instant(1_800_000_000_000);

fn record(headers: &[(&str, &str)], value: Option<&[u8]>) -> Foreign {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), Bytes::from((*value).to_owned())));
    Foreign { headers: headers.collect(), value: value.map(Bytes::copy_from_slice), ..Foreign::default() }
}

fn read(record: &Foreign) -> Option<Result<Call, Unfit>> {
    Received::read(record, ClockKind::Wall, NOW).map(|received| received.call)
}

/// An event in the structured mode, these attributes over the usual ones.
fn structured_with(attributes: &Json) -> Foreign {
    let mut event = json!({
        "specversion": "1.0", "id": "1", "source": "/shop", "type": "Order Completed", "subject": "ada",
        "data": {"revenue": 12.5, "to": {"city": "Berlin"}}});
    for (name, value) in attributes.as_object().unwrap() {
        event[name] = value.clone();
    }
    record(&[("content-type", "application/cloudevents+json")], Some(event.to_string().as_bytes()))
}

fn taken(record: &Foreign) -> Call {
    read(record).expect("an event").unwrap_or_else(|unfit| panic!("{unfit:?}"))
}

fn refused(record: &Foreign) -> &'static str {
    read(record).expect("an event").expect_err("refused").code
}

const BINARY: [(&str, &str); 6] = [
    ("ce_specversion", "1.0"),
    ("ce_id", "1"),
    ("ce_source", "/shop"),
    ("ce_type", "Order Completed"),
    ("ce_subject", "ada"),
    ("content-type", "application/json"),
];

#[test]
fn both_modes_say_the_same() {
    let binary = record(&BINARY, Some(br#"{"revenue": 12.5, "to": {"city": "Berlin"}}"#));
    assert_eq!(taken(&binary), taken(&structured_with(&json!({}))));
    let call = taken(&binary);
    assert_eq!((call.source.as_deref(), call.message_id.as_deref()), (Some("/shop"), Some("1")));
    assert_eq!((call.event.as_str(), call.contact), ("Order Completed", Some(Contact::Known("ada".into()))));
    let names: Vec<&str> = call.properties.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["revenue", "to.city"]);
    assert_eq!(call.properties[1].1, Value::Text("Berlin".into()));
}

#[test]
fn the_mode_is_told_by_the_content_type_in_any_case() {
    let event = br#"{"specversion": "1.0", "id": "1", "source": "s", "type": "E", "subject": "ada"}"#;
    for content in [
        "application/cloudevents",
        "Application/CloudEvents+JSON",
        "application/cloudevents+json; charset=UTF-8",
    ] {
        assert_eq!(taken(&record(&[("content-type", content)], Some(event))).event, "E", "{content}");
        assert_eq!(taken(&record(&[("Content-Type", content)], Some(event))).event, "E", "{content}");
    }
    for content in ["application/cloudevents-batch+json", "application/cloudevents+avro"] {
        assert_eq!(
            refused(&record(&[("content-type", content)], Some(event))),
            "UNKNOWN_FORMAT",
            "{content}"
        );
    }
    assert_eq!(refused(&record(&[("content-type", "application/json")], Some(event))), "UNKNOWN_VERSION");
}

#[test]
fn a_record_without_a_value_is_a_tombstone_and_one_with_an_empty_value_an_event_without_data() {
    assert!(read(&record(&BINARY, None)).is_none());
    assert!(taken(&record(&BINARY, Some(b""))).properties.is_empty());
}

#[test]
fn the_subject_says_whose_it_is_unless_an_extension_does() {
    let known = |id: &str| Some(Contact::Known(id.to_owned()));
    for (attributes, contact, account) in [
        (json!({"subject": "ada"}), known("ada"), None),
        (json!({"subject": "contact/ada"}), known("ada"), None),
        (json!({"subject": "contact/a/b"}), known("a/b"), None),
        (json!({"subject": "account/acme"}), Some(Contact::Anonymous("/shop acme".into())), Some("acme")),
        (json!({"subject": "account/acme", "userid": "ada"}), known("ada"), Some("acme")),
        (json!({"subject": "ada", "groupid": "acme"}), known("ada"), Some("acme")),
        (json!({"subject": "orders/7", "userid": "ada", "groupid": "acme"}), known("ada"), Some("acme")),
    ] {
        let call = taken(&structured_with(&attributes));
        let found = (call.contact.clone(), call.context_account.as_deref());
        assert_eq!(found, (contact, account), "{attributes}");
        assert_eq!(call.active, matches!(call.contact, Some(Contact::Known(_))), "{attributes}");
    }
}

#[test]
fn without_a_subject_the_key_says_it_and_one_that_is_there_wins() {
    let keyed = |key: Option<&str>, attributes: Json| {
        let mut record = structured_with(&attributes);
        record.key = key.map(|key| Bytes::from(key.to_owned()));
        record
    };
    let asked = json!({"subject": null, "partitionkey": "contact/bob"});
    let contact = |record: &Foreign| taken(record).contact.map(|contact| contact.external_id());
    assert_eq!(contact(&keyed(Some("ada"), asked.clone())).as_deref(), Some("ada"));
    assert_eq!(contact(&keyed(None, asked.clone())).as_deref(), Some("bob"));
    assert_eq!(contact(&keyed(Some(""), asked)).as_deref(), Some("bob"));
    assert_eq!(refused(&keyed(None, json!({"subject": null}))), "NO_USER");
    assert_eq!(contact(&keyed(Some("else"), json!({}))).as_deref(), Some("ada"), "the subject goes before");
}

#[test]
fn an_event_happened_when_it_says_else_when_it_came() {
    let call = taken(&structured_with(&json!({"time": "2026-11-27T10:00:00.5+01:00"})));
    assert_eq!(call.times.original_at, Instant(1_795_770_000_500));
    let mut silent = structured_with(&json!({}));
    silent.at = Some(1_700_000_000_000);
    assert_eq!(taken(&silent).times.event_at, Instant(1_700_000_000_000));
    silent.at = None;
    assert_eq!(taken(&silent).times.event_at, NOW);
}

#[test]
fn an_events_own_time_holds_whatever_its_record_says() {
    for at in [i64::MIN, -1_000_000, 0, 1_700_000_000_000, i64::MAX] {
        let mut event = structured_with(&json!({"time": "2026-11-27T10:00:00Z"}));
        event.at = Some(at);
        assert_eq!(taken(&event).times.event_at, Instant(1_795_773_600_000), "{at}");
        let mut silent = structured_with(&json!({}));
        silent.at = Some(at);
        assert!((0..=NOW.0 + 300_000).contains(&taken(&silent).times.event_at.0), "{at}");
    }
}

#[test]
fn what_is_refused_can_be_kept_whatever_it_says_of_itself() {
    for attribute in ["id", "source", "subject", "userid", "type"] {
        for unfit in ["a\0b".to_owned(), "x".repeat(100_000)] {
            let event = structured_with(&json!({attribute: unfit, "data": [1]}));
            let refused = read(&event).expect("an event").expect_err("a list has no names");
            let sender = refused.sender.expect("it says who sent it").kept();
            let contact = sender.contact.map(|contact| contact.external_id()).unwrap_or_default();
            for kept in [sender.message_id, contact] {
                assert!(!kept.contains('\0') && kept.len() <= 2_000, "{attribute}: {kept:?}");
            }
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let too_long = "x".repeat(2_000);
    for (attributes, code) in [
        (json!({"specversion": "0.3"}), "UNKNOWN_VERSION"),
        (json!({"specversion": null}), "UNKNOWN_VERSION"),
        (json!({"id": null}), "BAD_MESSAGE_ID"),
        (json!({"id": too_long}), "BAD_MESSAGE_ID"),
        (json!({"source": ""}), "BAD_SOURCE"),
        (json!({"type": null}), "NO_EVENT_NAME"),
        (json!({"type": "mail ada@example.com"}), "BAD_EVENT_NAME"),
        (json!({"subject": null}), "NO_USER"),
        (json!({"subject": "account/"}), "NO_USER"),
        (json!({"subject": too_long}), "BAD_USER_ID"),
        (json!({"groupid": too_long}), "BAD_GROUP_ID"),
        (json!({"time": "yesterday"}), "BAD_TIMESTAMP"),
        (json!({"data": [1, 2]}), "BAD_DATA"),
        (json!({"data_base64": "aGk="}), "BAD_DATA"),
        (json!({"data": {"n": 1e40}}), "BAD_NUMBER"),
        (json!({"data": {"long": "x".repeat(40_000)}}), "EVENT_TOO_LARGE"),
    ] {
        assert_eq!(refused(&structured_with(&attributes)), code, "{attributes}");
    }
    let garbage = [("content-type", "application/cloudevents+json")];
    assert_eq!(refused(&record(&garbage, Some(b"\xff\xfe{"))), "NOT_JSON");
    assert_eq!(refused(&record(&garbage, Some(b"[]"))), "NOT_AN_OBJECT");
    assert_eq!(refused(&record(&garbage, Some("[".repeat(1_000).as_bytes()))), "TOO_DEEP");
    assert_eq!(refused(&record(&BINARY, Some(b"{"))), "NOT_JSON");
    let text: Vec<_> = BINARY.iter().filter(|(name, _)| *name != "content-type").copied().collect();
    assert_eq!(
        refused(&record(&[&text[..], &[("content-type", "text/plain")]].concat(), Some(b"hi"))),
        "BAD_DATA"
    );
}

#[test]
fn what_is_refused_is_kept_as_an_event_under_its_own_id_and_contact() {
    let headers: Vec<_> = BINARY
        .iter()
        .map(|(name, value)| if *name == "ce_type" { ("ce_type", "") } else { (*name, *value) })
        .collect();
    let received = Received::read(&record(&headers, Some(b"{\"n\": 1}")), ClockKind::Wall, NOW).unwrap();
    let kept: Json = serde_json::from_str(&received.text).unwrap();
    assert_eq!((&kept["id"], &kept["data"]["n"]), (&json!("1"), &json!(1)));
    let sender = received.call.unwrap_err().sender.expect("a sender");
    let expected = Sender {
        source: "/shop".into(),
        message_id: "1".into(),
        contact: Some(Contact::Known("ada".into())),
    };
    assert_eq!(*sender, expected);
}
