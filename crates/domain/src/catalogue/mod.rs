//! The catalogue: what a workspace has defined, as people write it (`document`), checked as a whole and compiled
//! into dense arrays for folding.
//!
//! Invariant: in a compiled catalogue every reference leads somewhere, nothing is circular, and every bound holds.

mod compile;
mod diff;
pub mod document;
pub mod messages;
pub mod playbooks;
mod problem;

pub use compile::compile;
pub use diff::{Change, ChangeKind, canonical, diff};
pub use document::CatalogueDoc;
pub use problem::{Problem, suggestion};

use std::collections::BTreeMap;

use crate::{
    calendar::Calendar,
    condition::Expressions,
    decision::CtaType,
    measure::{Measure, Measures},
    scorecard::Scorecard,
    segment::Segment,
    threshold::RuleIx,
    usage::series::{SeriesSet, SeriesSpec},
    view::Rules,
    working_week::WorkingWeek,
};
use messages::{Endpoint, Message};
use playbooks::{Playbook, Route};

/// How time passes in a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// A fact's time is its append time.
    Wall,
    /// Time moves only when whoever feeds the log says so.
    Log,
}

/// The definitions of one workspace, ready to fold with.
#[derive(Debug)]
pub struct Catalogue {
    pub calendar: Calendar,
    pub clock: Clock,
    pub measures: Measures,
    /// What measures need kept beyond the counts that are kept anyway.
    pub series: SeriesSet,
    pub conditions: Expressions,
    /// In the order in which they are tried.
    pub scorecards: Vec<Scorecard>,
    /// By name, as are endpoints, playbooks and messages.
    pub segments: Vec<Segment>,
    pub endpoints: Vec<Endpoint>,
    pub playbooks: Vec<Playbook>,
    pub working_week: WorkingWeek,
    pub routing: Vec<Route>,
    /// How CTAs of a type may end; of other types as whoever closes one says.
    pub outcomes: BTreeMap<CtaType, Vec<String>>,
    pub messages: Vec<Message>,
    pub(crate) health_rules: Rules,
    pub(crate) segment_rules: Rules,
    pub(crate) no_rules: Rules,
    /// Of everything above: views notice by it that they look at another catalogue.
    pub(crate) fingerprint: u128,
}

impl Catalogue {
    pub fn segment(&self, name: &str) -> Option<&Segment> {
        find(&self.segments, name, |segment| &segment.name)
    }

    /// The rule that a segment is among those of segments.
    pub(crate) fn segment_rule(&self, name: &str) -> Option<RuleIx> {
        let place = self.segments.binary_search_by(|segment| segment.name.as_str().cmp(name)).ok()?;
        RuleIx::try_from(place).ok()
    }

    pub fn endpoint(&self, name: &str) -> Option<&Endpoint> {
        find(&self.endpoints, name, |endpoint| &endpoint.name)
    }

    pub fn message(&self, name: &str) -> Option<&Message> {
        find(&self.messages, name, |message| &message.name)
    }

    pub fn playbook(&self, name: &str) -> Option<&Playbook> {
        find(&self.playbooks, name, |playbook| &playbook.name)
    }

    /// Names of the measures that know nothing from before this version: what they need, or are computed from, was not
    /// kept under the one `before`.
    pub fn known_from_now<'c>(&'c self, before: &'c Self) -> impl Iterator<Item = &'c str> {
        let measures = self.measures.list().iter();
        measures.filter(|measure| self.is_new(measure, before)).map(|measure| measure.name.as_str())
    }

    fn is_new(&self, measure: &Measure, before: &Self) -> bool {
        let inputs = measure.inputs().any(|input| self.is_new(self.measures.get(input), before));
        inputs || measure.series().is_some_and(|id| !before.series.contains(id))
    }

    /// What measures need kept, by specification.
    pub(crate) fn series_of(specs: Vec<SeriesSpec>) -> SeriesSet {
        SeriesSet::new(specs, crate::time::Instant::default())
    }
}

fn find<'a, T>(sorted: &'a [T], name: &str, name_of: impl Fn(&T) -> &str) -> Option<&'a T> {
    sorted.binary_search_by(|item| name_of(item).cmp(name)).ok().map(|at| &sorted[at])
}

/// Reads a document. It may still be wrong in meaning: `compile` tells.
///
/// # Errors
/// The first thing that is wrong with its shape.
pub fn parse(document: &serde_json::Value) -> Result<CatalogueDoc, Vec<Problem>> {
    if let Some(problem) = problem::nul(&problem::Place::Root, document) {
        return Err(vec![problem]);
    }
    serde_path_to_error::deserialize(document).map_err(|error| vec![problem::of_shape(&error)])
}
