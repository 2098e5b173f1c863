//! What people ask of one account's CTAs and runs, and why it is refused.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{CommandId, CtaId, RunId},
    time::Instant,
};

/// Bytes of what a command says: who asks, whose it becomes, how it ended. An owner is as long at most.
pub const SAID_MOST: usize = 200;

/// What a person asks for about one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    pub id: CommandId,
    pub by: String,
    pub ask: Ask,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    Cta(CtaId, CtaCommand),
    /// Of a run that waits for somebody's yes.
    Run(RunId, RunCommand),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CtaCommand {
    Take,
    Snooze { until: Instant },
    Close { outcome: String },
    Reassign { owner: String },
    CompleteTask { task: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunCommand {
    Approve,
    Reject,
}

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
    #[error("CTAs of this type end as one of {known}")]
    OutcomeUnknown { known: String },
    #[error("the CTA has no such task left to do")]
    TaskNotFound,
    #[error("this account has no such run under way")]
    RunNotFound,
    #[error("the run waits for nobody's approval")]
    RunNotWaiting,
    #[error("it is not said who asks")]
    AskerMissing,
    #[error("it is not said how it ended")]
    OutcomeMissing,
    #[error("it is not said whose it becomes")]
    OwnerMissing,
    #[error("it is not said which task is done")]
    TaskMissing,
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
            Self::OutcomeUnknown { .. } => "OUTCOME_UNKNOWN",
            Self::TaskNotFound => "TASK_NOT_FOUND",
            Self::RunNotFound => "RUN_NOT_FOUND",
            Self::RunNotWaiting => "RUN_NOT_WAITING",
            Self::AskerMissing => "ASKER_MISSING",
            Self::OutcomeMissing => "OUTCOME_MISSING",
            Self::OwnerMissing => "OWNER_MISSING",
            Self::TaskMissing => "TASK_MISSING",
            Self::TextUnfit { .. } => "TEXT_UNFIT",
        }
    }
}

impl Command {
    /// Whether it can be asked of any CTA, or run.
    ///
    /// # Errors
    /// What it does not say, or says unfit to be kept.
    pub fn check(&self) -> Result<(), Refusal> {
        said("who asks", &self.by, Refusal::AskerMissing)?;
        match &self.ask {
            Ask::Cta(_, CtaCommand::Close { outcome }) => {
                said("how it ended", outcome, Refusal::OutcomeMissing)
            }
            Ask::Cta(_, CtaCommand::Reassign { owner }) => {
                said("whose it becomes", owner, Refusal::OwnerMissing)
            }
            Ask::Cta(_, CtaCommand::CompleteTask { task }) => {
                said("which task is done", task, Refusal::TaskMissing)
            }
            Ask::Cta(_, CtaCommand::Take | CtaCommand::Snooze { .. }) | Ask::Run(..) => Ok(()),
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
