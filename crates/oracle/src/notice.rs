//! What a notification tells, rule by rule. Names of contacts are not in it.

use serde_json::{Map, Value as Json, json};

use crate::{
    account::{Traits, Value},
    calendar::{day_text, text},
    catalogue::{Message, Playbook},
    identity::uuid,
    number::Number,
    scene::Scene,
    story::{Band, CtaChange, Driver, Reason},
    workflow::Run,
};

const MOST_DRIVERS: usize = 8;
const MOST_ITEMS: usize = 20;
const MOST_CHARACTERS: usize = 200;

/// A stay in one band.
struct Spell<'a> {
    since: i64,
    before: Json,
    scorecard: &'a str,
    known_weight: u32,
    drivers: Vec<Driver>,
}

impl Scene<'_> {
    /// What a notification says.
    pub(crate) fn body(
        &self,
        run: &Run,
        playbook: &Playbook,
        step: &str,
        message: Option<&str>,
        cta: Option<&CtaChange>,
    ) -> Json {
        let traits = self.view.account.traits();
        let named = |name: &str| match traits.value(name) {
            Some(Value::Text(text)) => Some(cut(&text)),
            _ => None,
        };
        let owner = cta.map(|cta| cta.owner.clone()).filter(|owner| !owner.is_empty());
        let mut data = json!({
            "workspace": self.workspace,
            "account": self.account,
            "name": named("name"),
            "owner": owner.or_else(|| named("owner")),
            "time_zone": self.view.calendar.name(),
            "playbook": run.playbook,
            "title": playbook.title.as_ref().unwrap_or(&run.playbook),
            "run": uuid(run.id),
            "step": step,
            "trigger": run.news.json(),
            "reasons": run.news.reasons.iter().map(Reason::json).collect::<Vec<_>>(),
            "health": self.health_json(),
            "cta": cta.map(|cta| uuid(cta.cta)),
            "action": cta.map(|cta| self.action(cta)),
        });
        if let Some(name) = message
            && let Some(message) = self.view.catalogue.messages.get(name)
        {
            data["message"] = json!(name);
            data["traits"] = values(&traits, &message.traits);
            data["measures"] = self.measures(message);
            data["segments"] = self.segments(message);
            data["contacts"] = self.contacts(message);
        }
        json!({"type": "playbook.notification", "timestamp": text(self.when.at), "data": data})
    }

    fn action(&self, cta: &CtaChange) -> Json {
        json!({
            "type": cta.kind,
            "title": cta.title,
            "priority": cta.priority,
            "owner": cta.owner,
            "due": cta.due_day.map(day_text),
        })
    }

    fn health_json(&self) -> Json {
        let health = self.view.health;
        let Some(score) = health.score else { return Json::Null };
        let spell = self.spell();
        let drivers = spell.iter().flat_map(|spell| &spell.drivers).map(|driver| {
            json!({
                "source": driver.source,
                "points": decimal(driver.points.into(), 1_000),
                "value": driver.value,
                "value_before": driver.value_before,
            })
        });
        json!({
            "score": score,
            "band": health.band.map(Band::name),
            "scorecard": spell.as_ref().map(|spell| spell.scorecard),
            "since": spell.as_ref().map(|spell| text(spell.since)),
            "before": spell.as_ref().map_or(Json::Null, |spell| spell.before.clone()),
            "known_percent": spell.as_ref().map(|spell| decimal(spell.known_weight.into(), 10)),
            "drivers": drivers.collect::<Vec<_>>(),
        })
    }

    /// The stay in the present band, from everything that was ever said of the score.
    fn spell(&self) -> Option<Spell<'_>> {
        let mut spell: Option<Spell<'_>> = None;
        for said in self.all_health {
            let before = said
                .score_before
                .map(|score| json!({"score": score, "band": said.band_before.map(Band::name)}));
            let fresh = Spell {
                since: said.when.at,
                before: before.unwrap_or_default(),
                scorecard: &said.scorecard,
                known_weight: said.known_weight,
                drivers: summed(Vec::new(), &said.drivers),
            };
            spell = Some(match spell.filter(|_| said.band == said.band_before) {
                None => fresh,
                Some(known) if known.scorecard != said.scorecard => {
                    Spell { since: known.since, before: known.before, ..fresh }
                }
                Some(known) => {
                    let drivers = summed(known.drivers, &said.drivers);
                    Spell { since: known.since, before: known.before, drivers, ..fresh }
                }
            });
        }
        spell
    }

    fn measures(&self, message: &Message) -> Json {
        let one =
            |name: &String| (name.clone(), json!(self.view.measure(name).map(|value| value.to_string())));
        Json::Object(message.measures.iter().map(one).collect())
    }

    fn segments(&self, message: &Message) -> Json {
        let one = |name: &String| (name.clone(), json!(self.view.inside.contains(name)));
        Json::Object(message.segments.iter().map(one).collect())
    }

    fn contacts(&self, message: &Message) -> Json {
        let Some(asked) = &message.contacts else { return json!([]) };
        let account = self.view.account;
        let mut fitting: Vec<u128> = account
            .members()
            .into_iter()
            .filter(|contact| self.view.holds_of(*contact, &asked.condition) == Some(true))
            .collect();
        fitting.sort_by_key(|contact| {
            (std::cmp::Reverse(account.last_seen(*contact).unwrap_or(i64::MIN)), *contact)
        });
        fitting
            .into_iter()
            .take(asked.most)
            .map(|contact| {
                json!({
                    "contact": format!("{contact:032x}"),
                    "last_seen": account.last_seen(contact).map(text),
                    "traits": values(&account.contact_traits(contact), &asked.traits),
                })
            })
            .collect()
    }
}

/// Changes of the same score, summed up: those that moved it most.
fn summed(mut all: Vec<Driver>, then: &[Driver]) -> Vec<Driver> {
    for driver in then {
        if let Some(known) = all.iter_mut().find(|known| known.source == driver.source) {
            known.points += driver.points;
            known.value.clone_from(&driver.value);
        } else {
            all.push(driver.clone());
        }
    }
    all.retain(|driver| driver.points != 0);
    all.sort_by_key(|driver| {
        (-driver.points.abs(), driver.source.starts_with("cap "), driver.source.clone())
    });
    all.truncate(MOST_DRIVERS);
    all
}

fn values(traits: &Traits, names: &[String]) -> Json {
    let one = |name: &String| (name.clone(), traits.value(name).as_ref().map_or(Json::Null, json_of));
    Json::Object(names.iter().map(one).collect::<Map<_, _>>())
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::Bool(truth) => json!(truth),
        Value::Text(text) => json!(cut(text)),
        Value::Number(number) => number.exact().parse().map_or(Json::Null, Json::Number),
        Value::List(items) => {
            items.iter().take(MOST_ITEMS).map(|item| item.as_ref().map_or(Json::Null, json_of)).collect()
        }
    }
}

fn decimal(over: i128, under: i128) -> Json {
    let number = Number::fraction(over, under).map(Number::exact);
    number.and_then(|text| text.parse().ok()).map_or(Json::Null, Json::Number)
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MOST_CHARACTERS {
        return text.to_owned();
    }
    text.chars().take(MOST_CHARACTERS - 1).chain(['…']).collect()
}
