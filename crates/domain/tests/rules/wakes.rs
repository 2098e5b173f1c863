//! A view sleeps until something could change, and remembers nothing wrong.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    catalogue::Catalogue,
    condition::Truth,
    decision::HealthChanged,
    fact::{Fact, FactKind},
    ids::{ContactId, EpisodeId, FactId},
    time::{DAY_MS, HOUR_MS, Instant},
    value::Value,
    view::{Because, Scope, View},
};
use proptest::prelude::*;

use crate::support::{compiled, number, text, traits, usage};

/// Every construct that time can move.
const EVERYTHING: &str = "
measures:
  orders: {count: {event: Order, window: {days: 3}}}
  before: {count: {event: Order, window: {days: 3, before: 3}}}
  recent: {count: {event: Order, window: {hours: 5}}}
  spent: {sum: {event: Order, property: revenue, window: {days: 4}}}
  most: {max: {event: Order, property: revenue, window: {days: 2}}}
  people: {distinct_contacts: {window: {days: 5}}}
  active: {days_active: {window: {days: 6, before: 1}}}
  last: {days_since_last: {}}
  first: {days_since_first: {event: Order}}
  trend: {change: {measure: orders}}
  ratio: {ratio: {of: orders, to: before}}
  pace: {ratio: {of: first, to: orders}}
  share: {ratio: {of: last, to: first}}
  renewal: {days_until: {trait: renews}}
  seats: {trait: {name: seats}}
  seats_before: {trait_before: {name: seats, days: 2}}
  kept_seats: {ratio: {of: seats, to: seats_before}}
  gap: {median_gap: {event: Order, window: {days: 6}}}
  per_day: {median_per_day: {window: {days: 5, before: 1}}}
  breadth: {breadth: {by: plan, sets: {pro: all, free: few}, window: {days: 2}}}
  fresh_seats: {trait: {name: seats, fades_after: 1}}
  known: {first_known: [fresh_seats, last]}
  overdue: {ratio: {of: last, to: gap}}
  late_share: {ratio: {of: last, to: first, to_at_least: 1.5}}
  known_share: {ratio: {of: known, to: first}}
  decision: {contract: decision_days}
  renewal_left: {contract: renewal_days}
  contracts: {contract: count}
  leaving: {contract: {of: count, verdict: not_renewing}}
  arr: {contract: arr}
  value_due: {contract: {of: value_due, days: 2}}
  share_due: {ratio: {of: value_due, to: arr}}
event_sets: {all: [Order, Return], few: [Order]}
scorecards:
  - name: card
    for: {any: [{missing: {trait: plan}}, {trait: plan, is: pro}]}
    groups:
      - {name: g, weight: 3, measures: [{measure: last, weight: 2, curve: {linear: [[0, 100], [3, 40], [9, 0]]}}, {measure: orders, weight: 1, curve: {steps: [[0, 0], [2, 100]]}}]}
      - {name: h, weight: 2, measures: [{measure: share, weight: 1, curve: {linear: [[0, 100], [0.7, 10]]}}, {measure: renewal, weight: 5, curve: {linear: [[0, 0], [9, 100]]}}]}
      - {name: i, weight: 2, measures: [{measure: overdue, weight: 2, curve: {linear: [[1, 100], [3, 0]]}}, {measure: known, weight: 1, curve: {linear: [[0, 100], [4, 10]]}}, {measure: late_share, weight: 1, curve: {linear: [[0, 90], [1, 10]]}}]}
      - {name: j, weight: 1, measures: [{measure: decision, weight: 2, curve: {linear: [[0, 0], [9, 100]]}}, {measure: share_due, weight: 1, curve: {linear: [[0, 90], [1, 10]]}}]}
    needs_known: 45
    bands: {yellow: 40, green: 70, hysteresis: 3}
    caps: [{name: quiet, when: {measure: last, more_than: 6.5}, at_most: 20}]
segments:
  a: {when: {all: [{measure: orders, at_least: 2}, {measure: recent, less_than: 1}]}}
  b: {when: {any: [{measure: last, at_least: 2.25}, {measure: trend, less_than: 0}]}}
  c: {when: {measure: ratio, at_most: 0.5}}
  d: {when: {measure: pace, more_than: 1.1}}
  e: {when: {measure: share, at_least: 0.4}}
  f: {when: {measure: renewal, less_than: 4}}
  g: {when: {trait: plan, is: pro, for_days: 2}}
  h: {when: {not: {stale: {trait: plan, days: 3}}}}
  i: {when: {contacts: any, where: {days_since_last_seen: {more_than: 1.5}}}}
  j: {when: {contacts: {at_least: 2}, where: {trait: role, is: boss, for_days: 1}}}
  k: {when: {measure: spent, is: 10}}
  l: {when: {missing: {measure: most}}}
  m: {when: {measure: people, is_not: 1}}
  n: {when: {measure: active, at_least: 2}}
  o: {when: {measure: orders, at_least: 2}, stays_while: {measure: last, less_than: 1.25}}
  p: {when: {measure: kept_seats, less_than: 0.8}}
  q: {when: {measure: overdue, more_than: 1.25}}
  r: {when: {measure: late_share, at_least: 0.3}}
  s: {when: {measure: known, at_least: 2}}
  t: {when: {any: [{measure: breadth, less_than: 1}, {measure: per_day, at_least: 2}]}}
  u: {when: {measure: known_share, more_than: 0.7}}
  v: {when: {contacts: {percent_at_least: 60}, where: {days_since_last_seen: {less_than: 2}}}}
  w: {when: {any: [{measure: decision, less_than: 3}, {measure: renewal_left, is: 5}]}}
  xa: {when: {all: [{measure: contracts, at_least: 1}, {measure: leaving, is: 0}]}}
  ya: {when: {any: [{measure: arr, at_least: 10}, {measure: value_due, more_than: 4}]}}
  za: {when: {not: {missing: {measure: share_due}}}}
