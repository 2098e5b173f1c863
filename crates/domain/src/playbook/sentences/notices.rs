//! What a notification tells.

use serde_json::{Value as Json, json};

use super::*;
use crate::{
    catalogue::messages::{Asks, Texts},
    ids::ContactId,
};

const EPISODE: &str = "00000000-0000-0000-0000-000000000007";

/// What is told at the step, and by which channel.
fn told(account: &mut Account, at: i64, above: &[Decision]) -> (Channel, Json) {
    let said = account.step(at, Occasion::Other, above);
    let request = said.iter().find_map(|decision| match decision {
        Decision::Notification(request) => Some(request),
        _ => None,
    });
    let request = request.unwrap_or_else(|| panic!("{said:?}"));
    (request.channel, serde_json::from_str(&request.body).unwrap())
}

#[test]
fn it_says_what_happened_and_why_and_how_the_account_stands() {
    let mut account = Account::with(vec![win_back()]);
    account.facts = Facts { name: Some("Globex".into()), owner: Some("ana".into()), ..Facts::default() };
    let above = [health(Some(Band::Green), Some(Band::Red)), entered("silent", 7)];
    let (channel, mut body) = told(&mut account, 0, &above);
    assert_eq!(channel, Channel::Webhook);
    let cta = account.workflow.ctas().risk().map(|cta| uuid::Uuid::from_u128(cta.id.0).to_string());
    assert!(body["data"]["run"].take().is_string());
    let expected = json!({
        "type": "playbook.notification",
        "timestamp": "1970-01-01T00:00:00Z",
        "data": {
            "workspace": "acme", "account": "globex", "name": "Globex", "owner": "ana", "time_zone": "UTC",
            "playbook": "win_back", "title": "win_back", "run": null, "step": "step_2",
            "trigger": {"segment": "silent", "episode": EPISODE},
            "reasons": [{"comparison": "silent at least 56", "value": "60", "holds": true}],
            "health": {
                "score": 50, "band": "red", "scorecard": "s", "since": "1970-01-01T00:00:00Z",
                "before": {"score": 50, "band": "green"}, "known_percent": 100,
                "drivers": [{"source": "orders", "points": decimal("-12.345"), "value": "1", "value_before": "3"}],
            },
            "cta": cta,
            "action": {
                "type": "risk", "title": "Call them", "priority": 2, "owner": "", "due": "1970-01-04",
            },
        },
    });
    assert_eq!(body, expected, "{body:#}");
}

fn decimal(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

#[test]
fn who_has_the_cta_is_told_before_who_has_the_account() {
    let mut account = Account::with(vec![win_back(), playbook("then", enters("late"), vec![notify()])]);
    account.facts.owner = Some("ana".into());
    account.told(0, entered("silent", 7));
    let cta = account.workflow.ctas().risk().unwrap().id;
    account.asked(1, 1, cta, CtaCommand::Reassign { owner: "bo".into() });
    let (_, body) = told(&mut account, 2, &[entered("silent", 8)]);
    assert_eq!(body["data"]["owner"], "bo");
    let (_, body) = told(&mut account, 3, &[entered("late", 9)]);
    assert_eq!((&body["data"]["owner"], &body["data"]["action"]), (&json!("ana"), &Json::Null));
}

#[test]
fn a_message_is_told_what_it_asks_for_and_goes_by_its_endpoints_channel() {
    let notify = Action::Notify { endpoint: "crm".into(), message: Some("alert".into()) };
    let mut account = Account::with(vec![playbook("p", enters("silent"), vec![notify])]);
    account.catalogue.endpoints[0].address = Address::Slack;
    let message = Message { name: "alert".into(), asks: Asks::default(), texts: Texts::default() };
    account.catalogue.messages = vec![message];
    let plan = |value| ("plan".to_owned(), value);
    let seen = SeenContact { contact: ContactId(5), last_seen: Some(Instant(0)), traits: vec![plan(None)] };
    account.facts = Facts {
        traits: vec![plan(Some(Value::Text("pro".into())))],
        measures: vec![("orders".into(), Some("12.5".into())), ("rare".into(), None)],
        segments: vec![("silent".into(), true), ("tier_a".into(), false)],
        contacts: Some(vec![seen]),
        ..Facts::default()
    };
    let (channel, body) = told(&mut account, 0, &[entered("silent", 7)]);
    let data = &body["data"];
    assert_eq!((channel, &data["message"]), (Channel::Slack, &json!("alert")));
    assert_eq!(data["traits"], json!({"plan": "pro"}));
    assert_eq!(data["measures"], json!({"orders": "12.5", "rare": null}));
    assert_eq!(data["segments"], json!({"silent": true, "tier_a": false}));
    assert_eq!(
        data["contacts"],
        json!([{
            "contact": "00000000000000000000000000000005", "last_seen": "1970-01-01T00:00:00Z",
            "traits": {"plan": null},
        }])
    );
}

#[test]
fn a_message_that_is_no_longer_defined_is_the_built_in_one() {
    let notify = Action::Notify { endpoint: "crm".into(), message: Some("gone".into()) };
    let mut account = Account::with(vec![playbook("p", enters("silent"), vec![notify])]);
    let (_, body) = told(&mut account, 0, &[entered("silent", 7)]);
    assert!(body["data"].get("message").is_none());
}

#[test]
fn what_would_fail_again_is_not_asked_for_again() {
    let mut account = Account::with(vec![playbook("p", enters("silent"), vec![notify()])]);
    account.told(0, entered("silent", 7));
    assert_eq!(account.deliver(0), ["attempt 1"]);
    let report = AttemptReported {
        notification: account.workflow.deliveries()[0].id,
        attempt: 1,
        begun: true,
        permanent: true,
        status: Some(410),
        error: "nobody set its address".into(),
        retry_at: None,
        began_at: Instant(1),
        took_ms: 0,
    };
    assert_eq!(brief(&account.step(1, Occasion::Report(&report), &[])), ["Failed"]);
}
