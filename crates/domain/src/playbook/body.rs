//! What a notification tells: JSON, its fields in a fixed order. A webhook is sent it as it is; of others it is what
//! their message is made of.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::{
    facts::Facts,
    latest::Latest,
    run::Run,
    signal::Signal,
    workflow::{Moment, Plays},
};
use crate::{
    catalogue::{messages::Message, playbooks::Playbook},
    cta::Cta,
    decision::{Band, CtaType, Driver, Reason, Score},
    value::{Decimal, Value},
};

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    workspace: &'a str,
    account: &'a str,
    name: Option<&'a str>,
    owner: Option<&'a str>,
    time_zone: &'a str,
    playbook: &'a str,
    title: &'a str,
    run: String,
    step: &'a str,
    trigger: Trigger<'a>,
    reasons: &'a [Reason],
    health: Option<Health<'a>>,
    cta: Option<String>,
    action: Option<Action<'a>>,
    #[serde(flatten)]
    asked: Option<Asked<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Trigger<'a> {
    Segment { segment: &'a str, episode: String },
    Band { band: FromTo },
    Event { event: &'a str },
}

#[derive(Serialize)]
struct FromTo {
    from: Option<Band>,
    to: Option<Band>,
}

#[derive(Serialize)]
struct Points {
    score: u8,
    band: Band,
}

#[derive(Serialize)]
struct Health<'a> {
    #[serde(flatten)]
    now: Points,
    scorecard: Option<&'a str>,
    /// When it came into the band.
    since: Option<String>,
    before: Option<Points>,
    known_percent: Option<Json>,
    drivers: Vec<Moved<'a>>,
}

#[derive(Serialize)]
struct Moved<'a> {
    source: String,
    points: Json,
    value: &'a str,
    value_before: &'a str,
}

/// The call to action as it stands.
#[derive(Serialize)]
struct Action<'a> {
    #[serde(rename = "type")]
    kind: CtaType,
    title: &'a str,
    priority: u32,
    owner: &'a str,
    due: Option<String>,
}

/// What the message asks for.
#[derive(Serialize)]
struct Asked<'a> {
    message: &'a str,
    traits: BTreeMap<&'a str, Json>,
    measures: BTreeMap<&'a str, Option<&'a str>>,
    segments: BTreeMap<&'a str, bool>,
    contacts: Vec<Seen<'a>>,
}

#[derive(Serialize)]
struct Seen<'a> {
    contact: String,
    last_seen: Option<String>,
    traits: BTreeMap<&'a str, Json>,
}

/// What is told at one step of a run.
pub(super) struct Told<'a> {
    pub(super) run: &'a Run,
    pub(super) playbook: &'a Playbook,
    pub(super) step: &'a str,
    pub(super) health: Option<Score>,
    pub(super) latest: &'a Latest,
    pub(super) cta: Option<&'a Cta>,
    /// `None`: the built-in one.
    pub(super) message: Option<&'a Message>,
    pub(super) facts: &'a Facts,
}

/// The notification of one step of a run.
pub(super) fn body(at: &Moment<'_>, plays: &Plays<'_>, told: &Told<'_>) -> String {
    let Told { run, facts, cta, .. } = told;
    let owner = cta.map(|cta| cta.owner.as_str()).filter(|owner| !owner.is_empty());
    let body = Body {
        kind: "playbook.notification",
        timestamp: at.instant.to_string(),
        data: Data {
            workspace: at.workspace,
            account: at.account,
            name: facts.name.as_deref(),
            owner: owner.or(facts.owner.as_deref()),
            time_zone: plays.catalogue.calendar.name(),
            playbook: &run.playbook,
            title: &told.playbook.title,
            run: uuid(run.id.0),
            step: told.step,
            trigger: trigger(&run.signal),
            reasons: &run.reasons,
            health: told.health.map(|score| health(score, told.latest)),
            cta: cta.map(|cta| uuid(cta.id.0)),
            action: cta.map(action),
            asked: told.message.map(|message| asked(message, told)),
        },
    };
    serde_json::to_string(&body).unwrap_or_default()
}

fn trigger(signal: &Signal) -> Trigger<'_> {
    match signal {
        Signal::Entered { segment, episode } | Signal::Left { segment, episode } => {
            Trigger::Segment { segment, episode: uuid(episode.0) }
        }
        Signal::BandChanged { from, to, .. } => Trigger::Band { band: FromTo { from: *from, to: *to } },
        Signal::Happened { event, .. } => Trigger::Event { event },
    }
}

fn health(score: Score, latest: &Latest) -> Health<'_> {
    let spell = latest.spell.as_ref();
    Health {
        now: points(score),
        scorecard: spell.map(|spell| spell.scorecard.as_str()),
        since: spell.map(|spell| spell.since.to_string()),
        before: spell.and_then(|spell| spell.before).map(points),
        known_percent: spell.map(|spell| millionths(i64::from(spell.known_weight) * (Decimal::SCALE / 10))),
        drivers: spell.map_or_else(Vec::new, |spell| spell.drivers.iter().map(moved).collect()),
    }
}

fn points(score: Score) -> Points {
    Points { score: score.points, band: score.band }
}

fn moved(driver: &Driver) -> Moved<'_> {
    Moved {
        source: driver.source.to_string(),
        points: millionths(i64::from(driver.points) * (Decimal::SCALE / 1_000)),
        value: &driver.value,
        value_before: &driver.value_before,
    }
}

fn millionths(count: i64) -> Json {
    Value::Decimal(Decimal(count)).to_json()
}

fn action(cta: &Cta) -> Action<'_> {
    Action {
        kind: cta.kind,
        title: &cta.title,
        priority: cta.priority,
        owner: &cta.owner,
        due: cta.due.map(|day| day.to_string()),
    }
}

fn asked<'a>(message: &'a Message, told: &Told<'a>) -> Asked<'a> {
    let contacts = told.facts.contacts.iter().flatten().map(|it| Seen {
        contact: format!("{:032x}", it.contact.0),
        last_seen: it.last_seen.map(|at| at.to_string()),
        traits: values(&it.traits),
    });
    Asked {
        message: &message.name,
        traits: values(&told.facts.traits),
        measures: told.facts.measures.iter().map(|(name, text)| (name.as_str(), text.as_deref())).collect(),
        segments: told.facts.segments.iter().map(|(name, is_in)| (name.as_str(), *is_in)).collect(),
        contacts: contacts.collect(),
    }
}

fn values(named: &[(String, Option<Value>)]) -> BTreeMap<&str, Json> {
    named
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_ref().map_or(Json::Null, Value::to_json)))
        .collect()
}

fn uuid(id: u128) -> String {
    uuid::Uuid::from_u128(id).to_string()
}
