//! From a document to a catalogue that can be folded with: checks everything, collects every problem.

mod comparisons;
mod conditions;
mod contacts;
mod contracts;
mod forms;
mod measures;
mod messages;
mod people;
mod playbooks;
mod scorecards;
mod segments;
mod steps;

use std::collections::{BTreeSet, HashMap};

use super::{
    Catalogue, CatalogueDoc, Clock, Problem, canonical,
    document::{EventDoc, EventSetDoc, Json},
    parse,
    problem::{Place, Problems},
};
use crate::{
    account::EVENTS_MOST,
    calendar::Calendar,
    condition::Expressions,
    ids::derived,
    measure::{MeasureIx, Measures},
    usage::{events::Events, series::SeriesSpec},
    view::Rules,
};
use conditions::Named;

/// How many there may be in a catalogue.
const MEASURES_MOST: usize = 5_000;
const CONDITIONS_MOST: usize = 5_000;
const SEGMENTS_MOST: usize = 10_000;
const OTHERS_MOST: usize = 1_000;

/// Reads, checks and compiles a document.
///
/// # Errors
/// Everything that is wrong with it; of its shape, the first thing.
pub fn compile(document: &Json, time_zone: &str, clock: Clock) -> Result<Catalogue, Vec<Problem>> {
    let doc = parse(document)?;
    let calendar = Calendar::new(time_zone)
        .map_err(|error| vec![Problem { path: String::new(), message: error.to_string() }])?;
    Compiler::new(&doc).compile(calendar, clock)
}

/// What is known while a document is compiled.
struct Compiler<'d> {
    doc: &'d CatalogueDoc,
    problems: Problems,
    /// Places of measures, by name: the document's order, which is that of the names.
    measures: HashMap<&'d str, MeasureIx>,
    series: Vec<SeriesSpec>,
    expressions: Expressions,
    named: HashMap<&'d str, Named>,
    /// Named conditions being read, each within the one before.
    open: u32,
}

impl<'d> Compiler<'d> {
    fn new(doc: &'d CatalogueDoc) -> Self {
        let places = (0..).map(MeasureIx);
        Self {
            doc,
            problems: Problems::default(),
            measures: doc.measures.keys().map(String::as_str).zip(places).collect(),
            series: Vec::new(),
            expressions: Expressions::default(),
            named: HashMap::new(),
            open: 0,
        }
    }

    fn compile(mut self, calendar: Calendar, clock: Clock) -> Result<Catalogue, Vec<Problem>> {
        self.counts();
        self.names();
        self.all_event_sets();
        let measures = self.all_measures();
        self.all_named();
        let scorecards = self.all_scorecards();
        let segments = self.all_segments();
        let endpoints = self.all_endpoints();
        let working_week = self.working_week();
        let routing = self.routing();
        let outcomes = self.all_outcomes();
        let playbooks = self.all_playbooks();
        let messages = self.all_messages();
        if !self.problems.0.is_empty() {
            return Err(self.problems.0);
        }
        let measures = Measures::new(measures);
        let health_rules = Rules::of_health(&self.expressions, &scorecards);
        let segment_rules = Rules::of_segments(&self.expressions, &segments);
        let text = canonical(self.doc).to_string();
        Ok(Catalogue {
            series: Catalogue::series_of(self.series),
            conditions: self.expressions,
            fingerprint: derived(&[b"catalogue", text.as_bytes()]),
            calendar,
            clock,
            measures,
            scorecards,
            segments,
            endpoints,
            playbooks,
            working_week,
            routing,
            outcomes,
            messages,
            health_rules,
            segment_rules,
            no_rules: Rules::default(),
        })
    }

    fn counts(&mut self) {
        let doc = self.doc;
        for (what, count, most) in [
            ("event_sets", doc.event_sets.len(), OTHERS_MOST),
            ("measures", doc.measures.len(), MEASURES_MOST),
            ("conditions", doc.conditions.len(), CONDITIONS_MOST),
            ("scorecards", doc.scorecards.len(), OTHERS_MOST),
            ("segments", self.segment_names().count(), SEGMENTS_MOST),
            ("ordered_sets", doc.ordered_sets.len(), OTHERS_MOST),
            ("endpoints", doc.endpoints.len(), OTHERS_MOST),
            ("playbooks", doc.playbooks.len(), OTHERS_MOST),
            ("messages", doc.messages.len(), OTHERS_MOST),
        ] {
            if count > most {
                self.problems.say(&Place::Root.key(what), format!("{count} are more than {most}"));
            }
        }
    }

