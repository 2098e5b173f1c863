//! Playbooks as they run: every name in them is known to exist.

use crate::{
    condition::{ConditionId, Filter},
    decision::{Band, CtaType},
    usage::events::Events,
};

/// Prescribed steps, and what starts them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playbook {
    pub name: String,
    /// Its name, if none was given.
    pub title: String,
    pub trigger: Trigger,
    /// Asked when the trigger is pulled.
    pub starts_while: Option<ConditionId>,
    pub re_entry: ReEntry,
    /// Of several that start at one step of the log, the lowest starts first.
    pub rank: u32,
    /// A run ends as soon as it holds.
    pub goal: Option<ConditionId>,
    /// Milliseconds after its start at which a run ends, wherever it stands.
    pub at_most_ms: Option<i64>,
    /// Asked again before each notification is sent.
    pub only_while: Option<ConditionId>,
    /// At least one.
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    Enters {
        segment: String,
    },
    Leaves {
        segment: String,
    },
    /// The band changes, to this one if given.
    Band {
        from: BandBefore,
        to: Option<Band>,
    },
    Event {
        events: Events,
        filters: Vec<Filter>,
    },
}

/// The band that a change must come from. An account's first score is no change of its band, unless asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BandBefore {
    Any,
    /// There was no score.
    None,
    Is(Band),
}

impl BandBefore {
    pub fn holds(self, before: Option<Band>) -> bool {
        match self {
            Self::Any => before.is_some(),
            Self::None => before.is_none(),
            Self::Is(band) => before == Some(band),
        }
    }
}

/// Whether a trigger starts a playbook that it has started before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReEntry {
    #[default]
    Always,
    Never,
    /// So many milliseconds after its last start, or later.
    After(i64),
}

/// Steps stand in one row; branches lead to places in it, always further on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Unique within its playbook; given, or kind and place (from 1): `notify_2`. Of a `GoTo` empty.
    pub name: String,
    pub action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    OpenCta(Opening),
    UpdateCta(Update),
    CloseCta {
        kind: CtaType,
        outcome: String,
    },
    Notify {
        endpoint: String,
        /// `None`: the built-in one.
        message: Option<String>,
    },
    Wait(Wait),
    /// The first way whose question is answered yes; the last one has none.
    Branch(Vec<Arm>),
    /// Behind the branch whose way this was.
    GoTo(usize),
    End,
}

/// A CTA that is to be opened, or to join the open risk CTA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    pub kind: CtaType,
    pub title: String,
    /// 1 is the most urgent, 5 the least.
    pub priority: u32,
    /// `None`: as the catalogue's routing says.
    pub owner: Option<Owner>,
    pub due: Option<Due>,
    pub tasks: Vec<String>,
    /// Milliseconds after the closing of one of the playbook's for which no other is opened; mostly 0.
    pub cool_down_ms: i64,
}

/// What becomes of the run's CTA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    pub title: Option<String>,
    /// It only rises.
    pub priority: Option<u32>,
    pub owner: Option<Owner>,
    pub tasks: Vec<String>,
}

/// Whose a CTA is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    Named(String),
    /// Whom this account trait names, if it is a text.
    OfTrait(String),
}

/// One line of the routing: whose a CTA is if the condition holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub when: Option<ConditionId>,
    pub owner: Owner,
}

/// Counted from the day of the opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    Days(u16),
    WorkingDays(u16),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// Elapsed time: a day is 24 hours.
    For { ms: i64 },
    /// Until the beginning of a working day.
    WorkingDays(u16),
    /// Until it is a working day, from the one hour on and before the other.
    OfficeHours { from: u8, to: u8 },
    /// Until it is so, but no longer than this.
    Until { question: Question, at_most_ms: i64 },
    /// Until somebody says yes; who says no, or nobody in time, ends the run.
    Approval { at_most_ms: i64 },
}

/// A way on from a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arm {
    /// `None`: otherwise.
    pub question: Option<Question>,
    pub to: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    Holds(ConditionId),
    Cta(CtaIs),
}

/// How the CTA stands that the run opened or joined last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CtaIs {
    /// Not closed.
    Open,
    /// Not closed, and nobody has done anything with it.
    Untouched,
    /// Not closed, and its due day is past.
    Overdue,
    /// Closed, or never opened.
    Closed,
}
