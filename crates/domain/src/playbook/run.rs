//! One pass of a playbook over one account.

use serde::{Deserialize, Serialize};

use super::{signal::Signal, workflow::Moment};
use crate::{
    decision::{Reason, RunAdvanced, RunEnd, RunState},
    ids::{CtaId, NotificationId, RunId, derived},
    time::Instant,
};

/// Open at once over one account; a trigger beyond starts nothing.
pub const MAX_RUNS: usize = 64;

/// A run that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub playbook: String,
    pub signal: Signal,
    pub reasons: Vec<Reason>,
    pub standing: Standing,
    pub started_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It goes through its steps, within one step of the log.
    Stepping,
    Waiting {
        step: String,
        until: Instant,
    },
}

impl Run {
    pub(super) fn of(at: &Moment<'_>, playbook: &str, signal: &Signal, reasons: &[Reason]) -> Self {
        Self {
            id: id(at, playbook, signal),
            playbook: playbook.into(),
            signal: signal.clone(),
            reasons: reasons.to_vec(),
            standing: Standing::Stepping,
            started_at: at.instant,
        }
    }

    pub(super) fn until(&self) -> Option<Instant> {
        match self.standing {
            Standing::Stepping => None,
            Standing::Waiting { until, .. } => Some(until),
        }
    }

    pub(super) fn started(&self, first_step: &str) -> RunAdvanced {
        let reasons = self.reasons.clone();
        RunAdvanced { reasons, ..self.advanced(RunState::Started, first_step) }
    }

    pub(super) fn waiting(&self, step: &str, until: Instant, approval: bool) -> RunAdvanced {
        self.advanced(RunState::Waiting { until, approval }, step)
    }

    pub(super) fn ended(&self, because: RunEnd) -> RunAdvanced {
        self.advanced(RunState::Ended { because }, "")
    }

    fn advanced(&self, state: RunState, step: &str) -> RunAdvanced {
        RunAdvanced {
            run: self.id,
            playbook: self.playbook.clone(),
            trigger: self.signal.id(),
            state,
            step: step.into(),
            reasons: Vec::new(),
        }
    }

    /// The CTA that one of its steps opens.
    pub(super) fn cta(&self, at: &Moment<'_>, step: &str) -> CtaId {
        CtaId(self.derived("cta", at, step))
    }

    /// The notification that one of its steps requests.
    pub(super) fn notification(&self, at: &Moment<'_>, step: &str) -> NotificationId {
        NotificationId(self.derived("notification", at, step))
    }

    fn derived(&self, kind: &str, at: &Moment<'_>, step: &str) -> u128 {
        derived(&[
            kind.as_bytes(),
            at.workspace.as_bytes(),
            self.playbook.as_bytes(),
            at.account.as_bytes(),
            &self.signal.id().to_be_bytes(),
            step.as_bytes(),
        ])
    }
}

/// The run that a signal starts: the same at every refold.
pub(super) fn id(at: &Moment<'_>, playbook: &str, signal: &Signal) -> RunId {
    let trigger = signal.id().to_be_bytes();
    RunId(derived(&[b"run", at.workspace.as_bytes(), playbook.as_bytes(), at.account.as_bytes(), &trigger]))
}
