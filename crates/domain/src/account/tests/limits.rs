//! What is forgotten, and what is said when a bound was met.

use super::*;

#[test]
fn a_series_counts_from_its_activation_and_is_gone_when_dropped() {
    let (all, series) = list();
    let calendar = Calendar::utc();
    let (now, sum) = (Instant(DAY_MS), &all[5]);
    let mut account = Account::default();
    let bought = usage(Instant(5), "a", Some(1), Some(number("2.5")));
    account.fold(&bought, &SeriesSet::default(), &calendar);
    account.activate(&series);
    assert_eq!(account.measured(sum, &all, now, &calendar).value(), Some(Quantity::ZERO));
    account.fold(&bought, &series, &calendar);
    assert_eq!(account.measured(sum, &all, now, &calendar).value().unwrap().to_string(), "2.5");
    assert_eq!(account.measured(&all[0], &all, now, &calendar).value(), Some(Quantity::int(2)));
    account.activate(&SeriesSet::default());
    account.activate(&series);
    assert_eq!(account.measured(sum, &all, now, &calendar).value(), Some(Quantity::ZERO));
}

#[test]
fn more_contacts_a_day_than_are_kept_is_said_in_any_order() {
    let (measure, spec) = Measure::windowed(
        "who".to_owned(),
        Aggregate::DistinctContacts,
        Selection::default(),
        Window::Days { days: 7, before: 0 },
    );
    let change = Measure { name: "more".to_owned(), kind: MeasureKind::Change { of: MeasureIx(0) } };
    let all = [measure, change];
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
    let text = |place: usize, day: i64| {
        account.measured(&all[place], &all, Instant(day * DAY_MS), &Calendar::utc()).text()
    };
    assert_eq!((text(0, 0), text(1, 0)), ("500 or more".to_owned(), "about 500".to_owned()));
    assert_eq!((text(0, 7), text(1, 7)), ("0".to_owned(), "about -500".to_owned()));
    assert_eq!((text(0, 14), text(1, 14)), ("0".to_owned(), "0".to_owned()));
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
        let selection = Selection { events: Events::from(event), ..Selection::default() };
        let window = Window::Days { days: 1, before: 0 };
        let (measure, _) = Measure::windowed("n".to_owned(), Aggregate::Count, selection, window);
        account.measured(&measure, &[], Instant(8), &Calendar::utc()).value()
    };
    assert!(account.saturation().events);
    assert_eq!(count(Some("255")), Some(Quantity::int(1)));
    assert_eq!(count(Some("256")), None);
    assert_eq!(count(None), Some(Quantity::int(300)));
}
