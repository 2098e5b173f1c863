//! What was decided about an account, in order: what the oracle computes and what the log says, in one form.

use std::collections::BTreeMap;

/// One story for each (workspace, account) that anything was decided about.
pub type Stories = BTreeMap<(String, String), Story>;

/// The decisions about one account, in order within each service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Story {
    pub health: Vec<HealthChange>,
    pub memberships: Vec<MembershipChange>,
    pub work: Vec<Work>,
}

/// What became of the notifications about each (workspace, account) that had any, in order.
pub type Deliveries = BTreeMap<(String, String), Vec<Turn>>;

/// A turn that a notification took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    Asked {
        when: When,
        notification: u128,
        /// From 1.
        attempt: u32,
    },
    Settled {
        when: When,
        notification: u128,
        /// "delivered", "dropped", "failed" or "gone".
        state: String,
        attempts: u32,
    },
}

/// The step at which something was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct When {
    /// Milliseconds UTC, by the account's clock.
    pub at: i64,
    /// The fact; `None` for what time brought about.
    pub fact: Option<u128>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Band {
    Red,
    Yellow,
    Green,
}

impl Band {
    pub fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Yellow => "yellow",
            Self::Green => "green",
        }
    }
}

/// Points are thousandths of a score point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthChange {
    pub when: When,
    pub initial: bool,
    pub by_catalogue: bool,
    pub scorecard: String,
    pub score: Option<u32>,
    pub band: Option<Band>,
    pub score_before: Option<u32>,
    pub band_before: Option<Band>,
    pub overall: u32,
    pub known_weight: u32,
    pub cap: Option<String>,
    pub drivers: Vec<Driver>,
    /// Measure (or "cap " and its name), points, value as text.
    pub contributions: Vec<(String, i64, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Driver {
    /// A measure, or "cap " and its name.
    pub source: String,
    pub points: i64,
    pub value: String,
    pub value_before: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipChange {
    pub when: When,
    pub initial: bool,
    pub by_catalogue: bool,
    pub segment: String,
    pub member: bool,
    pub episode: u128,
    pub reasons: Vec<Reason>,
}

/// One comparison, as it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub comparison: String,
    pub value: String,
    pub holds: bool,
}

/// What the playbooks and the people did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    Run(RunChange),
    Cta(CtaChange),
    Notification(NotificationChange),
    /// To a command: its id and a code; empty: done.
    Answer {
        when: When,
        command: u128,
        code: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunChange {
    pub when: When,
    pub run: u128,
    pub playbook: String,
    /// "started", "waiting" or "ended".
    pub state: String,
    pub step: String,
    pub until: i64,
    /// Of one that waits: whether for somebody's yes.
    pub approval: bool,
    /// Of one that ended: "done", "goal", "timed out", "rejected" or "undefined".
    pub end: String,
    pub reasons: Vec<Reason>,
}

/// A CTA as it stands after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CtaChange {
    pub when: When,
    pub cta: u128,
    pub kind: String,
    /// "open", "snoozed" or "closed".
    pub state: String,
    pub title: String,
    pub priority: u32,
    pub owner: String,
    pub due_day: Option<i64>,
    pub reasons: Vec<Reason>,
    pub playbook: String,
    pub run: u128,
    pub until: i64,
    pub outcome: String,
    pub by: String,
    /// Each with who did it; empty: nobody yet.
    pub tasks: Vec<(String, String)>,
    pub touched: bool,
    pub joined: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationChange {
    pub when: When,
    pub notification: u128,
    pub playbook: String,
    pub run: u128,
    pub step: String,
    /// "webhook", "slack" or "email".
    pub channel: String,
    pub recipient: String,
    pub body: serde_json::Value,
    /// Its playbook's `only_while` did not hold when it was requested.
    pub dropped: bool,
}
