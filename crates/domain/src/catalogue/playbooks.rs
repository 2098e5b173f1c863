//! Endpoints and playbooks as they run: every name in them is known to exist.

use crate::{
    condition::{ConditionId, Filter},
    decision::{Band, CtaType},
    usage::events::Events,
};

/// Where notifications go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub name: String,
    /// `http` or `https`.
    pub url: String,
}

/// Prescribed steps, and what starts them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playbook {
    pub name: String,
    /// Its name, if none was given.
    pub title: String,
    pub trigger: Trigger,
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Unique within its playbook; given, or kind and place (from 1): `notify_2`.
    pub name: String,
    pub action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    OpenCta {
        kind: CtaType,
        title: String,
        /// 1 is the most urgent, 5 the least.
        priority: u32,
        /// Empty: nobody's yet.
        owner: String,
        due_days: Option<u16>,
    },
    Notify {
        endpoint: String,
    },
    /// Elapsed time: a day is 24 hours.
    Wait {
        for_ms: i64,
    },
    CloseCta {
        kind: CtaType,
        outcome: String,
    },
    End,
}
