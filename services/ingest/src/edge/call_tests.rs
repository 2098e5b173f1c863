//! WIRE's lines about one call, each as a sentence.

use proptest::prelude::{Just, Strategy, any, prop_assert, prop_oneof, proptest};

use super::*;
use crate::edge::envelope::Route;

const RECEIVED: Instant = Instant(1_700_000_000_000);

fn read(route: &str, body: &str) -> Vec<Result<Call, Unfit>> {
    read_on(ClockKind::Wall, route, body)
}

fn read_on(clock: ClockKind, route: &str, body: &str) -> Vec<Result<Call, Unfit>> {
    let envelope = Envelope::split(Route::parse(route).unwrap(), body.as_bytes()).unwrap();
    let around = Around { envelope: &envelope, received: RECEIVED, clock };
    envelope.calls.iter().map(|call| Call::read(call.get(), &around)).collect()
}

fn one(route: &str, body: &str) -> Call {
    read(route, body).remove(0).unwrap()
}

fn check_unfit(route: &str, body: &str, code: &str) {
    let found = read(route, body).remove(0);
    assert_eq!(found.as_ref().map_err(|unfit| unfit.code).unwrap_err(), code, "{route} {body}");
}

fn text(pairs: &[(String, Value)]) -> String {
    let show = |(name, value): &(String, Value)| match value {
        Value::Text(text) => format!("{name}={text}"),
        Value::Decimal(number) => format!("{name}={}", number.0),
        other => format!("{name}={other:?}"),
    };
    pairs.iter().map(show).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_track_call_is_usage_of_its_event() {
    let call =
        one("track", r#"{"userId": "u1", "event": " Order Completed ", "properties": {"revenue": 29.33}}"#);
    assert_eq!((call.kind, call.event.as_str()), (MessageKind::Track, "Order Completed"));
    assert_eq!(text(&call.properties), "revenue=29330000");
    assert_eq!(call.contact, Some(Contact::Known("u1".into())));
    assert!(call.active);
}

#[test]
fn the_type_may_be_absent_on_a_single_route_but_never_in_a_batch() {
    assert_eq!(one("group", r#"{"userId": "u", "groupId": "g"}"#).kind, MessageKind::Group);
    check_unfit("batch", r#"{"batch": [{"userId": "u", "event": "E"}]}"#, "NO_TYPE");
    check_unfit("batch", r#"{"batch": [{"type": "dance", "userId": "u"}]}"#, "UNKNOWN_TYPE");
}

#[test]
fn an_id_that_is_a_number_becomes_text_and_a_null_one_is_absent() {
    let call = one(
        "track",
        r#"{"userId": 42, "anonymousId": null, "messageId": 7, "event": "E", "context": {"groupId": 9}}"#,
    );
    assert_eq!(call.contact, Some(Contact::Known("42".into())));
    assert_eq!((call.message_id.as_deref(), call.context_account.as_deref()), (Some("7"), Some("9")));
    let call = one("track", r#"{"userId": "", "anonymousId": "a1", "event": "E"}"#);
    assert_eq!(call.contact.unwrap().external_id(), "anon:a1");
    check_unfit("track", r#"{"userId": {"id": 1}, "event": "E"}"#, "BAD_USER_ID");
    check_unfit("track", r#"{"userId": "u", "event": "E", "context": {"groupId": true}}"#, "BAD_GROUP_ID");
}

#[test]
fn a_call_without_user_or_without_what_it_is_about_is_unfit() {
    check_unfit("track", r#"{"event": "E", "anonymousId": null}"#, "NO_USER");
    check_unfit("identify", r#"{"traits": {}}"#, "NO_USER");
    check_unfit("track", r#"{"userId": "u"}"#, "NO_EVENT_NAME");
    check_unfit("track", r#"{"userId": "u", "event": "  "}"#, "NO_EVENT_NAME");
    check_unfit("track", r#"{"userId": "u", "event": 5}"#, "NO_EVENT_NAME");
    check_unfit("group", r#"{"userId": "u"}"#, "NO_GROUP_ID");
    check_unfit("batch", r#"{"batch": [5]}"#, "NOT_AN_OBJECT");
}

#[test]
fn a_group_call_needs_no_user_because_it_may_be_about_the_account_alone() {
    assert_eq!(one("group", r#"{"groupId": "acme", "traits": {"plan": "pro"}}"#).contact, None);
}

#[test]
fn one_oversized_event_is_unfit_and_the_rest_of_its_batch_is_kept() {
    let large = format!(
        r#"{{"type": "track", "userId": "u", "event": "E", "properties": {{"p": "{}"}}}}"#,
        "x".repeat(MAX_EVENT)
    );
    let body = format!(r#"{{"batch": [{large}, {{"type": "track", "userId": "u", "event": "E"}}]}}"#);
    let read = read("batch", &body);
    assert_eq!(read[0].as_ref().unwrap_err().code, "EVENT_TOO_LARGE");
    assert!(read[1].is_ok());
}

#[test]
fn a_batchs_context_counts_for_each_of_its_calls() {
    let context = format!(r#"{{"traits": {{"t": "{}"}}}}"#, "x".repeat(MAX_EVENT));
    let body = format!(r#"{{"context": {context}, "batch": [{{"type": "identify", "userId": "u"}}]}}"#);
    assert!(read("batch", &body)[0].as_ref().unwrap_err().reason.contains("context alone"));
}

#[test]
fn bounds_on_names_and_ids_are_kept() {
    let long = "n".repeat(300);
    check_unfit("track", &format!(r#"{{"userId": "u", "event": "{long}"}}"#), "BAD_EVENT_NAME");
    check_unfit("track", r#"{"userId": "u", "event": "a\u0000b"}"#, "BAD_EVENT_NAME");
    check_unfit("track", r#"{"userId": "u", "event": "Invited ada@example.com"}"#, "BAD_EVENT_NAME");
    check_unfit("group", &format!(r#"{{"userId": "u", "groupId": "{long}"}}"#), "BAD_GROUP_ID");
    check_unfit(
        "track",
        &format!(r#"{{"userId": "u", "event": "E", "messageId": "{long}"}}"#),
        "BAD_MESSAGE_ID",
    );
    check_unfit("track", r#"{"userId": "u", "event": "E", "properties": {"n": 1e300}}"#, "BAD_NUMBER");
    check_unfit("track", r#"{"userId": "u", "event": "E", "timestamp": "soon"}"#, "BAD_TIMESTAMP");
}

#[test]
fn the_batchs_context_lies_under_each_calls() {
    let body = r#"{"context": {"groupId": "acme", "active": false, "traits": {"title": "CTO", "role": "x"}}, "batch": [
        {"type": "identify", "userId": "u", "context": {"traits": {"role": "y"}}, "traits": {"level": 3}},
        {"type": "track", "userId": "u", "event": "E", "context": {"groupId": "other", "active": true}}]}"#;
    let calls: Vec<Call> = read("batch", body).into_iter().map(Result::unwrap).collect();
    assert_eq!(calls[0].context_account.as_deref(), Some("acme"));
    assert_eq!(text(&calls[0].traits), "level=3000000 role=y title=CTO");
    assert!(!calls[0].active);
    assert_eq!(calls[1].context_account.as_deref(), Some("other"));
    assert!(calls[1].active);
}

#[test]
fn identify_traits_may_sit_only_in_the_context() {
    let call = one("identify", r#"{"userId": "u", "context": {"traits": {"title": "CTO"}}}"#);
    assert_eq!(text(&call.traits), "title=CTO");
}

#[test]
fn what_names_a_person_goes_to_the_directory_and_the_rest_to_the_log() {
    let call = one(
        "identify",
        r#"{"userId": "u", "traits": {"email": "Ada@Example.com", "firstName": "Ada", "address": {"city": "London"},
            "title": "CTO", "backup": "ada@home.example.org", "phone": null}}"#,
    );
    assert_eq!(text(&call.traits), "email_domain=example.com title=CTO");
    assert_eq!(
        text(&call.names),
        "address.city=London backup=ada@home.example.org email=Ada@Example.com firstName=Ada phone=Null"
    );
}

#[test]
fn a_trait_that_is_null_becomes_null_and_one_that_is_absent_stays() {
    let call = one("identify", r#"{"userId": "u", "traits": {"title": null}}"#);
    assert_eq!(call.traits, vec![("title".to_owned(), Value::Null)]);
}

#[test]
fn reserved_traits_of_a_group_are_spelled_one_way_and_its_people_are_left_out() {
    let call = one(
        "group",
        r#"{"userId": "u", "groupId": "acme", "traits": {"created_at": "2020-01-01", "Plan": "pro", "name": "Acme",
            "email": "boss@acme.example", "phone": "1", "address": {"country": "DE", "street": "x"}, "contact": "a@b.example"}}"#,
    );
    assert_eq!(text(&call.traits), "address.country=DE createdAt=2020-01-01 name=Acme plan=pro");
    assert!(call.names.is_empty());
}

#[test]
fn usage_properties_that_name_somebody_do_not_enter_the_log() {
    let call = one(
        "track",
        r#"{"userId": "u", "event": "Invite Sent", "properties": {"email": "a@b.example", "to": "ada@b.example", "phone": 49170,
            "call": "+49 170 1234567", "url": "https://x.example/?q=ada", "page": "https://x.example/pricing", "seats": 3,
            "cc": ["x", "bob@b.example"], "invitee": {"name": "Bob"}, "mobile": true, "on": "2024-01-31"}}"#,
    );
    assert_eq!(
        text(&call.properties),
        "mobile=Bool(true) on=2024-01-31 page=https://x.example/pricing phone=49170000000 seats=3000000"
    );
}

#[test]
fn usage_that_says_something_of_its_account_carries_it() {
    let call = one(
        "track",
        r#"{"userId": "u", "event": "Account Created", "properties": {"account_name": "Acme", "name": "Ada", "plan": "pro"}}"#,
    );
    assert_eq!(
        (text(&call.properties), text(&call.traits)),
        ("account_name=Acme plan=pro".into(), "name=Acme plan=pro".into())
    );
    let call = one("track", r#"{"userId": "u", "event": "Account Deleted"}"#);
    assert_eq!(
        (text(&call.properties), text(&call.traits)),
        (String::new(), "lifecycle_stage=churned".into())
    );
    assert!(one("page", r#"{"userId": "u", "name": "Account Deleted"}"#).traits.is_empty());
}

#[test]
fn counts_under_a_personal_name_stay_and_what_is_as_long_as_a_phone_number_does_not() {
    let call = one(
        "track",
        r#"{"userId": "u", "event": "E", "properties": {"login": 3, "mobile": 5.5, "name": null, "ip": [1, 2], "photo": {"size": 7},
            "phone": 491701234567, "birthdate": 19800101, "fax": [1, 4930123456], "mail": ["x"], "ssn": -1234567,
            "revenue": 12345678}}"#,
    );
    let kept: Vec<&str> = call.properties.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(kept, ["ip", "login", "mobile", "name", "photo.size", "revenue"]);
}

#[test]
fn pages_and_screens_are_usage_named_viewed() {
    check_event("page", r#"{"userId": "u", "name": "Pricing"}"#, "Viewed Pricing");
    check_event("page", r#"{"userId": "u", "category": "Docs"}"#, "Viewed Docs");
    check_event("page", r#"{"anonymousId": "a"}"#, "Viewed Page");
    check_event("screen", r#"{"userId": "u", "name": "Home"}"#, "Viewed Home");
    check_event("screen", r#"{"userId": "u", "name": null}"#, "Viewed Screen");
}

fn check_event(route: &str, body: &str, event: &str) {
    assert_eq!(one(route, body).event, event, "{body}");
}

#[test]
fn times_of_both_families_of_clients_are_corrected() {
    // RECEIVED is 2023-11-14T22:13:20Z; both clients' clocks are an hour behind, and the event is ten minutes old.
    let segment = r#"{"sentAt": "2023-11-14T21:13:20.000Z", "batch": [
        {"type": "track", "userId": "u", "event": "E", "timestamp": "2023-11-14T21:03:20.000Z"}]}"#;
    let rudder = r#"{"batch": [{"type": "track", "userId": "u", "event": "E",
        "originalTimestamp": "2023-11-14T21:03:20.000+00:00", "sentAt": "2023-11-14T21:13:20.000000+00:00"}]}"#;
    for body in [segment, rudder] {
        let times = read("batch", body).remove(0).unwrap().times;
        assert_eq!(times.event_at.0, RECEIVED.0 - 600_000);
        assert_eq!(times.original_at.0, RECEIVED.0 - 600_000 - 3_600_000);
        let replayed = read_on(ClockKind::Log, "batch", body).remove(0).unwrap().times;
        assert_eq!(replayed.event_at, replayed.original_at);
    }
    let future = one("track", r#"{"userId": "u", "event": "E", "timestamp": "2099-01-01T00:00:00Z"}"#);
    assert_eq!(future.times.event_at.0, RECEIVED.0 + 300_000);
}

#[test]
fn a_time_that_a_rudderstack_client_was_given_holds() {
    let named = r#"{"batch": [{"type": "track", "userId": "u", "event": "E", "timestamp": "2023-11-14T00:00:00Z",
        "originalTimestamp": "2023-11-14T21:03:20Z", "sentAt": "2023-11-14T21:13:20Z"}]}"#;
    let times = read("batch", named).remove(0).unwrap().times;
    assert_eq!(times.event_at, clock::parse("2023-11-14T00:00:00Z").unwrap());
    assert_eq!(times.original_at, clock::parse("2023-11-14T21:03:20Z").unwrap());
}

#[test]
fn a_call_without_a_time_happened_when_it_came() {
    assert_eq!(one("track", r#"{"userId": "u", "event": "E"}"#).times.event_at, RECEIVED);
}

/// Any JSON, with the names that calls use here and there.
fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        ".{0,12}".prop_map(Json::from),
        "(u1|track|group|ada@b\\.example|\\+49 170 1234567|2024-01-31T00:00:00Z)".prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        let name =
            "(type|userId|anonymousId|event|groupId|context|traits|properties|timestamp|sentAt|email|.{0,4})";
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            proptest::collection::btree_map(name, inner, 0..8)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_a_call_holds_it_is_taken_whole_or_refused_and_nothing_personal_passes(json in json()) {
        for route in ["identify", "track", "page", "group", "batch"] {
            let body = if route == "batch" { format!("{{\"batch\": [{json}]}}") } else { json.to_string() };
            let Ok(envelope) = Envelope::split(Route::parse(route).unwrap(), body.as_bytes()) else { continue };
            let around = Around { envelope: &envelope, received: RECEIVED, clock: ClockKind::Wall };
            for call in envelope.calls.iter().filter_map(|call| Call::read(call.get(), &around).ok()) {
                prop_assert!(call.contact.is_some() || call.group_account.is_some());
                prop_assert!((0..=RECEIVED.0 + 300_000).contains(&call.times.event_at.0));
                for (name, value) in call.properties.iter().chain(&call.traits) {
                    prop_assert!(name == "email_domain" || !names::personal_value(value), "{name}: {value:?}");
                }
                prop_assert!(call.properties.is_sorted_by(|a, b| a.0 < b.0));
                prop_assert!(call.traits.is_sorted_by(|a, b| a.0 < b.0));
            }
        }
    }
}

#[test]
fn what_is_said_of_a_contract_is_of_its_account_and_of_nobody() {
    let call = one(
        "track",
        r#"{"userId": "crm", "event": "Contract Updated", "context": {"groupId": "acme"},
            "properties": {"contractId": "C-1", "endDate": "2027-03-31", "arr_minor": 1200, "note": "x"}}"#,
    );
    assert_eq!((call.kind, call.contact, call.context_account), (MessageKind::Contract, None, None));
    assert_eq!((call.group_account.as_deref(), call.contract.as_str()), (Some("acme"), "C-1"));
    assert_eq!(text(&call.terms), "arr_minor=1200000000 end_date=2027-03-31");
    assert!(call.properties.is_empty() && call.event.is_empty());
    let alone =
        r#"{"event": "Contract Updated", "context": {"groupId": "acme"}, "properties": {"contract_id": 7}}"#;
    assert_eq!(one("track", alone).contract, "7");
}

#[test]
fn a_contract_that_makes_no_sense_is_refused_by_what_is_wrong_with_it() {
    let of = |context: &str, properties: &str| {
        let body =
            format!(r#"{{"event": "Contract Updated", "context": {context}, "properties": {properties}}}"#);
        let unfit = read("track", &body).remove(0).unwrap_err();
        format!("{} {}", unfit.code, unfit.reason)
    };
    let acme = r#"{"groupId": "acme"}"#;
    assert_eq!(of("{}", "{}"), "NO_GROUP_ID context.groupId is missing: a contract is an account's");
    assert_eq!(of(acme, "{}"), "BAD_CONTRACT contract_id is missing: a text or a number");
    let soon = of(acme, r#"{"contract_id": "C", "end_date": "soon"}"#);
    assert_eq!(soon, r#"BAD_CONTRACT end_date: "soon" is no day: write 2027-03-31, or RFC 3339"#);
    let person = of(acme, r#"{"contract_id": "ada@x.example"}"#);
    assert!(person.starts_with(r#"BAD_CONTRACT contract_id: "ada@x.example" holds an address"#), "{person}");
}
