//! Random catalogues that use every construct of `docs/catalogue.md`.

mod messages;
mod playbooks;

use serde_json::{Map, Value as Json, json};

use crate::dice::Dice;

pub(crate) const EVENTS: [&str; 3] = ["Order Completed", "Signed In", "Report Exported"];
pub(crate) const PLANS: [&str; 4] = ["trial", "basic", "pro", "gone"];
pub(crate) const TAGS: [&str; 3] = ["eu", "api", "beta"];
const MEASURES: [&str; 9] = ["m_a", "m_b", "m_c", "m_d", "m_e", "m_f", "m_g", "m_h", "m_i"];
const SEGMENTS: [&str; 6] = ["s_a", "s_b", "s_c", "s_d", "s_e", "s_f"];
const CTA_TYPES: [&str; 4] = ["risk", "risk", "opportunity", "lifecycle"];
const BANDS: [&str; 3] = ["red", "yellow", "green"];

/// A valid catalogue document.
pub(crate) fn catalogue(dice: &mut Dice) -> Json {
    let measures: Map<String, Json> =
        MEASURES.iter().map(|name| ((*name).to_owned(), measure(dice, name))).collect();
    let mut rules = Rules { dice, health: false };
    let mut conditions = Map::new();
    conditions.insert("c_plain".into(), rules.condition(2));
    let scorecards: Vec<Json> = (0..rules.dice.below(3)).map(|n| rules.scorecard(n)).collect();
    rules.health = true;
    conditions.insert("c_health".into(), rules.condition(2));
    let mut segments = Map::new();
    for name in SEGMENTS {
        if !rules.dice.once_in(4) {
            let segment = rules.segment(name, &segments);
            segments.insert(name.into(), segment);
        }
    }
    segments.entry(SEGMENTS[0]).or_insert_with(|| json!({"when": {"named": "c_health"}}));
    let playbooks: Map<String, Json> =
        (0..rules.dice.below(5)).map(|n| (format!("p_{n}"), rules.playbook(&segments))).collect();
    let alert = rules.message(&segments);
    let places: Vec<Json> = (0..3).map(|place| rules.place(place)).collect();
    let mut catalogue = json!({
        "ordered_sets": {"o": places},
        "event_sets": sets(rules.dice),
        "measures": measures,
        "conditions": conditions,
        "scorecards": scorecards,
        "segments": segments,
        "endpoints": {"crm": {"url": "https://crm.example.com/hook"}, "alerts": {"slack": {}}, "mail": {"email": {}}},
        "messages": {"alert": alert},
        "playbooks": playbooks,
    });
    rules.people(&mut catalogue);
    catalogue
}

/// The first five stand by themselves, so that the others can refer to them; the first two are counts over windows.
fn measure(dice: &mut Dice, name: &str) -> Json {
    match name {
        "m_a" => windowed(dice, "count"),
        "m_b" => {
            let form =
                dice.word(&["count", "sum", "min", "max", "average", "distinct_contacts", "distinct_values"]);
            windowed(dice, form)
        }
        "m_c" => {
            let form = dice.word(&["days_since_first", "days_since_last"]);
            if dice.once_in(3) { json!({form: {}}) } else { json!({form: {"event": event(dice)}}) }
        }
        "m_d" if dice.once_in(3) => {
            json!({"trait_before": {"name": "seats", "days": dice.range(1, 20)}})
        }
        "m_d" if dice.once_in(2) => {
            json!({"trait": {"name": "seats", "fades_after": dice.range(1, 20)}})
        }
        "m_d" => json!({"trait": {"name": "seats"}}),
        "m_e" if dice.once_in(4) => json!({"contract": of_contracts(dice)}),
        "m_e" => match dice.below(7) {
            0 => json!({"days_until": {"trait": "renewal"}}),
            1 => windowed(dice, "days_active"),
            2 => windowed(dice, "median_gap"),
            3 => windowed(dice, "median_per_day"),
            4 => json!({"breadth": {"set": dice.word(&["one", "two", "rare"]), "window": days(dice)}}),
            5 => json!({"breadth": {
                "by": "plan", "sets": {"trial": "one", "basic": "two", "pro": "rare"}, "window": days(dice)}}),
            _ => windowed(dice, "sum"),
        },
        "m_f" => json!({"change": {"measure": dice.word(&["m_a", "m_b"])}}),
        "m_g" => {
            let (of, to) = (dice.word(&["m_a", "m_b", "m_d"]), dice.word(&["m_a", "m_b", "m_c", "m_f"]));
            let mut ratio = json!({"of": of, "to": to});
            if dice.once_in(3) {
                ratio["to_at_least"] = json!(dice.range(1, 5));
            }
            json!({"ratio": ratio})
        }
        "m_i" => json!({"contract": of_contracts(dice)}),
        "m_h" if dice.once_in(2) => {
            let first = dice.word(&["m_d", "m_e", "m_b"]);
            json!({"first_known": [first, dice.word(&["m_c", "m_f", "m_a"])]})
        }
        _ => {
            let form = dice.word(&["count", "distinct_contacts"]);
            windowed(dice, form)
        }
    }
}

