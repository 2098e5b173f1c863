//! Accounts against a program that keeps every event and counts anew each time.

mod limits;
mod naive;
mod waking;

use proptest::{collection::vec, prelude::*, sample::Index};

use self::naive::naive;
use super::*;
use crate::{
    comparison::Comparison,
    ids::FactId,
    measure::{Aggregate, End, Measure, MeasureIx, MeasureKind, Reach, Selection, SetChoice, Side},
    quantity::Quantity,
    time::{DAY_MS, HOUR_MS},
    usage::{events::Events, series::Filter, window::Window},
    value::{Decimal, Value},
};

/// Zones where days are odd, each with an instant shortly before.
const PLACES: [(&str, &str); 5] = [
    ("UTC", "2024-03-01T00:00:00Z"),
    ("Europe/Berlin", "2024-10-20T00:00:00Z"),
    ("America/St_Johns", "2010-11-05T00:00:00Z"),
    ("Pacific/Apia", "2011-12-27T00:00:00Z"),
    ("America/Sao_Paulo", "2018-10-31T00:00:00Z"),
];

#[derive(Debug, Clone)]
struct Story {
    calendar: Calendar,
    base: Instant,
    facts: Vec<Fact>,
}

fn number(text: &str) -> Value {
    Value::Decimal(Decimal::parse(text).unwrap())
}

fn usage(at: Instant, event: &str, contact: Option<u128>, paid: Option<Value>) -> Fact {
    let properties = paid.into_iter().map(|value| ("paid".to_owned(), value)).collect();
    let usage = Usage {
        contact: contact.map(ContactId),
        event: event.to_owned(),
        properties,
        active: contact != Some(0),
    };
    Fact { id: FactId(at.0 as u128), event_at: at, kind: FactKind::Usage(usage) }
}

fn some_usage() -> impl Strategy<Value = (i64, Fact)> {
    // Mostly about the odd days, some long ago.
    let when = prop_oneof![3 => 0..12 * DAY_MS, 1 => -430 * DAY_MS..0];
    let paid = prop_oneof![
        2 => (-3_000_000..9_000_000_i64).prop_map(|millionths| Some(Value::Decimal(Decimal(millionths / 250_000 * 250_000)))),
        1 => Just(None),
        1 => Just(Some(Value::Text("free".to_owned()))),
    ];
    (when, 0..3_usize, proptest::option::of(0..4_u128), paid).prop_map(|(at, event, contact, paid)| {
        (at, usage(Instant(at), ["a", "b", "c"][event], contact, paid))
    })
}

fn story(usage: impl Strategy<Value = Vec<(i64, Fact)>>) -> impl Strategy<Value = Story> {
    (0..PLACES.len(), usage).prop_map(|(place, usage)| {
        let (zone, base) = PLACES[place];
        let base = Instant::parse(base).unwrap();
        let facts = usage.into_iter().map(|(at, fact)| Fact { event_at: base.plus_ms(at), ..fact }).collect();
        Story { calendar: Calendar::new(zone).unwrap(), base, facts }
    })
}

/// Of those over windows, and of each other.
fn derived(first: usize) -> Vec<Measure> {
    let ix = MeasureIx;
    let ratio = |of, to, least: Option<i128>| MeasureKind::Ratio {
        of: ix(of),
        to: ix(to),
        to_at_least: least.map(Quantity::int),
    };
    let kinds = [
        MeasureKind::Since { end: End::First, events: Events::from(Some("a")) },
        MeasureKind::Since { end: End::Last, events: Events::Set(["a", "c", "z"].map(str::to_owned).into()) },
        MeasureKind::Change { of: ix(0) },
        MeasureKind::Change { of: ix(4) },
        MeasureKind::Change { of: ix(8) },
        MeasureKind::Change { of: ix(15) },
        ratio(0, 2, None),
        ratio(23, 2, None),
        ratio(0, 23, None),
        ratio(22, 23, None),
        ratio(23, 2, Some(2)),
        ratio(0, 22, Some(3)),
        ratio(23, 18, None),
        MeasureKind::FirstKnown { of: vec![ix(18), ix(22), ix(0)] },
        MeasureKind::FirstKnown { of: vec![ix(8), ix(20)] },
        MeasureKind::Trait { name: "seats".to_owned(), fades_after: None },
        MeasureKind::DaysUntil { name: "renews".to_owned() },
    ];
    let named = |(at, kind)| Measure { name: format!("other_{at}"), kind };
    (first..).zip(kinds).map(named).collect()
}

