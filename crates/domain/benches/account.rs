//! What an account costs: folding a usage, measuring, knowing when it wakes, and its bytes. Prints nanoseconds each.
//!
//! `cargo bench -p domain`

use std::{hint::black_box, time::Instant as Stopwatch};

use domain::{
    account::Account,
    calendar::Calendar,
    fact::{Fact, FactKind, Usage},
    ids::{ContactId, FactId},
    measure::{Aggregate, End, Measure, MeasureIx, MeasureKind, Measures, Reach, Selection, Side},
    quantity::Quantity,
    time::{DAY_MS, Instant},
    usage::{events::Events, series::SeriesSet, window::Window},
    value::{Decimal, Value},
};

const ACCOUNTS: usize = 2_000;
const EVENTS: usize = 120;

/// The measures of the demo, on a zone with summer time.
fn measures() -> (Measures, SeriesSet) {
    let order = |property: Option<&str>| Selection {
        events: Events::One("Order Completed".to_owned()),
        property: property.map(str::to_owned),
        filters: Vec::new(),
    };
    let days = |days, before| Window::Days { days, before };
    let over = |name: &str, aggregate, of, window| Measure::windowed(name.to_owned(), aggregate, of, window);
    let (now, _) = over("orders_84d", Aggregate::Count, order(None), days(84, 0));
    let (before, _) = over("orders_84d_before", Aggregate::Count, order(None), days(84, 84));
    let (revenue, series) = over("revenue_364d", Aggregate::Sum, order(Some("revenue")), days(364, 0));
    let trend = MeasureKind::Ratio { of: MeasureIx(0), to: MeasureIx(1), to_at_least: None };
    let silent = MeasureKind::Since { end: End::Last, events: Events::One("Order Completed".to_owned()) };
    let named = |name: &str, kind| Measure { name: name.to_owned(), kind };
    let list = vec![now, before, revenue, named("trend", trend), named("silent", silent)];
    (Measures::new(list), SeriesSet::new(series, Instant(0)))
}

fn facts() -> Vec<Fact> {
    let fact = |number: usize| {
        let properties = vec![("revenue".to_owned(), Value::Decimal(Decimal(12_340_000 + number as i64)))];
        let contact = Some(ContactId(number as u128 % 7));
        let usage = Usage { contact, event: "Order Completed".to_owned(), properties, active: true };
        let event_at = Instant(1_700_000_000_000 + number as i64 * 3 * DAY_MS / 2);
        Fact { id: FactId(number as u128), event_at, kind: FactKind::Usage(usage) }
    };
    (0..EVENTS).map(fact).collect()
}

fn timed<T>(what: &str, times: usize, work: impl FnOnce() -> T) -> T {
    let watch = Stopwatch::now();
    let result = black_box(work());
    println!("{what:<28} {:>8.0} ns", watch.elapsed().as_nanos() as f64 / times as f64);
    result
}

fn main() {
    let (calendar, facts) = (Calendar::new("Europe/Berlin").expect("a zone"), facts());
    let (measures, series) = measures();
    let mut accounts = vec![Account::default(); ACCOUNTS];
    timed("fold", ACCOUNTS * EVENTS, || {
        for fact in &facts {
            accounts.iter_mut().for_each(|account| account.fold(fact, &series, &calendar));
        }
    });
    let now = facts[EVENTS - 1].event_at.plus_ms(DAY_MS);
    let list = measures.list();
    let reaches = [Reach { value: Quantity::int(56), side: Side::At }];
    timed("measure", ACCOUNTS * list.len(), || {
        for account in &accounts {
            list.iter()
                .for_each(|measure| _ = black_box(account.measured(measure, list, now, &calendar).value()));
        }
    });
    timed("next reach", ACCOUNTS * list.len(), || {
        for account in &accounts {
            list.iter().for_each(|measure| {
                _ = black_box(account.measured(measure, list, now, &calendar).next_reach(&reaches))
            });
        }
    });
    let encoded = timed("encode", ACCOUNTS, || accounts.iter().map(Account::encode).collect::<Vec<_>>());
    timed("decode", ACCOUNTS, || {
        encoded.iter().map(|bytes| Account::decode(bytes).is_ok()).filter(|ok| *ok).count()
    });
    println!("{:<28} {:>8}", "bytes", encoded[0].len());
}
