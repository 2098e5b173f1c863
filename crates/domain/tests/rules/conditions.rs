//! Conditions, reasons, scores and caps of one account.

use std::collections::BTreeMap;

use domain::{
    catalogue::Catalogue,
    condition::Truth,
    decision::{Band, HealthChanged, MembershipChanged, Score},
    fact::{Fact, FactKind},
    ids::{ContactId, EpisodeId, FactId},
    time::{DAY_MS, Instant},
    value::Value,
    view::{Because, Scope, View},
};

use crate::support::{compiled, number, text, traits, usage};

fn day(day: i64) -> Instant {
    Instant(day * DAY_MS)
}

fn contact(id: u128, at: Instant, traits: &[(&str, Value)]) -> [Fact; 2] {
    let contact = ContactId(id);
    let traits = traits.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let fact = |id, kind| Fact { id: FactId(id), event_at: at, kind };
    [
        fact(id * 10, FactKind::ContactMembership { contact, member: true }),
        fact(id * 10 + 1, FactKind::ContactTraits { contact, traits }),
    ]
}

/// A condition asked of facts, at a day: by itself, and as a segment that was watched from the first fact on.
#[track_caller]
fn check(condition: &str, facts: &[Fact], at: i64, expected: Truth) {
    let document = format!(
        "measures: {{orders: {{count: {{event: Order, window: {{days: 28}}}}}}, last: {{days_since_last: {{event: Order}}}}, seats: {{trait: {{name: seats}}}}}}\nsegments: {{s: {{when: {condition}}}}}"
    );
    let catalogue = compiled(&document);
    let mut view = View::fresh(Scope::Segments);
    let mut open = BTreeMap::new();
    for fact in facts {
        view.fold(&catalogue, fact, fact.event_at);
        take(&mut view, &catalogue, &mut open);
    }
    while let Some(wake) = view.wake(&catalogue).filter(|wake| *wake <= day(at)) {
        view.advance(&catalogue, wake);
        take(&mut view, &catalogue, &mut open);
    }
    let truth = view.truth(&catalogue, catalogue.segments[0].enters, day(at));
    assert_eq!(truth, expected, "{condition} on day {at}");
    assert_eq!(!open.is_empty(), expected.holds(), "{condition} as a segment on day {at}");
}

fn take(
    view: &mut View,
    catalogue: &Catalogue,
    open: &mut BTreeMap<String, EpisodeId>,
) -> Vec<MembershipChanged> {
    let changes = view.membership_changes(catalogue, open, Because::default(), |_| EpisodeId(7));
    for change in &changes {
        match change.member {
            true => drop(open.insert(change.segment.clone(), change.episode)),
            false => drop(open.remove(&change.segment)),
        }
    }
    changes
}

#[test]
fn measures_compare() {
    let order = [usage(1, day(100), "Order", &[])];
    for (condition, at, expected) in [
        ("{measure: orders, at_least: 1}", 127, Truth::True),
        ("{measure: orders, at_least: 1}", 128, Truth::False),
        ("{measure: orders, is: 0}", 128, Truth::True),
        ("{measure: orders, is_not: 1}", 127, Truth::False),
        ("{measure: last, at_least: 56}", 156, Truth::True),
        ("{measure: last, at_least: 56}", 155, Truth::False),
        ("{measure: last, more_than: 56}", 156, Truth::False),
        ("{measure: last, less_than: 56}", 155, Truth::True),
        ("{measure: seats, at_least: 1}", 100, Truth::Unknown),
        ("{not: {measure: seats, at_least: 1}}", 100, Truth::Unknown),
        ("{missing: {measure: seats}}", 100, Truth::True),
        ("{any: [{measure: seats, at_least: 1}, {measure: orders, is: 1}]}", 100, Truth::True),
        ("{all: [{measure: seats, at_least: 1}, {measure: orders, is: 0}]}", 100, Truth::False),
    ] {
        check(condition, &order, at, expected);
    }
}

