//! Putting a template into a catalogue: what is there already stays, unless it is to be replaced.

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::{Settings, Template};

/// Who looks after what is put in, and from when on again.
pub(crate) struct Keeper {
    /// Absent: whoever did before, or else customer success.
    pub(crate) owner: Option<String>,
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
const ROUTING: &str = "routing";
const NOBODY_ELSE: &str = "customer success";

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
            for (name, definition) in definitions_of(&section, definitions) {
                self.name_is_free(catalogue, &section, &name, &definition)?;
                let present = find(catalogue, &section, &name).cloned();
                let present = present.as_ref();
                let is_there = present.is_some_and(|present| same(present, &definition));
                match (template.open_in(&definition), present.is_some()) {
                    // What the workspace has says what the parameter is.
                    (Some(_), true) => {}
                    (Some((parameter, about)), false) => {
                        let says = &about.says;
                        let place = path(&section, &name);
                        bail!("{parameter} is needed for {place}: {says} (--set {parameter}=...)");
                    }
                    (None, _) if is_there => {}
                    (None, true) if !self.replace => kept.push(Kept(path(&section, &name))),
                    (None, _) => {
                        let signed = self.signed(&section, definition, template, present);
                        set(catalogue, &section, &name, signed);
                    }
                }
            }
        }
        Ok(kept)
    }

    /// What people say of a definition goes on being said.
    fn signed(
        &self,
        section: &str,
        mut definition: Value,
        template: &Template,
        before: Option<&Value>,
    ) -> Value {
        let (true, Value::Object(entries)) = (KEPT_BY_PEOPLE.contains(&section), &mut definition) else {
            return definition;
        };
        if section != "scorecards" {
            entries.entry("title").or_insert_with(|| json!(template.title));
        }
        entries.insert("purpose".into(), json!(template.purpose));
        entries.insert("owner".into(), json!(NOBODY_ELSE));
        for key in OF_PEOPLE {
            if let Some(said) = before.and_then(|before| before.get(key)) {
                entries.insert(key.into(), said.clone());
            }
        }
        if let Some(owner) = &self.owner {
            entries.insert("owner".into(), json!(owner));
        }
        entries.insert("review".into(), json!(self.review));
        definition
    }

    /// Segments have their names among those of ordered sets, wherever they stand.
    ///
    /// # Errors
    /// The workspace has another segment of that name in another place.
    fn name_is_free(&self, catalogue: &Value, section: &str, name: &str, definition: &Value) -> Result<()> {
        let places = |set: &Value| -> Vec<String> {
            set.as_array().into_iter().flatten().map(|place| name_of(place).to_owned()).collect()
        };
        let taken = |segment: &str| {
            let sets = catalogue.get("ordered_sets").and_then(Value::as_object).into_iter().flatten();
            let alone = section != "segments" && find(catalogue, "segments", segment).is_some();
            let mut others = sets.filter(|(set, _)| section != "ordered_sets" || *set != name);
            alone || others.any(|(_, set)| places(set).iter().any(|place| place == segment))
        };
        let wanted = match section {
            "segments" => vec![name.to_owned()],
            "ordered_sets" => places(definition),
            _ => Vec::new(),
        };
        if let Some(segment) = wanted.into_iter().find(|segment| taken(segment)) {
            bail!(
                "{section}.{name} has a segment {segment}, and so has the workspace in another place: rename yours, or use \
                 other templates"
            );
        }
        Ok(())
    }
}

/// Definitions with their names: of a list, each has its own. The routing, whose lines are read from the first on, is
/// one without a name.
fn definitions_of(section: &str, definitions: Value) -> Vec<(String, Value)> {
    match definitions {
        whole if section == ROUTING => vec![(String::new(), whole)],
        Value::Object(entries) => entries.into_iter().collect(),
        Value::Array(items) => items.into_iter().map(|item| (name_of(&item).to_owned(), item)).collect(),
        _ => Vec::new(),
    }
}

fn path(section: &str, name: &str) -> String {
    if name.is_empty() { section.to_owned() } else { format!("{section}.{name}") }
}

fn name_of(item: &Value) -> &str {
    item["name"].as_str().unwrap_or_default()
}

fn find<'c>(catalogue: &'c Value, section: &str, name: &str) -> Option<&'c Value> {
    match catalogue.get(section)? {
        whole if section == ROUTING => {
            whole.as_array().is_some_and(|lines| !lines.is_empty()).then_some(whole)
        }
        Value::Array(items) => items.iter().find(|item| name_of(item) == name),
        entries => entries.get(name),
    }
}

