//! Whether what nobody can read, and nothing else, lies among the dead letters, with what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use eventlog::{
    Topic,
    proto::{DeadLetter, Service, control},
};
use oracle::Record;
use prost::Message;

use super::check::Held;
use crate::garbage::{Trouble, trouble};

/// Who says something of every record of a topic that cannot be read.
const READERS: [(Topic, &[Service]); 2] = [
    (Topic::Inbox, &[Service::Ingest]),
    (Topic::Account, &[Service::HealthScore, Service::Segmentation, Service::Workflow]),
];

/// Where a record stands.
type Place = (u32, u64);

/// How many letters there are: of each reader one about each such record, or the same again.
pub(super) fn check(held: &Held) -> Result<usize> {
    let mut dead = 0;
    for ((topic, readers), (records, letters)) in
        READERS.into_iter().zip([&held.inbox, &held.account].into_iter().zip(&held.dead))
    {
        let litter = litter(records);
        let of = |place: Place| readers.iter().map(move |reader| (*reader as i32, place));
        let wanted: BTreeSet<(i32, Place)> = litter.keys().copied().flat_map(of).collect();
        let told: BTreeSet<(i32, Place)> =
            letters.iter().map(|letter| check_letter(letter, topic, &litter)).collect::<Result<_>>()?;
        let missing: Vec<_> = wanted.difference(&told).take(5).collect();
        ensure!(missing.is_empty(), "no dead letters in {}: {missing:?}", topic.name());
        ensure!(told == wanted, "{} dead letters in {}, not {}", told.len(), topic.name(), wanted.len());
        dead += told.len();
    }
    Ok(dead)
}

fn litter(records: &[Record]) -> BTreeMap<Place, (&Record, Trouble)> {
    let litter = records.iter().filter_map(|record| Some((record, trouble(&record.bytes)?)));
    litter.map(|(record, trouble)| ((record.partition, record.offset), (record, trouble))).collect()
}

/// Who says it of which record; fails unless it is that record with what is wrong with it.
fn check_letter(
    letter: &Record,
    topic: Topic,
    litter: &BTreeMap<Place, (&Record, Trouble)>,
) -> Result<(i32, Place)> {
    let letter = DeadLetter::decode(letter.bytes.as_slice())?;
    let header = letter.header.unwrap_or_default();
    let cause = header.cause.unwrap_or_default();
    let place = (cause.partition, cause.offset);
    let Some(control::Kind::Skipped(skipped)) = letter.control.and_then(|control| control.kind) else {
        anyhow::bail!("a dead letter without a reason, about {place:?} of {}", letter.topic);
    };
    let why = skipped.reason;
    let found = litter.get(&place).with_context(|| format!("a dead letter about {place:?}: {why}"))?;
    let (record, trouble) = found;
    ensure!(letter.topic == topic.name() && letter.record == record.bytes, "{place:?} is another: {why}");
    ensure!(why.starts_with(reason(*trouble, topic)), "{trouble:?} at {place:?} is a dead letter for: {why}");
    Ok((header.service, place))
}

/// How the reason begins.
fn reason(trouble: Trouble, topic: Topic) -> &'static str {
    match (trouble, topic) {
        (Trouble::NoRecord, _) => "not a record: ",
        (Trouble::NoHeader, _) => "a record without header",
        (Trouble::UnknownKind, Topic::Inbox) => "an inbox record of a kind that this build does not know",
        (Trouble::UnknownKind, _) => "kind: missing or unknown",
    }
}
