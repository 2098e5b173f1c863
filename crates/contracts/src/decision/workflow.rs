//! Runs, CTAs and notifications between wire and domain.

use domain::{
    decision::{
        AttemptDue, Channel, CommandAnswered, CtaChanged, CtaState, CtaType, NotificationRequested,
        NotificationSettled, NotificationState, Reason, RunAdvanced, RunEnd, RunState, Task,
    },
    ids::{CommandId, CtaId, EpisodeId, NotificationId, RunId},
    time::{Day, Instant},
};

use crate::{
    account as wire,
    error::{Malformed, id, id_bytes, optional_id},
    log::Header,
};

pub(super) fn answer(header: &Header, it: wire::CommandAnswered) -> Result<CommandAnswered, Malformed> {
    let command = CommandId(id("header.request_id", &header.request_id)?);
    Ok(CommandAnswered { command, code: it.code, message: it.message })
}

impl TryFrom<wire::RunAdvanced> for RunAdvanced {
    type Error = Malformed;

    fn try_from(it: wire::RunAdvanced) -> Result<Self, Malformed> {
        let state = match it.state() {
            wire::RunState::Unspecified => {
                return Err(Malformed::new("run_advanced.state", "missing or unknown"));
            }
            wire::RunState::Started => RunState::Started,
            wire::RunState::Waiting => {
                RunState::Waiting { until: Instant(it.until_at), approval: it.awaits_approval }
            }
            wire::RunState::Ended => RunState::Ended { because: it.end().into() },
        };
        Ok(Self {
            run: RunId(id("run_advanced.run", &it.run)?),
            playbook: it.playbook,
            trigger: id("run_advanced.trigger", &it.trigger)?,
            state,
            step: it.step,
            reasons: it.reasons.into_iter().map(Reason::from).collect(),
        })
    }
}

impl From<RunAdvanced> for wire::RunAdvanced {
    fn from(it: RunAdvanced) -> Self {
        let (state, until_at, awaits_approval, end) = match it.state {
            RunState::Started => (wire::RunState::Started, 0, false, wire::RunEnd::Unspecified),
            RunState::Waiting { until, approval } => {
                (wire::RunState::Waiting, until.0, approval, wire::RunEnd::Unspecified)
            }
            RunState::Ended { because } => (wire::RunState::Ended, 0, false, because.into()),
        };
        Self {
            run: id_bytes(it.run.0),
            playbook: it.playbook,
            trigger: id_bytes(it.trigger),
            state: state.into(),
            step: it.step,
            until_at,
            reasons: it.reasons.into_iter().map(wire::Reason::from).collect(),
            awaits_approval,
            end: end.into(),
        }
    }
}

impl From<wire::RunEnd> for RunEnd {
    fn from(it: wire::RunEnd) -> Self {
        match it {
            wire::RunEnd::Unspecified => Self::Done,
            wire::RunEnd::Goal => Self::Goal,
            wire::RunEnd::TimedOut => Self::TimedOut,
            wire::RunEnd::Rejected => Self::Rejected,
            wire::RunEnd::Undefined => Self::Undefined,
        }
    }
}

impl From<RunEnd> for wire::RunEnd {
    fn from(it: RunEnd) -> Self {
        match it {
            RunEnd::Done => Self::Unspecified,
            RunEnd::Goal => Self::Goal,
            RunEnd::TimedOut => Self::TimedOut,
            RunEnd::Rejected => Self::Rejected,
            RunEnd::Undefined => Self::Undefined,
        }
    }
}

impl TryFrom<wire::CtaChanged> for CtaChanged {
    type Error = Malformed;

    fn try_from(it: wire::CtaChanged) -> Result<Self, Malformed> {
        let state = match it.state() {
            wire::CtaState::Unspecified => {
                return Err(Malformed::new("cta_changed.state", "missing or unknown"));
            }
            wire::CtaState::Open => CtaState::Open,
            wire::CtaState::Snoozed => CtaState::Snoozed { until: Instant(it.until_at) },
            wire::CtaState::Closed => CtaState::Closed { outcome: it.outcome.clone() },
        };
        Ok(Self {
            cta: CtaId(id("cta_changed.cta", &it.cta)?),
            kind: it.r#type().try_into()?,
            state,
            title: it.title,
            priority: it.priority,
            owner: it.owner,
            due: it.due_day.map(Day),
            reasons: it.reasons.into_iter().map(Reason::from).collect(),
            playbook: it.playbook,
            run: RunId(id("cta_changed.run", &it.run)?),
            episode: optional_id("cta_changed.episode", &it.episode)?.map(EpisodeId),
            by: it.by,
            tasks: it.tasks.into_iter().map(Task::from).collect(),
            touched: it.touched,
            joined: it.joined_playbooks,
        })
    }
}

