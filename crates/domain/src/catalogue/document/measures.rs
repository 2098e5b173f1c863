//! Measures as people write them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FilterDoc, Json};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MeasureDoc {
    pub count: Option<UsageDoc>,
    pub sum: Option<UsageDoc>,
    pub min: Option<UsageDoc>,
    pub max: Option<UsageDoc>,
    pub average: Option<UsageDoc>,
    pub distinct_contacts: Option<UsageDoc>,
    pub distinct_values: Option<UsageDoc>,
    pub days_active: Option<UsageDoc>,
    pub median_gap: Option<UsageDoc>,
    pub median_per_day: Option<UsageDoc>,
    pub breadth: Option<BreadthDoc>,
    pub days_since_first: Option<SinceDoc>,
    pub days_since_last: Option<SinceDoc>,
    pub change: Option<ChangeDoc>,
    pub ratio: Option<RatioDoc>,
    pub first_known: Option<Vec<String>>,
    #[serde(rename = "trait")]
    pub trait_: Option<TraitDoc>,
    pub trait_before: Option<TraitBeforeDoc>,
    pub days_until: Option<DaysUntilDoc>,
    pub contract: Option<ContractDoc>,
}

/// What of the usage is counted. Which keys a form takes is checked by `compile`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageDoc {
    pub event: Option<EventDoc>,
    pub property: Option<String>,
    pub window: WindowDoc,
    #[serde(rename = "where", default)]
    pub where_: Vec<FilterDoc>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WindowDoc {
    pub days: Option<u32>,
    pub before: Option<u32>,
    pub hours: Option<u32>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SinceDoc {
    pub event: Option<EventDoc>,
}

/// An event by its name, or a set of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "must be an event's name, or {set: NAME}")]
pub enum EventDoc {
    Name(String),
    Set(EventSetDoc),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventSetDoc {
    pub set: String,
}

/// Of how many events of a set there were any: of one set, or of the one that belongs to the value of a trait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreadthDoc {
    pub set: Option<String>,
    pub by: Option<String>,
    #[serde(default)]
    pub sets: BTreeMap<String, String>,
    pub window: WindowDoc,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeDoc {
    pub measure: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RatioDoc {
    pub of: String,
    pub to: String,
    /// Unknown where the second is below.
    pub to_at_least: Option<Json>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraitDoc {
    pub name: String,
    /// Days after which what it was set to says nothing any more.
    pub fades_after: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraitBeforeDoc {
    pub name: String,
    pub days: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DaysUntilDoc {
    #[serde(rename = "trait")]
    pub trait_: String,
}

/// What is read of the contracts, by its name, or with what else it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "must be `decision_days` or another of its names, or {of: NAME, ...}")]
pub enum ContractDoc {
    Name(String),
    Of(OfContractsDoc),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfContractsDoc {
    pub of: String,
    pub days: Option<u32>,
    pub currency: Option<String>,
    pub verdict: Option<String>,
}
