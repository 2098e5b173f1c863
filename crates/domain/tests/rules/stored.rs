//! Stored views are read by every later build.

use domain::{
    account::DecodeError,
    decision::{Band, Score},
    ids::EpisodeId,
    time::{DAY_MS, Instant},
    view::{Because, Scope, View},
};

use crate::support::{compiled, number, text, traits, usage};

/// What format 1 looks like, from the day it was first written.
const FIXTURE: &[u8] = include_bytes!("../fixtures/view_v1.bin");

const WAITING: &[u8] = include_bytes!("../fixtures/view_v2.bin");

const RULES: &str = "
measures: {last: {days_since_last: {}}, spent: {sum: {event: Order, property: revenue, window: {days: 28}}}}
segments: {a: {when: {all: [{measure: last, at_least: 3}, {measure: spent, at_least: 10}, {health: band, is: red}]}}}
";

fn view() -> View {
    let catalogue = compiled(RULES);
    let mut view = View::fresh(Scope::Segments);
    let day = |day: i64| Instant(day * DAY_MS);
    view.fold(&catalogue, &usage(1, day(1), "Order", &[("revenue", number("12.5"))]), day(1));
    view.fold(&catalogue, &traits(2, day(2), "plan", text("pro")), day(2));
    view.set_health(&catalogue, Some(Score { points: 12, band: Band::Red }));
    view
}

#[test]
fn a_view_is_stored_as_ever() {
    let catalogue = compiled(RULES);
    let mut read = View::decode(Scope::Segments, FIXTURE).unwrap();
    assert_eq!(read.wake(&catalogue), Some(Instant(4 * DAY_MS)));
    assert_eq!(read.health(), Some(Score { points: 12, band: Band::Red }));
    read.advance(&catalogue, Instant(4 * DAY_MS));
    let changes =
        read.membership_changes(&catalogue, &Default::default(), Because::default(), |_| EpisodeId(1));
    assert_eq!(changes.len(), 1, "it goes on where it was");
    assert_eq!(view().encode(), FIXTURE, "what is written has not changed");
}

/// One that waits for a segment to be entered: format 2.
#[test]
fn a_view_that_waits_is_stored_as_ever() {
    let catalogue = compiled("segments: {a: {when: {trait: plan, is: pro}, hold: {days: 3}}}");
    let (mut view, at) = (View::fresh(Scope::Segments), Instant(DAY_MS));
    view.fold(&catalogue, &traits(1, at, "plan", text("pro")), at);
    let because = Because { initial: false, by_catalogue: true };
    assert_eq!(view.membership_changes(&catalogue, &Default::default(), because, |_| EpisodeId(1)), []);
    assert_eq!(view.encode(), WAITING, "what is written has not changed");
    let mut read = View::decode(Scope::Segments, WAITING).unwrap();
    assert_eq!(read.wake(&catalogue), Some(Instant(4 * DAY_MS)));
    read.advance(&catalogue, Instant(4 * DAY_MS));
    let changes =
        read.membership_changes(&catalogue, &Default::default(), Because::default(), |_| EpisodeId(1));
    assert!(matches!(&changes[..], [change] if change.member && change.by_catalogue), "{changes:?}");
}

#[test]
fn segments_that_an_account_is_in_come_back() {
    let mut view = View::fresh(Scope::Unwatched);
    view.set_membership("a", true);
    view.set_membership("b", true);
    view.set_membership("a", false);
    let read = View::decode(Scope::Unwatched, &view.encode()).unwrap();
    assert_eq!(read.encode(), view.encode());
    let document = serde_json::json!({"segments": {"a": {"when": {"trait": "x", "is": 1}}, "b": {"when": {"trait": "x", "is": 1}}},
        "playbooks": {"p": {"trigger": {"enters": "a"}, "goal": {"all": [{"segment": "b"}, {"not": {"segment": "a"}}]}, "steps": [{"end": {}}]}}});
    let catalogue = compiled(&document.to_string());
    let goal = catalogue.playbooks[0].goal.unwrap();
    assert!(read.truth(&catalogue, goal, Instant(0)).holds());
}

#[test]
fn damaged_and_later_bytes_are_refused() {
    let mut stored = view().encode();
    assert_eq!(View::decode(Scope::Health, &stored[..stored.len() - 1]).unwrap_err(), DecodeError::Damaged);
    stored[0] = 4;
    assert_eq!(View::decode(Scope::Health, &stored).unwrap_err(), DecodeError::UnknownFormat(4));
    assert_eq!(View::decode(Scope::Health, &[]).unwrap_err(), DecodeError::Damaged);
}
