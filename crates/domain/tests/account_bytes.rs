//! What an account costs as bytes, and that bytes written by an earlier build are still read.

use domain::{
    account::{Account, DecodeError},
    calendar::Calendar,
    comparison::Comparison,
    fact::{Fact, FactKind, Usage},
    ids::{ContactId, FactId, derived},
    measure::{Aggregate, Measure, Selection},
    time::{DAY_MS, Instant},
    usage::{
        events::Events,
        series::{Filter, SeriesSet},
        window::Window,
    },
    value::{Decimal, Value},
};

const EVENTS: [&str; 16] = [
    "Signed In",
    "Report Exported",
    "Dashboard Viewed",
    "Invite Sent",
    "Viewed Settings",
    "Project Created",
    "Task Completed",
    "File Uploaded",
    "Comment Added",
    "Search Performed",
    "Integration Added",
    "Filter Saved",
    "Viewed Home",
    "Alert Muted",
    "Export Scheduled",
    "API Called",
];

/// 2024-06-03T00:00:00Z, a Monday.
const START: Instant = Instant(1_717_372_800_000);

fn dice(parts: &[u64]) -> u64 {
    let bytes: Vec<[u8; 8]> = parts.iter().map(|part| part.to_be_bytes()).collect();
    let parts: Vec<&[u8]> = bytes.iter().map(<[u8; 8]>::as_slice).collect();
    (derived(&parts) >> 64) as u64
}

fn id(kind: u64, number: u64) -> u128 {
    derived(&[&kind.to_be_bytes(), &number.to_be_bytes()])
}

fn fact(number: u64, event_at: Instant, kind: FactKind) -> Fact {
    Fact { id: FactId(id(1, number)), event_at, kind }
}

fn text(name: &str, value: &str) -> (String, Value) {
    (name.to_owned(), Value::Text(value.to_owned()))
}

/// On workdays each event comes with a likelihood of its own, the first nearly always, the last hardly ever.
fn typical(days: u64) -> Account {
    let (mut account, series, calendar) = (Account::default(), SeriesSet::default(), Calendar::utc());
    let mut fold =
        |number: u64, at: Instant, kind: FactKind| account.fold(&fact(number, at, kind), &series, &calendar);
    let traits =
        vec![text("plan", "enterprise"), text("industry", "logistics"), text("renewal_date", "2025-03-31")];
    fold(0, START, FactKind::AccountTraits(traits));
    for contact in 0..20 {
        let at = START.plus_ms(contact as i64 * 3_600_123);
        fold(contact, at, FactKind::ContactMembership { contact: ContactId(id(2, contact)), member: true });
    }
    for day in (0..days).filter(|day| day % 7 < 5) {
        for (place, event) in EVENTS.iter().enumerate() {
            let place = place as u64;
            let times =
                if dice(&[day, place]) % 16 < 16 - place { 1 + dice(&[place, day, 1]) % 3 } else { 0 };
            for time in 0..times {
                let at = START.plus_ms(day as i64 * DAY_MS + (dice(&[day, place, time]) % 36_000_000) as i64);
                let contact = Some(ContactId(id(2, dice(&[day, place, time, 2]) % 20)));
                let usage =
                    Usage { contact, event: (*event).to_owned(), properties: Vec::new(), active: true };
                fold(day * 1_000 + place * 10 + time, at, FactKind::Usage(usage));
            }
        }
    }
    account
}

fn check_size(days: u64, most: usize) {
    let bytes = typical(days).encode();
    assert!(bytes.len() <= most, "{} bytes for {days} days", bytes.len());
}

#[test]
fn a_typical_account_of_ninety_days_fits_its_budget() {
    check_size(90, 1_638);
}

#[test]
fn a_typical_account_of_four_hundred_days_fits_its_budget() {
    check_size(400, 5_120);
}

