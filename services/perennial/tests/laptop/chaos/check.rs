//! Whether nothing was lost, invented, counted or decided twice: what the log holds against what was sent, against the
//! oracle, against what the services answer, and against what arrived outside.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{Display, Formatter},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use eventlog::Topic;
use oracle::{Deliveries, Record, Stories, Story, Turn, Work};
use serde_json::Value as Json;

use super::{
    conserved, dead,
    doors::Doors,
    people::People,
    receiver::Receiver,
    traffic::{Fate, WORKSPACES},
};
use crate::{client::Client, evidence, log::Log, told::Tellers};

/// What there was, when all of it was as it should be.
#[derive(Default)]
pub(super) struct Found {
    pub(super) facts: usize,
    pub(super) repeats: usize,
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
        let Self {
            facts,
            repeats,
            handed,
            records,
            decisions,
            answers,
            arrived,
            repeated,
            waiting,
            dead,
            ..
        } = self;
        write!(
            f,
            "{records} records, {facts} facts ({handed} handed on, {repeats} repeats dropped), {decisions} decisions, {answers} commands answered, {arrived} webhooks \
             ({repeated} repeated, {waiting} not yet), {dead} dead letters; the oracle took {:?}",
            self.oracle
        )
    }
}

/// Everything that the log holds.
pub(super) struct Held {
    pub(super) inbox: Vec<Record>,
    pub(super) account: Vec<Record>,
    /// Letters about the inbox, and about the account log.
    pub(super) dead: [Vec<Record>; 2],
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
        dead: dead::check(&held)?,
        ..Found::default()
    };
    let begun = Instant::now();
    found.handed = evidence::attributed(&held.inbox, &held.account)?;
    let stories = check_decisions(&held.account, longest_call, &mut found)?;
    found.oracle = begun.elapsed();
    check_answers(&stories, people)?;
    found.answers = people.answered.len();
    let deliveries = oracle::said_of_deliveries(&held.account);
    let tellers = Tellers {
        health: doors.client("health-score")?,
        segmentation: doors.client("segmentation")?,
        workflow: doors.client("workflow")?,
    };
    let (forged, confused) = receiver.complaints();
    ensure!(forged == 0 && confused == 0, "{forged} webhooks were forged, {confused} ids mean two things");
    for ((workspace, _), fate) in WORKSPACES.iter().zip(fates) {
        found.repeats += conserved::check(&held, &doors.client("ingest")?, workspace, fate).await?;
        found.facts += fate.kept.len();
        let stories: BTreeMap<String, Story> = of(&stories, workspace);
        let deliveries: BTreeMap<String, Vec<Turn>> = of(&deliveries, workspace);
        let defined = people.defined.get(workspace).context("nothing was defined")?;
        check_segments(&tellers.segmentation, workspace, &stories, defined).await?;
        tellers.check(workspace, &stories, &deliveries).await?;
        check_webhooks(receiver, workspace, &stories, &deliveries, &mut found)?;
    }
    let Found { facts, repeats, handed, decisions, answers, arrived, dead, .. } = found;
    let all = [facts, repeats, handed, decisions, answers, arrived, dead];
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
        let of = |what: &str| format!("{what} of {key:?}");
        evidence::same_in_order(&of("health"), &truth.health, &said.health)?;
        evidence::same_in_order(&of("memberships"), &truth.memberships, &said.memberships)?;
        evidence::same_in_order(&of("work"), &truth.work, &said.work)?;
    }
    for key in turns.keys().chain(said_turns.keys()) {
        let of = |all: &Deliveries| all.get(key).cloned().unwrap_or_default();
        evidence::same_in_order(&format!("deliveries of {key:?}"), &of(&turns), &of(&said_turns))?;
    }
    let decided = said.values().map(|it| it.health.len() + it.memberships.len() + it.work.len());
    found.decisions = decided.sum::<usize>() + said_turns.values().map(Vec::len).sum::<usize>();
    Ok(said)
}

/// Every command that a person had an answer to was answered once, and so.
fn check_answers(stories: &Stories, people: &People) -> Result<()> {
    let mut answers: BTreeMap<u128, Vec<&str>> = BTreeMap::new();
    for work in stories.values().flat_map(|story| &story.work) {
        if let Work::Answer { command, code, .. } = work {
            answers.entry(*command).or_default().push(code);
        }
    }
    for (command, heard) in &people.answered {
        let said = answers.get(command).map_or(&[][..], Vec::as_slice);
        ensure!(said == [heard.as_str()], "{command:x} was answered {said:?}, and somebody heard {heard:?}");
    }
    Ok(())
}

/// The segments of the last definitions are listed and no others, each with the counts that were decided.
async fn check_segments(
    segmentation: &Client,
    workspace: &str,
    stories: &BTreeMap<String, Story>,
    defined: &Json,
) -> Result<()> {
    let listed = evidence::segments(segmentation, workspace).await?;
    let names: BTreeSet<&str> = listed.iter().map(|segment| &*segment.segment).collect();
    let of_catalogue = defined["segments"].as_object().into_iter().flat_map(|all| all.keys());
    let of_catalogue: BTreeSet<&str> = of_catalogue.map(String::as_str).collect();
    ensure!(names == of_catalogue, "{workspace}: {names:?} are listed, defined are {of_catalogue:?}");
    let counted = evidence::counted(stories);
    for segment in &listed {
        let told = counted.iter().find(|told| told.segment == segment.segment).cloned().unwrap_or_default();
        let same =
            (segment.members, segment.enters, segment.leaves) == (told.members, told.enters, told.leaves);
        ensure!(same, "{workspace}: {segment:?} is not {told:?}");
    }
    let left = counted.iter().find(|told| told.members > 0 && !names.contains(&*told.segment));
    ensure!(left.is_none(), "{workspace}: nobody left {left:?}, which is taken out");
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
    let (bodies, repeated) = receiver.arrived(workspace);
    let requested = evidence::requested(stories);
    let mut arrived: BTreeSet<u128> = BTreeSet::new();
    for (id, body) in bodies {
        let (id, body): (_, Json) = (evidence::number(&id)?, serde_json::from_slice(&body)?);
        let asked = requested.get(&id);
        ensure!(
            asked == Some(&&body),
            "{workspace}: {id:x} arrived as\n{body:#}\nand was asked for as\n{asked:#?}"
        );
        arrived.insert(id);
    }
    let requested: BTreeSet<u128> = requested.into_keys().collect();
    let (mut delivered, mut settled, mut tried) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for turn in deliveries.values().flatten() {
        match turn {
            Turn::Asked { notification, .. } => _ = tried.insert(*notification),
            Turn::Settled { notification, state, .. } => {
                settled.insert(*notification);
                if state == "delivered" {
                    delivered.insert(*notification);
                }
            }
        }
    }
    // Of some, the playbook or its condition is gone before the first attempt.
    let untried = requested.iter().filter(|id| !tried.contains(id) && !settled.contains(id)).count();
    ensure!(untried == 0, "{workspace}: {untried} webhooks were never tried");
    let missing = delivered.difference(&arrived).count();
    ensure!(missing == 0, "{workspace}: {missing} webhooks are said to be delivered and never arrived");
    found.arrived += arrived.len();
    found.repeated += repeated;
    found.waiting += requested.difference(&settled).count();
    Ok(())
}
