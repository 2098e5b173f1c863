//! Accounts against a program that keeps every event and counts anew each time.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;
use crate::{
    comparison::Comparison,
    ids::FactId,
    measure::{Aggregate, End, Measure, MeasureIx, MeasureKind, Reach, Selection, Side},
    quantity::Quantity,
    time::{DAY_MS, HOUR_MS},
    usage::{series::Filter, window::Window},
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

fn list() -> (Vec<Measure>, SeriesSet) {
    let days = |days, before| Window::Days { days, before };
    let of = |event: Option<&str>| Selection { event: event.map(str::to_owned), ..Selection::default() };
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
    ] {
        let name = format!("windowed_{}", measures.len());
        let (measure, spec) = Measure::windowed(name, aggregate, selection, window);
        measures.push(measure);
        specs.extend(spec);
    }
    let ix = MeasureIx;
    for kind in [
        MeasureKind::Since { end: End::First, event: Some("a".to_owned()) },
        MeasureKind::Since { end: End::Last, event: None },
        MeasureKind::Change { of: ix(0) },
        MeasureKind::Change { of: ix(4) },
        MeasureKind::Change { of: ix(8) },
        MeasureKind::Ratio { of: ix(0), to: ix(2) },
        MeasureKind::Ratio { of: ix(15), to: ix(2) },
        MeasureKind::Ratio { of: ix(0), to: ix(15) },
        MeasureKind::Ratio { of: ix(14), to: ix(15) },
        MeasureKind::Trait { name: "seats".to_owned() },
        MeasureKind::DaysUntil { name: "renews".to_owned() },
    ] {
        measures.push(Measure { name: format!("other_{}", measures.len()), kind });
    }
    (measures, SeriesSet::new(specs, Instant(0)))
}

fn folded(story: &Story, facts: &[Fact], series: &SeriesSet) -> Account {
    let mut account = Account::default();
    for fact in facts {
        account.fold(fact, series, &story.calendar);
    }
    account
}

/// Every event counted anew.
fn naive(
    story: &Story,
    set: &SeriesSet,
    measure: &Measure,
    all: &[Measure],
    now: Instant,
) -> Option<Quantity> {
    let value = |ix: MeasureIx| naive(story, set, &all[ix.0 as usize], all, now);
    match &measure.kind {
        MeasureKind::Windowed { window, .. } => naive_over(story, set, measure, *window, now),
        MeasureKind::Since { end, event } => {
            let times = usages(story)
                .filter(|(_, usage)| usage.active && event.as_ref().is_none_or(|e| *e == usage.event));
            let from = match end {
                End::First => times.map(|(at, _)| at).min(),
                End::Last => times.map(|(at, _)| at).max(),
            }?;
            Quantity::ratio((now.0 - from.0).max(0).into(), DAY_MS.into())
        }
        MeasureKind::Change { of } => {
            let of = &all[of.0 as usize];
            let before = match of.window().unwrap() {
                Window::Days { days, before } => (Window::Days { days, before: before + days }, 0),
                Window::Hours { hours } => (Window::Hours { hours }, i64::from(hours + 1) * HOUR_MS),
            };
            let earlier = naive_over(story, set, of, before.0, now.plus_ms(-before.1))?;
            naive_over(story, set, of, of.window().unwrap(), now)?.checked_sub(earlier)
        }
        MeasureKind::Ratio { of, to } => value(*of)?.checked_div(value(*to)?),
        MeasureKind::Trait { .. } | MeasureKind::DaysUntil { .. } => None,
    }
}

fn usages(story: &Story) -> impl Iterator<Item = (Instant, &Usage)> {
    story.facts.iter().filter_map(|fact| match &fact.kind {
        FactKind::Usage(usage) => Some((fact.event_at, usage)),
        _ => None,
    })
}