    fn names(&mut self) {
        let doc = self.doc;
        let names = [
            ("event_sets", doc.event_sets.keys().collect::<Vec<_>>()),
            ("measures", doc.measures.keys().collect()),
            ("conditions", doc.conditions.keys().collect()),
            ("segments", doc.segments.keys().collect()),
            ("ordered_sets", doc.ordered_sets.keys().collect()),
            ("endpoints", doc.endpoints.keys().collect()),
            ("playbooks", doc.playbooks.keys().collect()),
            ("messages", doc.messages.keys().collect()),
        ];
        for (what, names) in names {
            for name in names {
                self.name(&Place::Root.key(what).key(name), name);
            }
        }
    }

    /// A name must match `[a-z][a-z0-9_]{0,62}`.
    fn name(&mut self, place: &Place<'_>, name: &str) {
        let fits = name.len() <= 63
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !fits {
            self.problems.say(
                place,
                format!("`{name}` is no name: lower-case letters, digits and _, a letter first, 63 at most"),
            );
        }
    }

    /// A text that people read, or that must match: there, and not endless.
    fn text(&mut self, place: &Place<'_>, text: &str) {
        if text.trim().is_empty() {
            self.problems.say(place, "must not be empty");
        } else if text.len() > 1_000 {
            self.problems.say(place, "is longer than 1,000 bytes");
        }
    }

    /// Why a definition is there, whose it is, and when that person looks at it again. They decide nothing.
    fn kept_by(
        &mut self,
        place: &Place<'_>,
        purpose: Option<&str>,
        owner: Option<&str>,
        review: Option<&str>,
    ) {
        for (key, text) in [("purpose", purpose), ("owner", owner)] {
            if let Some(text) = text {
                self.text(&place.key(key), text);
            }
        }
        if let Some(day) = review.filter(|day| day.parse::<jiff::civil::Date>().is_err()) {
            self.problems.say(&place.key("review"), format!("`{day}` is no day such as 2027-03-31"));
        }
    }

    fn measure(&mut self, place: &Place<'_>, name: &str) -> Option<MeasureIx> {
        let found = self.measures.get(name).copied();
        if found.is_none() {
            self.problems.unknown(place, "measure", name, self.doc.measures.keys().map(String::as_str));
        }
        found
    }

    fn all_event_sets(&mut self) {
        let doc = self.doc;
        let sets = Place::Root.key("event_sets");
        for (name, events) in &doc.event_sets {
            let place = sets.key(name);
            if events.is_empty() || events.len() > EVENTS_MOST {
                self.problems
                    .say(&place, format!("{} events; there may be 1 to {EVENTS_MOST}", events.len()));
            }
            for (at, event) in events.iter().enumerate() {
                self.text(&place.item(at), event);
                if events[..at].contains(event) {
                    self.problems.say(&place.item(at), format!("`{event}` stands there already"));
                }
            }
        }
    }

    /// The events that are meant; absent: all.
    fn events(&mut self, place: &Place<'_>, doc: Option<&EventDoc>) -> Option<Events> {
        match doc {
            None => Some(Events::All),
            Some(EventDoc::Name(event)) => {
                self.text(place, event);
                Some(Events::One(event.clone()))
            }
            Some(EventDoc::Set(EventSetDoc { set })) => {
                self.event_set(&place.key("set"), set).map(Events::of_set)
            }
        }
    }

    /// The events of a set.
    fn event_set(&mut self, place: &Place<'_>, set: &str) -> Option<BTreeSet<String>> {
        let known = &self.doc.event_sets;
        let Some(events) = known.get(set) else {
            self.problems.unknown(place, "event set", set, known.keys().map(String::as_str));
            return None;
        };
        Some(events.iter().cloned().collect())
    }
}
