//! The oracle over 69,659 real purchases, against figures that another program found by another method (sweeping
//! over the instants at which purchases enter and leave each window).

use std::{collections::BTreeMap, io::Read};

use oracle::{
    Record, truth,
    wire::perennial::{
        account::v1::{AccountRecord, NamedValue, Usage, Value, account_record, value},
        log::v1::{CatalogueVersion, ClockAdvanced, ClockKind, Control, Header, Joined, Service, control},
    },
};
use prost::Message;

const DAY_MS: i64 = 86_400_000;
const NOON_MS: i64 = DAY_MS / 2;
/// 1998-07-01.
const END_DAY: i64 = 10_408;

#[test]
fn the_oracle_finds_in_the_purchases_what_a_sweep_finds() {
    let stories = truth(&log());
    // Members now, enters, leaves.
    let mut figures: BTreeMap<&str, (i64, i64, i64)> = BTreeMap::new();
    for change in stories.values().flat_map(|story| &story.memberships) {
        let (members, enters, leaves) = figures.entry(&change.segment).or_default();
        if change.member {
            *members += 1;
            *enters += 1;
        } else {
            *members -= 1;
            *leaves += 1;
        }
    }
    let expected = BTreeMap::from([
        ("big_spenders", (1_335, 2_958, 1_623)),
        ("falling", (937, 14_072, 13_135)),
        ("frequent_buyers", (436, 7_285, 6_849)),
        ("new", (0, 23_570, 23_570)),
        ("occasional_buyers", (2_692, 42_618, 39_926)),
        ("silent", (21_196, 37_701, 16_505)),
        ("slipping_away", (1_503, 9_343, 7_840)),
    ]);
    assert_eq!(figures, expected);
}

fn log() -> Vec<Record> {
    let mut log = Log::default();
    let document = serde_json::json!({
        "measures": {
            "days_since_first": {"days_since_first": {"event": "Order Completed"}},
            "days_since_last": {"days_since_last": {"event": "Order Completed"}},
            "orders": {"count": {"event": "Order Completed", "window": {"days": 84}}},
            "orders_before": {"count": {"event": "Order Completed", "window": {"days": 84, "before": 84}}},
            "trend": {"ratio": {"of": "orders", "to": "orders_before"}},
            "revenue": {"sum": {"event": "Order Completed", "property": "revenue", "window": {"days": 364}}},
        },
        "conditions": {"silent": {"measure": "days_since_last", "at_least": 56}},
        "segments": {
            "new": {"when": {"measure": "days_since_first", "less_than": 28}},
            "frequent_buyers": {"when": {"measure": "orders", "at_least": 3}},
            "occasional_buyers": {"when": {"all": [
                {"measure": "orders", "at_least": 1}, {"measure": "orders", "at_most": 2}]}},
            "big_spenders": {"when": {"measure": "revenue", "at_least": 200}},
            "falling": {"when": {"all": [
                {"measure": "orders_before", "at_least": 2}, {"measure": "trend", "at_most": 0.5}]}},
            "silent": {"when": {"named": "silent"}},
            "slipping_away": {"when": {"all": [{"named": "silent"}, {"measure": "revenue", "at_least": 100}]}},
        },
    });
    log.control(control::Kind::CatalogueVersion(CatalogueVersion {
        version: 1,
        part: 1,
        parts: 1,
        clock: ClockKind::Log.into(),
        time_zone: "UTC".into(),
        fire_playbooks: false,
        document: document.to_string().into_bytes(),
    }));
    log.control(control::Kind::Joined(Joined { service: Service::Segmentation.into() }));
    purchases().lines().skip(1).zip(1..).for_each(|(line, number)| log.purchase(line, number));
    log.control(control::Kind::ClockAdvanced(ClockAdvanced {
        to_at: END_DAY * DAY_MS,
        inbox_partition: 0,
        inbox_partitions: 1,
    }));
    log.records
}

fn purchases() -> String {
    let compressed = include_bytes!("../../../services/perennial/demo/cdnow.csv.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(compressed.as_slice()).read_to_string(&mut text).expect("a gzip of text");
    text
}

#[derive(Default)]
struct Log {
    records: Vec<Record>,
}

impl Log {
    fn control(&mut self, kind: control::Kind) {
        self.push(AccountRecord {
            header: Some(Header { workspace: "shop".into(), ..Header::default() }),
            control: Some(Control { kind: Some(kind) }),
            kind: None,
        });
    }

    fn purchase(&mut self, line: &str, number: u128) {
        let fields: Vec<&str> = line.split(',').collect();
        let [customer, date, _, revenue] = fields[..] else { panic!("{line}") };
        let day = date.parse::<u32>().expect("a date");
        let event_at = days(day / 10_000, day / 100 % 100, day % 100) * DAY_MS + NOON_MS;
        let millionths = revenue.replace('.', "").parse::<i64>().expect("an amount") * 10_000;
        let revenue = Value { kind: Some(value::Kind::Decimal(millionths)) };
        self.push(AccountRecord {
            header: Some(Header {
                workspace: "shop".into(),
                account: customer.into(),
                id: number.to_be_bytes().to_vec(),
                event_at,
                due_at: event_at,
                ..Header::default()
            }),
            control: None,
            kind: Some(account_record::Kind::Usage(Usage {
                contact: Vec::new(),
                event: "Order Completed".into(),
                properties: vec![NamedValue { name: "revenue".into(), value: Some(revenue) }],
                active: true,
                guessed: false,
            })),
        });
    }

    fn push(&mut self, record: AccountRecord) {
        let offset = self.records.len() as u64;
        self.records.push(Record { partition: 0, offset, appended_at: 0, bytes: record.encode_to_vec() });
    }
}

/// Days since 1970-01-01 of a day of 1997 or 1998.
fn days(year: u32, month: u32, day: u32) -> i64 {
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    9_862 + i64::from(year - 1997) * 365 + before[month as usize - 1] + i64::from(day) - 1
}
