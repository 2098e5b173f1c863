//! The demo's definitions over 69,659 real purchases, in memory: the figures that the whole system must show.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
};

use domain::{
    catalogue::Catalogue,
    decision::{HealthChanged, MembershipChanged},
    ids::{EpisodeId, derived},
    time::{Day, HOUR_MS, Instant},
    view::{Because, Scope, View},
};

use crate::support::{compiled, number, usage};

const CATALOGUE: &str = include_str!("../../../../services/perennial/demo/catalogue.yaml");
const FIGURES: &str = include_str!("../../../../services/perennial/demo/figures.json");
const PURCHASES: &[u8] = include_bytes!("../../../../services/perennial/demo/cdnow.csv.gz");

/// Day, quantity and revenue of each purchase, by customer.
type Purchases = BTreeMap<String, Vec<(Day, String, String)>>;

fn purchases() -> Purchases {
    let mut text = String::new();
    flate2::read::GzDecoder::new(PURCHASES).read_to_string(&mut text).unwrap();
    let mut purchases = Purchases::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let date = format!("{}-{}-{}", &fields[1][..4], &fields[1][4..6], &fields[1][6..]);
        let purchase = (Day::parse(&date).unwrap(), fields[2].to_owned(), fields[3].to_owned());
        purchases.entry(fields[0].to_owned()).or_default().push(purchase);
    }
    purchases
}

fn noon(day: Day) -> Instant {
    Instant(i64::from(day.0) * 24 * HOUR_MS + 12 * HOUR_MS)
}

/// An account folded as the log clock has it: every wake-up first, then the fact.
struct Replay<'c> {
    catalogue: &'c Catalogue,
    view: View,
    open: BTreeMap<String, EpisodeId>,
    said: Option<HealthChanged>,
    memberships: Vec<(Instant, MembershipChanged)>,
    scores: Vec<HealthChanged>,
}

impl<'c> Replay<'c> {
    fn new(catalogue: &'c Catalogue, scope: Scope) -> Self {
        let (open, said) = (BTreeMap::new(), None);
        Self { catalogue, view: View::fresh(scope), open, said, memberships: Vec::new(), scores: Vec::new() }
    }

    fn until(&mut self, now: Instant) {
        while let Some(wake) = self.view.wake(self.catalogue).filter(|wake| *wake <= now) {
            assert!(wake > self.view.now(), "a wake-up is strictly later");
            self.view.advance(self.catalogue, wake);
            self.decide();
        }
    }

    fn decide(&mut self) {
        let episode = |segment: &str| EpisodeId(derived(&[segment.as_bytes()]));
        for change in self.view.membership_changes(self.catalogue, &self.open, Because::default(), episode) {
            if change.member {
                self.open.insert(change.segment.clone(), change.episode);
            } else {
                self.open.remove(&change.segment);
            }
            self.memberships.push((self.view.now(), change));
        }
    }

    fn decide_health(&mut self) {
        if let Some(change) = self.view.health_change(self.catalogue, self.said.as_ref()) {
            self.said = Some(change.clone());
            self.scores.push(change);
        }
    }
}

#[test]
fn the_demo_shows_the_published_figures() {
    let catalogue = compiled(CATALOGUE);
    let end = noon(Day::parse("1998-07-01").unwrap()).plus_ms(-12 * HOUR_MS);
    let mut counts: BTreeMap<String, [u64; 3]> = BTreeMap::new();
    let mut id = 0;
    for purchases in purchases().values() {
        let mut replay = Replay::new(&catalogue, Scope::Segments);
        for (day, quantity, revenue) in purchases {
            id += 1;
            let properties = [("quantity", number(quantity)), ("revenue", number(revenue))];
            replay.until(noon(*day));
            replay.view.fold(&catalogue, &usage(id, noon(*day), "Order Completed", &properties), noon(*day));
            replay.decide();
        }
        replay.until(end);
        for (_, change) in &replay.memberships {
            counts.entry(change.segment.clone()).or_default()[usize::from(!change.member)] += 1;
        }
        replay.open.keys().for_each(|segment| counts.entry(segment.clone()).or_default()[2] += 1);
    }
    let figures: serde_json::Value = serde_json::from_str(FIGURES).unwrap();
    for (segment, figures) in figures["segments"].as_object().unwrap() {
        let expected = ["enters", "leaves", "members"].map(|what| figures[what].as_u64().unwrap());
        assert_eq!(counts[segment], expected, "{segment}: enters, leaves, members");
    }
}

#[test]
fn drivers_sum_to_the_change_of_the_overall() {
    let catalogue = compiled(CATALOGUE);
    let end = noon(Day::parse("1998-07-01").unwrap());
    let mut bands = BTreeSet::new();
    for purchases in purchases().values().take(500) {
        let mut replay = Replay::new(&catalogue, Scope::Health);
        let mut id = 0;
        let mut now = noon(purchases[0].0);
        while now <= end {
            for (_, quantity, revenue) in purchases.iter().filter(|(day, ..)| noon(*day) == now) {
                id += 1;
                let properties = [("quantity", number(quantity)), ("revenue", number(revenue))];
                replay.view.fold(&catalogue, &usage(id, now, "Order Completed", &properties), now);
            }
            replay.view.advance(&catalogue, now);
            replay.decide_health();
            now = now.plus_ms(12 * HOUR_MS);
        }
        let mut overall = 0;
        for change in &replay.scores {
            let drivers: i64 = change.drivers.iter().map(|driver| i64::from(driver.points)).sum();
            let contributions: i64 = change.contributions.iter().map(|c| i64::from(c.points)).sum();
            assert_eq!(drivers, i64::from(change.overall) - overall);
            assert_eq!(contributions, i64::from(change.overall));
            overall = i64::from(change.overall);
            bands.insert(change.score.unwrap().band);
        }
    }
    assert_eq!(bands.len(), 3, "the demo's scorecard tells customers apart");
}
