//! Calls to action of one account: open or snoozed ones whole, the latest closed ones by id.
//!
//! Invariant: at most one risk CTA is not closed.

use serde::{Deserialize, Serialize};

use crate::{
    command::{CtaCommand, Refusal},
    decision::{CtaChanged, CtaState, CtaType, Reason, Task},
    ids::{CtaId, EpisodeId, RunId},
    time::{Day, Instant},
};

/// Not closed, of all types together; what would be opened beyond joins nothing and is not opened.
pub const MAX_OPEN: usize = 64;
/// Closed ones that are still told from ones never seen.
pub const MAX_CLOSED: usize = 64;
/// Of one CTA; those of later openings beyond are left out.
pub const MAX_REASONS: usize = 32;
/// Of one CTA.
pub const MAX_TASKS: usize = 20;
/// Playbooks that joined one CTA; later ones beyond are left out.
pub const MAX_JOINED: usize = 16;

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
    pub tasks: Vec<Task>,
    /// Whether anybody has done anything with it.
    pub touched: bool,
    /// Playbooks that joined it.
    pub joined: Vec<String>,
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

    /// What would have been opened joins it: with reasons and tasks that it does not give yet, and the more urgent
    /// priority.
    pub fn joined_by(mut self, other: &Self) -> Self {
        self.priority = self.priority.min(other.priority);
        for reason in &other.reasons {
            let known = self.reasons.iter().any(|r| r.comparison == reason.comparison);
            if !known && self.reasons.len() < MAX_REASONS {
                self.reasons.push(reason.clone());
            }
        }
        let playbook = &other.origin.playbook;
        let known = self.causes().any(|cause| cause == playbook);
        if !known && self.joined.len() < MAX_JOINED {
            self.joined.push(playbook.clone());
        }
        self.with_tasks(other.tasks.iter().map(|task| task.title.as_str()))
    }

    /// Tasks that it does not have yet are to be done too.
    pub fn with_tasks<'t>(mut self, titles: impl Iterator<Item = &'t str>) -> Self {
        for title in titles {
            let known = self.tasks.iter().any(|task| task.title == title);
            if !known && self.tasks.len() < MAX_TASKS {
                self.tasks.push(Task { title: title.to_owned(), done_by: String::new() });
            }
        }
        self
    }

    /// Whether the playbook opened it, or joined it.
    pub(crate) fn is_due_to(&self, playbook: &str) -> bool {
        self.causes().any(|cause| cause == playbook)
    }

    /// The playbooks that led to it.
    fn causes(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.origin.playbook).chain(&self.joined)
    }

    /// What was given to somebody who has not touched it is there for whoever takes it.
    fn take(self, by: &str) -> Result<Self, Refusal> {
        let is_somebodys = self.touched && !self.owner.is_empty();
        if is_somebodys && self.owner != by {
            return Err(Refusal::Taken { owner: self.owner });
        }
        Ok(Self { owner: by.into(), touched: true, ..self })
    }

    fn snooze(self, until: Instant, now: Instant) -> Result<Self, Refusal> {
        if until <= now {
            return Err(Refusal::SnoozeInPast);
        }
        Ok(Self { standing: Standing::Snoozed { until }, ..self })
    }

    fn complete(mut self, title: &str, by: &str) -> Result<Self, Refusal> {
        let is_it = |task: &&mut Task| task.title == title && task.done_by.is_empty();
        let task = self.tasks.iter_mut().find(is_it).ok_or(Refusal::TaskNotFound)?;
        by.clone_into(&mut task.done_by);
        Ok(self)
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
            tasks: self.tasks,
            touched: self.touched,
            joined: self.joined,
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
            tasks: changed.tasks.clone(),
            touched: changed.touched,
            joined: changed.joined.clone(),
        }
    }
}

/// The CTAs of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ctas {
    /// In the order of their opening.
    open: Vec<Cta>,
    /// Oldest first.
    closed: Vec<Closed>,
}

/// One that is closed, as far as it matters to those that come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Closed {
    id: CtaId,
    kind: CtaType,
    /// The playbooks that led to it.
    causes: Vec<String>,
    at: Instant,
}

impl Ctas {
    /// Those not closed, and what is left of those that are.
    pub(crate) fn restored(open: Vec<Cta>, closed_ids: Vec<CtaId>) -> Self {
        let closed = |id| Closed { id, kind: CtaType::Risk, causes: Vec::new(), at: Instant::MIN };
        Self { open, closed: closed_ids.into_iter().map(closed).collect() }
    }

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
        let missing = || {
            if self.closed.iter().any(|closed| closed.id == id) { Refusal::Closed } else { Refusal::NotFound }
        };
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

    /// When one of this type that the playbook led to was closed last, as far as that is known.
    pub fn closed_at(&self, kind: CtaType, playbook: &str) -> Option<Instant> {
        let is_it = |closed: &&Closed| closed.kind == kind && closed.causes.iter().any(|c| c == playbook);
        self.closed.iter().filter(is_it).map(|closed| closed.at).max()
    }

    /// What somebody's command changes: nothing, if it stands so already. `outcomes`: how CTAs of a type may end; none:
    /// in any way.
    ///
    /// # Errors
    /// When it is closed or unknown, or the command does not fit it.
    pub fn answer(
        &self,
        id: CtaId,
        ask: &CtaCommand,
        by: &str,
        now: Instant,
        outcomes: impl Fn(CtaType) -> Option<Vec<String>>,
    ) -> Result<Option<CtaChanged>, Refusal> {
        let before = self.find(id)?;
        let cta = Cta { touched: true, ..before.clone() };
        let after = match ask {
            CtaCommand::Take => before.clone().take(by)?,
            CtaCommand::Snooze { until } => cta.snooze(*until, now)?,
            CtaCommand::Close { outcome } => {
                let known = outcomes(cta.kind).filter(|known| !known.contains(outcome));
                if let Some(known) = known {
                    return Err(Refusal::OutcomeUnknown { known: known.join(", ") });
                }
                return Ok(Some(cta.close(outcome, by)));
            }
            CtaCommand::Reassign { owner } => Cta { owner: owner.clone(), ..cta },
            CtaCommand::CompleteTask { task } => cta.complete(task, by)?,
        };
        Ok((after != *before).then(|| after.changed(by)))
    }

    /// Takes what was said of one of them.
    pub fn apply(&mut self, changed: &CtaChanged, at: Instant) {
        match &changed.state {
            CtaState::Open => self.put(Cta::of(changed, Standing::Open)),
            CtaState::Snoozed { until } => self.put(Cta::of(changed, Standing::Snoozed { until: *until })),
            CtaState::Closed { .. } => self.forget(changed, at),
        }
    }

    fn put(&mut self, cta: Cta) {
        match self.open.iter_mut().find(|known| known.id == cta.id) {
            Some(known) => *known = cta,
            None => self.open.push(cta),
        }
    }

    fn forget(&mut self, changed: &CtaChanged, at: Instant) {
        self.open.retain(|cta| cta.id != changed.cta);
        self.closed.retain(|closed| closed.id != changed.cta);
        if self.closed.len() == MAX_CLOSED {
            self.closed.remove(0);
        }
        let causes = std::iter::once(&changed.playbook).chain(&changed.joined).cloned().collect();
        self.closed.push(Closed { id: changed.cta, kind: changed.kind, causes, at });
    }

    fn until(cta: &Cta) -> Option<Instant> {
        match cta.standing {
            Standing::Open => None,
            Standing::Snoozed { until } => Some(until),
        }
    }
}
