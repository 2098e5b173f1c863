//! Playbooks as people write them, and what they go by: the working week, and whose CTAs are.

use serde::{Deserialize, Serialize};

use super::{ConditionDoc, EventDoc, FilterDoc, NotifyDoc};
use crate::decision::{Band, CtaType};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaybookDoc {
    pub title: Option<String>,
    pub purpose: Option<String>,
    pub owner: Option<String>,
    pub review: Option<String>,
    pub trigger: TriggerDoc,
    /// Otherwise the trigger is passed over.
    pub starts_while: Option<ConditionDoc>,
    /// Absent: at each trigger.
    pub re_entry: Option<ReEntryDoc>,
    /// Of several that start at once, the lowest starts first.
    pub rank: Option<u32>,
    /// A run ends as soon as it is true.
    pub goal: Option<ConditionDoc>,
    /// Then a run ends, wherever it stands.
    pub at_most: Option<WaitDoc>,
    pub only_while: Option<ConditionDoc>,
    pub steps: Vec<StepDoc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReEntryDoc {
    Always,
    Never,
    /// So long after its last start.
    After(WaitDoc),
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TriggerDoc {
    pub enters: Option<String>,
    pub leaves: Option<String>,
    pub band: Option<BandTriggerDoc>,
    pub event: Option<EventTriggerDoc>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BandTriggerDoc {
    pub from: Option<BandBeforeDoc>,
    pub to: Option<Band>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BandBeforeDoc {
    /// There was no score.
    None,
    Red,
    Yellow,
    Green,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventTriggerDoc {
    pub name: EventDoc,
    #[serde(rename = "where", default)]
    pub where_: Vec<FilterDoc>,
}

/// One thing to do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StepDoc {
    pub name: Option<String>,
    pub open_cta: Option<OpenCtaDoc>,
    pub update_cta: Option<UpdateCtaDoc>,
    pub close_cta: Option<CloseCtaDoc>,
    pub notify: Option<NotifyDoc>,
    pub wait: Option<WaitStepDoc>,
    pub approve: Option<ApproveDoc>,
    pub branch: Option<Vec<ArmDoc>>,
    pub end: Option<EndDoc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenCtaDoc {
    #[serde(rename = "type")]
    pub kind: CtaType,
    pub title: String,
    pub priority: u32,
    pub owner: Option<String>,
    /// The account trait that names its owner.
    pub owner_trait: Option<String>,
    pub due_days: Option<u32>,
    pub due_working_days: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<String>,
    /// For so long after one of the playbook's was closed no other is opened.
    pub cool_down: Option<WaitDoc>,
}

/// Changes the run's CTA: priorities only rise, tasks are only added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateCtaDoc {
    pub title: Option<String>,
    pub priority: Option<u32>,
    pub owner: Option<String>,
    pub owner_trait: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloseCtaDoc {
    #[serde(rename = "type")]
    pub kind: CtaType,
    pub outcome: String,
}

/// A span of elapsed time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WaitDoc {
    pub days: Option<u32>,
    pub hours: Option<u32>,
}

/// Exactly one of these; `at_most` goes with `until`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WaitStepDoc {
    pub days: Option<u32>,
    pub hours: Option<u32>,
    /// Until the beginning of the working day so many further on.
    pub working_days: Option<u32>,
    /// Until it is a working day, between two hours.
    pub office_hours: Option<OfficeHoursDoc>,
    pub until: Option<UntilDoc>,
    pub at_most: Option<WaitDoc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficeHoursDoc {
    pub from: u32,
    pub to: u32,
}

/// Exactly one of these.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UntilDoc {
    pub when: Option<ConditionDoc>,
    pub cta: Option<CtaIsDoc>,
}

/// How the run's CTA stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CtaIsDoc {
    Open,
    /// Open, and nobody has done anything with it.
    Untouched,
    /// Open, and its due day is past.
    Overdue,
    Closed,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApproveDoc {
    pub at_most: Option<WaitDoc>,
}

/// One way on; neither `when` nor `cta`: otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArmDoc {
    pub when: Option<ConditionDoc>,
    pub cta: Option<CtaIsDoc>,
    pub steps: Vec<StepDoc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndDoc {}

/// Somebody by name, or whom an account trait names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteDoc {
    pub when: Option<ConditionDoc>,
    pub owner: Option<String>,
    #[serde(rename = "trait")]
    pub trait_: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkingWeekDoc {
    /// Absent: Monday to Friday.
    pub days: Option<Vec<WeekdayDoc>>,
    /// `YYYY-MM-DD`.
    pub holidays: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeekdayDoc {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}