ordered_sets:
  set: [{name: x, when: {measure: ratio, at_most: 0.5}}, {name: y, when: {measure: last, at_least: 1.5}}, {name: z}]
";

#[derive(Debug, Clone)]
enum Said {
    Order { contact: u128, revenue: i64 },
    Plan(&'static str),
    Renews(u8),
    Seats(i64),
    Joins { contact: u128, member: bool },
    Role { contact: u128, role: &'static str },
    Contract { contract: &'static str, term: &'static str, day: u8 },
}

const TERMS: [&str; 8] = [
    "start_date",
    "end_date",
    "end_date",
    "notice_deadline",
    "notice_days",
    "status",
    "verdict",
    "arr_minor",
];

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        4 => (1..4_u128, 0..11_i64).prop_map(|(contact, revenue)| Said::Order { contact, revenue }),
        1 => prop_oneof![Just("pro"), Just("free")].prop_map(Said::Plan),
        1 => (1..28_u8).prop_map(Said::Renews),
        1 => (0..6_i64).prop_map(Said::Seats),
        1 => (1..4_u128, any::<bool>()).prop_map(|(contact, member)| Said::Joins { contact, member }),
        1 => (1..4_u128, prop_oneof![Just("boss"), Just("cook")])
            .prop_map(|(contact, role)| Said::Role { contact, role }),
        3 => (prop_oneof![Just("c"), Just("d")], 0..TERMS.len(), 1..28_u8)
            .prop_map(|(contract, term, day)| Said::Contract { contract, term: TERMS[term], day }),
    ]
}

fn fact(id: u128, at: Instant, said: &Said) -> Fact {
    let of = |kind| Fact { id: FactId(id), event_at: at, kind };
    match said {
        Said::Order { contact, revenue } => {
            let mut fact = usage(id, at, "Order", &[("revenue", number(&revenue.to_string()))]);
            if let FactKind::Usage(usage) = &mut fact.kind {
                usage.contact = Some(ContactId(*contact));
            }
            fact
        }
        Said::Plan(plan) => traits(id, at, "plan", text(plan)),
        Said::Renews(day) => traits(id, at, "renews", text(&format!("1970-01-{day:02}"))),
        Said::Seats(seats) => traits(id, at, "seats", number(&seats.to_string())),
        Said::Joins { contact, member } => {
            of(FactKind::ContactMembership { contact: ContactId(*contact), member: *member })
        }
        Said::Role { contact, role } => of(FactKind::ContactTraits {
            contact: ContactId(*contact),
            traits: vec![("role".to_owned(), Value::Text((*role).to_owned()))],
        }),
        Said::Contract { contract, term, day } => {
            let terms =
                vec![((*term).to_owned(), of_term(term, *day)), ("auto_renew".to_owned(), Value::Bool(true))];
            of(FactKind::ContractTerms { contract: (*contract).to_owned(), terms })
        }
    }
}

fn of_term(term: &str, day: u8) -> Value {
    let word = |words: [&str; 3]| text(words[usize::from(day) % 3]);
    match term {
        "notice_days" | "arr_minor" => number(&(day % 5).to_string()),
        "status" => word(["active", "renewed", "ending"]),
        "verdict" => word(["undecided", "renewing", "not_renewing"]),
        _ => text(&format!("1970-01-{day:02}")),
    }
}

/// Instants at which something might happen: midnights, full hours, and what is so and so long after a fact.
fn boundaries(facts: &[Instant], from: Instant, to: Instant) -> BTreeSet<Instant> {
    let mut found = BTreeSet::new();
    let mut hour = (from.0 / HOUR_MS) * HOUR_MS;
    while hour <= to.0 {
        found.extend([Instant(hour - 1), Instant(hour), Instant(hour + 1), Instant(hour + HOUR_MS / 3)]);
        hour += HOUR_MS;
    }
    for fact in facts {
        for days in [1.0, 1.5, 2.0, 2.25, 3.0, 6.5] {
            let at = fact.0 + (days * DAY_MS as f64) as i64;
            found.extend([Instant(at - 1), Instant(at), Instant(at + 1)]);
        }
    }
    found.retain(|at| *at > from && *at < to);
    found
}