#[test]
fn traits_compare_and_last() {
    let set = [
        traits(1, day(10), "plan", text("pro")),
        traits(2, day(20), "plan", text("pro")),
        traits(3, day(10), "seats", number("12.5")),
    ];
    for (condition, at, expected) in [
        ("{trait: plan, is: pro}", 20, Truth::True),
        ("{trait: plan, in: [basic, pro]}", 20, Truth::True),
        ("{trait: plan, at_least: 3}", 20, Truth::Unknown),
        ("{trait: stage, is_not: churned}", 20, Truth::Unknown),
        ("{trait: stage, exists: false}", 20, Truth::True),
        ("{trait: seats, more_than: 12.4}", 20, Truth::True),
        ("{measure: seats, at_most: 12.5}", 20, Truth::True),
        ("{trait: plan, is: pro, for_days: 30}", 39, Truth::False),
        ("{trait: plan, is: pro, for_days: 30}", 40, Truth::True),
        ("{trait: plan, is: basic, for_days: 30}", 90, Truth::False),
        ("{stale: {trait: plan, days: 30}}", 49, Truth::False),
        ("{stale: {trait: plan, days: 30}}", 50, Truth::True),
        ("{stale: {trait: stage, days: 30}}", 20, Truth::True),
        ("{missing: {trait: plan}}", 20, Truth::False),
    ] {
        check(condition, &set, at, expected);
    }
}

#[test]
fn contacts_are_counted_in_three_values() {
    let facts: Vec<Fact> = contact(1, day(1), &[("role", text("executive")), ("age", number("40"))])
        .into_iter()
        .chain(contact(2, day(1), &[("role", text("engineer"))]))
        .chain([usage(99, day(5), "Order", &[])])
        .collect();
    for (condition, at, expected) in [
        ("{contacts: any, where: {trait: role, is: executive}}", 5, Truth::True),
        ("{contacts: all, where: {trait: role, is: executive}}", 5, Truth::False),
        ("{contacts: none, where: {trait: role, is: cook}}", 5, Truth::True),
        ("{contacts: all, where: {trait: age, at_least: 30}}", 5, Truth::Unknown),
        ("{contacts: {at_least: 2}, where: {trait: age, at_least: 30}}", 5, Truth::Unknown),
        ("{contacts: {at_least: 2}, where: {trait: role, is: executive}}", 5, Truth::False),
        ("{contacts: any, where: {days_since_last_seen: {at_least: 14}}}", 18, Truth::Unknown),
        ("{contacts: any, where: {days_since_last_seen: {at_least: 14}}}", 19, Truth::True),
        (
            "{contacts: any, where: {all: [{trait: role, is: executive}, {not: {stale: {trait: role, days: 9}}}]}}",
            9,
            Truth::True,
        ),
        (
            "{contacts: any, where: {all: [{trait: role, is: executive}, {not: {stale: {trait: role, days: 9}}}]}}",
            10,
            Truth::False,
        ),
        ("{contacts: {percent_at_least: 50}, where: {trait: role, is: executive}}", 5, Truth::True),
        ("{contacts: {percent_at_least: 51}, where: {trait: role, is: executive}}", 5, Truth::False),
        ("{contacts: {percent_at_least: 51}, where: {trait: age, at_least: 30}}", 5, Truth::Unknown),
        ("{contacts: {percent_at_least: 50}, where: {trait: age, exists: true}}", 5, Truth::True),
    ] {
        check(condition, &facts, at, expected);
    }
    let nobody = "{contacts: {percent_at_least: 1}, where: {trait: role, is: cook}}";
    check(nobody, &[usage(1, day(1), "Order", &[])], 1, Truth::Unknown);
    check("{contacts: all, where: {trait: role, is: cook}}", &[usage(1, day(1), "Order", &[])][..], 1, {
        // Usage by somebody who is no member counts nobody.
        Truth::True
    });
}

