//! Whether nothing was lost, invented, counted or decided twice: what the log holds against what was sent, against the
//! oracle, against what the services answer, and against what arrived outside.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{Display, Formatter},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use contracts::{
    account::{AccountRecord, Value, account_record::Kind, value},
    ingest::{ListQuarantineRequest, Quarantined, admin_service_client::AdminServiceClient},
};
use engine::read_envelope;
use eventlog::{Stored, Topic, proto::DeadLetter};
use oracle::{Deliveries, Record, Stories, Story, Turn, Work};
use prost::Message;

use super::{
    doors::Doors,
    faults::Ground,
    people::People,
    receiver::Receiver,
    traffic::{Fate, WORKSPACES},
};
use crate::{client::Client, evidence, log::Log, metrics, script};

const SETTLE: Duration = Duration::from_secs(240);
const LOOK: Duration = Duration::from_millis(500);
/// Services that say something of every record of the account log that cannot be read.
const FOLDERS: usize = 3;

/// What there was, when all of it was as it should be.
#[derive(Default)]
pub(super) struct Found {
    pub(super) facts: usize,
    pub(super) handed: usize,
    pub(super) records: usize,
    pub(super) decisions: usize,
    pub(super) answers: usize,
    pub(super) arrived: usize,
    pub(super) repeated: usize,
    pub(super) waiting: usize,
    pub(super) dead: usize,
    pub(super) oracle: Duration,
}

impl Display for Found {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { facts, handed, records, decisions, answers, arrived, repeated, waiting, dead, .. } = self;
        write!(
            f,
            "{records} records, {facts} facts ({handed} handed on), {decisions} decisions, {answers} commands answered, {arrived} webhooks \
             ({repeated} repeated, {waiting} not yet), {dead} dead letters; the oracle took {:?}",
            self.oracle
        )
    }
}

/// Everything that the log holds.
struct Held {
    inbox: Vec<Record>,
    account: Vec<Record>,
    dead: [Vec<Record>; 2],
}

/// Returns once every worker has folded all there is, and nothing more comes.
pub(super) async fn settle(ground: &Ground, log: &Log) -> Result<()> {
    let begun = Instant::now();
    let mut before = Vec::new();
    loop {
        let (mut lag, mut now) = (Vec::new(), Vec::new());
        for (service, number, replica) in ground.cluster.replicas() {
            let url = format!("{}/metrics", replica.http);
            let said = reqwest::get(url).await?.text().await?;
            let behind = metrics::sum(&said, "perennial_worker_lag_records").unwrap_or_default();
            lag.push(format!("{service} {number}: {behind}"));
            now.push(behind);
        }
        let is_idle = now.iter().all(|behind| *behind == 0);
        now.push(log.records_in_all().await?);
        if is_idle && now == before {
            return Ok(());
        }
        ensure!(begun.elapsed() < SETTLE, "it does not come to rest: {lag:?}");
        before = now;
        tokio::time::sleep(LOOK).await;
    }
}

pub(super) async fn check(
    log: &Log,
    doors: &Doors,
    receiver: &Receiver,
    fates: &[Fate],
    people: &People,
    longest_call: i64,
) -> Result<Found> {
    let held = Held {
        inbox: log.records(Topic::Inbox).await?,
        account: log.records(Topic::Account).await?,
        dead: [log.records(Topic::InboxDead).await?, log.records(Topic::AccountDead).await?],
    };
    let mut found = Found {
        records: held.inbox.len() + held.account.len(),
        dead: check_dead(&held)?,
        ..Found::default()
    };
    let begun = Instant::now();
    found.handed = evidence::attributed(&held.inbox, &held.account)?;
    let stories = check_decisions(&held.account, longest_call, &mut found)?;
    found.oracle = begun.elapsed();
    check_answers(&stories, people)?;
    found.answers = people.answered.len();
    let deliveries = oracle::said_of_deliveries(&held.account);
    let (forged, confused) = receiver.complaints();
    ensure!(forged == 0 && confused == 0, "{forged} webhooks were forged, {confused} ids mean two things");
    for ((workspace, _), fate) in WORKSPACES.iter().zip(fates) {
        check_conservation(&held.account, &doors.client("ingest")?, workspace, fate).await?;
        found.facts += fate.kept.len();
        let stories: BTreeMap<String, Story> = of(&stories, workspace);
        check_services(doors, workspace, &stories).await?;
        check_webhooks(receiver, workspace, &stories, &of(&deliveries, workspace), &mut found)?;
    }
    let Found { facts, handed, decisions, answers, arrived, dead, .. } = found;
    let all = [facts, handed, decisions, answers, arrived, dead];
    ensure!(!all.contains(&0), "there was nothing of some kind to compare: {found}");
    Ok(found)
}

