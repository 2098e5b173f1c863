//! Messages as people read them, written down once: a build that writes them differently fails here. To write them anew,
//! set PERENNIAL_WRITE and look at what changed.

use domain::catalogue::{messages::Texts, parse};
use messages::{Owner, People, Told, letter, problems, slack};
use serde_json::{Value as Json, json};

const ANA: &str = "00000000000000000000000000000001";
const TOM: &str = "00000000000000000000000000000002";

/// An account that turned red, as a playbook tells of it.
fn body() -> Json {
    let seen = |contact, last_seen, title, role| json!({"contact": contact, "last_seen": last_seen, "traits": {"title": title, "role": role}});
    json!({
        "type": "playbook.notification",
        "timestamp": "2026-03-05T09:00:00Z",
        "data": {
            "workspace": "acme", "account": "00042", "name": "Acme <Tools>", "owner": "ana",
            "time_zone": "Europe/Berlin", "playbook": "churn_risk", "title": "Churn risk",
            "run": "92c4b5e5-59b9-8e53-befd-30a531a80c92", "step": "notify_2",
            "trigger": {"segment": "red_for_two_days", "episode": "107a155f-21ed-8504-8937-133037e7b460"},
            "reasons": [{"comparison": "health band is red", "value": "red", "holds": true}],
            "health": {
                "score": 39, "band": "red", "scorecard": "steady", "since": "2026-03-02T23:30:00Z",
                "before": {"score": 71, "band": "green"}, "known_percent": 92,
                "drivers": [
                    {"source": "active_contacts", "points": -11, "value": "12", "value_before": "31"},
                    {"source": "usage_trend", "points": -10.4, "value": "0.5", "value_before": "1.02"},
                    {"source": "cap champion_gone", "points": -2, "value": "60", "value_before": ""},
                ],
            },
            "cta": "2ccc0d6b-cff2-8feb-a5a8-2d4da36ffcea",
            "action": {"type": "risk", "title": "Call the champion", "priority": 1, "owner": "ana", "due": "2026-03-06"},
            "message": "churn_alert",
            "traits": {"arr_minor": 8_400_000, "currency": "USD"},
            "measures": {"decision_days": "41", "touched": null},
            "segments": {"tier_a": true, "tier_b": false},
            "contacts": [seen(TOM, Some("2026-03-04T10:00:00Z"), Some("Buyer"), None), seen(ANA, None, None, Some("champion"))],
        },
    })
}

fn people() -> People {
    let (name, slack_member) = (Some("Ana Ruiz".to_owned()), Some("U0123".to_owned()));
    People {
        owner: Some(Owner { id: "ana".into(), name, slack_member }),
        contacts: [(TOM.to_owned(), "Tom Lee".to_owned())].into(),
    }
}

