//! What a Perennial did in the end, by its log, by its APIs and by the receiver of its webhooks; each checked against
//! the others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use anyhow::{Result, ensure};
use contracts::{
    account::{AccountRecord, account_record::Kind},
    cta::Cta,
    ingest::{ListQuarantineRequest, admin_service_client::AdminServiceClient},
    segment::{ListSegmentsRequest, SegmentSummary, segment_service_client::SegmentServiceClient},
};
use eventlog::Topic;
use oracle::{Record, Stories, Story, Work};
use prost::Message;
use serde_json::Value as Json;

use crate::{
    client::Client,
    log::Log,
    receiver::{Call, Receiver},
    script,
};

/// What became of a workspace; equal for equal facts on the log's clock.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) stories: BTreeMap<String, Story>,
    pub(crate) segments: Vec<SegmentSummary>,
    pub(crate) ctas: Vec<Cta>,
    /// Webhooks taken: id and body.
    pub(crate) webhooks: BTreeMap<String, Vec<u8>>,
}

/// Everything that was decided, once it is what the oracle computes; nothing was refused or unreadable.
pub(crate) async fn stories(log: &Log) -> Result<Stories> {
    for topic in [Topic::InboxDead, Topic::AccountDead] {
        let dead = log.records(topic).await?.len();
        ensure!(dead == 0, "{dead} dead letters in {}", topic.name());
    }
    let (inbox, account) = (log.records(Topic::Inbox).await?, log.records(Topic::Account).await?);
    attributed(&inbox, &account)?;
    decided(&account)
}

/// Every fact is in the account that the oracle says; how many messages contacts handed on.
pub(crate) fn attributed(inbox: &[Record], account: &[Record]) -> Result<usize> {
    let (given, taken) = oracle::handed_on(inbox);
    same_in_order("messages handed on", &given, &taken)?;
    same_in_order("facts", &oracle::attributed(inbox), &oracle::forwarded(account))?;
    Ok(taken.len())
}

/// What the log says is what the oracle has, or where it is not.
pub(crate) fn same_in_order<T: PartialEq + Debug>(what: &str, truth: &[T], said: &[T]) -> Result<()> {
    let at = truth.iter().zip(said).take_while(|(a, b)| a == b).count();
    ensure!(
        truth == said,
        "{what} differ at {at} of {} and {}: the oracle has\n{:#?}\nand the log\n{:#?}",
        truth.len(),
        said.len(),
        truth.get(at),
        said.get(at)
    );
    Ok(())
}

/// Every decision, each the oracle's.
pub(crate) fn decided(account: &[Record]) -> Result<Stories> {
    let (truth, said) = (oracle::truth(account), oracle::said(account));
    for (key, story) in &truth {
        let said = said.get(key);
        ensure!(said == Some(story), "of {key:?} the log says\n{said:#?}\nand the oracle\n{story:#?}");
    }
    ensure!(said.len() == truth.len(), "{} accounts have decisions, not {}", said.len(), truth.len());
    Ok(said)
}

/// Each of so many acknowledged events is a fact of a workspace once.
pub(crate) async fn check_facts(log: &Log, client: &Client, workspace: &str, sent: usize) -> Result<()> {
    let account = log.records(Topic::Account).await?;
    let taken = usage(&account, workspace);
    ensure!(taken == sent, "{taken} facts are taken of {workspace}, {sent} were sent");
    let ids: BTreeSet<Vec<u8>> = account.iter().filter_map(|record| usage_of(record, workspace)).collect();
    ensure!(ids.len() == sent, "{} ids of facts in {workspace}, {sent} were sent", ids.len());
    let counted = client.workspace(workspace).await?.events;
    ensure!(counted == sent as u64, "{workspace} counts {counted} events, {sent} were sent");
    Ok(())
}

/// How often somebody did something in a workspace, by the facts that readers take.
pub(crate) fn usage(account: &[Record], workspace: &str) -> usize {
    let facts = oracle::forwarded(account).into_iter();
    // Beside them stands that a contact came to belong to an account.
    facts.filter(|fact| fact.workspace == workspace && fact.fact.contains(" did ")).count()
}

fn usage_of(record: &Record, workspace: &str) -> Option<Vec<u8>> {
    let read = AccountRecord::decode(record.bytes.as_slice()).ok()?;
    let header = read.header.filter(|header| header.workspace == workspace)?;
    matches!(read.kind, Some(Kind::Usage(_))).then(|| header.id.to_vec())
}