fn of<T: Clone>(all: &BTreeMap<(String, String), T>, workspace: &str) -> BTreeMap<String, T> {
    let own = all.iter().filter(|((of, _), _)| of == workspace);
    own.map(|((_, account), it)| (account.clone(), it.clone())).collect()
}

/// Every decision, and every turn of a notification, is the oracle's.
fn check_decisions(account: &[Record], longest_call: i64, found: &mut Found) -> Result<Stories> {
    let (truth, turns) = oracle::truth_with_deliveries(account, longest_call);
    let (said, said_turns) = (oracle::said(account), oracle::said_of_deliveries(account));
    for key in truth.keys().chain(said.keys()) {
        let (truth, said) = (truth.get(key), said.get(key));
        let (truth, said) = (truth.cloned().unwrap_or_default(), said.cloned().unwrap_or_default());
        differ(key, "health", &truth.health, &said.health)?;
        differ(key, "memberships", &truth.memberships, &said.memberships)?;
        differ(key, "work", &truth.work, &said.work)?;
    }
    for key in turns.keys().chain(said_turns.keys()) {
        let of = |all: &Deliveries| all.get(key).cloned().unwrap_or_default();
        differ(key, "deliveries", &of(&turns), &of(&said_turns))?;
    }
    let decided = said.values().map(|it| it.health.len() + it.memberships.len() + it.work.len());
    found.decisions = decided.sum::<usize>() + said_turns.values().map(Vec::len).sum::<usize>();
    Ok(said)
}

fn differ<T: PartialEq + std::fmt::Debug>(
    of: &(String, String),
    what: &str,
    truth: &[T],
    said: &[T],
) -> Result<()> {
    let at = truth.iter().zip(said).take_while(|(a, b)| a == b).count();
    ensure!(
        truth == said,
        "{what} of {of:?} differ at {at} of {} and {}: the oracle has\n{:#?}\nand the log\n{:#?}",
        truth.len(),
        said.len(),
        truth.get(at),
        said.get(at)
    );
    Ok(())
}

/// Every command that a person had an answer to was answered once.
fn check_answers(stories: &Stories, people: &People) -> Result<()> {
    let mut answers: BTreeMap<u128, usize> = BTreeMap::new();
    for work in stories.values().flat_map(|story| &story.work) {
        if let Work::Answer { command, .. } = work {
            *answers.entry(*command).or_default() += 1;
        }
    }
    for command in &people.answered {
        ensure!(answers.get(command) == Some(&1), "{command:x} has {:?} answers", answers.get(command));
    }
    Ok(())
}

/// Received = kept + repeats + quarantined + waiting for an account.
async fn check_conservation(account: &[Record], ingest: &Client, workspace: &str, fate: &Fate) -> Result<()> {
    let mut kept: BTreeMap<u64, String> = BTreeMap::new();
    for (number, of) in account.iter().filter_map(|record| usage(record, workspace)) {
        let twice = kept.insert(number, of.clone()).filter(|before| *before != of);
        ensure!(twice.is_none(), "{workspace}: event {number} is {of}'s and {twice:?}'s");
    }
    let lost: Vec<_> = fate.kept.iter().filter(|(number, _)| !kept.contains_key(number)).take(5).collect();
    ensure!(lost.is_empty(), "{workspace}: lost {lost:?} and perhaps others");
    ensure!(kept == fate.kept, "{workspace}: {} facts, {} were sent", kept.len(), fate.kept.len());
    let taken = evidence::usage(account, workspace);
    ensure!(taken == kept.len(), "{workspace}: {taken} facts are taken, {} were sent", kept.len());
    let waiting = ingest.workspace(workspace).await?.events_waiting;
    ensure!(waiting == fate.parked as u64, "{workspace}: {waiting} wait, not {}", fate.parked);
    let quarantined: BTreeSet<String> =
        quarantined(ingest, workspace).await?.into_iter().map(|it| it.message_id).collect();
    let missing = fate.quarantined.difference(&quarantined).count();
    ensure!(
        quarantined == fate.quarantined,
        "{workspace}: {} in quarantine, {missing} of {} are missing",
        quarantined.len(),
        fate.quarantined.len()
    );
    Ok(())
}

/// A fact's number, and whose it is.
fn usage(record: &Record, workspace: &str) -> Option<(u64, String)> {
    let read = AccountRecord::decode(record.bytes.as_slice()).ok()?;
    let header = read.header.filter(|header| header.workspace == workspace)?;
    let Some(Kind::Usage(usage)) = read.kind else { return None };
    let number = usage.properties.into_iter().find(|property| property.name == "n")?;
    let Some(Value { kind: Some(value::Kind::Decimal(millionths)) }) = number.value else { return None };
    Some((u64::try_from(millionths / 1_000_000).ok()?, header.account))
}

