//! A catalogue document as `docs/catalogue.md` has it. Only documents that were validated come here.

mod measures;
mod playbooks;

use std::collections::BTreeMap;

use serde_json::Value as Json;

use measures::measure;
pub(crate) use measures::{Aggregate, Events, Measure, Selection, Window};
pub(crate) use playbooks::{Action, For, Opening, Owner, Playbook, Question, ReEntry, Trigger};
use playbooks::{outcomes, playbook, routing, working_week};

use crate::{
    account::Value,
    calendar::{HOUR_MS, WorkingWeek},
    condition::{Condition, condition},
    number::Number,
};

#[derive(Debug, Clone, Default)]
pub(crate) struct Catalogue {
    pub(crate) measures: BTreeMap<String, Measure>,
    pub(crate) conditions: BTreeMap<String, Condition>,
    pub(crate) scorecards: Vec<Scorecard>,
    pub(crate) segments: BTreeMap<String, Segment>,
    pub(crate) playbooks: BTreeMap<String, Playbook>,
    /// By which channel each is reached; addresses decide nothing.
    pub(crate) endpoints: BTreeMap<String, &'static str>,
    pub(crate) messages: BTreeMap<String, Message>,
    pub(crate) routing: Vec<(Option<Condition>, Owner)>,
    pub(crate) outcomes: BTreeMap<String, Vec<String>>,
    pub(crate) working_week: WorkingWeek,
}

#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) enters: Condition,
    /// Asked of whoever is a member.
    pub(crate) stays: Condition,
    /// Milliseconds for which the first must have been true.
    pub(crate) hold: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Scorecard {
    pub(crate) name: String,
    pub(crate) applies: Option<Condition>,
    pub(crate) groups: Vec<Group>,
    /// Percent.
    pub(crate) needs_known: u32,
    pub(crate) yellow: i64,
    pub(crate) green: i64,
    pub(crate) hysteresis: i64,
    pub(crate) caps: Vec<Cap>,
}

#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) weight: i128,
    pub(crate) measures: Vec<Weighted>,
}

#[derive(Debug, Clone)]
pub(crate) struct Weighted {
    pub(crate) measure: String,
    pub(crate) weight: i128,
    pub(crate) curve: Curve,
}

#[derive(Debug, Clone)]
pub(crate) struct Curve {
    pub(crate) linear: bool,
    pub(crate) points: Vec<(Number, i128)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Cap {
    pub(crate) name: String,
    pub(crate) when: Condition,
    pub(crate) at_most: i128,
}

/// What a message asks for; its templates decide nothing.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) traits: Vec<String>,
    pub(crate) measures: Vec<String>,
    pub(crate) segments: Vec<String>,
    pub(crate) contacts: Option<AskedContacts>,
}

#[derive(Debug, Clone)]
pub(crate) struct AskedContacts {
    pub(crate) condition: Condition,
    pub(crate) most: usize,
    pub(crate) traits: Vec<String>,
}

impl Catalogue {
    /// How many segments stand below one: it asks about one of them, which asks about the next, and so on.
    pub(crate) fn stands_on(&self, segment: &str) -> usize {
        let mut asked = Vec::new();
        if let Some(segment) = self.segments.get(segment) {
            self.asked(&segment.stays, &mut asked);
        }
        asked.iter().map(|other| self.stands_on(other) + 1).max().unwrap_or(0)
    }

    fn asked(&self, condition: &Condition, found: &mut Vec<String>) {
        match condition {
            Condition::InSegment(name) => found.push(name.clone()),
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().for_each(|part| self.asked(part, found));
            }
            Condition::Not(inner) | Condition::NotTrue(inner) => self.asked(inner, found),
            Condition::Named(name) => {
                if let Some(named) = self.conditions.get(name) {
                    self.asked(named, found);
                }
            }
            _ => {}
        }
    }

    /// `None`: it is not as the document says a catalogue is.
    pub(crate) fn read(document: &Json) -> Option<Self> {
        let sets = map(document, "event_sets", |set| {
            set.as_array().map(|names| names.iter().filter_map(name).collect())
        })?;
        Some(Self {
            measures: map(document, "measures", |at| measure(at, &sets))?,
            conditions: map(document, "conditions", condition)?,
            scorecards: list(document, "scorecards", scorecard)?,
            segments: map(document, "segments", segment)?.into_iter().chain(ordered(document)?).collect(),
            playbooks: map(document, "playbooks", |at| playbook(at, &sets))?,
            endpoints: map(document, "endpoints", |at| Some(channel(at)))?,
            messages: map(document, "messages", message)?,
            routing: routing(document)?,
            outcomes: outcomes(document)?,
            working_week: working_week(document),
        })
    }
}

fn name(at: &Json) -> Option<String> {
    at.as_str().map(str::to_owned)
}

