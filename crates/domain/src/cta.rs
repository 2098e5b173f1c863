//! Calls to action of one account: open or snoozed ones whole, the latest closed ones by id.
//!
//! Invariant: at most one risk CTA is not closed.

use serde::{Deserialize, Serialize};

use crate::{
    decision::{Command, CtaChanged, CtaCommand, CtaState, CtaType, Reason},
    ids::{CtaId, EpisodeId, RunId},
    time::{Day, Instant},
};

/// Not closed, of all types together; what would be opened beyond joins nothing and is not opened.
pub const MAX_OPEN: usize = 64;
/// Closed ones that are still told from ones never seen.
pub const MAX_CLOSED: usize = 64;
/// Of one CTA; those of later openings beyond are left out.
pub const MAX_REASONS: usize = 32;
/// Bytes of what a command says: who asks, whose it becomes, how it ended. An owner is as long at most.
pub const SAID_MOST: usize = 200;

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("this account has no such CTA")]
    NotFound,
    #[error("the CTA is closed")]
    Closed,
    #[error("the CTA is {owner}'s: it can be reassigned")]
    Taken { owner: String },
    #[error("a CTA is snoozed until an instant that is yet to come")]
    SnoozeInPast,
    #[error("it is not said who asks")]
    AskerMissing,
    #[error("it is not said how it ended")]
    OutcomeMissing,
    #[error("it is not said whose it becomes")]
    OwnerMissing,
    #[error("{what} is longer than 200 bytes, or holds control characters")]
    TextUnfit { what: &'static str },
}

impl Refusal {
    /// As in `ErrorInfo`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "CTA_NOT_FOUND",
            Self::Closed => "CTA_CLOSED",
            Self::Taken { .. } => "CTA_TAKEN",
            Self::SnoozeInPast => "SNOOZE_IN_PAST",
            Self::AskerMissing => "ASKER_MISSING",
            Self::OutcomeMissing => "OUTCOME_MISSING",
            Self::OwnerMissing => "OWNER_MISSING",
            Self::TextUnfit { .. } => "TEXT_UNFIT",
        }
    }
}

impl Command {
    /// Whether it can be asked of any CTA.
    ///
    /// # Errors
    /// What it does not say, or says unfit to be kept.
    pub fn check(&self) -> Result<(), Refusal> {
        said("who asks", &self.by, Refusal::AskerMissing)?;
        match &self.ask {
            CtaCommand::Take | CtaCommand::Snooze { .. } => Ok(()),
            CtaCommand::Close { outcome } => said("how it ended", outcome, Refusal::OutcomeMissing),
            CtaCommand::Reassign { owner } => said("whose it becomes", owner, Refusal::OwnerMissing),
        }
    }
}

fn said(what: &'static str, text: &str, missing: Refusal) -> Result<(), Refusal> {
    if text.is_empty() {
        return Err(missing);
    }
    let fits = text.len() <= SAID_MOST && !text.contains(char::is_control);
    if fits { Ok(()) } else { Err(Refusal::TextUnfit { what }) }
}

/// Something a CSM must act on: not closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cta {
    pub id: CtaId,
    pub kind: CtaType,
    pub standing: Standing,
    pub title: String,
    /// 1 is the most urgent.
    pub priority: u32,
    /// Empty: nobody's yet.
    pub owner: String,
    pub due: Option<Day>,
    pub reasons: Vec<Reason>,
    pub origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    Open,
    Snoozed { until: Instant },
}

/// What opened it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub playbook: String,
    pub run: RunId,
    pub episode: Option<EpisodeId>,
}

impl Cta {
    /// As it stands, changed by somebody (empty: a playbook, or the end of a snooze).
    pub fn changed(self, by: &str) -> CtaChanged {
        let state = match self.standing {
            Standing::Open => CtaState::Open,
            Standing::Snoozed { until } => CtaState::Snoozed { until },
        };
        self.said(state, by)
    }

    /// The last that is said of it.
    pub fn close(self, outcome: &str, by: &str) -> CtaChanged {
        self.said(CtaState::Closed { outcome: outcome.into() }, by)
    }

    /// Open again, the snooze being over.
    pub fn woken(self) -> Self {
        Self { standing: Standing::Open, ..self }
    }

    /// Another opening joins it: reasons it does not give yet, and the more urgent priority.
    pub fn joined(mut self, priority: u32, reasons: &[Reason]) -> Self {
        self.priority = self.priority.min(priority);
        for reason in reasons {
            let known = self.reasons.iter().any(|r| r.comparison == reason.comparison);
            if !known && self.reasons.len() < MAX_REASONS {
                self.reasons.push(reason.clone());
            }
        }
        self
    }