async fn quarantined(ingest: &Client, workspace: &str) -> Result<Vec<Quarantined>> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let workspace = workspace.to_owned();
        let asked = ListQuarantineRequest { workspace, page_size: 1000, page_token, ..Default::default() };
        let list = async |channel| AdminServiceClient::new(channel).list_quarantine(asked.clone()).await;
        let page = ingest.ask(list).await?.into_inner();
        all.extend(page.quarantined);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(all);
        }
    }
}

/// What people are told is what was decided.
async fn check_services(doors: &Doors, workspace: &str, stories: &BTreeMap<String, Story>) -> Result<()> {
    let segments = evidence::segments(&doors.client("segmentation")?, workspace).await?;
    let counted = evidence::counted(stories);
    let of = |name: &str| counted.iter().find(|segment| segment.segment == name).cloned().unwrap_or_default();
    let is_listed = |name: &str| segments.iter().any(|segment| segment.segment == name);
    let missing: Vec<_> = counted.iter().filter(|told| !is_listed(&told.segment)).collect();
    ensure!(missing.is_empty(), "{workspace}: {missing:?} are not listed");
    for segment in &segments {
        let told = of(&segment.segment);
        let same =
            (segment.members, segment.enters, segment.leaves) == (told.members, told.enters, told.leaves);
        ensure!(same, "{workspace}: {segment:?} is not {told:?}");
    }
    let listed = script::ctas(&doors.client("workflow")?, workspace).await?.len();
    let opened = evidence::opened(stories);
    ensure!(listed == opened, "{workspace}: {listed} CTAs are listed, {opened} were opened");
    Ok(())
}

/// What arrived was asked for; what is said to be delivered arrived.
fn check_webhooks(
    receiver: &Receiver,
    workspace: &str,
    stories: &BTreeMap<String, Story>,
    deliveries: &BTreeMap<String, Vec<Turn>>,
    found: &mut Found,
) -> Result<()> {
    let (ids, repeated) = receiver.arrived(workspace);
    let arrived: BTreeSet<u128> = ids.iter().map(|id| evidence::number(id)).collect::<Result<_>>()?;
    let requested = evidence::requested(stories);
    let invented = arrived.difference(&requested).count();
    ensure!(invented == 0, "{workspace}: {invented} webhooks arrived that nobody asked for");
    let (mut delivered, mut settled) = (BTreeSet::new(), BTreeSet::new());
    for turn in deliveries.values().flatten() {
        if let Turn::Settled { notification, state, .. } = turn {
            settled.insert(*notification);
            if state == "delivered" {
                delivered.insert(*notification);
            }
        }
    }
    let missing = delivered.difference(&arrived).count();
    ensure!(missing == 0, "{workspace}: {missing} webhooks are said to be delivered and never arrived");
    found.arrived += arrived.len();
    found.repeated += repeated;
    found.waiting += requested.difference(&settled).count();
    Ok(())
}

/// Each record that nobody can read lies among the dead letters, from everybody who met it; nothing else does.
fn check_dead(held: &Held) -> Result<usize> {
    let mut dead = 0;
    for (records, letters, folders) in
        [(&held.inbox, &held.dead[0], 1), (&held.account, &held.dead[1], FOLDERS)]
    {
        let litter: BTreeSet<(u32, u64)> = records
            .iter()
            .filter(|record| is_litter(record))
            .map(|record| (record.partition, record.offset))
            .collect();
        let mut said: BTreeSet<(i32, u32, u64)> = BTreeSet::new();
        for letter in letters {
            let letter = DeadLetter::decode(letter.bytes.as_slice())?;
            let header = letter.header.unwrap_or_default();
            let cause = header.cause.unwrap_or_default();
            ensure!(
                litter.contains(&(cause.partition, cause.offset)),
                "a dead letter about {}/{} of {}: {:?}",
                cause.partition,
                cause.offset,
                letter.topic,
                letter.control
            );
            said.insert((header.service, cause.partition, cause.offset));
        }
        let wanted = litter.len() * folders;
        ensure!(said.len() == wanted, "{} dead letters, not {wanted}", said.len());
        dead += said.len();
    }
    Ok(dead)
}

/// One of those that [`crate::garbage`] makes.
fn is_litter(record: &Record) -> bool {
    let Record { offset, appended_at, bytes, .. } = record.clone();
    let stored = Stored { offset, appended_at, value: bytes.into(), traceparent: None };
    read_envelope(&stored).map_or(true, |(header, _)| header.id[..] == [7; 16])
}
