//! What the services decide, as the log says it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{CommandId, CtaId, EpisodeId, NotificationId, RunId},
    time::{Day, Instant},
};

/// Band of a health score, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    Red,
    Yellow,
    Green,
}

impl Band {
    /// Worst first.
    pub const ALL: [Self; 3] = [Self::Red, Self::Yellow, Self::Green];

    /// As definitions and people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Yellow => "yellow",
            Self::Green => "green",
        }
    }
}

/// A score and the band it lies in: they come and go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// 0 to 100.
    pub points: u8,
    pub band: Band,
}

/// The score, its band or a cap changed. Points of drivers and contributions are thousandths of a score point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthChanged {
    pub initial: bool,
    pub by_catalogue: bool,
    /// Empty: no scorecard applies.
    pub scorecard: String,
    /// `None`: nothing is known.
    pub score: Option<Score>,
    pub before: Option<Score>,
    /// Thousandths of the weight whose measures are known.
    pub known_weight: u32,
    pub cap: Option<String>,
    /// Overall before rounding, thousandths of a point.
    pub overall: u32,
    /// By points, greatest change first; they sum to the change of `overall`.
    pub drivers: Vec<Driver>,
    /// In the scorecard's order, then the cap in force; they sum to `overall`.
    pub contributions: Vec<Contribution>,
}

/// What moves a score, by its name in the scorecard; measures come before caps. As text, a cap's name stands behind
/// `cap ` (no name has a blank).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Source {
    Measure(String),
    Cap(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Measure(name) => f.write_str(name),
            Self::Cap(name) => write!(f, "{CAP}{name}"),
        }
    }
}

impl From<String> for Source {
    fn from(text: String) -> Self {
        match text.strip_prefix(CAP) {
            Some(name) => Self::Cap(name.to_owned()),
            None => Self::Measure(text),
        }
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.to_string()
    }
}

const CAP: &str = "cap ";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Driver {
    pub source: Source,
    pub points: i32,
    /// As text for people: a measure's value (empty: unknown), a cap's `at_most` (empty: not in force).
    pub value: String,
    pub value_before: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contribution {
    pub source: Source,
    /// A cap's are what it takes away: 0 or less.
    pub points: i32,
    /// As a driver's.
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipChanged {
    pub initial: bool,
    pub by_catalogue: bool,
    pub segment: String,
    pub member: bool,
    pub episode: EpisodeId,
    pub reasons: Vec<Reason>,
}

/// One comparison of a condition, as it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    pub comparison: String,
    /// As text for people; empty: unknown.
    pub value: String,
    pub holds: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunState {
    Started,
    /// `approval`: for somebody's yes.
    Waiting {
        until: Instant,
        approval: bool,
    },
    Ended {
        because: RunEnd,
    },
}

/// Why a run went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunEnd {
    /// Its last step was done.
    Done,
    Goal,
    TimedOut,
    Rejected,
    /// Its playbook, or the step it waited at, is no longer defined.
    Undefined,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunAdvanced {
    pub run: RunId,
    pub playbook: String,
    /// The episode, or the fact, that started it.
    pub trigger: u128,
    pub state: RunState,
    /// Empty when ended.
    pub step: String,
    pub reasons: Vec<Reason>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CtaType {
    Risk,
    Opportunity,
    Lifecycle,
    Objective,
}

impl CtaType {
    /// As definitions and people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Risk => "risk",
            Self::Opportunity => "opportunity",
            Self::Lifecycle => "lifecycle",
            Self::Objective => "objective",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CtaState {
    Open,
    Snoozed { until: Instant },
    Closed { outcome: String },
}

/// A CTA as it stands after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CtaChanged {
    pub cta: CtaId,
    pub kind: CtaType,
    pub state: CtaState,
    pub title: String,
    /// 1 is the most urgent.
    pub priority: u32,
    /// Empty: nobody's yet.
    pub owner: String,
    pub due: Option<Day>,
    pub reasons: Vec<Reason>,
    pub playbook: String,
    pub run: RunId,
    pub episode: Option<EpisodeId>,
    /// Who changed it; empty: a playbook.
    pub by: String,
    pub tasks: Vec<Task>,
    /// Whether anybody has done anything with it.
    pub touched: bool,
    /// Playbooks that would have opened another, and joined this one.
    pub joined: Vec<String>,
}

/// Something to do for a CTA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Unique within its CTA.
    pub title: String,
    /// Empty: it is yet to be done.
    pub done_by: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationRequested {
    pub notification: NotificationId,
    pub playbook: String,
    pub run: RunId,
    pub step: String,
    pub channel: Channel,
    /// Name of the endpoint in the catalogue.
    pub recipient: String,
    /// What is to be told, as JSON: the body of a webhook, or what a message is made of.
    pub body: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Webhook,
    Slack,
    Email,
}

impl Channel {
    /// As records and people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Email => "email",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptDue {
    pub notification: NotificationId,
    /// From 1.
    pub attempt: u32,
}

/// What came of an attempt: a report, which is a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptReported {
    pub notification: NotificationId,
    pub attempt: u32,
    /// Whether the call was begun: what was not counts for nothing, and is asked for again.
    pub begun: bool,
    /// Of one that was begun and failed: whether another would too.
    pub permanent: bool,
    /// `None`: no answer.
    pub status: Option<u16>,
    pub error: String,
    /// Not before: as the receiver asked, or, of a call that was not begun, when there will be room.
    pub retry_at: Option<Instant>,
    pub began_at: Instant,
    pub took_ms: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotificationState {
    Delivered,
    Dropped,
    Failed,
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationSettled {
    pub notification: NotificationId,
    pub state: NotificationState,
    pub attempts: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandAnswered {
    pub command: CommandId,
    /// Upper snake case; empty: done.
    pub code: String,
    pub message: String,
}

/// Everything that stands in the account log as a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    Health(HealthChanged),
    Membership(MembershipChanged),
    Run(RunAdvanced),
    Cta(CtaChanged),
    Notification(NotificationRequested),
    Attempt(AttemptDue),
    Settled(NotificationSettled),
    Answer(CommandAnswered),
}

impl Decision {
    /// What it is, as its record says it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Health(_) => "HealthChanged",
            Self::Membership(_) => "MembershipChanged",
            Self::Run(_) => "RunAdvanced",
            Self::Cta(_) => "CtaChanged",
            Self::Notification(_) => "NotificationRequested",
            Self::Attempt(_) => "AttemptDue",
            Self::Settled(_) => "NotificationSettled",
            Self::Answer(_) => "CommandAnswered",
        }
    }
}
