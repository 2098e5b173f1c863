//! What is right and wrong with a catalogue, and where.

use std::fmt::Write;

use domain::catalogue::{ChangeKind, Clock, canonical, compile, diff, parse};

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::support::{compiled, problems, yaml};

/// A document, and what is said about it: `path: message`, the beginning of it.
#[track_caller]
pub(crate) fn check(document: &str, expected: &[&str]) {
    let said: Vec<String> = problems(document).iter().map(ToString::to_string).collect();
    let fits = said.len() == expected.len()
        && said.iter().zip(expected).all(|(said, expected)| said.starts_with(expected));
    assert!(fits, "{document}\nsaid {said:#?}\nexpected {expected:#?}");
}

const MEASURES: &str = "measures:\n  orders: {count: {window: {days: 28}}}\n  revenue: {sum: {event: Order, property: revenue, window: {days: 28}}}\n";

pub(crate) fn with_measures(rest: &str) -> String {
    format!("{MEASURES}{rest}")
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_known_one() {
    check("segmnts: {}", &["segmnts: unknown key `segmnts`; did you mean `segments`?"]);
    check(
        "measures: {a: {cuont: {window: {days: 1}}}}",
        &["measures.a.cuont: unknown key `cuont`; did you mean `count`?"],
    );
    check(
        "segments: {a: {when: {all: [{trait: plan, is: x}, {mesure: a, at_least: 1}]}}}",
        &["segments.a.when.all[1].mesure: unknown key `mesure`; did you mean `measure`?"],
    );
    check(
        "segments: {a: {when: {health: bnad, is: red}}}",
        &["segments.a.when.health: unknown word `bnad`; did you mean `band`?"],
    );
}

#[test]
fn a_set_of_events_may_stand_where_an_event_may() {
    check(
        "event_sets: {core: [A, B]}\nmeasures: {a: {days_active: {event: {set: core}, window: {days: 7}}}, b: {days_since_last: {event: {set: core}}}}",
        &[],
    );
    check(
        "event_sets: {core: [A]}\nmeasures: {a: {days_since_last: {event: {set: cor}}}}",
        &["measures.a.days_since_last.event.set: no event set named `cor`; did you mean `core`?"],
    );
    check(
        "event_sets: {core: [], other: [A, B, A], Third: [\"\"]}",
        &[
            "event_sets.Third: `Third` is no name",
            "event_sets.Third[0]: must not be empty",
            "event_sets.core: 0 events; there may be 1 to 256",
            "event_sets.other[2]: `A` stands there already",
        ],
    );
}

#[test]
fn an_ordered_set_has_names_of_its_own_and_one_place_for_everybody_else() {
    check(
        "ordered_sets: {tier: [{name: a, when: {trait: arr, at_least: 10}}, {name: b}]}\nplaybooks: {p: {trigger: {enters: a}, steps: [{end: {}}]}}",
        &[],
    );
    check(
        "ordered_sets: {tier: [{name: a}, {name: b, when: {trait: arr, at_least: 1}}, {name: b}], none: []}\nsegments: {a: {when: {trait: x, is: 1}}}",
        &[
            "ordered_sets.none: 0 segments; there may be 1 to 20",
            "ordered_sets.tier[0].name: another segment is called `a`",
            "ordered_sets.tier[0]: `when` is missing: only the last one is for everybody else",
            "ordered_sets.tier[1].name: another segment is called `b`",
            "ordered_sets.tier[2].name: another segment is called `b`",
        ],
    );
}

#[test]
fn what_is_of_another_kind_is_said_in_plain_words() {
    check(
        "measures: {a: {count: {event: 7, window: {days: 1}}}}",
        &["measures.a.count.event: must be an event's name, or {set: NAME}"],
    );
    check(
        "measures: {a: {count: {window: {days: -1}}}}",
        &["measures.a.count.window.days: must be a whole number from 0"],
    );
    check("measures: [a]", &["measures: must be keys with values, not a list"]);
    check("measures: {a: {count: 5}}", &["measures.a.count: must be keys with values, not a number"]);
    check("scorecards: {a: 1}", &["scorecards: must be a list, not keys with values"]);
    check(
        "segments: {a: {title: \"a\\0\", when: {trait: plan, is: x}}}",
        &["segments.a.title: has the character U+0000"],
    );
    check(
        "segments: {a: {title: ' ', when: {trait: plan, is: x}}}",
        &["segments.a.title: must not be empty"],
    );
}

#[test]
fn everything_that_is_named_must_be_there() {
    check(
        &with_measures("segments: {a: {when: {not: {measure: ordres, at_least: 1}}}}"),
        &["segments.a.when.not.measure: no measure named `ordres`; did you mean `orders`?"],
    );
    check(
        "conditions: {quiet: {trait: a, exists: true}}\nsegments: {a: {when: {named: quite}}}",
        &["segments.a.when.named: no condition named `quite`; did you mean `quiet`?"],
    );
    check(
        "playbooks: {p: {trigger: {enters: gone}, steps: [{notify: {endpoint: nowhere}}]}}",
        &[
            "playbooks.p.trigger.enters: no segment named `gone`",
            "playbooks.p.steps[0].notify.endpoint: no endpoint named `nowhere`",
        ],
    );
}

#[test]
fn an_endpoint_is_one_thing_and_a_message_asks_for_what_there_is() {
    check(
        "endpoints: {a: {url: 'https://a.example', slack: {}}, b: {}, c: {url: nowhere}}",
        &[
            "endpoints.a: an endpoint is exactly one of url, slack, email",
            "endpoints.b: an endpoint is exactly one of url, slack, email",
            "endpoints.c.url: `nowhere` is no http or https address",
        ],
    );
    check(
        "messages: {m: {facts: {measures: [gone], segments: [gone], traits: [a, a], contacts: {where: {health: score, at_least: 1}, most: 11}}, text: ' '}}",
        &[
            "messages.m.text: must not be empty",
            "messages.m.facts.traits[1]: `a` stands there already",
            "messages.m.facts.measures[0]: no measure named `gone`",
            "messages.m.facts.segments[0]: no segment named `gone`",
            "messages.m.facts.contacts.most: 11 is not from 1 to 10",
            "messages.m.facts.contacts.where: is asked of accounts",
        ],
    );
    check(
        "endpoints: {a: {slack: {}}}\nplaybooks: {p: {trigger: {event: {name: E}}, steps: [{notify: {endpoint: a, to: owner, message: alert}}]}}\nmessages: {alerts: {text: x}}",
        &[
            "playbooks.p.steps[0].notify.to: `a` is no endpoint of e-mail",
            "playbooks.p.steps[0].notify.message: no message named `alert`; did you mean `alerts`?",
        ],
    );
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    check(
        &with_measures(
            "segments:\n  Upper: {when: {trait: plan, is: x}}\n  b: {when: {measure: orders, contains: x}}\n  c: {when: {trait: plan, is: a, is_not: b}}\n",
        ),
        &[
            "segments.Upper: `Upper` is no name",
            "segments.b.when.contains: `contains` is not asked here",
            "segments.c.when: a comparison is exactly one of is,",
        ],
    );
}

#[test]
fn a_day_of_review_is_a_day() {
    let with = |review: &str| {
        format!("segments: {{a: {{purpose: p, owner: o, review: {review}, when: {{trait: x, is: 1}}}}}}")
    };
    check(&with("2027-03-31"), &[]);
    check(&with("31.3.2027"), &["segments.a.review: `31.3.2027` is no day such as 2027-03-31"]);
}

#[test]
fn scorecards_do_not_ask_about_segments() {
    check("segments: {a: {when: {segment: b}}, b: {when: {trait: x, is: 1}}}", &[]);
    check(
        "segments: {a: {when: {segment: c}}, b: {when: {trait: x, is: 1}}}",
        &["segments.a.when.segment: no segment named `c`"],
    );
    check(
        "conditions: {n: {segment: a}}\nsegments: {a: {when: {trait: x, is: 1}}}\nplaybooks: {p: {trigger: {enters: a}, only_while: {named: n}, steps: [{end: {}}]}}",
        &[],
    );
    check(
        "measures: {m: {count: {window: {days: 7}}}}\nsegments: {a: {when: {trait: x, is: 1}}}\nscorecards: [{name: s, for: {segment: a}, groups: [{name: g, weight: 1, measures: [{measure: m, weight: 1, curve: {steps: [[0, 1]]}}]}], bands: {yellow: 40, green: 70}}]",
        &["scorecards[0].for: asks about the segment `a`, which scorecards do not"],
    );
}

#[test]
fn nothing_leads_back_to_itself() {
    check(
        "segments: {a: {when: {segment: b}}, b: {when: {not: {segment: c}}}, c: {when: {trait: x, is: 1}, stays_while: {segment: a}}, d: {when: {segment: a}}}",
        &["segments.a: asks, by way of others, about itself: in the circle, or behind it, stand a, b, c, d"],
    );

    check(
        "conditions: {a: {not: {named: b}}, b: {any: [{named: c}]}, c: {named: a}}",
        &["conditions.c.named: `a` leads back to itself"],
    );
    check(
        "measures: {a: {ratio: {of: a, to: a}}}",
        &["measures.a.ratio.of: `a` is a ratio itself", "measures.a.ratio.to: `a` is a ratio itself"],
    );
}

#[test]
fn a_long_chain_of_names_is_refused_before_it_is_walked() {
    let mut document = String::from("conditions:\n  c4999: {trait: a, is: b}\n");
    (0..4_999).for_each(|n| writeln!(document, "  c{n}: {{named: c{}}}", n + 1).unwrap());
    let said = problems(&document);
    assert!(
        said.iter().any(|problem| problem.message.contains("named conditions deep")),
        "{:?}",
        said.first()
    );
}

#[test]
fn a_condition_has_200_nodes_named_ones_written_out() {
    let parts = |n: usize| vec!["{trait: a, is: b}"; n].join(", ");
    let named = |n: usize| format!("conditions: {{c: {{all: [{}]}}}}\n", parts(n));
    check(&named(199), &[]);
    check(&named(200), &["conditions.c: 201 nodes"]);
    let twice = format!("{}segments: {{s: {{when: {{any: [{{named: c}}, {{named: c}}]}}}}}}", named(98));
    check(&twice, &["segments.s.when: 201 nodes, named conditions written out"]);
}

#[test]
fn a_scorecard_adds_up_and_reads_no_health() {
    let card = |group: &str, rest: &str| {
        with_measures(&format!(
            "scorecards: [{{name: s, groups: [{{name: g, weight: 1, measures: [{group}]}}], {rest}}}]"
        ))
    };
    let orders = "{measure: orders, weight: 1, curve: {steps: [[0, 0], [0.5, 100]]}}";
    check(&card(orders, "bands: {yellow: 40, green: 70}"), &[]);
    check(&card(orders, "bands: {yellow: 70, green: 70}"), &["scorecards[0].bands: green must begin above"]);
    check(
        &card(&format!("{orders}, {orders}"), "bands: {yellow: 40, green: 70}"),
        &["scorecards[0].groups: measure `orders` stands twice"],
    );
    check(
        &card(
            "{measure: orders, weight: 0, curve: {linear: [[1, 0], [1, 101]]}}",
            "bands: {yellow: 40, green: 70}",
        ),
        &[
            "scorecards[0].groups[0].measures[0].weight: 0 is not from 1 to 100",
            "scorecards[0].groups[0].measures[0].curve.linear[1][1]: 101 is not from 0 to 100",
            "scorecards[0].groups[0].measures[0].curve.linear[1][0]: x must rise",
        ],
    );
    check(
        &card(orders, "bands: {yellow: 40, green: 70}, for: {health: band, is: red}"),
        &["scorecards[0].for: reads health"],
    );
}

#[test]
fn steps_are_named_by_kind_and_place() {
    let catalogue = compiled(
        "endpoints: {crm: {url: 'https://crm.example.com/x'}}\nplaybooks: {p: {trigger: {event: {name: E}}, steps: [{wait: {hours: 3}}, {notify: {endpoint: crm}}, {name: last, end: {}}]}}",
    );
    let names: Vec<_> = catalogue.playbook("p").unwrap().steps.iter().map(|step| &step.name).collect();
    assert_eq!(names, ["wait_1", "notify_2", "last"]);
}

#[test]
fn five_thousand_segments_compile_within_a_breath() {
    let mut document = String::from(MEASURES);
    document.push_str("segments:\n");
    for n in 0..5_000 {
        let limits = (n % 97, n % 89 + 1);
        writeln!(
            document,
            "  s{n}: {{when: {{all: [{{measure: orders, at_least: {}}}, {{measure: revenue, less_than: {}}}, {{trait: plan, is: p{}}}]}}}}",
            limits.0,
            limits.1,
            n % 50
        )
        .unwrap();
    }
    let catalogue = compile(&yaml(&document), "Europe/Berlin", Clock::Wall).unwrap();
    assert_eq!(catalogue.segments.len(), 5_000);
}

#[test]
fn a_diff_names_what_was_changed_and_how() {
    let old = parse(&yaml(&with_measures(
        "segments: {a: {when: {measure: orders, at_least: 1}}, b: {when: {trait: x, is: y}}}",
    )))
    .unwrap();
    let new = parse(&yaml(&with_measures(
        "segments: {a: {when: {measure: orders, at_least: 2}}, c: {when: {trait: x, is: y}}}",
    )))
    .unwrap();
    let changes: Vec<_> = diff(&old, &new).into_iter().map(|c| (c.kind, c.what, c.details)).collect();
    assert_eq!(
        changes,
        [
            (ChangeKind::Changed, "segment a".to_owned(), vec!["when.at_least: 1 -> 2".to_owned()]),
            (ChangeKind::Removed, "segment b".to_owned(), vec![]),
            (ChangeKind::Added, "segment c".to_owned(), vec![]),
        ]
    );
    assert_eq!(diff(&old, &old), []);
}

#[test]
fn what_is_exported_reads_back_the_same() {
    let demo = yaml(include_str!("../../../../services/perennial/demo/catalogue.yaml"));
    let doc = parse(&demo).unwrap();
    let exported = canonical(&doc);
    assert_eq!(parse(&exported).unwrap(), doc);
    assert_eq!(canonical(&parse(&exported).unwrap()).to_string(), exported.to_string());
}

/// Words that definitions are made of.
const WORDS: &str = "measures conditions scorecards segments endpoints playbooks a b when all any not named measure \
    trait is in at_least count window days hours event name groups weight curve steps linear bands \
    yellow green contacts where ratio of to change trigger enters band wait notify missing stale \
    health for_days url slack email messages facts traits text most";

/// JSON made of them.
fn any_document() -> impl Strategy<Value = Json> {
    let word = prop::sample::select(WORDS.split(' ').collect::<Vec<_>>());
    let leaf = prop_oneof![
        word.clone().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (0..60_u32).prop_map(Json::from),
        any::<bool>().prop_map(Json::from),
        Just(Json::Null),
        "-?[0-9]{1,25}(\\.[0-9]{1,9})?".prop_map(|text| serde_json::from_str(&text).unwrap_or(Json::Null)),
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(word.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|fields| Json::from(fields.into_iter().collect::<serde_json::Map<_, _>>())),
        ]
    })
}