fn list() -> (Vec<Measure>, SeriesSet) {
    let days = |days, before| Window::Days { days, before };
    let of = |event: Option<&str>| Selection { events: Events::from(event), ..Selection::default() };
    let set = || Selection { events: Events::Set(["a", "c", "z"].map(str::to_owned).into()), ..of(None) };
    let paid = |event: Option<&str>| Selection { property: Some("paid".to_owned()), ..of(event) };
    let above = Filter { property: "paid".to_owned(), comparison: Comparison::MoreThan(Decimal(1_500_000)) };
    let filtered = Selection { filters: vec![above], ..paid(Some("a")) };
    let (mut measures, mut specs) = (Vec::new(), Vec::new());
    for (aggregate, selection, window) in [
        (Aggregate::Count, of(Some("a")), days(3, 0)),
        (Aggregate::Count, of(None), days(400, 0)),
        (Aggregate::Count, of(Some("b")), days(7, 2)),
        (Aggregate::Count, filtered.clone(), days(5, 1)),
        (Aggregate::Count, of(Some("a")), Window::Hours { hours: 30 }),
        (Aggregate::Sum, paid(Some("a")), days(30, 0)),
        (Aggregate::Min, paid(None), days(4, 0)),
        (Aggregate::Max, filtered, days(9, 3)),
        (Aggregate::Average, paid(Some("b")), days(6, 0)),
        (Aggregate::Average, paid(Some("b")), Window::Hours { hours: 168 }),
        (Aggregate::DistinctContacts, of(None), days(5, 0)),
        (Aggregate::DistinctValues, paid(Some("a")), days(8, 0)),
        (Aggregate::DaysActive, of(Some("c")), days(200, 0)),
        (Aggregate::DaysActive, of(None), days(2, 1)),
        (Aggregate::Count, set(), days(6, 1)),
        (Aggregate::DaysActive, set(), days(20, 0)),
        (Aggregate::Sum, Selection { property: Some("paid".to_owned()), ..set() }, days(7, 0)),
        (Aggregate::DistinctContacts, set(), Window::Hours { hours: 50 }),
        (Aggregate::MedianGap, of(Some("c")), days(200, 0)),
        (Aggregate::MedianGap, set(), days(20, 1)),
        (Aggregate::MedianPerDay, of(None), days(30, 0)),
        (Aggregate::MedianPerDay, set(), days(9, 0)),
    ] {
        let name = format!("windowed_{}", measures.len());
        let (measure, spec) = Measure::windowed(name, aggregate, selection, window);
        measures.push(measure);
        specs.extend(spec);
    }
    measures.extend(derived(measures.len()));
    let choice = SetChoice::One(["a", "c", "z"].map(str::to_owned).into());
    measures.push(Measure::breadth("breadth".to_owned(), choice, days(5, 1)));
    (measures, SeriesSet::new(specs, Instant(0)))
}

fn folded(story: &Story, facts: &[Fact], series: &SeriesSet) -> Account {
    let mut account = Account::default();
    for fact in facts {
        account.fold(fact, series, &story.calendar);
    }
    account
}

fn shuffled<T: Clone>(items: &[T], seed: &[Index]) -> Vec<T> {
    let mut shuffled = items.to_vec();
    for (place, index) in seed.iter().enumerate().take(items.len()) {
        shuffled.swap(place, index.index(items.len()));
    }
    shuffled
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_measure_is_what_counting_anew_gives(
        story in story(vec(some_usage(), 0..40)), seed in vec(any::<Index>(), 40), after in 0..20 * DAY_MS,
    ) {
        let (all, series) = list();
        let account = folded(&story, &shuffled(&story.facts, &seed), &series);
        let newest = story.facts.iter().map(|fact| fact.event_at).max().unwrap_or(story.base);
        let now = newest.max(story.base).plus_ms(after);
        for measure in &all {
            let expected = naive(&story, &series, measure, &all, now);
            prop_assert_eq!(account.measured(measure, &all, now, &story.calendar).value(), expected, "{:?} at {}", measure, now);
        }
    }

    #[test]
    fn the_order_of_facts_leaves_no_trace(
        story in story(vec(some_usage(), 0..40)), seed in vec(any::<Index>(), 60), traits in vec((0..9_i64, 0..3_u8, 0..3_i64), 0..12),
    ) {
        let (_, series) = list();
        let mut facts = story.facts.clone();
        for (id, (at, what, value)) in traits.into_iter().enumerate() {
            let contact = ContactId(value as u128);
            let value = vec![("stage".to_owned(), Value::Decimal(Decimal(value)))];
            let kind = match what {
                0 => FactKind::AccountTraits(value),
                1 => FactKind::ContactTraits { contact, traits: value },
                _ => FactKind::ContactMembership { contact, member: at % 2 == 0 },
            };
            facts.push(Fact { id: FactId(id as u128), event_at: story.base.plus_ms(at), kind });
        }
        let account = folded(&story, &facts, &series);
        let other = folded(&story, &shuffled(&facts, &seed), &series);
        prop_assert_eq!(account.encode(), other.encode());
        prop_assert_eq!(Account::decode(&account.encode()), Ok(account));
    }

    #[test]
    fn damaged_bytes_are_refused_or_read_but_never_panic(
        story in story(vec(some_usage(), 0..20)), place: Index, byte: u8, cut: Index,
    ) {
        let (_, series) = list();
        let mut bytes = folded(&story, &story.facts, &series).encode();
        prop_assert!(Account::decode(&bytes[..cut.index(bytes.len())]).is_err());
        let at = place.index(bytes.len());
        bytes[at] = byte;
        let _ = Account::decode(&bytes).map(|account| account.encode());
    }
}