fn naive_over(
    story: &Story,
    set: &SeriesSet,
    measure: &Measure,
    window: Window,
    now: Instant,
) -> Option<Quantity> {
    let MeasureKind::Windowed { aggregate, source, .. } = &measure.kind else {
        unreachable!("only windowed measures come here");
    };
    let (event, spec) = match source {
        crate::measure::Source::Always { event } => (event, None),
        crate::measure::Source::Series { id, event } => (event, set.spec(*id)),
    };
    let within = |at: Instant| match window {
        Window::Days { days, before } => {
            let age = i64::from(story.calendar.day_of(now).0) - i64::from(story.calendar.day_of(at).0);
            age >= i64::from(before) && age < i64::from(before) + i64::from(days)
        }
        Window::Hours { hours } => {
            let age = now.0.div_euclid(HOUR_MS) - at.0.div_euclid(HOUR_MS);
            (0..=i64::from(hours)).contains(&age)
        }
    };
    let taken: Vec<(Instant, &Usage)> = usages(story)
        .filter(|(at, usage)| within(*at) && event.as_ref().is_none_or(|event| *event == usage.event))
        .filter(|(_, usage)| spec.is_none_or(|spec| spec.takes(usage)))
        .collect();
    let numbers: Vec<i128> = taken
        .iter()
        .filter_map(|(_, usage)| usage.property("paid")?.as_decimal())
        .map(|number| i128::from(number.0))
        .collect();
    let distinct = |mut keys: Vec<String>| {
        keys.sort_unstable();
        keys.dedup();
        Some(Quantity::int(keys.len() as i128))
    };
    let scale = i128::from(Decimal::SCALE);
    match aggregate {
        Aggregate::Count => Some(Quantity::int(taken.len() as i128)),
        Aggregate::Sum => Quantity::ratio(numbers.iter().sum(), scale),
        Aggregate::Min => Quantity::ratio(*numbers.iter().min()?, scale),
        Aggregate::Max => Quantity::ratio(*numbers.iter().max()?, scale),
        Aggregate::Average => Quantity::ratio(numbers.iter().sum(), numbers.len() as i128 * scale),
        Aggregate::DistinctContacts => {
            distinct(taken.iter().filter_map(|(_, usage)| Some(format!("{:?}", usage.contact?))).collect())
        }
        Aggregate::DistinctValues => distinct(
            taken.iter().filter_map(|(_, usage)| Some(format!("{:?}", usage.property("paid")?))).collect(),
        ),
        Aggregate::DaysActive => {
            distinct(taken.iter().map(|(at, _)| story.calendar.day_of(*at).to_string()).collect())
        }
    }
}

fn shuffled<T: Clone>(items: &[T], seed: &[Index]) -> Vec<T> {
    let mut shuffled = items.to_vec();
    for (place, index) in seed.iter().enumerate().take(items.len()) {
        shuffled.swap(place, index.index(items.len()));
    }
    shuffled
}

