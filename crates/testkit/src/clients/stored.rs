//! What clients said against what the log has of it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use contracts::{
    account::{AccountRecord, NamedValue, account_record::Kind, value},
    inbox::{InboxRecord, MessageKind, inbox_record},
    log::Header,
};
use prost::Message;

use super::{
    program::Client,
    sender::{CALLS, LAST, Outcome, Round, Sender},
};

/// How long after its time an event may seem to have happened: retries of RudderStack's SDK for Node.js carry the time
/// at which they were sent first.
const LATE_MS: f64 = 60_000.0;
/// From an SDK's reading of its clock to the test's, and back.
const EARLY_MS: f64 = 10_000.0;
/// How long before a call its event happened, where it names a time.
const DAY_MS: f64 = 86_400_000.0;

/// The events of a workspace, by the names of their calls: those of the account log as its readers take them, and
/// aliases, which say nothing of an account yet and stand in the inbox alone.
#[derive(Debug)]
pub struct Stored(BTreeMap<String, Vec<Found>>);

#[derive(Debug)]
struct Found {
    account: Option<String>,
    event_at: f64,
    original_at: f64,
}

impl Stored {
    /// Of the bytes of every record in the account log and in the inbox.
    pub fn of<B: AsRef<[u8]>>(
        workspace: &str,
        account: impl IntoIterator<Item = B>,
        inbox: impl IntoIterator<Item = B>,
    ) -> Result<Self> {
        let mut stored = Self(BTreeMap::new());
        for (what, header) in facts(workspace, account)? {
            let account = Some(header.account.clone());
            stored.0.entry(what).or_default().push(Found::new(&header, account));
        }
        for (what, header) in aliases(workspace, inbox)? {
            stored.0.entry(what).or_default().push(Found::new(&header, None));
        }
        Ok(stored)
    }

    /// Whether every call of the last round is there: what was said before it is, too, or never will be.
    pub fn is_whole(&self) -> bool {
        CALLS.iter().all(|call| self.0.contains_key(&format!("{call} {LAST}")))
    }

    pub fn events(&self) -> u64 {
        self.0.values().map(|found| found.len() as u64).sum()
    }

    /// Whether every event that the client did not give up is there once, in its account, at its time; and no other.
    pub fn check(mut self, sender: &Sender) -> Result<()> {
        for Round { name, outcome, told } in &sender.rounds {
            for (call, made_at) in &told.made {
                let found = self.0.remove(&format!("{call} {name}")).unwrap_or_default();
                let given_up = told.failed.contains(call);
                check_count(*outcome, given_up, found.len())
                    .and_then(|()| found.iter().try_for_each(|it| it.check(sender.client, call, *made_at)))
                    .with_context(|| {
                        let who = sender.client.name();
                        format!("{who}: {call} {name}, made at {made_at}, given up {given_up}: {found:?}")
                    })?;
            }
        }
        ensure!(self.0.is_empty(), "nobody sent {:?}", self.0);
        Ok(())
    }
}

fn check_count(outcome: Outcome, given_up: bool, stored: usize) -> Result<()> {
    let right = match (outcome, given_up) {
        (Outcome::Refused | Outcome::GivenUp, _) => stored == 0,
        // Given up while the edge was taking it.
        (Outcome::Kept | Outcome::Either, true) => stored <= 1,
        (Outcome::Kept | Outcome::Either, false) => stored == 1,
    };
    ensure!(right, "stored {stored} times");
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
impl Found {
    fn new(header: &Header, account: Option<String>) -> Self {
        Self { account, event_at: header.event_at as f64, original_at: header.original_at as f64 }
    }

    fn check(&self, client: Client, call: &str, made_at: f64) -> Result<()> {
        let account = self.account.as_deref();
        ensure!(call == "alias" || account == Some(client.account_of(call)), "in the wrong account");
        // RudderStack's client for Node.js sends a time that it is given beside its own, and that is not corrected.
        let is_named = matches!(client, Client::RudderNode) && call == "track";
        let (clock_ms, called_after) = if is_named { (0, DAY_MS) } else { (client.clock_ms(), 0.0) };
        let off = self.event_at - (made_at - clock_ms as f64);
        ensure!((-EARLY_MS..LATE_MS).contains(&off), "{off} ms off its time");
        let original_off = self.original_at - (made_at + called_after);
        // Who joins an account brings what was known of them before, at its time.
        let as_said = call == "identify" || (-EARLY_MS..EARLY_MS).contains(&original_off);
        ensure!(as_said, "{original_off} ms off what the client said");
        Ok(())
    }
}

/// Facts that calls made, links taken: a forward that stands there twice counts once.
fn facts<B: AsRef<[u8]>>(
    workspace: &str,
    records: impl IntoIterator<Item = B>,
) -> Result<Vec<(String, Header)>> {
    let mut taken = BTreeMap::new();
    for record in records {
        let record = AccountRecord::decode(record.as_ref())?;
        let (Some(header), Some(kind)) = (record.header, record.kind) else { continue };
        if let (true, Some(what)) = (header.workspace == workspace, called(&kind)) {
            let cause = header.cause.unwrap_or_default();
            let place = (cause.partition, cause.offset, cause.index, header.account.clone());
            taken.entry(place).or_insert((what, header));
        }
    }
    Ok(taken.into_values().collect())
}

/// In the inbox a repeat is known by its id.
fn aliases<B: AsRef<[u8]>>(
    workspace: &str,
    records: impl IntoIterator<Item = B>,
) -> Result<Vec<(String, Header)>> {
    let mut aliases = BTreeMap::new();
    for record in records {
        let record = InboxRecord::decode(record.as_ref())?;
        if let (Some(header), Some(inbox_record::Kind::Message(message))) = (record.header, record.kind)
            && header.workspace == workspace
            && message.kind() == MessageKind::Alias
        {
            aliases.entry(header.id.clone()).or_insert((message.message_id, header));
        }
    }
    Ok(aliases.into_values().collect())
}

/// The call that a fact is of, and its round.
fn called(kind: &Kind) -> Option<String> {
    match kind {
        Kind::ContactTraits(it) => Some(format!("identify {}", round(&it.traits)?)),
        Kind::AccountTraits(it) => Some(format!("group {}", round(&it.traits)?)),
        Kind::Usage(usage) => {
            let event = usage.event.strip_prefix("Viewed ").unwrap_or(&usage.event);
            let (what, round) = event.split_once(' ')?;
            let call = if what == "Did" { "track".to_owned() } else { what.to_lowercase() };
            Some(format!("{call} {round}"))
        }
        _ => None,
    }
}

fn round(traits: &[NamedValue]) -> Option<String> {
    let named = traits.iter().find(|it| it.name == "round")?;
    match named.value.as_ref()?.kind.as_ref()? {
        value::Kind::Text(text) => Some(text.clone()),
        _ => None,
    }
}