#[test]
fn a_membership_says_which_comparisons_made_it_so() {
    let catalogue = compiled(
        "measures: {last: {days_since_last: {}}, spent: {trait: {name: spent}}}\nconditions: {silent: {measure: last, at_least: 56}}\nsegments: {s: {when: {all: [{named: silent}, {any: [{measure: spent, at_least: 100}, {trait: vip, is: true}]}]}}}",
    );
    let mut view = View::fresh(Scope::Segments);
    let mut open = BTreeMap::new();
    view.fold(&catalogue, &usage(1, day(0), "Order", &[]), day(0));
    view.fold(&catalogue, &traits(2, day(0), "spent", number("250.5")), day(0));
    assert_eq!(take(&mut view, &catalogue, &mut open), []);
    assert_eq!(view.wake(&catalogue), Some(day(56)));
    view.advance(&catalogue, day(56));
    let said = |changes: Vec<MembershipChanged>| -> Vec<(String, String, bool)> {
        let reasons = changes.into_iter().flat_map(|change| change.reasons);
        reasons.map(|reason| (reason.comparison, reason.value, reason.holds)).collect()
    };
    assert_eq!(
        said(take(&mut view, &catalogue, &mut open)),
        [
            ("last at least 56".to_owned(), "56".to_owned(), true),
            ("spent at least 100".to_owned(), "250.5".to_owned(), true),
        ]
    );
    view.fold(&catalogue, &usage(3, day(60), "Order", &[]), day(60));
    assert_eq!(
        said(take(&mut view, &catalogue, &mut open)),
        [("last at least 56".to_owned(), "0".to_owned(), false)]
    );
}

#[test]
fn members_of_a_segment_that_is_gone_leave_it() {
    let old = compiled("segments: {a: {when: {trait: x, is: 1}}, b: {when: {trait: x, is: 1}}}");
    let new = compiled("segments: {b: {when: {trait: x, is: 1}}, c: {when: {trait: x, is: 1}}}");
    let mut view = View::fresh(Scope::Segments);
    let mut open = BTreeMap::new();
    view.fold(&old, &traits(1, day(1), "x", number("1")), day(1));
    assert_eq!(take(&mut view, &old, &mut open).len(), 2);
    view.set_catalogue(&new, day(2));
    let changes = take(&mut view, &new, &mut open);
    let changes: Vec<_> = changes.iter().map(|change| (change.segment.as_str(), change.member)).collect();
    assert_eq!(changes, [("a", false), ("c", true)]);
}

#[test]
fn between_entering_and_leaving_nobody_comes_and_nobody_goes() {
    let catalogue =
        compiled("segments: {hot: {when: {trait: x, at_least: 10}, stays_while: {trait: x, at_least: 7}}}");
    let mut view = View::fresh(Scope::Segments);
    let mut open = BTreeMap::new();
    let said = [("8", None), ("10", Some(true)), ("7", None), ("9", None), ("6", Some(false)), ("9", None)];
    for (id, (value, expected)) in (1..).zip(said) {
        view.fold(&catalogue, &traits(id, day(id as i64), "x", number(value)), day(id as i64));
        let changes = take(&mut view, &catalogue, &mut open);
        let found: Vec<bool> = changes.iter().map(|change| change.member).collect();
        assert_eq!(found, Vec::from_iter(expected), "x is {value}");
        if expected == Some(false) {
            let reasons: Vec<&str> = changes[0].reasons.iter().map(|it| it.comparison.as_str()).collect();
            assert_eq!(reasons, ["x at least 10", "x at least 7"]);
        }
    }
}

#[test]
fn what_is_asked_of_an_account_must_hold_for_as_long_as_the_segment_says() {
    let catalogue = compiled("segments: {hot: {when: {trait: x, at_least: 10}, hold: {days: 3}}}");
    let mut view = View::fresh(Scope::Segments);
    let mut open = BTreeMap::new();
    for (id, (at, value)) in (1..).zip([(1, "10"), (3, "9"), (5, "11"), (6, "12")]) {
        view.fold(&catalogue, &traits(id, day(at), "x", number(value)), day(at));
        assert_eq!(take(&mut view, &catalogue, &mut open), [], "on day {at}");
    }
    assert_eq!(view.wake(&catalogue), Some(day(8)));
    let mut stored = View::decode(Scope::Segments, &view.encode()).unwrap();
    for view in [&mut view, &mut stored] {
        view.advance(&catalogue, day(8));
        let mut open = BTreeMap::new();
        assert_eq!(take(view, &catalogue, &mut open).len(), 1);
        assert_eq!(view.wake(&catalogue), None);
    }
}