/// Instants worth looking at between two: turns of days and hours with their neighbours.
fn boundaries(calendar: &Calendar, from: Instant, to: Instant) -> Vec<Instant> {
    let mut found = Vec::new();
    let mut midnight = from;
    for _ in 0..40 {
        midnight = calendar.next_midnight(midnight);
        found.push(midnight);
    }
    found.extend((1..60).map(|hour| Instant((from.0.div_euclid(HOUR_MS) + hour) * HOUR_MS)));
    let near = found.into_iter().flat_map(|at| [at.plus_ms(-1), at, at.plus_ms(1)]);
    near.chain([to.plus_ms(-1)]).filter(|at| *at > from && *at < to).collect()
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
            prop_assert_eq!(account.measure(measure, &all, now, &story.calendar), expected, "{:?} at {}", measure, now);
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
    fn nothing_changes_before_the_next_change(
        story in story(vec(some_usage(), 0..15)), at in 0..30 * DAY_MS, parts in vec(0.0..1.0, 6),
    ) {
        let (all, series) = list();
        let account = folded(&story, &story.facts, &series);
        let now = story.base.plus_ms(at);
        for measure in &all[..22] {
            let value = |at: Instant| account.measure(measure, &all, at, &story.calendar);
            if matches!(measure.kind, MeasureKind::Since { .. }) || reads_elapsed(measure) {
                continue;
            }
            let next = account.next_change(measure, &all, now, &story.calendar);
            prop_assert!(next.is_none_or(|next| next > now));
            let until = next.unwrap_or(now.plus_ms(500 * DAY_MS));
            let random = parts.iter().map(|part| Instant(now.0 + ((until.0 - now.0 - 1) as f64 * part) as i64));
            for between in random.chain(boundaries(&story.calendar, now, until)) {
                prop_assert_eq!(value(between), value(now), "{:?} {} {}", measure, now, between);
            }
        }
    }

    #[test]
    fn no_comparison_flips_before_the_next_reach(
        story in story(vec(some_usage(), 1..10)), at in 0..30 * DAY_MS, parts in vec(0.0..1.0, 6),
        values in vec((-2_000_000..40_000_000_i64, any::<bool>()), 1..4), renews in 14_900..19_900_i64,
    ) {
        let (all, series) = list();
        let mut account = folded(&story, &story.facts, &series);
        let renews = vec![("renews".to_owned(), Value::Text(crate::time::Day(renews as i32).to_string()))];
        let kind = FactKind::AccountTraits(renews);
        account.fold(&Fact { id: FactId(1), event_at: story.base, kind }, &series, &story.calendar);
        let now = story.base.plus_ms(at);
        let reaches: Vec<Reach> = values
            .into_iter()
            .map(|(value, after)| (value / 500_000 * 500_000, if after { Side::After } else { Side::At }))
            .map(|(value, side)| Reach { value: Quantity::from(Decimal(value)), side })
            .collect();
        for measure in &all {
            let sides = |at: Instant| {
                let value = account.measure(measure, &all, at, &story.calendar);
                reaches.iter().map(|reach| value.map(|value| match reach.side {
                    Side::At => value >= reach.value,
                    Side::After => value > reach.value,
                })).collect::<Vec<_>>()
            };
            let next = account.next_reach(measure, &all, now, &story.calendar, &reaches);
            prop_assert!(next.is_none_or(|next| next > now));
            let until = next.unwrap_or(now.plus_ms(500 * DAY_MS));
            let random = parts.iter().map(|part| Instant(now.0 + ((until.0 - now.0 - 1) as f64 * part) as i64));
            for between in random.chain(boundaries(&story.calendar, now, until)) {
                prop_assert_eq!(sides(between), sides(now), "{:?} {} {} {:?}", measure, now, between, reaches);
            }
        }
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

fn reads_elapsed(measure: &Measure) -> bool {
    measure.inputs().any(|input| [14, 15].contains(&input.0))
}

fn check_reach(from_last: &str, side: Side, expected_ms: i64) {
    let calendar = Calendar::utc();
    let mut account = Account::default();
    account.fold(&usage(Instant(1_000), "a", Some(1), None), &SeriesSet::default(), &calendar);
    let measure =
        Measure { name: "silent".to_owned(), kind: MeasureKind::Since { end: End::Last, event: None } };
    let value = Quantity::from(Decimal::parse(from_last).unwrap());
    let next = account.next_reach(&measure, &[], Instant(1_000), &calendar, &[Reach { value, side }]);
    assert_eq!(next, Some(Instant(1_000 + expected_ms)));
}

#[test]
fn silence_is_reached_to_the_millisecond() {
    check_reach("56", Side::At, 56 * DAY_MS);
    check_reach("56", Side::After, 56 * DAY_MS + 1);
    check_reach("0.00001", Side::At, 864);
    check_reach("0.000001", Side::At, 87);
    check_reach("0.000001", Side::After, 87);
}

#[test]
fn a_renewal_far_away_wakes_nobody_every_midnight() {
    let calendar = Calendar::new("Europe/Berlin").unwrap();
    let mut account = Account::default();
    let traits = vec![("renews".to_owned(), Value::Text("2024-12-31".to_owned()))];
    let fact = Fact { id: FactId(1), event_at: Instant(0), kind: FactKind::AccountTraits(traits) };
    account.fold(&fact, &SeriesSet::default(), &calendar);
    let measure =
        Measure { name: "left".to_owned(), kind: MeasureKind::DaysUntil { name: "renews".to_owned() } };
    let now = Instant::parse("2024-01-01T12:00:00Z").unwrap();
    let reach = |days, side| {
        let reaches = [Reach { value: Quantity::int(days), side }];
        account.next_reach(&measure, &[], now, &calendar, &reaches).map(|at| at.to_string())
    };
    assert_eq!(reach(60, Side::After).as_deref(), Some("2024-10-31T23:00:00Z"));
    assert_eq!(reach(60, Side::At).as_deref(), Some("2024-11-01T23:00:00Z"));
    assert_eq!(account.measure(&measure, &[], now, &calendar), Some(Quantity::int(365)));
}

#[test]
fn a_series_counts_from_its_activation_and_is_gone_when_dropped() {
    let (all, series) = list();
    let calendar = Calendar::utc();
    let (now, sum) = (Instant(DAY_MS), &all[5]);
    let mut account = Account::default();
    let bought = usage(Instant(5), "a", Some(1), Some(number("2.5")));
    account.fold(&bought, &SeriesSet::default(), &calendar);
    account.activate(&series);
    assert_eq!(account.measure(sum, &all, now, &calendar), Some(Quantity::ZERO));
    account.fold(&bought, &series, &calendar);
    assert_eq!(account.measure(sum, &all, now, &calendar).unwrap().to_string(), "2.5");
    assert_eq!(account.measure(&all[0], &all, now, &calendar), Some(Quantity::int(2)));
    account.activate(&SeriesSet::default());
    account.activate(&series);
    assert_eq!(account.measure(sum, &all, now, &calendar), Some(Quantity::ZERO));
}

#[test]
fn more_contacts_a_day_than_are_kept_is_said_in_any_order() {
    let (measure, spec) = Measure::windowed(
        "who".to_owned(),
        Aggregate::DistinctContacts,
        Selection::default(),
        Window::Days { days: 7, before: 0 },
    );
    let series = SeriesSet::new(spec, Instant(0));
    let of = |contacts: &mut dyn Iterator<Item = u128>| {
        let mut account = Account::default();
        contacts.for_each(|contact| {
            account.fold(&usage(Instant(7), "a", Some(contact), None), &series, &Calendar::utc())
        });
        account
    };
    let account = of(&mut (1..800));
    assert_eq!(account.encode(), of(&mut (1..800).rev()).encode());
    assert!(account.saturation().distinct);
    assert_eq!(account.measure(&measure, &[], Instant(8), &Calendar::utc()), Some(Quantity::int(500)));
    assert_eq!(Account::decode(&account.encode()), Ok(account));
}

#[test]
fn more_event_names_than_are_kept_are_unknown_and_not_nought() {
    let mut account = Account::default();
    for name in 0..300 {
        account.fold(
            &usage(Instant(7), &format!("{name:03}"), None, None),
            &SeriesSet::default(),
            &Calendar::utc(),
        );
    }
    let count = |event: Option<&str>| {
        let selection = Selection { event: event.map(str::to_owned), ..Selection::default() };
        let window = Window::Days { days: 1, before: 0 };
        let (measure, _) = Measure::windowed("n".to_owned(), Aggregate::Count, selection, window);
        account.measure(&measure, &[], Instant(8), &Calendar::utc())
    };
    assert!(account.saturation().events);
    assert_eq!(count(Some("255")), Some(Quantity::int(1)));
    assert_eq!(count(Some("256")), None);
    assert_eq!(count(None), Some(Quantity::int(300)));
}
