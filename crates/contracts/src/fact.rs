//! Facts between wire and domain: usage, traits, contacts, commands, reports.

use domain::{
    command::{Ask, Command, CtaCommand, RunCommand},
    decision::AttemptReported,
    fact::{Fact, FactKind, Usage},
    ids::{CommandId, ContactId, CtaId, FactId, NotificationId, RunId},
    time::Instant,
};

use crate::{
    account::{self as wire, account_record::Kind},
    error::{Malformed, id, id_bytes, optional_id},
    log::Header,
    value::{named, wire_named},
};

/// What a record of the account log says that did not follow from it: one of three things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Something happened to the account.
    Fact(Fact),
    /// Somebody asks for something.
    Command(Command),
    /// An attempt to tell somebody came to this.
    Report(AttemptReported),
}

/// Reads a fact, a command or a report; `Ok(None)` for a decision.
pub fn said(header: &Header, kind: Kind) -> Result<Option<Said>, Malformed> {
    let said = match kind {
        Kind::Usage(_)
        | Kind::AccountTraits(_)
        | Kind::ContactTraits(_)
        | Kind::ContactMembership(_)
        | Kind::ContractTerms(_) => Said::Fact(fact(header, kind)?),
        Kind::TakeCta(it) => command(header, &it.cta, it.by, CtaCommand::Take)?,
        Kind::SnoozeCta(it) => {
            command(header, &it.cta, it.by, CtaCommand::Snooze { until: Instant(it.until_at) })?
        }
        Kind::CloseCta(it) => command(header, &it.cta, it.by, CtaCommand::Close { outcome: it.outcome })?,
        Kind::ReassignCta(it) => command(header, &it.cta, it.by, CtaCommand::Reassign { owner: it.owner })?,
        Kind::CompleteCtaTask(it) => {
            command(header, &it.cta, it.by, CtaCommand::CompleteTask { task: it.task })?
        }
        Kind::DecideRun(it) => decide_run(header, it)?,
        Kind::AttemptReported(it) => Said::Report(report(it)?),
        _ => return Ok(None),
    };
    Ok(Some(said))
}

fn fact(header: &Header, kind: Kind) -> Result<Fact, Malformed> {
    let kind = match kind {
        Kind::Usage(it) => FactKind::Usage(Usage {
            contact: optional_id("usage.contact", &it.contact)?.map(ContactId),
            event: it.event,
            properties: named(it.properties),
            active: it.active,
        }),
        Kind::AccountTraits(it) => FactKind::AccountTraits(named(it.traits)),
        Kind::ContactTraits(it) => FactKind::ContactTraits {
            contact: ContactId(id("contact_traits.contact", &it.contact)?),
            traits: named(it.traits),
        },
        Kind::ContactMembership(it) => FactKind::ContactMembership {
            contact: ContactId(id("contact_membership.contact", &it.contact)?),
            member: it.member,
        },
        Kind::ContractTerms(it) => FactKind::ContractTerms { contract: it.contract, terms: named(it.terms) },
        _ => return Err(Malformed::new("kind", "not a fact")),
    };
    Ok(Fact { id: FactId(id("header.id", &header.id)?), event_at: Instant(header.event_at), kind })
}

fn command(header: &Header, cta: &[u8], by: String, ask: CtaCommand) -> Result<Said, Malformed> {
    let command = CommandId(id("header.request_id", &header.request_id)?);
    Ok(Said::Command(Command { id: command, by, ask: Ask::Cta(CtaId(id("cta", cta)?), ask) }))
}

fn decide_run(header: &Header, it: wire::DecideRun) -> Result<Said, Malformed> {
    let command = CommandId(id("header.request_id", &header.request_id)?);
    let ask = if it.approved { RunCommand::Approve } else { RunCommand::Reject };
    let run = RunId(id("decide_run.run", &it.run)?);
    Ok(Said::Command(Command { id: command, by: it.by, ask: Ask::Run(run, ask) }))
}

fn report(wire: wire::AttemptReported) -> Result<AttemptReported, Malformed> {
    let status =
        u16::try_from(wire.status).map_err(|_| Malformed::new("attempt_reported.status", "above 65535"))?;
    Ok(AttemptReported {
        notification: NotificationId(id("attempt_reported.notification", &wire.notification)?),
        attempt: wire.attempt,
        begun: !wire.not_begun,
        status: (status != 0).then_some(status),
        error: wire.error,
        retry_at: (wire.retry_at != 0).then_some(Instant(wire.retry_at)),
        began_at: Instant(wire.began_at),
        took_ms: wire.took_ms,
        permanent: wire.permanent,
    })
}

impl From<FactKind> for Kind {
    fn from(kind: FactKind) -> Self {
        match kind {
            FactKind::Usage(it) => Self::Usage(wire::Usage {
                contact: it.contact.map(|c| id_bytes(c.0)).unwrap_or_default(),
                event: it.event,
                properties: wire_named(it.properties),
                active: it.active,
                guessed: false,
            }),
            FactKind::AccountTraits(traits) => {
                Self::AccountTraits(wire::AccountTraits { traits: wire_named(traits) })
            }
            FactKind::ContactTraits { contact, traits } => Self::ContactTraits(wire::ContactTraits {
                contact: id_bytes(contact.0),
                traits: wire_named(traits),
            }),
            FactKind::ContactMembership { contact, member } => {
                Self::ContactMembership(wire::ContactMembership { contact: id_bytes(contact.0), member })
            }
            FactKind::ContractTerms { contract, terms } => {
                Self::ContractTerms(wire::ContractTerms { contract, terms: wire_named(terms) })
            }
        }
    }
}

impl From<Command> for Kind {
    /// The command's id goes into the header's `request_id`.
    fn from(command: Command) -> Self {
        let by = command.by;
        let (cta, ask) = match command.ask {
            Ask::Cta(CtaId(cta), ask) => (id_bytes(cta), ask),
            Ask::Run(RunId(run), ask) => {
                let (run, approved) = (id_bytes(run), ask == RunCommand::Approve);
                return Self::DecideRun(wire::DecideRun { run, by, approved });
            }
        };
        match ask {
            CtaCommand::Take => Self::TakeCta(wire::TakeCta { cta, by }),
            CtaCommand::Snooze { until } => Self::SnoozeCta(wire::SnoozeCta { cta, by, until_at: until.0 }),
            CtaCommand::Close { outcome } => Self::CloseCta(wire::CloseCta { cta, by, outcome }),
            CtaCommand::Reassign { owner } => Self::ReassignCta(wire::ReassignCta { cta, by, owner }),
            CtaCommand::CompleteTask { task } => {
                Self::CompleteCtaTask(wire::CompleteCtaTask { cta, by, task })
            }
        }
    }
}

impl From<AttemptReported> for Kind {
    fn from(it: AttemptReported) -> Self {
        Self::AttemptReported(wire::AttemptReported {
            notification: id_bytes(it.notification.0),
            attempt: it.attempt,
            status: it.status.map(u32::from).unwrap_or_default(),
            error: it.error,
            retry_at: it.retry_at.map(|at| at.0).unwrap_or_default(),
            began_at: it.began_at.0,
            took_ms: it.took_ms,
            not_begun: !it.begun,
            permanent: it.permanent,
        })
    }
}
