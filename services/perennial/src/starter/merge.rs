//! Putting a template into a catalogue: what is there already stays, unless it is to be replaced.

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::{Settings, Template};

/// Who looks after what is put in, and from when on again.
pub(crate) struct Keeper {
    pub(crate) owner: String,
    /// A day, `2027-03-31`.
    pub(crate) review: String,
    /// Whether definitions that are otherwise than the template's give way.
    pub(crate) replace: bool,
}

/// A definition that is there already and is another: `segments.fading`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept(pub(crate) String);

/// Sections whose definitions are for people too.
const KEPT_BY_PEOPLE: [&str; 3] = ["segments", "scorecards", "playbooks"];
const OF_PEOPLE: [&str; 4] = ["title", "purpose", "owner", "review"];

impl Keeper {
    /// Puts it in; says what stayed as it was, though the template has it otherwise.
    ///
    /// # Errors
    /// A parameter without a default is not set, and what it stands in is not there already.
    pub(crate) fn put(
        &self,
        catalogue: &mut Value,
        template: &Template,
        settings: &Settings,
    ) -> Result<Vec<Kept>> {
        let mut kept = Vec::new();
        let Value::Object(sections) = template.filled(settings) else { bail!("a template is no map") };
        for (section, definitions) in sections {
            for (name, definition) in named(definitions) {
                let present = find(catalogue, &section, &name);
                let is_there = present.is_some_and(|present| same(present, &definition));
                match (template.open_in(&definition), present.is_some()) {
                    // What the workspace has says what the parameter is.
                    (Some(_), true) => {}
                    (Some((parameter, about)), false) => {
                        let says = &about.says;
                        bail!("{parameter} is needed for {section}.{name}: {says} (--set {parameter}=...)");
                    }
                    (None, _) if is_there => {}
                    (None, true) if !self.replace => kept.push(Kept(format!("{section}.{name}"))),
                    (None, _) => {
                        set(catalogue, &section, &name, self.signed(&section, definition, template));
                    }
                }
            }
        }
        Ok(kept)
    }

    fn signed(&self, section: &str, mut definition: Value, template: &Template) -> Value {
        if let (true, Value::Object(entries)) = (KEPT_BY_PEOPLE.contains(&section), &mut definition) {
            if section != "scorecards" {
                entries.entry("title").or_insert_with(|| json!(template.title));
            }
            entries.insert("purpose".into(), json!(template.purpose));
            entries.insert("owner".into(), json!(self.owner));
            entries.insert("review".into(), json!(self.review));
        }
        definition
    }
}

/// Definitions with their names: of a list, each has its own.
fn named(definitions: Value) -> Vec<(String, Value)> {
    match definitions {
        Value::Object(entries) => entries.into_iter().collect(),
        Value::Array(items) => items.into_iter().map(|item| (name_of(&item).to_owned(), item)).collect(),
        _ => Vec::new(),
    }
}

fn name_of(item: &Value) -> &str {
    item["name"].as_str().unwrap_or_default()
}

fn find<'c>(catalogue: &'c Value, section: &str, name: &str) -> Option<&'c Value> {
    match catalogue.get(section)? {
        Value::Array(items) => items.iter().find(|item| name_of(item) == name),
        entries => entries.get(name),
    }
}

/// Behind those that are there.
fn set(catalogue: &mut Value, section: &str, name: &str, definition: Value) {
    let Value::Object(sections) = catalogue else { return };
    if section == "scorecards" {
        let cards = sections.entry(section).or_insert_with(|| Value::Array(Vec::new()));
        let Value::Array(cards) = cards else { return };
        match cards.iter_mut().find(|card| name_of(card) == name) {
            Some(card) => *card = definition,
            None => cards.push(definition),
        }
        return;
    }
    let entries = sections.entry(section).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(entries) = entries {
        entries.insert(name.to_owned(), definition);
    }
}

/// Whether two definitions decide the same.
fn same(one: &Value, other: &Value) -> bool {
    let bare = |definition: &Value| {
        let mut definition = definition.clone();
        if let Value::Object(entries) = &mut definition {
            entries.retain(|key, _| !OF_PEOPLE.contains(&key.as_str()));
        }
        definition
    };
    bare(one) == bare(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEPER: Keeper = Keeper { owner: String::new(), review: String::new(), replace: false };

    fn template() -> Template {
        let parameters = json!({"core": {"list": true, "says": "the events that carry value"}});
        let catalogue =
            json!({"event_sets": {"core": "${core}"}, "scorecards": [{"name": "health", "bands": 1}]});
        let template = json!({"title": "t", "purpose": "p", "needs": ["n"], "parameters": parameters, "catalogue": catalogue});
        Template::read("segment", template).unwrap()
    }

    #[test]
    fn what_has_to_be_set_is_asked_for_unless_it_is_there_already() {
        let mut empty = json!({});
        let asked = KEEPER.put(&mut empty, &template(), &Settings::new()).unwrap_err().to_string();
        assert_eq!(asked, "core is needed for event_sets.core: the events that carry value (--set core=...)");
        let mut present = json!({"event_sets": {"core": ["A"]}});
        assert_eq!(KEEPER.put(&mut present, &template(), &Settings::new()).unwrap(), []);
        assert_eq!(present["event_sets"]["core"], json!(["A"]));
    }

    #[test]
    fn definitions_that_are_otherwise_stay_or_give_way() {
        let settings = Settings::from([("core".to_owned(), json!(["B"]))]);
        let before = json!({"event_sets": {"core": ["A"]}, "scorecards": [{"name": "mine"}, {"name": "health", "bands": 2}]});
        let mut catalogue = before.clone();
        let kept = KEEPER.put(&mut catalogue, &template(), &settings).unwrap();
        assert_eq!(kept, [Kept("event_sets.core".into()), Kept("scorecards.health".into())]);
        assert_eq!(catalogue, before);
        let keeper = Keeper { owner: "ada".into(), review: "2027-03-31".into(), replace: true };
        assert_eq!(keeper.put(&mut catalogue, &template(), &settings).unwrap(), []);
        assert_eq!(catalogue["event_sets"]["core"], json!(["B"]));
        let card =
            json!({"name": "health", "bands": 1, "purpose": "p", "owner": "ada", "review": "2027-03-31"});
        assert_eq!(catalogue["scorecards"], json!([{"name": "mine"}, card]));
        let again = catalogue.clone();
        assert_eq!(KEEPER.put(&mut catalogue, &template(), &settings).unwrap(), [], "it decides the same");
        assert_eq!(catalogue, again);
    }
}