/// Something of everything.
fn varied() -> Account {
    let selection = |property: Option<&str>, filters| Selection {
        events: Events::One("Order Completed".to_owned()),
        property: property.map(str::to_owned),
        filters,
    };
    let above =
        Filter { property: "revenue".to_owned(), comparison: Comparison::AtLeast(Decimal(20_000_000)) };
    let (day, hour) = (Window::Days { days: 30, before: 0 }, Window::Hours { hours: 24 });
    let specs = [
        (Aggregate::Sum, selection(Some("revenue"), Vec::new()), day),
        (Aggregate::Count, selection(None, vec![above]), day),
        (Aggregate::Count, selection(None, Vec::new()), hour),
        (Aggregate::DistinctContacts, selection(None, Vec::new()), day),
        (Aggregate::DistinctValues, selection(Some("sku"), Vec::new()), day),
    ];
    let specs = specs
        .into_iter()
        .filter_map(|(what, of, window)| Measure::windowed(String::new(), what, of, window).1);
    let (series, calendar) = (SeriesSet::new(specs, START), Calendar::new("Europe/Berlin").expect("a zone"));
    let mut account = Account::default();
    for order in 0..60_u64 {
        let revenue = Value::Decimal(Decimal((order as i64 - 5) * 1_234_567));
        let properties =
            vec![("revenue".to_owned(), revenue), text("sku", ["pen", "ink", "paper"][order as usize % 3])];
        let (contact, event) = (Some(ContactId(id(2, order % 4))), "Order Completed".to_owned());
        let usage = Usage { contact, event, properties, active: order % 5 != 0 };
        account.fold(
            &fact(order, START.plus_ms(order as i64 * 31_000_007), FactKind::Usage(usage)),
            &series,
            &calendar,
        );
    }
    for change in 0..40_u64 {
        let at = START.plus_ms(change as i64 * 1_000);
        let list = Value::List(vec![Value::Null, Value::Bool(change % 2 == 0)]);
        let traits = vec![text("stage", ["trial", "live"][change as usize / 20]), ("flags".to_owned(), list)];
        account.fold(&fact(change, at, FactKind::AccountTraits(traits.clone())), &series, &calendar);
        let contact = ContactId(id(2, change % 3));
        account.fold(&fact(change, at, FactKind::ContactTraits { contact, traits }), &series, &calendar);
        let kind = FactKind::ContactMembership { contact, member: change % 7 != 0 };
        account.fold(&fact(change, at, kind), &series, &calendar);
    }
    account
}

#[test]
fn bytes_of_the_first_format_are_what_they_were() {
    let golden = include_bytes!("fixtures/account_v1.bin").as_slice();
    assert_eq!(varied().encode(), golden);
    assert_eq!(Account::decode(golden), Ok(varied()));
}

/// The same with contracts, one of them said twice.
fn with_contracts() -> Account {
    let mut account = varied();
    for said in 0..3_u64 {
        let terms = vec![
            ("auto_renew".to_owned(), Value::Bool(said != 1)),
            text("end_date", ["2026-03-31", "2026-06-30", "2027-03-31"][said as usize]),
        ];
        let kind = FactKind::ContractTerms { contract: ["C-1", "C-2"][said as usize % 2].to_owned(), terms };
        let at = START.plus_ms(said as i64 * DAY_MS);
        account.fold(&fact(said, at, kind), &SeriesSet::default(), &Calendar::utc());
    }
    account
}

#[test]
fn bytes_of_the_format_with_contracts_are_what_they_were() {
    let golden = include_bytes!("fixtures/account_v2.bin").as_slice();
    assert_eq!(with_contracts().encode(), golden);
    assert_eq!(Account::decode(golden), Ok(with_contracts()));
}

#[test]
fn bytes_of_a_format_to_come_are_refused() {
    assert_eq!(Account::decode(&[3]), Err(DecodeError::UnknownFormat(3)));
    assert_eq!(Account::decode(&[]), Err(DecodeError::Damaged));
}