/// A place in a document, by what is chosen at each level.
fn replace(json: &mut Json, choices: &[prop::sample::Index], with: Json) {
    let Some((choice, rest)) = choices.split_first() else { return *json = with };
    match json {
        Json::Object(fields) if !fields.is_empty() => {
            let at = choice.index(fields.len());
            replace(fields.values_mut().nth(at).unwrap(), rest, with);
        }
        Json::Array(items) if !items.is_empty() => {
            let at = choice.index(items.len());
            replace(&mut items[at], rest, with);
        }
        other => *other = with,
    }
}

proptest! {
    #[test]
    fn whatever_is_written_gets_an_answer(
        document in any_document(),
        choices in prop::collection::vec(any::<prop::sample::Index>(), 1..8),
    ) {
        let _ = compile(&document, "UTC", Clock::Wall);
        let mut demo = yaml(include_str!("../../../../services/perennial/demo/catalogue.yaml"));
        replace(&mut demo, &choices, document);
        if let Err(problems) = compile(&demo, "UTC", Clock::Log) {
            prop_assert!(!problems.is_empty());
        }
    }
}

#[test]
fn a_measure_that_needs_more_than_counts_knows_nothing_from_before_its_version() {
    let compiled = |measures: Json| {
        compile(&json!({ "measures": measures }), "UTC", Clock::Wall).expect("nothing is wrong with it")
    };
    let window = json!({"days": 28});
    let sum = json!({"sum": {"event": "Paid", "property": "amount", "window": window}});
    let before = compiled(json!({"paid": sum, "uses": {"count": {"window": window}}}));
    let after = compiled(json!({
        "paid": sum,
        "paid_lately": {"sum": {"event": "Paid", "property": "amount", "window": {"days": 7}}},
        "people": {"distinct_contacts": {"window": window}},
        "large": {"count": {"event": "Paid", "window": window, "where": [{"property": "amount", "at_least": 9}]}},
        "uses": {"count": {"window": window}},
        "logins": {"count": {"event": "Signed In", "window": window}},
        "by_hours": {"count": {"event": "Signed In", "window": {"hours": 3}}},
    }));
    assert_eq!(after.known_from_now(&before).collect::<Vec<_>>(), ["by_hours", "large", "people"]);
}