/// From scratch: nothing remembered.
fn anew(scope: Scope, view: &View, catalogue: &Catalogue, at: Instant) -> View {
    let mut view = View::decode(scope, &view.encode()).unwrap();
    view.set_catalogue(catalogue, at);
    view
}

/// Of every segment, for who is none of its members and for who is.
fn truths(view: &View, catalogue: &Catalogue, at: Instant) -> Vec<[Truth; 2]> {
    let truth = |condition| view.truth(catalogue, condition, at);
    catalogue
        .segments
        .iter()
        .map(|segment| [false, true].map(|member| truth(segment.condition(member))))
        .collect()
}

type Shown = (Option<u8>, Option<String>);

fn shown(change: Option<&HealthChanged>) -> Shown {
    (change.and_then(|c| c.score).map(|score| score.points), change.and_then(|c| c.cap.clone()))
}

/// The longest that is looked ahead.
const AHEAD: i64 = 12 * DAY_MS;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_segment_changes_before_the_wake_up(steps in prop::collection::vec((1..2 * DAY_MS, 0..DAY_MS, said()), 1..12)) {
        let catalogue = compiled(EVERYTHING);
        let mut view = View::fresh(Scope::Segments);
        let mut open = BTreeMap::new();
        let (mut now, mut facts) = (Instant(DAY_MS), Vec::new());
        for (id, (later, late, said)) in steps.iter().enumerate() {
            now = now.plus_ms(*later);
            let event_at = now.plus_ms(-late);
            facts.push(event_at);
            view.fold(&catalogue, &fact(id as u128, event_at, said), now);
            for change in view.membership_changes(&catalogue, &open, Because::default(), |_| EpisodeId(1)) {
                if change.member {
                    open.insert(change.segment, change.episode);
                } else {
                    open.remove(&change.segment);
                }
            }
            let before = truths(&view, &catalogue, now);
            let members: Vec<&str> = open.keys().map(String::as_str).collect();
            let of_each = catalogue.segments.iter().map(|segment| segment.name.as_str()).zip(&before);
            let holding = of_each.filter(|(name, truth)| truth[usize::from(open.contains_key(*name))].holds());
            let holding: Vec<&str> = holding.map(|(name, _)| name).collect();
            prop_assert_eq!(members, holding, "what is remembered is what is so");
            let wake = view.wake(&catalogue);
            prop_assert_eq!(wake, anew(Scope::Segments, &view, &catalogue, now).wake(&catalogue));
            let until = wake.unwrap_or(Instant::MAX).min(now.plus_ms(AHEAD));
            for at in boundaries(&facts, now, until) {
                prop_assert_eq!(&truths(&view, &catalogue, at), &before, "at {} before {:?}", at, wake);
            }
        }
    }

    #[test]
    fn no_score_changes_before_the_wake_up(steps in prop::collection::vec((1..2 * DAY_MS, 0..DAY_MS, said()), 1..8)) {
        let catalogue = compiled(EVERYTHING);
        let mut view = View::fresh(Scope::Health);
        let mut said_last: Option<HealthChanged> = None;
        let (mut now, mut facts) = (Instant(DAY_MS), Vec::new());
        for (id, (later, late, said)) in steps.iter().enumerate() {
            now = now.plus_ms(*later);
            let event_at = now.plus_ms(-late);
            facts.push(event_at);
            view.fold(&catalogue, &fact(id as u128, event_at, said), now);
            said_last = view.health_change(&catalogue, said_last.as_ref()).or(said_last);
            let fresh = anew(Scope::Health, &view, &catalogue, now).health_change(&catalogue, None);
            prop_assert_eq!(shown(said_last.as_ref()), shown(fresh.as_ref()), "what was said is what is so");
            let wake = view.wake(&catalogue);
            let until = wake.unwrap_or(Instant::MAX).min(now.plus_ms(AHEAD));
            for at in boundaries(&facts, now, until) {
                let then = anew(Scope::Health, &view, &catalogue, at).health_change(&catalogue, None);
                prop_assert_eq!(shown(then.as_ref()), shown(fresh.as_ref()), "at {} before {:?}", at, wake);
            }
        }
    }

    #[test]
    fn a_linear_curve_wakes_rarely(hours in 1..200_i64) {
        let catalogue = compiled(EVERYTHING);
        let mut view = View::fresh(Scope::Health);
        let start = Instant(hours * HOUR_MS);
        view.fold(&catalogue, &usage(1, start, "Order", &[]), start);
        let mut said = view.health_change(&catalogue, None);
        let (mut wakes, mut changes) = (0, 0);
        while let Some(wake) = view.wake(&catalogue).filter(|wake| *wake < start.plus_ms(9 * DAY_MS)) {
            view.advance(&catalogue, wake);
            wakes += 1;
            if let Some(change) = view.health_change(&catalogue, said.as_ref()) {
                said = Some(change);
                changes += 1;
            }
        }
        prop_assert!(changes > 40 && wakes < 12 * changes, "{wakes} wake-ups for {changes} changes");
    }
}