/// The workspace's part of the stories, beside what its services answer and what was delivered.
pub(crate) async fn outcome(
    stories: &Stories,
    client: &Client,
    receiver: &Receiver,
    workspace: &str,
) -> Result<Outcome> {
    let stories: BTreeMap<String, Story> = stories
        .iter()
        .filter(|((of, _), _)| of == workspace)
        .map(|((_, account), story)| (account.clone(), story.clone()))
        .collect();
    let refused = quarantined(client, workspace).await?;
    ensure!(refused == 0, "{refused} events of {workspace} were refused");
    let segments = segments(client, workspace).await?;
    ensure!(segments == counted(&stories), "{workspace}: {segments:?} are not {:?}", counted(&stories));
    let ctas = sorted(script::ctas(client, workspace).await?);
    let opened = opened(&stories);
    ensure!(ctas.len() == opened, "{} CTAs of {workspace} are listed, {opened} were opened", ctas.len());
    let webhooks = webhooks(&receiver.calls(workspace))?;
    let requested = requested(&stories);
    let ids: BTreeSet<u128> = webhooks.keys().map(|id| number(id)).collect::<Result<_>>()?;
    ensure!(
        ids.iter().eq(requested.keys()),
        "{} webhooks of {workspace}, {} were decided",
        ids.len(),
        requested.len()
    );
    Ok(Outcome { stories, segments, ctas, webhooks })
}

async fn quarantined(client: &Client, workspace: &str) -> Result<usize> {
    let asked = ListQuarantineRequest { workspace: workspace.to_owned(), ..Default::default() };
    let list = async |channel| AdminServiceClient::new(channel).list_quarantine(asked.clone()).await;
    Ok(client.ask(list).await?.into_inner().quarantined.len())
}

pub(crate) async fn segments(client: &Client, workspace: &str) -> Result<Vec<SegmentSummary>> {
    let asked =
        ListSegmentsRequest { workspace: workspace.to_owned(), page_size: 1000, ..Default::default() };
    let list = async |channel| SegmentServiceClient::new(channel).list_segments(asked.clone()).await;
    let segments = client.ask(list).await?.into_inner().segments.into_iter();
    // No story tells a title.
    let untitled = segments.map(|segment| SegmentSummary { title: String::new(), ..segment });
    let mut segments: Vec<_> = untitled.collect();
    segments.sort_by(|a, b| a.segment.cmp(&b.segment));
    Ok(segments)
}

/// What the stories come to for each segment.
pub(crate) fn counted(stories: &BTreeMap<String, Story>) -> Vec<SegmentSummary> {
    let mut counted: BTreeMap<&str, SegmentSummary> = BTreeMap::new();
    for change in stories.values().flat_map(|story| &story.memberships) {
        let of = counted.entry(&change.segment).or_default();
        of.segment.clone_from(&change.segment);
        if change.member {
            of.enters += 1;
        } else {
            of.leaves += 1;
        }
        of.members = of.enters - of.leaves;
    }
    counted.into_values().collect()
}

/// How many different CTAs the stories open.
pub(crate) fn opened(stories: &BTreeMap<String, Story>) -> usize {
    let work = stories.values().flat_map(|story| &story.work);
    let ctas = work.filter_map(|work| if let Work::Cta(change) = work { Some(change.cta) } else { None });
    ctas.collect::<BTreeSet<_>>().len()
}

/// The webhooks that the stories ask for, and what they are to say.
pub(crate) fn requested(stories: &BTreeMap<String, Story>) -> BTreeMap<u128, &Json> {
    let work = stories.values().flat_map(|story| &story.work);
    let asked = work.filter_map(|work| match work {
        Work::Notification(change) if !change.dropped => Some((change.notification, &change.body)),
        _ => None,
    });
    asked.collect()
}

/// How many attempts to deliver the log asks for in a workspace.
pub(crate) fn asked(account: &[Record], workspace: &str) -> usize {
    let records = account.iter().filter_map(|record| AccountRecord::decode(record.bytes.as_slice()).ok());
    let of_workspace =
        records.filter(|record| record.header.as_ref().is_some_and(|it| it.workspace == workspace));
    of_workspace.filter(|record| matches!(record.kind, Some(Kind::AttemptDue(_)))).count()
}

/// The number that a UUID is.
pub(crate) fn number(id: &str) -> Result<u128> {
    Ok(u128::from_str_radix(&id.replace('-', ""), 16)?)
}

/// What was taken; a repeat has the same body under its id.
fn webhooks(calls: &[Call]) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut bodies: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for call in calls {
        let body = bodies.entry(call.id.clone()).or_insert_with(|| call.body.to_vec());
        ensure!(*body == call.body, "two webhooks are called {}", call.id);
    }
    let taken: BTreeSet<&String> = calls.iter().filter(|call| call.taken).map(|call| &call.id).collect();
    ensure!(taken.len() == bodies.len(), "{} webhooks were never taken", bodies.len() - taken.len());
    Ok(bodies)
}

fn sorted(mut ctas: Vec<Cta>) -> Vec<Cta> {
    ctas.sort_by(|a, b| a.cta.cmp(&b.cta));
    ctas
}