impl From<CtaChanged> for wire::CtaChanged {
    fn from(it: CtaChanged) -> Self {
        let (state, until_at, outcome) = match it.state {
            CtaState::Open => (wire::CtaState::Open, 0, String::new()),
            CtaState::Snoozed { until } => (wire::CtaState::Snoozed, until.0, String::new()),
            CtaState::Closed { outcome } => (wire::CtaState::Closed, 0, outcome),
        };
        Self {
            cta: id_bytes(it.cta.0),
            r#type: wire::CtaType::from(it.kind).into(),
            state: state.into(),
            title: it.title,
            priority: it.priority,
            owner: it.owner,
            due_day: it.due.map(|day| day.0),
            reasons: it.reasons.into_iter().map(wire::Reason::from).collect(),
            playbook: it.playbook,
            run: id_bytes(it.run.0),
            episode: it.episode.map(|episode| id_bytes(episode.0)).unwrap_or_default(),
            until_at,
            outcome,
            by: it.by,
            tasks: it.tasks.into_iter().map(wire::Task::from).collect(),
            touched: it.touched,
            joined_playbooks: it.joined,
        }
    }
}

impl From<wire::Task> for Task {
    fn from(it: wire::Task) -> Self {
        let wire::Task { title, done_by } = it;
        Self { title, done_by }
    }
}

impl From<Task> for wire::Task {
    fn from(it: Task) -> Self {
        let Task { title, done_by } = it;
        Self { title, done_by }
    }
}

impl TryFrom<wire::CtaType> for CtaType {
    type Error = Malformed;

    fn try_from(it: wire::CtaType) -> Result<Self, Malformed> {
        match it {
            wire::CtaType::Unspecified => Err(Malformed::new("cta_changed.type", "missing or unknown")),
            wire::CtaType::Risk => Ok(Self::Risk),
            wire::CtaType::Opportunity => Ok(Self::Opportunity),
            wire::CtaType::Lifecycle => Ok(Self::Lifecycle),
            wire::CtaType::Objective => Ok(Self::Objective),
        }
    }
}

impl From<CtaType> for wire::CtaType {
    fn from(it: CtaType) -> Self {
        match it {
            CtaType::Risk => Self::Risk,
            CtaType::Opportunity => Self::Opportunity,
            CtaType::Lifecycle => Self::Lifecycle,
            CtaType::Objective => Self::Objective,
        }
    }
}

impl TryFrom<wire::NotificationRequested> for NotificationRequested {
    type Error = Malformed;

    fn try_from(it: wire::NotificationRequested) -> Result<Self, Malformed> {
        let channel = match it.channel.as_str() {
            "webhook" => Channel::Webhook,
            "slack" => Channel::Slack,
            "email" => Channel::Email,
            other => {
                return Err(Malformed::new("notification_requested.channel", format!("unknown: {other}")));
            }
        };
        let body = String::from_utf8(it.body)
            .map_err(|_| Malformed::new("notification_requested.body", "not UTF-8"))?;
        Ok(Self {
            notification: NotificationId(id("notification_requested.notification", &it.notification)?),
            playbook: it.playbook,
            run: RunId(id("notification_requested.run", &it.run)?),
            step: it.step,
            channel,
            recipient: it.recipient,
            body,
        })
    }
}

impl From<NotificationRequested> for wire::NotificationRequested {
    fn from(it: NotificationRequested) -> Self {
        Self {
            notification: id_bytes(it.notification.0),
            playbook: it.playbook,
            run: id_bytes(it.run.0),
            step: it.step,
            channel: it.channel.name().to_owned(),
            recipient: it.recipient,
            body: it.body.into_bytes(),
        }
    }
}

impl TryFrom<wire::AttemptDue> for AttemptDue {
    type Error = Malformed;

    fn try_from(it: wire::AttemptDue) -> Result<Self, Malformed> {
        let notification = NotificationId(id("attempt_due.notification", &it.notification)?);
        Ok(Self { notification, attempt: it.attempt })
    }
}

impl From<AttemptDue> for wire::AttemptDue {
    fn from(it: AttemptDue) -> Self {
        Self { notification: id_bytes(it.notification.0), attempt: it.attempt }
    }
}

impl TryFrom<wire::NotificationSettled> for NotificationSettled {
    type Error = Malformed;

    fn try_from(it: wire::NotificationSettled) -> Result<Self, Malformed> {
        let state = match it.state() {
            wire::NotificationState::Unspecified | wire::NotificationState::Open => {
                return Err(Malformed::new("notification_settled.state", "missing or unknown"));
            }
            wire::NotificationState::Delivered => NotificationState::Delivered,
            wire::NotificationState::Dropped => NotificationState::Dropped,
            wire::NotificationState::Failed => NotificationState::Failed,
            wire::NotificationState::Gone => NotificationState::Gone,
        };
        let notification = NotificationId(id("notification_settled.notification", &it.notification)?);
        Ok(Self { notification, state, attempts: it.attempts })
    }
}

impl From<NotificationSettled> for wire::NotificationSettled {
    fn from(it: NotificationSettled) -> Self {
        let state = match it.state {
            NotificationState::Delivered => wire::NotificationState::Delivered,
            NotificationState::Dropped => wire::NotificationState::Dropped,
            NotificationState::Failed => wire::NotificationState::Failed,
            NotificationState::Gone => wire::NotificationState::Gone,
        };
        Self { notification: id_bytes(it.notification.0), state: state.into(), attempts: it.attempts }
    }
}
