//! Series: numbers kept for what a definition asks beyond the counts that every event name has. Several measures
//! share a series; it has the same id in every version of the catalogue.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{
    comparison::Comparison,
    fact::Usage,
    ids::derived,
    time::Instant,
    usage::{events::Events, window::Grain},
    value::Value,
};

/// A stable name for what a series keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeriesId(pub u64);

/// A condition on one property of an event; one that is unknown does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Filter {
    pub property: String,
    pub comparison: Comparison,
}

/// What a series keeps in each bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Keeps {
    /// How many.
    Count,
    /// Count, sum, least and greatest of the property's numbers.
    Numbers,
    /// Who.
    Contacts,
    /// Which values of the property.
    Values,
}

/// Which usage, and what of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SeriesSpec {
    pub events: Events,
    /// For `Numbers` and `Values`.
    pub property: Option<String>,
    pub filters: Vec<Filter>,
    pub keeps: Keeps,
    pub grain: Grain,
}

impl SeriesSpec {
    /// A hash of everything that tells what is kept: equal specifications have equal ids, in every build.
    pub fn id(&self) -> SeriesId {
        let mut filters: Vec<String> = self.filters.iter().map(canonical).collect();
        filters.sort_unstable();
        filters.dedup();
        let events = match &self.events {
            Events::All => "false".to_owned(),
            Events::One(_) => "true".to_owned(),
            Events::Set(set) => format!("set of {}", set.len()),
        };
        let keeps = format!("{:?} {:?} {events} {}", self.keeps, self.grain, self.property.is_some());
        let mut parts: Vec<&[u8]> = vec![b"series", keeps.as_bytes()];
        let others = self.property.iter().chain(&filters).map(String::as_str);
        parts.extend(self.events.names().chain(others).map(str::as_bytes));
        SeriesId((derived(&parts) >> 64) as u64)
    }

    /// Whether a usage of this name and these properties belongs to it.
    pub fn takes(&self, usage: &Usage) -> bool {
        self.events.takes(&usage.event)
            && self
                .filters
                .iter()
                .all(|filter| filter.comparison.holds(usage.property(&filter.property)) == Some(true))
    }
}

/// A text that tells filters apart; part of the id, so it must stay as it is.
fn canonical(filter: &Filter) -> String {
    let list = |values: &[Value]| Value::List(values.to_vec()).to_json();
    let comparison = match &filter.comparison {
        Comparison::Is(value) => serde_json::json!(["is", value.to_json()]),
        Comparison::IsNot(value) => serde_json::json!(["is_not", value.to_json()]),
        Comparison::In(values) => serde_json::json!(["in", list(values)]),
        Comparison::AtLeast(bound) => serde_json::json!(["at_least", bound.0]),
        Comparison::AtMost(bound) => serde_json::json!(["at_most", bound.0]),
        Comparison::MoreThan(bound) => serde_json::json!(["more_than", bound.0]),
        Comparison::LessThan(bound) => serde_json::json!(["less_than", bound.0]),
        Comparison::Contains(text) => serde_json::json!(["contains", text]),
        Comparison::Exists(wanted) => serde_json::json!(["exists", wanted]),
    };
    serde_json::json!([filter.property, comparison]).to_string()
}

/// The series of one version of a workspace's catalogue, by id, each with the instant since which it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(SeriesSpec, Instant)>", into = "Vec<(SeriesSpec, Instant)>")]
pub struct SeriesSet {
    /// Sorted by id.
    series: Vec<(SeriesId, SeriesSpec, Instant)>,
    by_event: HashMap<String, Vec<usize>>,
    of_any: Vec<usize>,
}

impl SeriesSet {
    /// The series of a first version, kept from `at` on; repetitions are one series.
    pub fn new(specs: impl IntoIterator<Item = SeriesSpec>, at: Instant) -> Self {
        Self::succeeding(&Self::default(), specs, at)
    }

    /// The series of the next version: those that stay keep their `since`, the others begin at `at`.
    pub fn succeeding(before: &Self, specs: impl IntoIterator<Item = SeriesSpec>, at: Instant) -> Self {
        specs
            .into_iter()
            .map(|spec| (before.since(spec.id()).unwrap_or(at), spec))
            .map(|(at, spec)| (spec, at))
            .collect::<Vec<_>>()
            .into()
    }

    /// Since when its facts are counted: those that stand in the log after it was activated, whenever they happened.
    pub fn since(&self, id: SeriesId) -> Option<Instant> {
        self.place(id).map(|place| self.series[place].2)
    }

    pub fn spec(&self, id: SeriesId) -> Option<&SeriesSpec> {
        self.place(id).map(|place| &self.series[place].1)
    }

    pub fn contains(&self, id: SeriesId) -> bool {
        self.place(id).is_some()
    }

    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Those that may take a usage of this name; their filters are still to be asked.
    pub(crate) fn of_event(&self, event: &str) -> impl Iterator<Item = (SeriesId, &SeriesSpec)> {
        let named = self.by_event.get(event).map_or(&[][..], Vec::as_slice);
        named.iter().chain(&self.of_any).map(|&place| (self.series[place].0, &self.series[place].1))
    }

    fn place(&self, id: SeriesId) -> Option<usize> {
        self.series.binary_search_by_key(&id, |(id, ..)| *id).ok()
    }
}

impl From<Vec<(SeriesSpec, Instant)>> for SeriesSet {
    fn from(specs: Vec<(SeriesSpec, Instant)>) -> Self {
        let mut series: Vec<_> = specs.into_iter().map(|(spec, at)| (spec.id(), spec, at)).collect();
        series.sort_by_key(|(id, ..)| *id);
        series.dedup_by_key(|(id, ..)| *id);
        let (mut by_event, mut of_any) = (HashMap::<String, Vec<usize>>::new(), Vec::new());
        for (place, (_, spec, _)) in series.iter().enumerate() {
            for event in spec.events.names() {
                by_event.entry(event.to_owned()).or_default().push(place);
            }
            if spec.events.is_all() {
                of_any.push(place);
            }
        }
        Self { series, by_event, of_any }
    }
}

impl From<SeriesSet> for Vec<(SeriesSpec, Instant)> {
    fn from(set: SeriesSet) -> Self {
        set.series.into_iter().map(|(_, spec, since)| (spec, since)).collect()
    }
}
