//! The starter pack: templates of definitions that a customer-success team can put into its catalogue as they are, or
//! with parameters of its own.

#[cfg(test)]
mod alert;
mod merge;
#[cfg(test)]
mod sentences;
mod template;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use domain::catalogue::suggestion;
use serde_json::Value;

use crate::document::Document;
pub(crate) use merge::{Keeper, Kept};
pub(crate) use template::Template;

/// What is compiled in: a kind, and the file with its templates by name.
const FILES: [(&str, &str); 5] = [
    ("vocabulary", include_str!("../../starter/vocabulary.yaml")),
    ("segment", include_str!("../../starter/segments.yaml")),
    ("scorecard", include_str!("../../starter/scorecards.yaml")),
    ("playbook", include_str!("../../starter/playbooks.yaml")),
    ("message", include_str!("../../starter/messages.yaml")),
];

/// Every template, by its name. Invariant: names of parameters are told apart across all of them.
pub(crate) struct Pack(BTreeMap<String, Template>);

/// What somebody has set: a parameter's name and its value.
pub(crate) type Settings = BTreeMap<String, Value>;

impl Pack {
    pub(crate) fn load() -> Result<Self> {
        let mut all = BTreeMap::new();
        for (kind, text) in FILES {
            let document = Document::parse(kind, text.to_owned())?.json();
            let Value::Object(templates) = document else { bail!("the templates of {kind} are no map") };
            for (name, template) in templates {
                let template = Template::read(kind, template).with_context(|| name.clone())?;
                all.insert(name, template);
            }
        }
        Ok(Self(all))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Template)> {
        self.0.iter().map(|(name, template)| (name.as_str(), template))
    }

    #[cfg(test)]
    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Of those that are put in unless somebody chooses.
    pub(crate) fn usual(&self) -> Vec<&str> {
        self.iter().filter(|(_, template)| !template.on_request).map(|(name, _)| name).collect()
    }

    /// # Errors
    /// There is none of this name.
    pub(crate) fn get(&self, name: &str) -> Result<&Template> {
        let known = self.0.keys().map(String::as_str);
        self.0.get(name).with_context(|| format!("there is no template {name}{}", suggestion(name, known)))
    }

    /// These and all that they stand on, what is stood on first, each once.
    ///
    /// # Errors
    /// There is none of some name.
    pub(crate) fn with_all_below(&self, names: &[&str]) -> Result<Vec<(&str, &Template)>> {
        let mut found = Vec::new();
        for name in names {
            self.collect(name, &mut found)?;
        }
        Ok(found)
    }

    fn collect<'p>(&'p self, name: &str, found: &mut Vec<(&'p str, &'p Template)>) -> Result<()> {
        let template = self.get(name)?;
        for below in &template.stands_on {
            self.collect(below, found)?;
        }
        if let Some((name, template)) = self.0.get_key_value(name)
            && found.iter().all(|(known, _)| known != name)
        {
            found.push((name, template));
        }
        Ok(())
    }
}

/// Reads each `NAME=VALUE`, as the parameter of that name takes it, of these templates.
///
/// # Errors
/// None of them has such a parameter, it takes no such value, or it is set twice.
pub(crate) fn settings(templates: &[(&str, &Template)], written: &[String]) -> Result<Settings> {
    let mut settings = Settings::new();
    for written in written {
        let (name, value) = setting(templates, written)?;
        if settings.insert(name.clone(), value).is_some() {
            bail!("{name} is set twice: a list has commas");
        }
    }
    Ok(settings)
}

