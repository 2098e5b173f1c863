//! Whose CTAs are, how they end, and when people work.

use std::collections::{BTreeMap, BTreeSet};

use super::{Compiler, playbooks::all_or_none};
use crate::{
    catalogue::{
        document::{RouteDoc, WeekdayDoc, WorkingWeekDoc},
        playbooks::{Owner, Route},
        problem::Place,
    },
    decision::CtaType,
    time::Day,
    working_week::WorkingWeek,
};

const ROUTES_MOST: usize = 100;
const OUTCOMES_MOST: usize = 20;
const HOLIDAYS_MOST: usize = 1_000;

impl<'d> Compiler<'d> {
    pub(super) fn routing(&mut self) -> Vec<Route> {
        let (doc, place) = (self.doc, Place::Root.key("routing"));
        if doc.routing.len() > ROUTES_MOST {
            self.problems.say(&place, format!("{} are more than {ROUTES_MOST}", doc.routing.len()));
        }
        let routes = doc.routing.iter().enumerate();
        routes.filter_map(|(at, route)| self.route(&place.item(at), route)).collect()
    }

    fn route(&mut self, place: &Place<'_>, doc: &'d RouteDoc) -> Option<Route> {
        if doc.owner.is_none() && doc.trait_.is_none() {
            self.problems.say(place, "names nobody: give exactly one of owner, trait");
        }
        let when = doc.when.as_ref().map(|when| self.condition(&place.key("when"), when));
        let owner = self.owner(place, doc.owner.as_deref(), "trait", doc.trait_.as_deref());
        Some(Route { when: all_or_none(when)?, owner: owner? })
    }

    /// Somebody by name, or whom a trait names; `None`: neither is given, or both, which is said.
    pub(super) fn owner(
        &mut self,
        place: &Place<'_>,
        name: Option<&str>,
        key: &str,
        of_trait: Option<&str>,
    ) -> Option<Owner> {
        match (name, of_trait) {
            (None, None) => None,
            (Some(name), None) => {
                self.short(&place.key("owner"), name);
                Some(Owner::Named(name.to_owned()))
            }
            (None, Some(name)) => {
                self.text(&place.key(key), name);
                Some(Owner::OfTrait(name.to_owned()))
            }
            (Some(_), Some(_)) => {
                self.problems.say(place, format!("names its owner by one of owner, {key}"));
                None
            }
        }
    }

    pub(super) fn all_outcomes(&mut self) -> BTreeMap<CtaType, Vec<String>> {
        let (doc, outcomes) = (self.doc, Place::Root.key("outcomes"));
        for (kind, names) in &doc.outcomes {
            let place = outcomes.key(kind.name());
            if names.is_empty() || names.len() > OUTCOMES_MOST {
                self.problems.say(&place, format!("there are 1 to {OUTCOMES_MOST} ways to end"));
            }
            for (at, name) in names.iter().enumerate() {
                self.short(&place.item(at), name);
            }
        }
        doc.outcomes.clone()
    }

    /// How a playbook closes CTAs of a type: as people may.
    pub(super) fn outcome(&mut self, place: &Place<'_>, kind: CtaType, outcome: &str) {
        self.short(place, outcome);
        if let Some(known) = self.doc.outcomes.get(&kind).filter(|known| !known.iter().any(|o| o == outcome))
        {
            let what = format!("outcome of type {}", kind.name());
            self.problems.unknown(place, &what, outcome, known.iter().map(String::as_str));
        }
    }

    pub(super) fn working_week(&mut self) -> WorkingWeek {
        let Some(doc) = &self.doc.working_week else { return WorkingWeek::default() };
        let place = Place::Root.key("working_week");
        let days = weekdays(doc);
        let holidays = self.holidays(&place.key("holidays"), &doc.holidays);
        WorkingWeek::new(days, holidays).unwrap_or_else(|| {
            self.problems.say(&place.key("days"), "nobody ever works");
            WorkingWeek::default()
        })
    }

    fn holidays(&mut self, place: &Place<'_>, days: &[String]) -> BTreeSet<Day> {
        if days.len() > HOLIDAYS_MOST {
            self.problems.say(place, format!("{} are more than {HOLIDAYS_MOST}", days.len()));
        }
        let read = days.iter().enumerate().filter_map(|(at, text)| {
            let day = Day::parse(text);
            if day.is_none() {
                self.problems.say(&place.item(at), format!("`{text}` is no day such as 2027-12-25"));
            }
            day
        });
        read.collect()
    }
}

fn weekdays(doc: &WorkingWeekDoc) -> [bool; 7] {
    use WeekdayDoc::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
    let given = doc.days.as_deref().unwrap_or(&[Monday, Tuesday, Wednesday, Thursday, Friday]);
    [Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday].map(|day| given.contains(&day))
}