fn check(name: &str, written: &str) {
    let path = format!("{}/tests/written/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("PERENNIAL_WRITE").is_some() {
        std::fs::write(&path, format!("{written}\n")).expect("a folder that can be written to");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(format!("{written}\n"), expected, "{name}");
}

#[test]
fn the_built_in_messages_read_like_this() {
    let told = Told::new(&body(), &people());
    let letter = letter(None, &told);
    assert_eq!(letter.fault, None);
    check("built_in.slack.txt", &slack(None, &told).what);
    check("built_in.email.txt", &format!("Subject: {}\n\n{}", letter.what.subject, letter.what.text));
    check("built_in.email.html", &letter.what.html);
}

#[test]
fn the_built_in_messages_need_to_know_nothing() {
    let told = Told::new(
        &json!({"timestamp": "2026-03-05T09:00:00Z", "data": {"account": "00042"}}),
        &People::default(),
    );
    let letter = letter(None, &told).what;
    check("bare.slack.txt", &slack(None, &told).what);
    check("bare.email.txt", &format!("Subject: {}\n\n{}", letter.subject, letter.text));
    check("bare.email.html", &letter.html);
}

fn texts(text: &str) -> Texts {
    Texts { text: text.into(), ..Texts::default() }
}

fn written(template: &str) -> String {
    slack(Some(&texts(template)), &Told::new(&body(), &people())).what
}

#[test]
fn what_is_put_into_a_text_is_escaped_for_where_it_goes() {
    let told = Told::new(&body(), &people());
    let all = Texts { html: Some("<b>{{ name }}</b>".into()), ..texts("*{{ name }}* {{ owner.mention }}") };
    assert_eq!(slack(Some(&all), &told).what, "*Acme &lt;Tools&gt;* <@U0123>");
    let letter = letter(Some(&all), &told).what;
    assert_eq!(letter.html, "<b>Acme &lt;Tools&gt;</b>");
    assert!(letter.text.starts_with("*Acme <Tools>* Ana Ruiz"), "{}", letter.text);
}

#[test]
fn values_are_said_as_people_say_them() {
    let check = |template, expected| assert_eq!(written(template), expected, "{template}");
    check("{{ traits.arr_minor|money(traits.currency) }}", "$84k");
    check(
        "{{ 123|money('EUR') }} {{ 125000000|money('GBP') }} {{ 900000|money('CHF') }} {{ 5000|money('JPY') }}",
        "€1 £1.2M 9k CHF 5k JPY",
    );
    check("{{ health.since|day }} {{ '2025-12-31'|day }}", "3 March 31 December 2025");
    check(
        "{{ cta.due|ago }}, {{ health.since|ago }}, {{ '2026-04-15'|ago }}",
        "tomorrow, 2 days ago, in 41 days",
    );
    check("{{ measures.touched }} {{ measures.touched|default('never') }}", "unknown never");
    check("{{ measures.decision_days|count('day', 'days') }} {{ 1|count('day', 'days') }}", "41 days 1 day");
    check("{{ 12400|number }} {{ 0.5|number }} {{ -1234567.125|number }}", "12,400 0.5 -1,234,567.12");
    check("{% if measures.decision_days < 90 %}soon{% endif %}", "soon");
    check(
        "{% for contact in contacts %}{{ contact.name }} {{ contact.traits.title }} {% endfor %}",
        "Tom Lee Buyer a contact unknown",
    );
}

#[test]
fn a_message_that_cannot_be_rendered_becomes_the_built_in_one_with_the_reason() {
    let told = Told::new(&body(), &people());
    let written = slack(Some(&texts("{{ traits.nmae }}")), &told);
    assert_eq!(written.what, slack(None, &told).what);
    assert!(written.fault.unwrap().to_string().starts_with("line 1: it names something that is not there"));
}

#[test]
fn a_template_takes_bounded_time_and_room() {
    let fault = |template: &str| {
        let told = Told::new(&body(), &people());
        slack(Some(&texts(template)), &told).fault.map(|fault| fault.to_string()).unwrap_or_default()
    };
    let nested = |depth, inner: &str| {
        let open: String = (0..depth).map(|n| format!("{{% for a{n} in [1,1,1,1,1,1,1,1] %}}")).collect();
        format!("{open}{inner}{}", "{% endfor %}".repeat(depth))
    };
    assert!(fault(&nested(8, "x")).contains("too long"), "{}", fault(&nested(8, "x")));
    let long = "0123456789".repeat(20);
    assert!(fault(&nested(4, &long)).contains("more than 32768 bytes"), "{}", fault(&nested(4, &long)));
    assert!(fault("{{ 'x' * 1000000000 }}").contains("not for templates"));
}

#[test]
fn templates_are_tried_out_when_they_are_applied() {
    let check = |message: Json, expected: &[&str]| {
        let doc = parse(&json!({"messages": {"m": message}})).unwrap();
        let found: Vec<String> = problems(&doc).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        found
            .iter()
            .zip(expected)
            .for_each(|(found, expected)| assert!(found.starts_with(expected), "{found}"));
    };
    check(json!({"text": "{{ name }}", "facts": {"traits": ["plan"]}, "html": "{{ traits.plan }}"}), &[]);
    check(json!({"text": "a\n{% if name %}"}), &["messages.m.text: line 2: "]);
    check(
        json!({"text": "x", "subject": "{{ traits.plan }}"}),
        &["messages.m.subject: line 1: it names something"],
    );
    check(json!({"text": "x", "slack": "{{ nmae }}"}), &["messages.m.slack: line 1: it names something"]);
    check(json!({"text": "{{ name|shout }}"}), &["messages.m.text: line 1: filter shout is unknown"]);
    check(
        json!({"text": "{{ cta.title }}"}),
        &["messages.m.text: line 1: it names something that is not there"],
    );
}