fn of_contracts(dice: &mut Dice) -> Json {
    let verdict = dice.word(&["undecided", "renewing", "not_renewing"]);
    match dice.below(9) {
        0 | 1 => json!("decision_days"),
        2 => json!("renewal_days"),
        3 => json!("term_days"),
        4 => json!("count"),
        5 => json!({"of": "count", "verdict": verdict}),
        6 => json!({"of": "arr", "currency": "EUR"}),
        7 => json!({"of": "arr", "verdict": verdict}),
        _ => json!({"of": "value_due", "days": dice.range(0, 20)}),
    }
}

/// Of one event, of two, and of one that nobody sends with another.
fn sets(dice: &mut Dice) -> Json {
    json!({
        "one": [dice.word(&EVENTS)],
        "two": if dice.once_in(2) { &EVENTS[..2] } else { &EVENTS[1..] },
        "rare": ["Never Sent", dice.word(&EVENTS)],
    })
}

fn event(dice: &mut Dice) -> Json {
    if dice.once_in(3) {
        json!({"set": dice.word(&["one", "two", "rare"])})
    } else {
        json!(dice.word(&EVENTS))
    }
}

fn windowed(dice: &mut Dice, form: &str) -> Json {
    let mut body = Map::new();
    let needs_event = ["sum", "min", "max", "average", "distinct_values"].contains(&form);
    if needs_event || !dice.once_in(4) {
        body.insert("event".into(), event(dice));
    }
    if needs_event {
        let property = if form == "distinct_values" { dice.word(&["revenue", "plan"]) } else { "revenue" };
        body.insert("property".into(), json!(property));
    }
    let of_days = ["days_active", "median_gap", "median_per_day"].contains(&form);
    let window = match dice.below(4) {
        0 if !of_days => json!({"hours": dice.range(1, 60)}),
        _ => days(dice),
    };
    body.insert("window".into(), window);
    if dice.once_in(3) {
        body.insert("where".into(), filters(dice));
    }
    json!({form: body})
}

fn days(dice: &mut Dice) -> Json {
    if dice.once_in(3) {
        json!({"days": dice.range(1, 20), "before": dice.range(1, 15)})
    } else {
        json!({"days": dice.range(1, 40)})
    }
}

fn filters(dice: &mut Dice) -> Json {
    let one = |dice: &mut Dice| match dice.below(7) {
        0 => json!({"property": "revenue", "at_least": dice.range(1, 40)}),
        1 => json!({"property": "revenue", "less_than": 20.5}),
        2 => json!({"property": "plan", "is": dice.word(&PLANS)}),
        3 => json!({"property": "plan", "in": [dice.word(&PLANS), dice.word(&PLANS), 3]}),
        4 => json!({"property": "tags", "contains": dice.word(&TAGS)}),
        5 => json!({"property": "revenue", "exists": dice.once_in(2)}),
        _ => json!({"property": "flag", "is_not": true}),
    };
    let many = 1 + dice.below(2);
    Json::Array((0..many).map(|_| one(dice)).collect())
}

