//! Endpoints and playbooks.

use std::collections::HashSet;

use super::Compiler;
use crate::{
    catalogue::{
        document::{BandBeforeDoc, OpenCtaDoc, PlaybookDoc, StepDoc, TriggerDoc, WaitDoc},
        playbooks::{Action, BandBefore, Endpoint, Playbook, Step, Trigger},
        problem::Place,
    },
    cta::SAID_MOST,
    decision::Band,
    time::{DAY_MS, HOUR_MS},
};

const STEPS_MOST: usize = 50;
const PRIORITY_MOST: u32 = 5;
const WAIT_DAYS_MOST: u32 = 366;

impl<'d> Compiler<'d> {
    pub(super) fn all_endpoints(&mut self) -> Vec<Endpoint> {
        let endpoints = Place::Root.key("endpoints");
        let doc = self.doc;
        let read = doc.endpoints.iter().map(|(name, endpoint)| {
            if !is_web_address(&endpoint.url) {
                let place = endpoints.key(name);
                self.problems
                    .say(&place.key("url"), format!("`{}` is no http or https address", endpoint.url));
            }
            Endpoint { name: name.clone(), url: endpoint.url.clone() }
        });
        read.collect()
    }

    pub(super) fn all_playbooks(&mut self) -> Vec<Playbook> {
        let playbooks = Place::Root.key("playbooks");
        let doc = self.doc;
        let read =
            doc.playbooks.iter().filter_map(|(name, doc)| self.playbook(&playbooks.key(name), name, doc));
        read.collect()
    }

    fn playbook(&mut self, place: &Place<'_>, name: &str, doc: &'d PlaybookDoc) -> Option<Playbook> {
        self.kept_by(place, doc.purpose.as_deref(), doc.owner.as_deref(), doc.review.as_deref());
        let trigger = self.trigger(&place.key("trigger"), &doc.trigger);
        let only_while =
            doc.only_while.as_ref().map(|doc| self.condition_without_segments(&place.key("only_while"), doc));
        let steps = self.steps(&place.key("steps"), &doc.steps);
        let only_while = match only_while {
            None => None,
            Some(condition) => Some(condition?),
        };
        Some(Playbook {
            name: name.to_owned(),
            title: doc.title.clone().unwrap_or_else(|| name.to_owned()),
            trigger: trigger?,
            only_while,
            steps: steps?,
        })
    }

    fn trigger(&mut self, place: &Place<'_>, doc: &TriggerDoc) -> Option<Trigger> {
        match (&doc.enters, &doc.leaves, doc.band, &doc.event) {
            (Some(segment), None, None, None) => {
                self.known_segment(&place.key("enters"), segment);
                Some(Trigger::Enters { segment: segment.clone() })
            }
            (None, Some(segment), None, None) => {
                self.known_segment(&place.key("leaves"), segment);
                Some(Trigger::Leaves { segment: segment.clone() })
            }
            (None, None, Some(band), None) => {
                Some(Trigger::Band { from: band_before(band.from), to: band.to })
            }
            (None, None, None, Some(event)) => {
                let place = place.key("event");
                let events = self.events(&place.key("name"), Some(&event.name));
                let filters = self.filters(&place.key("where"), &event.where_)?;
                Some(Trigger::Event { events: events?, filters })
            }
            _ => {
                self.problems.say(place, "a trigger is exactly one of enters, leaves, band, event");
                None
            }
        }
    }

    fn steps(&mut self, place: &Place<'_>, docs: &[StepDoc]) -> Option<Vec<Step>> {
        if docs.is_empty() || docs.len() > STEPS_MOST {
            self.problems.say(place, format!("a playbook has 1 to {STEPS_MOST} steps"));
        }
        let mut names = HashSet::new();
        let steps: Vec<_> = docs
            .iter()
            .enumerate()
            .map(|(at, doc)| {
                let place = place.item(at);
                let (kind, action) = self.action(&place, doc)?;
                let name = doc.name.clone().unwrap_or_else(|| format!("{kind}_{}", at + 1));
                self.name(&place.key("name"), &name);
                if !names.insert(name.clone()) {
                    self.problems.say(&place.key("name"), format!("`{name}` is there already"));
                }
                Some(Step { name, action })
            })
            .collect();
        steps.into_iter().collect()
    }