fn setting(templates: &[(&str, &Template)], written: &str) -> Result<(String, Value)> {
    let Some((name, value)) = written.split_once('=') else {
        bail!("`{written}` sets nothing: write NAME=VALUE");
    };
    let parameters = || templates.iter().flat_map(|(_, template)| &template.parameters);
    let Some((_, parameter)) = parameters().find(|(known, _)| *known == name) else {
        let nearest = suggestion(name, parameters().map(|(known, _)| known.as_str()));
        bail!("none of these templates has a parameter {name}{nearest}");
    };
    Ok((name.to_owned(), parameter.read(value).with_context(|| name.to_owned())?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::catalogue::{Clock, compile};
    use serde_json::json;

    use super::*;

    fn filled(pack: &Pack, names: &[&str]) -> Value {
        let templates = pack.with_all_below(names).unwrap();
        let is_core = templates.iter().any(|(name, _)| *name == "vocabulary");
        let core = is_core.then(|| "core=Report Exported, Dashboard Viewed".to_owned());
        let settings = settings(&templates, &Vec::from_iter(core)).unwrap();
        let mut catalogue = json!({});
        for (name, template) in templates {
            let keeper = Keeper { owner: Some("cs".into()), review: "2027-03-31".into(), replace: false };
            let kept = keeper.put(&mut catalogue, template, &settings).unwrap();
            assert!(kept.is_empty(), "{name}: {kept:?}");
        }
        catalogue
    }

    #[test]
    fn each_template_is_a_catalogue_with_what_it_stands_on() {
        let pack = Pack::load().unwrap();
        for (name, template) in pack.iter() {
            let catalogue = filled(&pack, &[name]);
            let problems = compile(&catalogue, "Europe/Berlin", Clock::Wall).err().unwrap_or_default();
            assert!(problems.is_empty(), "{name}: {problems:?}");
            let unfit = messages::problems(&domain::catalogue::parse(&catalogue).unwrap());
            assert!(unfit.is_empty(), "{name}: {unfit:?}");
            assert!(!template.purpose.is_empty() && !template.needs.is_empty(), "{name}");
        }
    }

    #[test]
    fn all_of_them_together_are_one_too() {
        let pack = Pack::load().unwrap();
        let catalogue = filled(&pack, &pack.names());
        assert!(compile(&catalogue, "Europe/Berlin", Clock::Wall).is_ok());
        let said = [("segments", "fading", "2027-03-31"), ("playbooks", "detractor", "2027-03-31")];
        for (section, name, review) in said {
            let definition = &catalogue[section][name];
            assert_eq!((&definition["owner"], &definition["review"]), (&json!("cs"), &json!(review)));
            assert!(definition["purpose"].is_string());
        }
    }

    #[test]
    fn parameters_are_told_apart_by_their_names() {
        let pack = Pack::load().unwrap();
        let mut seen = BTreeSet::new();
        for name in pack.iter().flat_map(|(_, template)| template.parameters.keys()) {
            assert!(seen.insert(name), "{name} stands twice");
        }
    }

    #[test]
    fn what_is_set_is_read_as_the_parameter_takes_it() {
        let pack = Pack::load().unwrap();
        let fading = pack.with_all_below(&["fading"]).unwrap();
        let read = |written: &str| {
            let written: Vec<String> = written.split(';').map(str::to_owned).collect();
            settings(&fading, &written).map_err(|error| format!("{error:#}"))
        };
        let one = |name: &str, value| Ok(BTreeMap::from([(name.to_owned(), value)]));
        assert_eq!(read("core= A, B ,"), one("core", json!(["A", "B"])));
        assert_eq!(read("fading_below=0.2"), one("fading_below", serde_json::from_str("0.2").unwrap()));
        for (written, expected) in [
            ("core", "`core` sets nothing: write NAME=VALUE"),
            ("core=", "core: a list is empty: write A, B"),
            ("cor=A", "none of these templates has a parameter cor; did you mean `core`?"),
            ("seat_limit_from=1", "none of these templates has a parameter seat_limit_from"),
            ("core=A;core=B", "core is set twice: a list has commas"),
            ("fading_below=low", "fading_below: `low` is no number"),
        ] {
            assert_eq!(read(written), Err(expected.to_owned()), "{written}");
        }
        assert_eq!(
            pack.get("fadin").map(|_| ()).map_err(|error| error.to_string()),
            Err("there is no template fadin; did you mean `fading`?".to_owned())
        );
    }
}