#[test]
fn a_segment_that_asks_about_another_follows_it_within_the_same_step() {
    let catalogue = compiled(
        "segments:
  a: {when: {all: [{segment: z}, {not: {segment: m}}]}}
  m: {when: {segment: z}, hold: {days: 2}}
  z: {when: {trait: x, at_least: 10}, stays_while: {trait: x, at_least: 7}}",
    );
    let mut view = View::fresh(Scope::Segments);
    let mut open = BTreeMap::new();
    let mut said = |at: i64, value: Option<&str>, expected: &[(&str, bool)]| {
        match value {
            Some(value) => view.fold(&catalogue, &traits(at as u128, day(at), "x", number(value)), day(at)),
            None => view.advance(&catalogue, day(at)),
        }
        let changes = take(&mut view, &catalogue, &mut open);
        let found: Vec<_> = changes.iter().map(|change| (change.segment.as_str(), change.member)).collect();
        assert_eq!(found, expected, "on day {at}");
        changes
    };
    said(1, Some("9"), &[]);
    let changes = said(2, Some("10"), &[("a", true), ("z", true)]);
    let reasons: Vec<_> =
        changes[0].reasons.iter().map(|it| (it.comparison.as_str(), it.value.as_str(), it.holds)).collect();
    assert_eq!(reasons, [("in segment z", "member", true), ("in segment m", "no member", false)]);
    said(3, Some("8"), &[]);
    said(4, None, &[("a", false), ("m", true)]);
    said(5, Some("6"), &[("m", false), ("z", false)]);
}

#[test]
fn of_an_ordered_set_an_account_is_in_the_first_that_it_fits() {
    let catalogue = compiled(
        "ordered_sets: {tier: [{name: a, when: {trait: arr, at_least: 50}}, {name: b, when: {trait: seats, at_least: 10}}, {name: c}]}",
    );
    let mut view = View::fresh(Scope::Segments);
    let mut open = BTreeMap::new();
    let mut said = |id: u128, name, value, expected: &[(&str, bool)]| {
        view.fold(&catalogue, &traits(id, day(id as i64), name, number(value)), day(id as i64));
        let changes = take(&mut view, &catalogue, &mut open);
        let found: Vec<_> = changes.iter().map(|change| (change.segment.as_str(), change.member)).collect();
        assert_eq!(found, expected, "{name} is {value}");
    };
    // What is not known is no reason to wait.
    said(1, "seats", "3", &[("c", true)]);
    said(2, "seats", "12", &[("b", true), ("c", false)]);
    said(3, "arr", "49", &[]);
    said(4, "arr", "50", &[("a", true), ("b", false)]);
    said(5, "seats", "2", &[]);
    said(6, "arr", "1", &[("a", false), ("c", true)]);
}

#[test]
fn health_said_above_moves_segments() {
    let catalogue = compiled(
        "segments: {s: {when: {all: [{health: band, in: [red]}, {health: score, at_most: 20}]}}, m: {when: {missing: {health: score}}}}",
    );
    let mut view = View::fresh(Scope::Segments);
    let mut open = BTreeMap::new();
    view.fold(&catalogue, &traits(1, day(1), "x", number("1")), day(1));
    let entered = |changes: Vec<MembershipChanged>| -> Vec<String> {
        changes.into_iter().map(|change| format!("{} {}", change.segment, change.member)).collect()
    };
    assert_eq!(entered(take(&mut view, &catalogue, &mut open)), ["m true"]);
    view.set_health(&catalogue, Some(Score { points: 20, band: Band::Red }));
    assert_eq!(entered(take(&mut view, &catalogue, &mut open)), ["m false", "s true"]);
    view.set_health(&catalogue, Some(Score { points: 21, band: Band::Red }));
    assert_eq!(entered(take(&mut view, &catalogue, &mut open)), ["s false"]);
}

