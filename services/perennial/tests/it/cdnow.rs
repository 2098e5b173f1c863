//! 69,659 real purchases through attribution, health-score, segmentation and workflow, in memory: what they decide is
//! what the oracle computes, to the last driver.

use std::{collections::BTreeMap, io::Read};

use contracts::{
    inbox::{Message, MessageKind},
    log::ClockKind,
};
use engine::Settings;
use eventlog::{Key, NewRecord, Topic, TopicPartition};

use crate::{
    document::Document,
    people::DAY_MS,
    records::{Version, clock, hundredths, message, named, version},
    world::{Place, Weather, World},
};

const NOON_MS: i64 = DAY_MS / 2;
/// 1998-07-01.
const END_DAY: i64 = 10_408;
const SHOP: &str = "shop";

#[test]
fn every_decision_about_cdnows_customers_is_the_oracles() {
    let mut world =
        World::new(1, Place { inboxes: 2, accounts: 4, bug: None }, Weather::FAIR, &Settings::default());
    let demo = include_str!("../../demo/catalogue.yaml");
    let document = Document::parse("catalogue.yaml", demo.to_owned()).expect("the demo's catalogue");
    define(&world, &document.json().to_string());
    for (day, purchases) in purchases() {
        for (key, record) in purchases {
            world.put(Topic::Inbox, &key, record);
        }
        if day % 7 == 0 {
            advance(&world, day * DAY_MS);
            world.settle();
        }
    }
    advance(&world, END_DAY * DAY_MS);
    world.settle();

    assert_eq!(
        oracle::attributed(&world.records(Topic::Inbox)),
        oracle::forwarded(&world.records(Topic::Account))
    );
    let log = world.records(Topic::Account);
    let (truth, said) = (oracle::truth(&log), oracle::said(&log));
    assert_eq!(truth.len(), 23_570);
    for (account, story) in &truth {
        assert_eq!(said.get(account), Some(story), "{account:?}");
    }
    assert_eq!(said.len(), truth.len());
    assert_eq!(figures(&said)["slipping_away"], (1_503, 9_343, 7_840));
    assert_eq!(figures(&said)["falling"], (937, 14_072, 13_135));
}

fn define(world: &World, document: &str) {
    let of = Version {
        workspace: SHOP,
        version: 1,
        clock: ClockKind::Log,
        time_zone: "UTC",
        fire_playbooks: false,
        document,
    };
    for topic in [Topic::Inbox, Topic::Account] {
        for partition in 0..eventlog::Log::partitions(world.log.as_ref(), topic) {
            for record in version(&of, 1) {
                world.log.put(TopicPartition { topic, partition }, record.value);
            }
        }
    }
}

fn advance(world: &World, to_at: i64) {
    let partitions = eventlog::Log::partitions(world.log.as_ref(), Topic::Inbox);
    for partition in 0..partitions {
        let record = clock(SHOP, to_at, partition, partitions);
        world.log.put(TopicPartition { topic: Topic::Inbox, partition }, record.value);
    }
}

/// By day, each in the order of the file.
fn purchases() -> BTreeMap<i64, Vec<(Key, NewRecord)>> {
    let compressed = include_bytes!("../../demo/cdnow.csv.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(compressed.as_slice()).read_to_string(&mut text).expect("a gzip of text");
    let mut by_day: BTreeMap<i64, Vec<(Key, NewRecord)>> = BTreeMap::new();
    for (line, number) in text.lines().skip(1).zip(1..) {
        let (day, key, record) = purchase(line, number);
        by_day.entry(day).or_default().push((key, record));
    }
    by_day
}

fn purchase(line: &str, number: u128) -> (i64, Key, NewRecord) {
    let fields: Vec<&str> = line.split(',').collect();
    let [customer, date, quantity, revenue] = fields[..] else { panic!("{line}") };
    let date: jiff::civil::Date = date.parse().expect("a date");
    let day = jiff::civil::date(1970, 1, 1).until(date).expect("days").get_days().into();
    let cents = revenue.replace('.', "").parse().expect("an amount");
    let mut contact = [0; 16];
    contact[16 - customer.len()..].copy_from_slice(customer.as_bytes());
    let said = Message {
        kind: MessageKind::Track.into(),
        source: "demo".into(),
        message_id: format!("purchase-{number}"),
        contact: contact.to_vec(),
        context_account: customer.into(),
        event: "Order Completed".into(),
        properties: vec![
            named("quantity", hundredths(quantity.parse::<i64>().expect("a count") * 100)),
            named("revenue", hundredths(cents)),
        ],
        active: true,
        ..Message::default()
    };
    let (key, record) = message(SHOP, (number << 96).to_be_bytes(), day * DAY_MS + NOON_MS, said);
    (day, key, record)
}

/// Members now, enters, leaves.
fn figures(stories: &oracle::Stories) -> BTreeMap<&str, (i64, i64, i64)> {
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
    figures
}