    fn action(&mut self, place: &Place<'_>, doc: &StepDoc) -> Option<(&'static str, Action)> {
        match (&doc.open_cta, &doc.notify, doc.wait, &doc.close_cta, doc.end) {
            (Some(cta), None, None, None, None) => {
                Some(("open_cta", self.open_cta(&place.key("open_cta"), cta)))
            }
            (None, Some(notify), None, None, None) => {
                if !self.doc.endpoints.contains_key(&notify.endpoint) {
                    let known = self.doc.endpoints.keys().map(String::as_str);
                    let place = place.key("notify");
                    self.problems.unknown(&place.key("endpoint"), "endpoint", &notify.endpoint, known);
                }
                Some(("notify", Action::Notify { endpoint: notify.endpoint.clone() }))
            }
            (None, None, Some(wait), None, None) => {
                self.wait(&place.key("wait"), wait).map(|for_ms| ("wait", Action::Wait { for_ms }))
            }
            (None, None, None, Some(cta), None) => {
                self.text(&place.key("close_cta").key("outcome"), &cta.outcome);
                Some(("close_cta", Action::CloseCta { kind: cta.kind, outcome: cta.outcome.clone() }))
            }
            (None, None, None, None, Some(_)) => Some(("end", Action::End)),
            _ => {
                self.problems.say(place, "a step is exactly one of open_cta, notify, wait, close_cta, end");
                None
            }
        }
    }

    fn open_cta(&mut self, place: &Place<'_>, doc: &OpenCtaDoc) -> Action {
        self.text(&place.key("title"), &doc.title);
        self.problems.within(&place.key("priority"), doc.priority, 1, PRIORITY_MOST);
        if doc.owner.as_ref().is_some_and(|owner| owner.len() > SAID_MOST) {
            self.problems.say(&place.key("owner"), format!("is longer than {SAID_MOST} bytes"));
        }
        let due_days = doc.due_days.unwrap_or(0);
        self.problems.within(&place.key("due_days"), due_days, 0, WAIT_DAYS_MOST);
        Action::OpenCta {
            kind: doc.kind,
            title: doc.title.clone(),
            priority: doc.priority,
            owner: doc.owner.clone().unwrap_or_default(),
            due_days: doc.due_days.and_then(|days| u16::try_from(days).ok()),
        }
    }

    pub(super) fn wait(&mut self, place: &Place<'_>, doc: WaitDoc) -> Option<i64> {
        match (doc.days, doc.hours) {
            (Some(days), None) => {
                self.problems.within(&place.key("days"), days, 1, WAIT_DAYS_MOST);
                Some(i64::from(days) * DAY_MS)
            }
            (None, Some(hours)) => {
                self.problems.within(&place.key("hours"), hours, 1, WAIT_DAYS_MOST * 24);
                Some(i64::from(hours) * HOUR_MS)
            }
            _ => {
                self.problems.say(place, "is exactly one of days, hours");
                None
            }
        }
    }
}

fn band_before(wanted: Option<BandBeforeDoc>) -> BandBefore {
    match wanted {
        None => BandBefore::Any,
        Some(BandBeforeDoc::None) => BandBefore::None,
        Some(BandBeforeDoc::Red) => BandBefore::Is(Band::Red),
        Some(BandBeforeDoc::Yellow) => BandBefore::Is(Band::Yellow),
        Some(BandBeforeDoc::Green) => BandBefore::Is(Band::Green),
    }
}

/// Whether it is plainly an address of the web: which hosts may be called is for the sender to decide.
fn is_web_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty() && !url.contains(char::is_whitespace)
    })
}