fn map<T>(at: &Json, key: &str, read: impl Fn(&Json) -> Option<T>) -> Option<BTreeMap<String, T>> {
    let Some(object) = at.get(key).and_then(Json::as_object) else { return Some(BTreeMap::new()) };
    object.iter().map(|(name, value)| Some((name.clone(), read(value)?))).collect()
}

pub(crate) fn list<T>(at: &Json, key: &str, read: impl Fn(&Json) -> Option<T>) -> Option<Vec<T>> {
    at.get(key).and_then(Json::as_array).map_or(Some(Vec::new()), |items| items.iter().map(read).collect())
}

pub(crate) fn text(at: &Json, key: &str) -> Option<String> {
    at.get(key)?.as_str().map(str::to_owned)
}

pub(crate) fn integer(at: &Json, key: &str) -> Option<i64> {
    at.get(key)?.as_i64()
}

/// A number as the document writes it.
pub(crate) fn number(at: &Json) -> Option<Number> {
    at.as_number().and_then(|n| Number::parse(&n.to_string()))
}

/// The segments of ordered sets: each for whom no one before it is.
fn ordered(document: &Json) -> Option<Vec<(String, Segment)>> {
    let mut all = Vec::new();
    for places in map(document, "ordered_sets", |set| set.as_array().cloned())?.into_values() {
        let mut before: Vec<Condition> = Vec::new();
        for place in &places {
            let own = optional(place.get("when"), condition)?;
            let parts = own.iter().chain(&before).cloned().collect();
            before.extend(own.map(|own| Condition::NotTrue(Box::new(own))));
            let enters = Condition::All(parts);
            all.push((text(place, "name")?, Segment { enters: enters.clone(), stays: enters, hold: 0 }));
        }
    }
    Some(all)
}

fn segment(at: &Json) -> Option<Segment> {
    let enters = condition(at.get("when")?)?;
    let stays = match at.get("stays_while") {
        Some(more) => Condition::Any(vec![enters.clone(), condition(more)?]),
        None => enters.clone(),
    };
    let hours = |hold: &Json| integer(hold, "hours").unwrap_or(0) + 24 * integer(hold, "days").unwrap_or(0);
    Some(Segment { enters, stays, hold: at.get("hold").map_or(0, hours) * HOUR_MS })
}

fn scorecard(at: &Json) -> Option<Scorecard> {
    let bands = at.get("bands")?;
    Some(Scorecard {
        name: text(at, "name")?,
        applies: optional(at.get("for"), condition)?,
        groups: list(at, "groups", group)?,
        needs_known: integer(at, "needs_known").and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        yellow: integer(bands, "yellow")?,
        green: integer(bands, "green")?,
        hysteresis: integer(bands, "hysteresis").unwrap_or(0),
        caps: list(at, "caps", cap)?,
    })
}

fn optional<T>(at: Option<&Json>, read: impl Fn(&Json) -> Option<T>) -> Option<Option<T>> {
    at.map_or(Some(None), |at| read(at).map(Some))
}

fn group(at: &Json) -> Option<Group> {
    Some(Group { weight: integer(at, "weight")?.into(), measures: list(at, "measures", weighted)? })
}

fn weighted(at: &Json) -> Option<Weighted> {
    let curve = at.get("curve")?;
    let linear = curve.get("linear").is_some();
    let point = |p: &Json| Some((number(p.get(0)?)?, p.get(1)?.as_i64()?.into()));
    Some(Weighted {
        measure: text(at, "measure")?,
        weight: integer(at, "weight")?.into(),
        curve: Curve { linear, points: list(curve, if linear { "linear" } else { "steps" }, point)? },
    })
}

fn cap(at: &Json) -> Option<Cap> {
    Some(Cap {
        name: text(at, "name")?,
        when: condition(at.get("when")?)?,
        at_most: integer(at, "at_most")?.into(),
    })
}

fn channel(at: &Json) -> &'static str {
    if at.get("slack").is_some() {
        "slack"
    } else if at.get("email").is_some() {
        "email"
    } else {
        "webhook"
    }
}

fn message(at: &Json) -> Option<Message> {
    let nothing = Json::Null;
    let facts = at.get("facts").unwrap_or(&nothing);
    let asked = |contacts: &Json| {
        Some(AskedContacts {
            condition: condition(contacts.get("where")?)?,
            most: usize::try_from(integer(contacts, "most")?).ok()?,
            traits: list(contacts, "traits", name)?,
        })
    };
    Some(Message {
        traits: list(facts, "traits", name)?,
        measures: list(facts, "measures", name)?,
        segments: list(facts, "segments", name)?,
        contacts: optional(facts.get("contacts"), asked)?,
    })
}

/// A value as the document writes it; `None` for null.
pub(crate) fn value(at: &Json) -> Option<Value> {
    Some(match at {
        Json::Null | Json::Object(_) => return None,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(n) => Value::Number(Number::parse(&n.to_string())?),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(value).collect()),
    })
}