    fn take(self, by: &str) -> Result<Self, Refusal> {
        if !self.owner.is_empty() && self.owner != by {
            return Err(Refusal::Taken { owner: self.owner });
        }
        Ok(Self { owner: by.into(), ..self })
    }

    fn snooze(self, until: Instant, now: Instant) -> Result<Self, Refusal> {
        if until <= now {
            return Err(Refusal::SnoozeInPast);
        }
        Ok(Self { standing: Standing::Snoozed { until }, ..self })
    }

    fn said(self, state: CtaState, by: &str) -> CtaChanged {
        CtaChanged {
            cta: self.id,
            kind: self.kind,
            state,
            title: self.title,
            priority: self.priority,
            owner: self.owner,
            due: self.due,
            reasons: self.reasons,
            playbook: self.origin.playbook,
            run: self.origin.run,
            episode: self.origin.episode,
            by: by.into(),
        }
    }

    fn of(changed: &CtaChanged, standing: Standing) -> Self {
        Self {
            id: changed.cta,
            kind: changed.kind,
            standing,
            title: changed.title.clone(),
            priority: changed.priority,
            owner: changed.owner.clone(),
            due: changed.due,
            reasons: changed.reasons.clone(),
            origin: Origin { playbook: changed.playbook.clone(), run: changed.run, episode: changed.episode },
        }
    }
}

/// The CTAs of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ctas {
    /// In the order of their opening.
    open: Vec<Cta>,
    /// Oldest first.
    closed: Vec<CtaId>,
}

impl Ctas {
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.closed.is_empty()
    }

    /// Whether one more may be opened.
    pub fn has_room(&self) -> bool {
        self.open.len() < MAX_OPEN
    }

    /// The ones not closed, in the order of their opening.
    pub fn open(&self) -> &[Cta] {
        &self.open
    }

    /// The risk CTA that is not closed.
    pub fn risk(&self) -> Option<&Cta> {
        self.open.iter().find(|cta| cta.kind == CtaType::Risk)
    }

    pub fn find(&self, id: CtaId) -> Result<&Cta, Refusal> {
        let missing = || if self.closed.contains(&id) { Refusal::Closed } else { Refusal::NotFound };
        self.open.iter().find(|cta| cta.id == id).ok_or_else(missing)
    }

    /// When the next snooze ends.
    pub fn wake(&self) -> Option<Instant> {
        self.open.iter().filter_map(Self::until).min()
    }

    /// The first whose snooze is over.
    pub fn to_wake(&self, now: Instant) -> Option<&Cta> {
        self.open.iter().find(|cta| Self::until(cta).is_some_and(|until| until <= now))
    }

    /// What a command changes: nothing, if it stands so already.
    pub fn answer(&self, command: &Command, now: Instant) -> Result<Option<CtaChanged>, Refusal> {
        command.check()?;
        let before = self.find(command.cta)?;
        let cta = before.clone();
        let after = match &command.ask {
            CtaCommand::Take => cta.take(&command.by)?,
            CtaCommand::Snooze { until } => cta.snooze(*until, now)?,
            CtaCommand::Close { outcome } => return Ok(Some(cta.close(outcome, &command.by))),
            CtaCommand::Reassign { owner } => Cta { owner: owner.clone(), ..cta },
        };
        Ok((after != *before).then(|| after.changed(&command.by)))
    }

    /// Takes what was said of one of them.
    pub fn apply(&mut self, changed: &CtaChanged) {
        match &changed.state {
            CtaState::Open => self.put(Cta::of(changed, Standing::Open)),
            CtaState::Snoozed { until } => self.put(Cta::of(changed, Standing::Snoozed { until: *until })),
            CtaState::Closed { .. } => self.forget(changed.cta),
        }
    }

    fn put(&mut self, cta: Cta) {
        match self.open.iter_mut().find(|known| known.id == cta.id) {
            Some(known) => *known = cta,
            None => self.open.push(cta),
        }
    }

    fn forget(&mut self, id: CtaId) {
        self.open.retain(|cta| cta.id != id);
        self.closed.retain(|closed| *closed != id);
        if self.closed.len() == MAX_CLOSED {
            self.closed.remove(0);
        }
        self.closed.push(id);
    }

    fn until(cta: &Cta) -> Option<Instant> {
        match cta.standing {
            Standing::Open => None,
            Standing::Snoozed { until } => Some(until),
        }
    }
}