fn set(catalogue: &mut Value, section: &str, name: &str, definition: Value) {
    let Value::Object(sections) = catalogue else { return };
    if section == ROUTING {
        sections.insert(section.to_owned(), definition);
        return;
    }
    if section == "scorecards" {
        let cards = sections.entry(section).or_insert_with(|| Value::Array(Vec::new()));
        let Value::Array(cards) = cards else { return };
        match cards.iter_mut().find(|card| name_of(card) == name) {
            Some(card) => *card = definition,
            // The first that applies counts: behind one for everybody it never would.
            None => {
                let for_all = cards.iter().position(|card| card.get("for").is_none());
                cards.insert(for_all.unwrap_or(cards.len()), definition);
            }
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
    let bare = |definition: &Value| match definition.clone() {
        Value::Object(entries) => Value::Object(decisive(entries)),
        // Places of an ordered set.
        Value::Array(items) => items
            .into_iter()
            .map(|item| match item {
                Value::Object(entries) => Value::Object(decisive(entries)),
                item => item,
            })
            .collect(),
        other => other,
    };
    bare(one) == bare(other)
}

fn decisive(mut entries: Map<String, Value>) -> Map<String, Value> {
    entries.retain(|key, _| !OF_PEOPLE.contains(&key.as_str()));
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEPER: Keeper = Keeper { owner: None, review: String::new(), replace: false };

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
        let keeper = Keeper { owner: Some("ada".into()), review: "2027-03-31".into(), replace: true };
        assert_eq!(keeper.put(&mut catalogue, &template(), &settings).unwrap(), []);
        assert_eq!(catalogue["event_sets"]["core"], json!(["B"]));
        let card =
            json!({"name": "health", "bands": 1, "purpose": "p", "owner": "ada", "review": "2027-03-31"});
        assert_eq!(catalogue["scorecards"], json!([{"name": "mine"}, card]));
        catalogue["scorecards"][1]["bands"] = json!(3);
        let nobody = Keeper { owner: None, review: "2027-06-30".into(), replace: true };
        nobody.put(&mut catalogue, &template(), &settings).unwrap();
        let (owner, review) = (&catalogue["scorecards"][1]["owner"], &catalogue["scorecards"][1]["review"]);
        assert_eq!((owner, review), (&json!("ada"), &json!("2027-06-30")), "it goes on being hers");
        let again = catalogue.clone();
        assert_eq!(KEEPER.put(&mut catalogue, &template(), &settings).unwrap(), [], "it decides the same");
        assert_eq!(catalogue, again);
    }
    #[test]
    fn a_card_comes_before_one_for_everybody() {
        let settings = Settings::from([("core".to_owned(), json!(["B"]))]);
        let mut catalogue = json!({"scorecards": [{"name": "some", "for": {}}, {"name": "all"}]});
        KEEPER.put(&mut catalogue, &template(), &settings).unwrap();
        let names: Vec<&str> = catalogue["scorecards"].as_array().unwrap().iter().map(name_of).collect();
        assert_eq!(names, ["some", "health", "all"]);
    }

    #[test]
    fn a_segment_of_the_same_name_elsewhere_is_named() {
        let template = |catalogue: Value| {
            let template = json!({"title": "t", "purpose": "p", "needs": ["n"], "catalogue": catalogue});
            Template::read("segment", template).unwrap()
        };
        let stages = template(json!({"ordered_sets": {"stage": [{"name": "trial"}, {"name": "steady"}]}}));
        let mut catalogue = json!({"segments": {"trial": {"when": 1}}});
        let refused = KEEPER.put(&mut catalogue, &stages, &Settings::new()).unwrap_err().to_string();
        assert!(
            refused.starts_with("ordered_sets.stage has a segment trial, and so has the workspace"),
            "{refused}"
        );
        let mut renamed =
            json!({"ordered_sets": {"stage": [{"name": "trial", "title": "Try"}, {"name": "steady"}]}});
        assert_eq!(
            KEEPER.put(&mut renamed, &stages, &Settings::new()).unwrap(),
            [],
            "a title decides nothing"
        );
        let alone = template(json!({"segments": {"steady": {"when": 1}}}));
        assert!(KEEPER.put(&mut renamed, &alone, &Settings::new()).is_err());
    }
}