struct Rules<'a> {
    dice: &'a mut Dice,
    /// Whether conditions may read the score.
    health: bool,
}

impl Rules<'_> {
    /// The last one is for everybody else now and then.
    fn place(&mut self, place: usize) -> Json {
        let name = format!("o_{place}");
        if place == 2 && self.dice.once_in(2) {
            json!({"name": name})
        } else {
            json!({"name": name, "when": self.condition(2)})
        }
    }

    /// It may ask about those before it and about an ordered set: so there is no circle.
    fn segment(&mut self, name: &str, before: &Map<String, Json>) -> Json {
        let mut segment = json!({"title": name, "when": self.condition(3)});
        if self.dice.once_in(3) {
            let others: Vec<&str> = before.keys().map(String::as_str).chain(["o_1", "o_2"]).collect();
            let other = json!({"segment": self.dice.pick(&others)});
            let other = if self.dice.once_in(3) { json!({"not": other}) } else { other };
            segment["when"] = json!({self.dice.word(&["all", "any"]): [other, segment["when"]]});
        }
        if self.dice.once_in(3) {
            segment["stays_while"] = self.condition(2);
        }
        if self.dice.once_in(3) {
            segment["hold"] = if self.dice.once_in(2) {
                json!({"hours": self.dice.range(1, 40)})
            } else {
                json!({"days": self.dice.range(1, 9)})
            };
        }
        segment
    }

    fn condition(&mut self, depth: u32) -> Json {
        if depth == 0 || self.dice.once_in(3) {
            return self.comparison();
        }
        match self.dice.below(3) {
            0 => json!({"all": self.some(depth)}),
            1 => json!({"any": self.some(depth)}),
            _ => json!({"not": self.condition(depth - 1)}),
        }
    }

    fn some(&mut self, depth: u32) -> Vec<Json> {
        (0..2 + self.dice.below(2)).map(|_| self.condition(depth - 1)).collect()
    }

    fn comparison(&mut self) -> Json {
        match self.dice.below(if self.health { 15 } else { 11 }) {
            0..=4 => {
                let measure = self.dice.word(&MEASURES);
                with(self.number(measure), "measure", json!(measure))
            }
            5 => with(self.of_value(), "trait", json!(self.dice.word(&["plan", "seats", "vip", "tags"]))),
            6 => json!({"trait": "plan", "is": self.dice.word(&PLANS), "for_days": self.dice.range(1, 20)}),
            7 | 8 => self.contacts(),
            9 => json!({"missing": {"measure": self.dice.word(&MEASURES)}}),
            10 => match self.dice.below(2) {
                0 => json!({"missing": {"trait": self.dice.word(&["plan", "renewal"])}}),
                _ => {
                    json!({"stale": {"trait": self.dice.word(&["plan", "seats"]), "days": self.dice.range(1, 20)}})
                }
            },
            11 => json!({"health": "band", "is": self.dice.word(&BANDS)}),
            12 => json!({"health": "band", "in": [self.dice.word(&BANDS), "red"]}),
            13 => json!({"missing": {"health": "score"}}),
            _ if self.dice.once_in(2) => json!({"named": "c_plain"}),
            _ => with(json!({"at_least": self.dice.range(10, 90)}), "health", json!("score")),
        }
    }

    fn number(&mut self, measure: &str) -> Json {
        let limit = match measure {
            "m_c" => json!(self.dice.range(0, 20)),
            "m_g" => json!(f64::from(i32::try_from(self.dice.range(-4, 12)).unwrap_or(0)) / 4.0),
            "m_f" => json!(self.dice.range(-3, 4)),
            _ => json!(self.dice.range(0, 8)),
        };
        let comparison = self.dice.word(&[
            "at_least",
            "at_most",
            "more_than",
            "less_than",
            "at_least",
            "less_than",
            "is",
            "is_not",
        ]);
        json!({comparison: limit})
    }

    fn of_value(&mut self) -> Json {
        match self.dice.below(9) {
            0 => json!({"is": self.dice.word(&PLANS)}),
            1 => json!({"is_not": self.dice.word(&PLANS)}),
            2 => json!({"in": [self.dice.word(&PLANS), true, 5]}),
            3 => json!({"at_least": self.dice.range(1, 20)}),
            4 => json!({"less_than": self.dice.range(1, 20)}),
            5 => json!({"contains": self.dice.word(&TAGS)}),
            6 => json!({"exists": self.dice.once_in(2)}),
            7 => json!({"more_than": 2.5}),
            _ => json!({"at_most": 10}),
        }
    }

    fn contacts(&mut self) -> Json {
        let how = match self.dice.below(5) {
            0 => json!("any"),
            1 => json!("all"),
            2 => json!("none"),
            3 => json!({"percent_at_least": self.dice.range(1, 101)}),
            _ => json!({"at_least": self.dice.range(1, 3)}),
        };
        json!({"contacts": how, "where": self.of_contact(1)})
    }

    fn of_contact(&mut self, depth: u32) -> Json {
        match self.dice.below(if depth == 0 { 6 } else { 9 }) {
            0 | 1 => json!({"trait": "level", "at_least": self.dice.range(1, 6)}),
            2 => json!({"trait": "title", "is": self.dice.word(&PLANS), "for_days": self.dice.range(1, 10)}),
            3 => json!({"missing": {"trait": "title"}}),
            4 => json!({"stale": {"trait": "level", "days": self.dice.range(1, 15)}}),
            5 => json!({"days_since_last_seen": {self.dice.word(&["at_least", "less_than", "more_than"]):
                self.dice.range(1, 15)}}),
            6 => json!({"all": [self.of_contact(0), self.of_contact(0)]}),
            7 => json!({"any": [self.of_contact(0), self.of_contact(0)]}),
            _ => json!({"not": self.of_contact(0)}),
        }
    }

    fn scorecard(&mut self, n: usize) -> Json {
        let mut measures: Vec<&str> = MEASURES.to_vec();
        let groups: Vec<Json> = (0..1 + self.dice.below(3))
            .map(|group| {
                let weighted: Vec<Json> = (0..1 + self.dice.below(2))
                    .map(|_| {
                        let measure = measures.remove(self.dice.below(measures.len()));
                        json!({"measure": measure, "weight": self.dice.range(1, 5), "curve": self.curve(measure)})
                    })
                    .collect();
                json!({"name": format!("g_{group}"), "weight": self.dice.range(1, 101), "measures": weighted})
            })
            .collect();
        let yellow = self.dice.range(20, 50);
        let green = yellow + self.dice.range(10, 40);
        let mut card = json!({
            "name": format!("card_{n}"),
            "groups": groups,
            "bands": {"yellow": yellow, "green": green, "hysteresis": self.dice.range(0, 8)},
        });
        if self.dice.once_in(3) {
            card["needs_known"] = json!(self.dice.range(1, 101));
        }
        if n == 0 && self.dice.once_in(2) {
            card["for"] = self.condition(1);
        }
        if self.dice.once_in(2) {
            let caps = (0..1 + self.dice.below(2))
                .map(|c| json!({"name": format!("cap_{c}"), "when": self.condition(1), "at_most": self.dice.range(10, 80)}));
            card["caps"] = Json::Array(caps.collect());
        }
        card
    }

    fn curve(&mut self, measure: &str) -> Json {
        let linear = self.dice.once_in(2);
        let mut x = if measure == "m_f" { -4 } else { 0 };
        let points: Vec<Json> = (0..2 + self.dice.below(3))
            .map(|_| {
                let point = json!([x, self.dice.range(0, 101)]);
                x += self.dice.range(1, 10);
                point
            })
            .collect();
        if linear { json!({"linear": points}) } else { json!({"steps": points}) }
    }
}

fn with(mut object: Json, key: &str, value: Json) -> Json {
    object[key] = value;
    object
}
