//! What the pack says of accounts, as sentences over what was said of them.

use std::collections::{BTreeMap, BTreeSet};

use domain::catalogue::{Catalogue, Clock, compile};
use domain::fact::{Fact, FactKind, Usage};
use domain::ids::{ContactId, EpisodeId, FactId};
use domain::time::{DAY_MS, Instant};
use domain::value::Value as Said;
use domain::view::{Because, Scope, View};
use serde_json::{Value, json};

use super::{Keeper, Pack, settings};

/// What happens on a day: 0 is the first of January 2024.
enum Told {
    Trait(&'static str, Value),
    Person(u128, &'static str, Value),
    Did(u128, &'static str),
    Ticket(&'static str),
    Contract(&'static str, Value),
}
use Told::{Contract, Did, Person, Ticket, Trait};

const START: &str = "2024-01-01T00:00:00Z";
const CORE: &str = "Report Exported";

fn pack() -> Catalogue {
    let pack = Pack::load().unwrap();
    let templates = pack.with_all_below(&pack.names()).unwrap();
    let settings = settings(&templates, &[format!("core={CORE}")]).unwrap();
    let keeper = Keeper { owner: None, review: "2027-03-31".into(), replace: false };
    let mut catalogue = json!({});
    for (_, template) in templates {
        keeper.put(&mut catalogue, template, &settings).unwrap();
    }
    compile(&catalogue, "UTC", Clock::Log).unwrap()
}

fn day(day: i64) -> Instant {
    Instant::parse(START).unwrap().plus_ms(day * DAY_MS)
}

fn facts(told: &Told) -> Vec<FactKind> {
    let did = |contact: u128, event: &str, properties: &[(&str, &str)]| {
        let text = |(name, text): &(&str, &str)| ((*name).to_owned(), Said::Text((*text).to_owned()));
        let properties = properties.iter().map(text).collect();
        let contact = Some(ContactId(contact));
        vec![FactKind::Usage(Usage { contact, event: event.to_owned(), properties, active: true })]
    };
    match told {
        Trait(name, value) => {
            vec![FactKind::AccountTraits(vec![((*name).to_owned(), Said::from_json(value).unwrap())])]
        }
        Person(contact, name, value) => {
            let contact = ContactId(*contact);
            let traits = vec![((*name).to_owned(), Said::from_json(value).unwrap())];
            vec![
                FactKind::ContactMembership { contact, member: true },
                FactKind::ContactTraits { contact, traits },
            ]
        }
        Did(contact, event) => did(*contact, event, &[]),
        Contract(contract, terms) => {
            let terms = terms.as_object().unwrap().iter();
            let terms = terms.map(|(name, value)| (name.clone(), Said::from_json(value).unwrap())).collect();
            vec![FactKind::ContractTerms { contract: (*contract).to_owned(), terms }]
        }
        Ticket(event) => did(1, event, &[("priority", "urgent")]),
    }
}

/// The segments that the account is in as a day begins.
fn segments(story: &[(i64, Told)], at: i64) -> BTreeSet<String> {
    let catalogue = pack();
    let mut view = View::fresh(Scope::Segments);
    // As at an activation: what is kept beyond counts is kept from here on.
    view.set_catalogue(&catalogue, day(0));
    let mut open: BTreeMap<String, EpisodeId> = BTreeMap::new();
    let mut look = |view: &mut View| {
        for change in view.membership_changes(&catalogue, &open, Because::default(), |_| EpisodeId(1)) {
            if change.member {
                open.insert(change.segment, change.episode);
            } else {
                open.remove(&change.segment);
            }
        }
    };
    let mut id = 0;
    let until = |view: &mut View, to: Instant, look: &mut dyn FnMut(&mut View)| {
        while let Some(wake) = view.wake(&catalogue).filter(|wake| *wake <= to) {
            view.advance(&catalogue, wake);
            look(view);
        }
    };
    for (when, told) in story.iter().filter(|(when, _)| *when <= at) {
        until(&mut view, day(*when), &mut look);
        for kind in facts(told) {
            id += 1;
            view.fold(&catalogue, &Fact { id: FactId(id), event_at: day(*when), kind }, day(*when));
            look(&mut view);
        }
    }
    until(&mut view, day(at), &mut look);
    open.into_keys().collect()
}

#[track_caller]
fn check(story: &[(i64, Told)], at: i64, is: &[&str], is_not: &[&str]) {
    let found = segments(story, at);
    assert!(is.iter().all(|segment| found.contains(*segment)), "day {at}: {is:?} of {found:?}");
    assert!(is_not.iter().all(|segment| !found.contains(*segment)), "day {at}: not {is_not:?} of {found:?}");
}

#[test]
fn a_contact_without_a_level_is_no_sponsor_and_hides_no_lack_of_one() {
    let story = || {
        let mut story = vec![(0, Trait("createdAt", json!("2023-01-01")))];
        story.extend((1..5).map(|contact| (0, Person(contact, "level", json!("individual")))));
        story.extend([(0, Person(9, "role", json!("machine"))), (5, Did(9, "Invoice Paid"))]);
        story
    };
    check(&story(), 10, &["no_sponsor"], &[]);
    let mut with_one = story();
    with_one.extend([(6, Person(7, "level", json!("director"))), (6, Did(7, CORE))]);
    check(&with_one, 10, &[], &["no_sponsor"]);
}

#[test]
fn notice_holds_until_it_renews_however_long_and_however_short_the_term() {
    let given = || {
        vec![
            (0, Trait("createdAt", json!("2023-01-01"))),
            (1, Did(1, "Renewed")),
            (40, Did(1, "Notice Given")),
        ]
    };
    check(&given(), 41, &["offboarding"], &["steady"]);
    check(&given(), 300, &["offboarding"], &["steady"]);
    let mut called_off = given();
    called_off.push((60, Did(1, "Renewed")));
    check(&called_off, 61, &["steady"], &["offboarding"]);
}

#[test]
fn who_has_churned_stays_so_until_it_is_won_back() {
    let gone = || {
        vec![
            (0, Trait("createdAt", json!("2023-01-01"))),
            (0, Trait("seats", json!(20))),
            (1, Did(1, CORE)),
            (2, Did(1, "Churned")),
        ]
    };
    check(&gone(), 500, &["churned"], &["steady", "under_used", "single_thread"]);
    let mut back = gone();
    back.push((30, Did(1, "Renewed")));
    check(&back, 31, &["steady"], &["churned"]);
}

#[test]
fn who_never_began_is_stuck_and_then_under_used_and_never_steady() {
    let story = || {
        vec![
            (0, Trait("createdAt", json!("2024-01-01"))),
            (0, Trait("seats", json!(20))),
            (0, Trait("plan", json!("pro"))),
        ]
    };
    check(&story(), 3, &["onboarding"], &["stuck", "steady", "adoption"]);
    check(&story(), 8, &["onboarding", "stuck"], &[]);
    check(&story(), 80, &["adoption", "under_used"], &["steady", "stuck"]);
    check(&story(), 200, &["steady"], &["adoption"]);
}

#[test]
fn an_urgent_ticket_that_stays_open_for_three_days_is_fire_though_another_is_closed() {
    let story =
        || vec![(0, Ticket("Ticket Opened")), (9, Ticket("Ticket Opened")), (9, Ticket("Ticket Closed"))];
    check(&story(), 2, &[], &["on_fire"]);
    check(&story(), 12, &["on_fire"], &[]);
    let mut closed = story();
    closed.push((13, Ticket("Ticket Closed")));
    check(&closed, 14, &[], &["on_fire"]);
}

#[test]
fn an_invoice_is_late_when_none_was_paid_for_eight_days() {
    let story = || vec![(0, Did(1, "Invoice Paid")), (30, Did(1, "Invoice Overdue"))];
    check(&story(), 37, &[], &["invoice_late"]);
    check(&story(), 39, &["invoice_late"], &[]);
    let mut paid = story();
    paid.push((33, Did(1, "Invoice Paid")));
    check(&paid, 45, &[], &["invoice_late"]);
}

#[test]
fn a_champion_who_is_silent_for_four_weeks_is_gone_unless_notice_was_given() {
    let story = || vec![(0, Person(1, "champion", json!(true))), (0, Did(1, CORE))];
    check(&story(), 27, &[], &["champion_gone"]);
    check(&story(), 28, &["champion_gone"], &[]);
    let mut given = story();
    given.push((20, Did(2, "Notice Given")));
    check(&given, 28, &["offboarding"], &["champion_gone"]);
}

#[test]
fn a_decision_comes_into_view_at_notice_and_at_most_a_third_of_the_term_before() {
    // Until the end of 2024, with 90 days' notice: day 275 is the last to decide on.
    let yearly = || {
        let terms = json!({"start_date": "2024-01-01", "end_date": "2024-12-31", "notice_days": 90, "auto_renew": true});
        vec![(0, Contract("C-1", terms))]
    };
    check(&yearly(), 214, &[], &["renew_unknown"]);
    check(&yearly(), 215, &["renew_unknown"], &[]);
    check(&yearly(), 275, &["renew_unknown"], &[]);
    check(&yearly(), 276, &[], &["renew_unknown"]);
    let quarterly =
        || vec![(0, Contract("C-1", json!({"start_date": "2024-01-01", "end_date": "2024-03-31"})))];
    check(&quarterly(), 59, &[], &["renew_unknown"]);
    check(&quarterly(), 60, &["renew_unknown"], &[]);
    let mut decided = yearly();
    decided.push((220, Contract("C-1", json!({"verdict": "renewing"}))));
    check(&decided, 221, &[], &["renew_unknown"]);
}

#[test]
fn an_account_that_sends_traits_only_has_a_decision_too() {
    let story = || {
        vec![
            (0, Trait("renewal_date", json!("2024-12-31"))),
            (0, Trait("term_months", json!(12))),
            (0, Trait("arr_minor", json!(6_000_000))),
        ]
    };
    check(&story(), 304, &["tier_a"], &["renew_unknown"]);
    check(&story(), 305, &["tier_a", "renew_unknown"], &[]);
    let mut noticed = story();
    noticed.push((1, Trait("notice_deadline", json!("2024-10-31"))));
    check(&noticed, 250, &["renew_unknown"], &[]);
}

#[test]
fn notice_is_given_when_no_contract_in_force_is_to_go_on() {
    let both = || {
        vec![
            (0, Trait("createdAt", json!("2023-01-01"))),
            (0, Contract("C-1", json!({"end_date": "2024-12-31", "arr_minor": 900_000, "currency": "EUR"}))),
            (0, Contract("C-2", json!({"end_date": "2024-12-31", "arr_minor": 200_000, "currency": "EUR"}))),
            (9, Contract("C-1", json!({"status": "ending"}))),
        ]
    };
    check(&both(), 10, &["steady", "tier_b"], &["offboarding"]);
    let mut none = both();
    none.push((20, Contract("C-2", json!({"verdict": "not_renewing"}))));
    check(&none, 21, &["offboarding"], &["steady"]);
}
