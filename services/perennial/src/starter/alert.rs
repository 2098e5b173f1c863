//! The churn alert, as somebody reads it.

use domain::catalogue::{messages::Texts, parse};
use messages::{Owner, People, Told, slack};
use serde_json::{Value, json};

use super::Pack;

fn alert() -> Texts {
    let pack = Pack::load().unwrap_or_else(|error| panic!("{error:#}"));
    let filled = pack.get("churn_alert").map(|template| template.filled(&super::Settings::new()));
    let catalogue = filled.unwrap_or_else(|error| panic!("{error:#}"));
    let doc =
        parse(&json!({"messages": catalogue["messages"]})).unwrap_or_else(|problems| panic!("{problems:?}"));
    Texts { text: doc.messages["churn_alert"].text.clone(), ..Texts::default() }
}

fn written(data: Value, people: &People) -> String {
    let told = Told::new(&json!({"timestamp": "2026-03-05T09:00:00Z", "data": data}), people);
    let written = slack(Some(&alert()), &told);
    assert_eq!(written.fault, None);
    written.what
}

#[test]
fn it_says_what_it_takes_to_act() {
    let driver = |source: &str, points: i64, before: &str, value: &str| json!({"source": source, "points": points, "value": value, "value_before": before});
    let contact = json!({"contact": "2", "last_seen": "2026-03-04T10:00:00Z", "traits": {"title": "Head of IT", "role": null}});
    let data = json!({
        "account": "00042", "name": "Acme", "owner": "ana", "time_zone": "UTC", "title": "Churn alert",
        "trigger": {"segment": "risk_urgent", "episode": "1"},
        "health": {
            "score": 39, "band": "red", "since": "2026-03-03T12:00:00Z", "known_percent": 92,
            "before": {"score": 71, "band": "green"},
            "drivers": [driver("active_contacts_28d", -11, "31", "12"), driver("trend", -10, "0.26", "0.13")],
        },
        "action": {"title": "Call the champion", "priority": 1, "due": "2026-03-06"},
        "traits": {"arr_minor": 8_400_000, "currency": "USD"},
        "measures": {"decision_days": "41"},
        "segments": {"tier_a": true, "tier_b": false, "champion_gone": true, "on_fire": false},
        "contacts": [contact],
    });
    let owner = Owner { id: "ana".into(), name: Some("Ana Ruiz".into()), slack_member: Some("U0123".into()) };
    let people = People { owner: Some(owner), contacts: [("2".to_owned(), "Tom Lee".to_owned())].into() };
    let found = written(data, &people);
    assert!(
        found.starts_with(
            "Acme (tier A, $84k, decides in 41 days)\n71 -> 39, red since 3 March, 92 % of inputs known\n"
        ),
        "{found}"
    );
    for line in [
        "Why: active contacts 28d 31 -> 12 (-11) · trend 0.26 -> 0.13 (-10)",
        "A champion has not been seen for a while.",
        "Active lately: Tom Lee, Head of IT (yesterday)",
        "To do: Call the champion (P1, due 6 March)",
        "<@U0123>",
    ] {
        assert!(found.lines().any(|found| found == line), "{line} is not in\n{found}");
    }
}

#[test]
fn it_says_what_is_not_known_and_that_nobody_owns_it() {
    let nothing = json!({"tier_a": false, "tier_b": false, "champion_gone": false, "on_fire": false});
    let data = json!({
        "account": "00042", "time_zone": "UTC", "traits": {"arr_minor": null, "currency": null},
        "measures": {"decision_days": null}, "segments": nothing, "contacts": [],
    });
    let expected = "00042 (tier C)\nNobody was active in the last 14 days.\nNobody owns this account.";
    assert_eq!(written(data, &People::default()), expected);
}
