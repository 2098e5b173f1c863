//! The catalogue as people write it. Every key is known; what it means is checked by `compile`.
//!
//! A form that is "exactly one of" is a struct of options, so that an error keeps its path.

mod measures;
mod messages;
mod playbooks;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use measures::{
    BreadthDoc, ChangeDoc, ContractDoc, DaysUntilDoc, EventDoc, EventSetDoc, MeasureDoc, OfContractsDoc,
    RatioDoc, SinceDoc, TraitBeforeDoc, TraitDoc, UsageDoc, WindowDoc,
};
pub use playbooks::{
    ApproveDoc, ArmDoc, BandBeforeDoc, BandTriggerDoc, CloseCtaDoc, CtaIsDoc, EndDoc, EventTriggerDoc,
    OfficeHoursDoc, OpenCtaDoc, PlaybookDoc, ReEntryDoc, RouteDoc, StepDoc, TriggerDoc, UntilDoc,
    UpdateCtaDoc, WaitDoc, WaitStepDoc, WeekdayDoc, WorkingWeekDoc,
};

pub use messages::{ContactsDoc, EmailDoc, EndpointDoc, FactsDoc, MessageDoc, NotifyDoc, SlackDoc, ToDoc};

use crate::decision::CtaType;

/// A value as JSON has it: a truth, a number, a text, or a list of them.
pub type Json = serde_json::Value;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogueDoc {
    /// Events that definitions may name together.
    pub event_sets: BTreeMap<String, Vec<String>>,
    pub measures: BTreeMap<String, MeasureDoc>,
    pub conditions: BTreeMap<String, ConditionDoc>,
    pub scorecards: Vec<ScorecardDoc>,
    pub segments: BTreeMap<String, SegmentDoc>,
    /// Segments of which an account is in one at most: the first that it fits.
    pub ordered_sets: BTreeMap<String, Vec<PlaceDoc>>,
    pub endpoints: BTreeMap<String, EndpointDoc>,
    /// Absent: Monday to Friday, and no holidays.
    pub working_week: Option<WorkingWeekDoc>,
    /// Whose a CTA is when its step does not say: the first that says somebody.
    pub routing: Vec<RouteDoc>,
    /// How CTAs of a type may end; absent: as whoever closes one says.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub outcomes: BTreeMap<CtaType, Vec<String>>,
    pub playbooks: BTreeMap<String, PlaybookDoc>,
    pub messages: BTreeMap<String, MessageDoc>,
}