const CARD: &str = "
measures: {a: {trait: {name: a}}, b: {trait: {name: b}}, c: {trait: {name: c}}}
scorecards:
  - name: card
    groups:
      - {name: g, weight: 60, measures: [{measure: a, weight: 2, curve: {linear: [[0, 0], [100, 100]]}}, {measure: b, weight: 1, curve: {linear: [[0, 0], [100, 100]]}}]}
      - {name: h, weight: 40, measures: [{measure: c, weight: 1, curve: {linear: [[0, 0], [100, 100]]}}]}
    bands: {yellow: 40, green: 70, hysteresis: 3}
    caps: [{name: blocked, when: {trait: blocked, is: true}, at_most: 30}]
";

#[test]
fn a_score_shares_missing_weights_and_says_what_moved_it() {
    let catalogue = compiled(CARD);
    let mut view = View::fresh(Scope::Health);
    let mut said = None;
    let mut say = |view: &mut View, name: &str, value: Value, id: u128| {
        view.fold(&catalogue, &traits(id, day(1), name, value), day(1));
        let change = view.health_change(&catalogue, said.as_ref());
        said = change.clone().or(said.clone());
        change.map(|change| {
            let drivers = change.drivers.iter().map(|driver| (driver.source.to_string(), driver.points));
            let score = change.score.map(|score| (score.points, score.band));
            (score, change.overall, change.known_weight, change.cap, drivers.collect::<Vec<_>>())
        })
    };
    let driver = |name: &str, points: i32| (name.to_owned(), points);
    assert_eq!(say(&mut view, "other", number("1"), 1), None);
    assert_eq!(
        say(&mut view, "a", number("80"), 2),
        Some((Some((80, Band::Green)), 80_000, 400, None, vec![driver("a", 80_000)]))
    );
    // (2 x 80 + 1 x 40) / 3 = 66.666: contributions 53.333 and 13.333; the rest of one goes to a, by name.
    assert_eq!(
        say(&mut view, "b", number("40"), 3),
        Some((Some((67, Band::Green)), 66_666, 600, None, vec![driver("a", -26_667), driver("b", 13_333)]))
    );
    // 0.6 x 66.666 + 0.4 x 10 = 43.999
    let third = say(&mut view, "c", number("10"), 4).unwrap();
    assert_eq!((third.0, third.1, third.2), (Some((44, Band::Yellow)), 43_999, 1000));
    assert_eq!(third.4.iter().map(|(_, points)| points).sum::<i32>(), 43_999 - 66_666);
    let capped = say(&mut view, "blocked", Value::Bool(true), 5).unwrap();
    assert_eq!((capped.0, capped.1, capped.3), (Some((30, Band::Red)), 30_000, Some("blocked".to_owned())));
    assert_eq!(capped.4, [driver("cap blocked", 30_000 - 43_999)]);
    assert_eq!(say(&mut view, "c", number("10.4"), 6), None, "the same score, band and cap");
    let freed = say(&mut view, "blocked", Value::Bool(false), 7).unwrap();
    // 0.6 x 66.666 + 0.4 x 10.4
    let moved = [driver("cap blocked", 43_999 - 30_000), driver("c", 160)];
    assert_eq!((freed.1, freed.4), (44_159, moved.to_vec()));
}

#[test]
fn with_less_known_than_a_scorecard_needs_there_is_no_score() {
    let catalogue = compiled(&CARD.replace("    bands:", "    needs_known: 60\n    bands:"));
    let mut view = View::fresh(Scope::Health);
    let mut said: Option<HealthChanged> = None;
    for (id, (name, value, points, known)) in (1..).zip([
        ("a", "80", None, 0),
        ("b", "40", Some(67), 600),
        ("b", "", None, 400),
        ("c", "10", Some(52), 800),
    ]) {
        let value = if value.is_empty() { text("gone") } else { number(value) };
        view.fold(&catalogue, &traits(id, day(id as i64), name, value), day(id as i64));
        said = view.health_change(&catalogue, said.as_ref()).or(said);
        let found =
            said.as_ref().map_or((None, 0), |said| (said.score.map(|score| score.points), said.known_weight));
        assert_eq!(found, (points, known), "{name} on day {id}");
    }
}
