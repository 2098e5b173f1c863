//! Decisions between wire and domain.

mod health;
mod workflow;

use domain::{
    decision::{Decision, MembershipChanged, Reason},
    ids::EpisodeId,
};

use crate::{
    account::{self as wire, account_record::Kind},
    error::{Malformed, id, id_bytes},
    log::Header,
};

/// Reads a decision; `Ok(None)` for anything else.
pub fn decision(header: &Header, kind: Kind) -> Result<Option<Decision>, Malformed> {
    let decision = match kind {
        Kind::HealthChanged(it) => Decision::Health(it.try_into()?),
        Kind::MembershipChanged(it) => Decision::Membership(it.try_into()?),
        Kind::RunAdvanced(it) => Decision::Run(it.try_into()?),
        Kind::CtaChanged(it) => Decision::Cta(it.try_into()?),
        Kind::NotificationRequested(it) => Decision::Notification(it.try_into()?),
        Kind::AttemptDue(it) => Decision::Attempt(it.try_into()?),
        Kind::NotificationSettled(it) => Decision::Settled(it.try_into()?),
        Kind::CommandAnswered(it) => Decision::Answer(workflow::answer(header, it)?),
        _ => return Ok(None),
    };
    Ok(Some(decision))
}

impl From<Decision> for Kind {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Health(it) => Self::HealthChanged(it.into()),
            Decision::Membership(it) => Self::MembershipChanged(it.into()),
            Decision::Run(it) => Self::RunAdvanced(it.into()),
            Decision::Cta(it) => Self::CtaChanged(it.into()),
            Decision::Notification(it) => Self::NotificationRequested(it.into()),
            Decision::Attempt(it) => Self::AttemptDue(it.into()),
            Decision::Settled(it) => Self::NotificationSettled(it.into()),
            Decision::Answer(it) => {
                Self::CommandAnswered(wire::CommandAnswered { code: it.code, message: it.message })
            }
        }
    }
}

/// What of a decision stands in its record's header: the command, notification or attempt it is about.
pub fn request_of(decision: &Decision) -> (Option<u128>, u32) {
    match decision {
        Decision::Answer(it) => (Some(it.command.0), 0),
        Decision::Notification(it) => (Some(it.notification.0), 0),
        Decision::Attempt(it) => (Some(it.notification.0), it.attempt),
        Decision::Settled(it) => (Some(it.notification.0), it.attempts),
        Decision::Health(_) | Decision::Membership(_) | Decision::Run(_) | Decision::Cta(_) => (None, 0),
    }
}

impl TryFrom<wire::MembershipChanged> for MembershipChanged {
    type Error = Malformed;

    fn try_from(it: wire::MembershipChanged) -> Result<Self, Malformed> {
        Ok(Self {
            initial: it.initial,
            by_catalogue: it.by_catalogue,
            segment: it.segment,
            member: it.member,
            episode: EpisodeId(id("membership_changed.episode", &it.episode)?),
            reasons: it.reasons.into_iter().map(Reason::from).collect(),
        })
    }
}

impl From<MembershipChanged> for wire::MembershipChanged {
    fn from(it: MembershipChanged) -> Self {
        Self {
            initial: it.initial,
            by_catalogue: it.by_catalogue,
            segment: it.segment,
            member: it.member,
            episode: id_bytes(it.episode.0),
            reasons: it.reasons.into_iter().map(wire::Reason::from).collect(),
        }
    }
}

impl From<wire::Reason> for Reason {
    fn from(it: wire::Reason) -> Self {
        Self { comparison: it.comparison, value: it.value, holds: it.holds }
    }
}

impl From<Reason> for wire::Reason {
    fn from(it: Reason) -> Self {
        Self { comparison: it.comparison, value: it.value, holds: it.holds }
    }
}
