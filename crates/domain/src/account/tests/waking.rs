//! No measure changes, and no comparison flips, before its account wakes.

use super::*;

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
    fn nothing_changes_before_the_next_change(
        story in story(vec(some_usage(), 0..15)), at in 0..30 * DAY_MS, parts in vec(0.0..1.0, 6),
    ) {
        let (all, series) = list();
        let account = folded(&story, &story.facts, &series);
        let now = story.base.plus_ms(at);
        for measure in &all[..27] {
            let value = |at: Instant| account.measured(measure, &all, at, &story.calendar).value();
            if matches!(measure.kind, MeasureKind::Since { .. }) || reads_elapsed(measure) {
                continue;
            }
            let next = account.measured(measure, &all, now, &story.calendar).next_change();
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
                let value = account.measured(measure, &all, at, &story.calendar).value();
                reaches.iter().map(|reach| value.map(|value| match reach.side {
                    Side::At => value >= reach.value,
                    Side::After => value > reach.value,
                })).collect::<Vec<_>>()
            };
            let next = account.measured(measure, &all, now, &story.calendar).next_reach(&reaches);
            prop_assert!(next.is_none_or(|next| next > now));
            let until = next.unwrap_or(now.plus_ms(500 * DAY_MS));
            let random = parts.iter().map(|part| Instant(now.0 + ((until.0 - now.0 - 1) as f64 * part) as i64));
            for between in random.chain(boundaries(&story.calendar, now, until)) {
                prop_assert_eq!(sides(between), sides(now), "{:?} {} {} {:?}", measure, now, between, reaches);
            }
        }
    }
}

fn reads_elapsed(measure: &Measure) -> bool {
    measure.inputs().any(|input| [18, 19].contains(&input.0))
}

fn check_reach(from_last: &str, side: Side, expected_ms: i64) {
    let calendar = Calendar::utc();
    let mut account = Account::default();
    account.fold(&usage(Instant(1_000), "a", Some(1), None), &SeriesSet::default(), &calendar);
    let measure = Measure {
        name: "silent".to_owned(),
        kind: MeasureKind::Since { end: End::Last, events: Events::All },
    };
    let value = Quantity::from(Decimal::parse(from_last).unwrap());
    let next =
        account.measured(&measure, &[], Instant(1_000), &calendar).next_reach(&[Reach { value, side }]);
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
        account.measured(&measure, &[], now, &calendar).next_reach(&reaches).map(|at| at.to_string())
    };
    assert_eq!(reach(60, Side::After).as_deref(), Some("2024-10-31T23:00:00Z"));
    assert_eq!(reach(60, Side::At).as_deref(), Some("2024-11-01T23:00:00Z"));
    assert_eq!(account.measured(&measure, &[], now, &calendar).value(), Some(Quantity::int(365)));
}

#[test]
fn clocks_turned_back_over_midnight_bring_yesterday_back() {
    let at = |text: &str| Instant::parse(text).unwrap();
    let calendar = Calendar::new("America/St_Johns").unwrap();
    let mut account = Account::default();
    account.fold(&usage(at("2010-11-07T02:30:10Z"), "a", None, None), &SeriesSet::default(), &calendar);
    let today = Window::Days { days: 1, before: 0 };
    let (measure, _) = Measure::windowed("today".to_owned(), Aggregate::Count, Selection::default(), today);
    let count = |now: &str| account.measured(&measure, &[], at(now), &calendar).value();
    let next = |now: &str| {
        account.measured(&measure, &[], at(now), &calendar).next_change().map(|at| at.to_string())
    };
    assert_eq!(count("2010-11-07T02:30:30Z"), Some(Quantity::int(1)));
    assert_eq!(next("2010-11-07T02:30:30Z").as_deref(), Some("2010-11-07T02:31:00Z"));
    assert_eq!(count("2010-11-07T02:31:00Z"), Some(Quantity::ZERO));
    assert_eq!(next("2010-11-07T02:31:00Z").as_deref(), Some("2010-11-07T03:30:00Z"));
    assert_eq!(count("2010-11-07T03:30:00Z"), Some(Quantity::int(1)));
}
