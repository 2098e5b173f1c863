//! What a record is to the engine: somebody's decision, a `Passed`, or a fact of some kind.

use bytes::Bytes;
use eventlog::{
    CauseOrder, FORMAT, GENERATION, Key, NewRecord, Stored, TopicPartition, control_record,
    proto::{CatalogueVersion, Cause, ClockAdvanced, Control, DeadLetter, Header, Service, Skipped, control},
};
use prost::Message;

use crate::{
    codec::Link,
    fold::{Poison, read_envelope},
};

/// Where within a record something was decided: the step's instant, and its fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StepKey {
    pub(crate) instant: i64,
    /// Zero for a timer; small numbers for steps without a fact of their own.
    pub(crate) fact: u128,
}

impl StepKey {
    pub(crate) const TIMER: u128 = 0;
    pub(crate) const CATALOGUE: u128 = 1;
    pub(crate) const JOINED: u128 = 2;
    pub(crate) const DELIVER: u128 = 3;
    /// A fact that carries no id.
    pub(crate) const NAMELESS: u128 = 4;

    pub(crate) fn timer(instant: i64) -> Self {
        Self { instant, fact: Self::TIMER }
    }

    pub(crate) fn of_fact(header: &Header) -> u128 {
        <[u8; 16]>::try_from(&header.id[..]).map_or(Self::NAMELESS, u128::from_be_bytes)
    }

    pub(crate) fn of_decision(header: &Header) -> Self {
        let fact = <[u8; 16]>::try_from(&header.fact_id[..]).map_or(Self::TIMER, u128::from_be_bytes);
        Self { instant: header.instant_at, fact }
    }

    /// As it goes into a header.
    pub(crate) fn fact_id(self) -> Bytes {
        if self.fact == Self::TIMER { Bytes::new() } else { Bytes::copy_from_slice(&self.fact.to_be_bytes()) }
    }
}

/// What stands in a record.
#[derive(Debug)]
pub(crate) enum Read {
    Passed {
        service: Service,
        offset: u64,
    },
    /// `skipped`: why its cause was not folded, if that is what was decided.
    Decision {
        service: Service,
        cause: CauseOrder,
        before: Link,
        skipped: Option<Poison>,
        header: Header,
    },
    Fact(Header, FactKind),
}

#[derive(Debug)]
pub(crate) enum FactKind {
    /// About one account; the service's fold reads the rest.
    Account,
    Tick,
    Clock(ClockAdvanced),
    Catalogue(CatalogueVersion),
    Joined(Service),
    Unreadable(Poison),
}

/// Sorts a record; total.
pub(crate) fn read(record: &Stored) -> Read {
    let unreadable = |header, why: &str| Read::Fact(header, FactKind::Unreadable(Poison(why.into())));
    let (header, envelope) = match read_envelope(record) {
        Ok(read) => read,
        Err(Poison(why)) => return unreadable(Header::default(), &why),
    };
    if header.format > FORMAT || header.generation > GENERATION {
        return unreadable(header, "a record of a later format or generation");
    }
    let control = match envelope.control.map(|control| control.kind) {
        Some(None) => return unreadable(header, "a control of an unknown kind"),
        Some(Some(kind)) => Some(kind),
        None => None,
    };
    sort(header, control)
}

fn sort(header: Header, control: Option<control::Kind>) -> Read {
    use control::Kind;
    let service = header.service();
    if let (Some(cause), true) = (&header.cause, !matches!(service, Service::Unspecified | Service::Ingest)) {
        let skipped = match control {
            Some(Kind::Skipped(skipped)) => Some(Poison(skipped.reason)),
            _ => None,
        };
        let (cause, before) = (cause.order(), header.before.as_ref().map(Cause::order));
        return Read::Decision { service, cause, before, skipped, header };
    }
    let kind = match control {
        Some(Kind::Passed(passed)) => {
            return Read::Passed { service: passed.service(), offset: passed.offset };
        }
        None => FactKind::Account,
        Some(Kind::Tick(_)) => FactKind::Tick,
        Some(Kind::ClockAdvanced(clock)) => FactKind::Clock(clock),
        Some(Kind::Joined(joined)) => FactKind::Joined(joined.service()),
        Some(Kind::CatalogueVersion(version)) => FactKind::Catalogue(version),
        Some(Kind::Skipped(_)) => FactKind::Unreadable(Poison("a skip that nobody decided".into())),
    };
    Read::Fact(header, kind)
}

/// The header of a record that the engine writes.
pub(crate) fn header(key: &Key, writer: &Bytes) -> Header {
    Header {
        format: FORMAT,
        generation: GENERATION,
        workspace: key.workspace.clone(),
        account: key.account.clone(),
        writer: writer.clone(),
        ..Header::default()
    }
}

pub(crate) fn cause_at(partition: u32, (offset, index): CauseOrder) -> Cause {
    Cause { partition, offset, index }
}

/// A record about a whole partition.
pub(crate) fn partition_record(writer: &Bytes, kind: control::Kind) -> NewRecord {
    let header = header(&Key::new("", ""), writer);
    NewRecord { value: control_record(header, kind), traceparent: None }
}

/// The most of a record that its dead letter holds, bytes. What we write is smaller; what others write may be larger than
/// what a log takes with a letter around it.
const MOST_OF_A_RECORD: usize = 1 << 20;

/// What goes to the dead-letter topic: the record as it was found, and what is wrong with it.
pub(crate) fn dead_letter(header: Header, from: TopicPartition, record: &Stored, why: &Poison) -> NewRecord {
    let (bytes, kept) = (record.value.len(), record.value.len().min(MOST_OF_A_RECORD));
    let cut = if kept < bytes {
        format!(" (of its {bytes} bytes the first {kept} are here)")
    } else {
        String::new()
    };
    let reason = format!("{why}{cut}");
    let letter = DeadLetter {
        header: Some(header),
        control: Some(Control { kind: Some(control::Kind::Skipped(Skipped { reason })) }),
        topic: from.topic.name().into(),
        record: record.value.slice(..kept),
    };
    NewRecord { value: letter.encode_to_vec().into(), traceparent: record.traceparent.clone() }
}