/// A condition about an account or a contact.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConditionDoc {
    pub all: Option<Vec<ConditionDoc>>,
    pub any: Option<Vec<ConditionDoc>>,
    pub not: Option<Box<ConditionDoc>>,
    pub named: Option<String>,
    pub measure: Option<String>,
    #[serde(rename = "trait")]
    pub trait_: Option<String>,
    pub health: Option<HealthPart>,
    pub contacts: Option<QuantifierDoc>,
    pub segment: Option<String>,
    pub missing: Option<MissingDoc>,
    pub stale: Option<StaleDoc>,
    pub days_since_last_seen: Option<ComparisonDoc>,
    /// With `trait` and `is`.
    pub for_days: Option<u32>,
    /// With `contacts`.
    #[serde(rename = "where")]
    pub where_: Option<Box<ConditionDoc>>,
    pub is: Option<Json>,
    pub is_not: Option<Json>,
    #[serde(rename = "in")]
    pub in_: Option<Vec<Json>>,
    pub at_least: Option<Json>,
    pub at_most: Option<Json>,
    pub more_than: Option<Json>,
    pub less_than: Option<Json>,
    pub contains: Option<String>,
    pub exists: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthPart {
    Score,
    Band,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuantifierDoc {
    Any,
    All,
    None,
    AtLeast(u32),
    PercentAtLeast(u32),
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MissingDoc {
    pub measure: Option<String>,
    #[serde(rename = "trait")]
    pub trait_: Option<String>,
    pub health: Option<HealthPart>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaleDoc {
    #[serde(rename = "trait")]
    pub trait_: String,
    pub days: u32,
}

/// Exactly one of these.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ComparisonDoc {
    pub is: Option<Json>,
    pub is_not: Option<Json>,
    #[serde(rename = "in")]
    pub in_: Option<Vec<Json>>,
    pub at_least: Option<Json>,
    pub at_most: Option<Json>,
    pub more_than: Option<Json>,
    pub less_than: Option<Json>,
    pub contains: Option<String>,
    pub exists: Option<bool>,
}

/// A comparison with a property of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilterDoc {
    pub property: String,
    pub is: Option<Json>,
    pub is_not: Option<Json>,
    #[serde(rename = "in")]
    pub in_: Option<Vec<Json>>,
    pub at_least: Option<Json>,
    pub at_most: Option<Json>,
    pub more_than: Option<Json>,
    pub less_than: Option<Json>,
    pub contains: Option<String>,
    pub exists: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScorecardDoc {
    pub name: String,
    pub purpose: Option<String>,
    pub owner: Option<String>,
    /// The day on which its owner looks at it again.
    pub review: Option<String>,
    #[serde(rename = "for")]
    pub for_: Option<ConditionDoc>,
    pub groups: Vec<GroupDoc>,
    /// Percent of the weight that must be known for a score.
    pub needs_known: Option<u32>,
    pub bands: BandsDoc,
    #[serde(default)]
    pub caps: Vec<CapDoc>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupDoc {
    pub name: String,
    pub weight: u32,
    pub measures: Vec<WeightedDoc>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightedDoc {
    pub measure: String,
    pub weight: u32,
    pub curve: CurveDoc,
}

/// Points `[x, points]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CurveDoc {
    pub steps: Option<Vec<(Json, u32)>>,
    pub linear: Option<Vec<(Json, u32)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BandsDoc {
    pub yellow: u32,
    pub green: u32,
    #[serde(default)]
    pub hysteresis: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapDoc {
    pub name: String,
    pub when: ConditionDoc,
    pub at_most: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentDoc {
    pub title: Option<String>,
    pub purpose: Option<String>,
    pub owner: Option<String>,
    pub review: Option<String>,
    pub when: ConditionDoc,
    /// For so long `when` must have been true.
    pub hold: Option<WaitDoc>,
    /// Keeps whoever is a member already.
    pub stays_while: Option<ConditionDoc>,
}

/// A segment among others, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceDoc {
    pub name: String,
    pub title: Option<String>,
    /// Absent, of the last one: everybody else.
    pub when: Option<ConditionDoc>,
}

/// The comparison keys of a form, whichever of them are there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comparing<'a> {
    pub(super) is: Option<&'a Json>,
    pub(super) is_not: Option<&'a Json>,
    pub(super) in_: Option<&'a [Json]>,
    pub(super) at_least: Option<&'a Json>,
    pub(super) at_most: Option<&'a Json>,
    pub(super) more_than: Option<&'a Json>,
    pub(super) less_than: Option<&'a Json>,
    pub(super) contains: Option<&'a str>,
    pub(super) exists: Option<bool>,
}

/// The same keys stand in three forms: flattened into one struct they would lose unknown keys and paths.
macro_rules! comparing {
    ($($form:ty),*) => {$(
        impl $form {
            pub(super) fn comparing(&self) -> Comparing<'_> {
                Comparing {
                    is: self.is.as_ref(),
                    is_not: self.is_not.as_ref(),
                    in_: self.in_.as_deref(),
                    at_least: self.at_least.as_ref(),
                    at_most: self.at_most.as_ref(),
                    more_than: self.more_than.as_ref(),
                    less_than: self.less_than.as_ref(),
                    contains: self.contains.as_deref(),
                    exists: self.exists,
                }
            }
        }
    )*};
}

comparing!(ConditionDoc, ComparisonDoc, FilterDoc);
