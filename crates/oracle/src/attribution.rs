//! Which facts belong in which account: from the records of the inbox, and as the account log has them.

use std::collections::BTreeMap;

use prost::Message as _;

use crate::{
    account::{Value, id, named, texts},
    log::{Record, What, entries, partitions},
    wire::perennial::{
        account::v1::account_record::Kind as Body,
        inbox::v1::{InboxRecord, Message, MessageKind, inbox_record::Kind},
        log::v1::{ClockKind, control},
    },
};

const REPEATED_WITHIN_MS: i64 = 24 * 3_600_000;
const PARKED_FOR_MS: i64 = 30 * 24 * 3_600_000;
/// A contact belongs to so many at once, and to one more by leaving the one it was named with longest ago.
const ACCOUNTS: usize = 100;
/// By this event a contact leaves an account.
const REMOVED: &str = "Account Removed User";

/// A fact that an account has, without the ids that only tell facts apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attributed {
    pub workspace: String,
    pub account: String,
    pub event_at: i64,
    /// On the log clock: when it is folded.
    pub due_at: i64,
    /// What it says, in words.
    pub fact: String,
}

/// A message of an anonymous contact that is another's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Handed {
    pub workspace: String,
    /// Whose it is.
    pub contact: Vec<u8>,
    pub event_at: i64,
    /// All that it says, but by whom, in words.
    pub message: String,
}

/// What attribution should have forwarded, from all records of the inbox: sorted.
pub fn attributed(inbox: &[Record]) -> Vec<Attributed> {
    let mut facts: Vec<Attributed> =
        partitions(inbox).values().flat_map(|records| of_partition(records).facts).collect();
    facts.sort();
    facts
}

/// What anonymous contacts should have handed on to known ones, and what these have taken over: sorted.
pub fn handed_on(inbox: &[Record]) -> (Vec<Handed>, Vec<Handed>) {
    let (mut given, mut taken) = (Vec::new(), Vec::new());
    for records in partitions(inbox).values() {
        let led = of_partition(records);
        given.extend(led.given);
        taken.extend(led.taken);
    }
    given.sort();
    taken.sort();
    (given, taken)
}

/// The facts that readers of the account log take as forwarded: sorted.
pub fn forwarded(log: &[Record]) -> Vec<Attributed> {
    let taken = partitions(log).into_values().flat_map(|records| entries(&records));
    let mut facts: Vec<Attributed> = taken
        .filter_map(|entry| {
            let What::Said(kind) = entry.what else { return None };
            let header = entry.header;
            header.cause?;
            Some(Attributed {
                workspace: header.workspace,
                account: header.account,
                event_at: header.event_at,
                due_at: header.due_at,
                fact: words(kind),
            })
        })
        .collect();
    facts.sort();
    facts
}

/// A message as it stands in the inbox, with the workspace's clock there.
struct Said {
    workspace: String,
    event_at: i64,
    appended_at: i64,
    /// `None`: a wall-clock workspace.
    clock: Option<i64>,
    message: Message,
    /// By a contact that turned out to be this one.
    was_handed: bool,
}

type Named = Vec<(String, Option<Value>)>;

/// What is known of one contact so far.
#[derive(Default)]
struct Contact {
    /// The one it was last named with at the end.
    accounts: Vec<String>,
    /// (event time, id, traits).
    traits: Vec<(i64, Vec<u8>, Named)>,
    parked: Vec<Said>,
    /// Whom it turned out to be first.
    known: Option<Vec<u8>>,
}

/// What a partition of the inbox leads to.
#[derive(Default)]
struct Led {
    facts: Vec<Attributed>,
    /// To other contacts.
    given: Vec<Handed>,
    /// From other contacts.
    taken: Vec<Handed>,
}

fn of_partition(records: &[&Record]) -> Led {
    let mut contacts: BTreeMap<(String, Vec<u8>), Contact> = BTreeMap::new();
    let mut seen: BTreeMap<(String, String, String, i32), i64> = BTreeMap::new();
    let mut clocks: BTreeMap<String, i64> = BTreeMap::new();
    let mut led = Led::default();
    let mut handed_to: BTreeMap<u32, (u64, u32)> = BTreeMap::new();
    let mut time = i64::MIN;
    for record in records {
        // The log's clock may fall, time does not.
        time = time.max(record.appended_at);
        let Ok(InboxRecord { header: Some(header), control, kind }) =
            InboxRecord::decode(record.bytes.as_slice())
        else {
            continue;
        };
        match control.and_then(|control| control.kind) {
            Some(control::Kind::CatalogueVersion(version)) if version.clock() == ClockKind::Log => {
                clocks.entry(header.workspace.clone()).or_insert(i64::MIN);
            }
            Some(control::Kind::ClockAdvanced(clock)) => {
                let now = clocks.entry(header.workspace.clone()).or_insert(i64::MIN);
                *now = clock.to_at.max(*now);
            }
            _ => {}
        }
        let Some(Kind::Message(message)) = kind else { continue };
        if let Some(cause) = header.cause {
            let before = header.before.map(|before| (before.offset, before.index));
            if handed_to.get(&cause.partition).copied() != before {
                continue;
            }
            handed_to.insert(cause.partition, (cause.offset, cause.index));
            led.taken.push(handed(&header.workspace, &message.contact, header.event_at, &message));
        } else {
            let key =
                (header.workspace.clone(), message.source.clone(), message.message_id.clone(), message.kind);
            let before = seen.insert(key, time);
            if before.is_some_and(|before| time - before < REPEATED_WITHIN_MS) {
                continue;
            }
        }
        let contact = contacts.entry((header.workspace.clone(), message.contact.clone())).or_default();
        let said = Said {
            event_at: header.event_at,
            appended_at: time,
            clock: clocks.get(&header.workspace).copied(),
            workspace: header.workspace,
            message,
            was_handed: header.cause.is_some(),
        };
        contact.hear(said, &header.id, &mut led);
    }
    led
}

fn handed(workspace: &str, contact: &[u8], event_at: i64, message: &Message) -> Handed {
    Handed {
        workspace: workspace.to_owned(),
        contact: contact.to_owned(),
        event_at,
        message: format!("{:?}", Message { contact: Vec::new(), anonymous: false, ..message.clone() }),
    }
}

impl Contact {
    fn hear(&mut self, said: Said, fact: &[u8], led: &mut Led) {
        let facts = &mut led.facts;
        self.parked.retain(|parked| said.appended_at - parked.appended_at < PARKED_FOR_MS);
        let Message { kind: _, contact, context_account, group_account, .. } = &said.message;
        let traits = named(said.message.traits.clone());
        if !contact.is_empty() {
            for account in [context_account, group_account].into_iter().filter(|a| !a.is_empty()) {
                self.join(account, &said, facts);
            }
        }
        match said.message.kind() {
            MessageKind::Group if group_account.is_empty() => {}
            MessageKind::Group if traits.is_empty() && !contact.is_empty() => {}
            MessageKind::Group => {
                facts.push(said.fact(group_account, said.event_at, account_traits(&traits)));
            }
            MessageKind::Identify if !traits.is_empty() => {
                for account in &self.accounts {
                    facts.push(said.fact(account, said.event_at, contact_traits(contact, &traits)));
                }
                // A repeat that came after a day says nothing new.
                if self.traits.iter().all(|(at, id, _)| (*at, id.as_slice()) != (said.event_at, fact)) {
                    self.traits.push((said.event_at, fact.to_vec(), traits));
                }
            }
            MessageKind::Contract if !group_account.is_empty() => {
                let fact = contract_terms(&said.message.contract, &named(said.message.terms.clone()));
                facts.push(said.fact(group_account, said.event_at, fact));
            }
            MessageKind::Track | MessageKind::Page | MessageKind::Screen => self.usage(said, led),
            MessageKind::Link if self.known.is_none() => {
                for parked in std::mem::take(&mut self.parked) {
                    led.give(&parked, &said.message.known);
                }
                self.known = Some(said.message.known);
            }
            _ => {}
        }
    }

    fn join(&mut self, account: &str, by: &Said, facts: &mut Vec<Attributed>) {
        let known = self.accounts.iter().any(|known| known == account);
        self.accounts.retain(|known| known != account);
        self.accounts.push(account.to_owned());
        if known {
            return;
        }
        let contact = &by.message.contact;
        facts.push(by.fact(account, by.event_at, membership(contact, true)));
        for (event_at, fact, traits) in &self.traits {
            let holding: Vec<(String, Option<Value>)> = traits
                .iter()
                .filter(|(name, _)| self.holds_last(name) == Some((*event_at, fact)))
                .cloned()
                .collect();
            if !holding.is_empty() {
                facts.push(by.fact(account, *event_at, contact_traits(contact, &holding)));
            }
        }
        if self.accounts.len() > ACCOUNTS {
            let oldest = self.accounts.remove(0);
            facts.push(by.fact(&oldest, by.event_at, membership(contact, false)));
        }
        for parked in std::mem::take(&mut self.parked) {
            let parked = Said { clock: by.clock, ..parked };
            usage_of(account, &parked, false, facts);
        }
    }

    /// The event time and id of the change that a trait's value comes from.
    fn holds_last(&self, name: &str) -> Option<(i64, &Vec<u8>)> {
        let of_name = self.traits.iter().filter(|(_, _, traits)| traits.iter().any(|(n, _)| n == name));
        of_name.map(|(at, fact, _)| (*at, fact)).max()
    }

    fn usage(&mut self, said: Said, led: &mut Led) {
        let facts = &mut led.facts;
        let Message { context_account, group_account, .. } = &said.message;
        let named = [context_account, group_account].into_iter().find(|account| !account.is_empty()).cloned();
        let guessed = named.is_none() && self.accounts.len() > 1;
        match named.or_else(|| self.accounts.last().cloned()) {
            Some(account) => {
                usage_of(&account, &said, guessed, facts);
                if said.message.event == REMOVED && self.accounts.contains(&account) {
                    self.accounts.retain(|known| *known != account);
                    facts.push(said.fact(&account, said.event_at, membership(&said.message.contact, false)));
                }
            }
            None => match &self.known {
                Some(known) if !said.was_handed => led.give(&said, known),
                _ => self.parked.push(said),
            },
        }
    }
}

impl Led {
    fn give(&mut self, said: &Said, to: &[u8]) {
        self.given.push(handed(&said.workspace, to, said.event_at, &said.message));
    }
}

fn usage_of(account: &str, said: &Said, guessed: bool, facts: &mut Vec<Attributed>) {
    let Message { contact, event, properties, active, .. } = &said.message;
    let fact = usage(contact, event, &named(properties.clone()), *active, guessed);
    facts.push(said.fact(account, said.event_at, fact));
    let traits = named(said.message.traits.clone());
    if !guessed && !traits.is_empty() {
        facts.push(said.fact(account, said.event_at, account_traits(&traits)));
    }
}

impl Said {
    fn fact(&self, account: &str, event_at: i64, fact: String) -> Attributed {
        let due = |clock: i64| if event_at > clock { event_at } else { clock + 1 };
        Attributed {
            workspace: self.workspace.clone(),
            account: account.to_owned(),
            event_at,
            due_at: self.clock.map_or(0, due),
            fact,
        }
    }
}

fn words(kind: Body) -> String {
    match kind {
        Body::Usage(u) => usage(&u.contact, &u.event, &named(u.properties), u.active, u.guessed),
        Body::AccountTraits(said) => account_traits(&named(said.traits)),
        Body::ContactTraits(said) => contact_traits(&said.contact, &named(said.traits)),
        Body::ContactMembership(said) => membership(&said.contact, said.member),
        Body::ContractTerms(said) => contract_terms(&said.contract, &named(said.terms)),
        other => format!("{other:?}"),
    }
}

fn usage(
    contact: &[u8],
    event: &str,
    properties: &[(String, Option<Value>)],
    active: bool,
    guessed: bool,
) -> String {
    format!("{:x?} did {event} ({}), active {active}, guessed {guessed}", id(contact), list(properties))
}

fn account_traits(traits: &[(String, Option<Value>)]) -> String {
    format!("the account is {}", list(traits))
}

fn contact_traits(contact: &[u8], traits: &[(String, Option<Value>)]) -> String {
    format!("{:x?} is {}", id(contact), list(traits))
}

fn contract_terms(contract: &str, terms: &[(String, Option<Value>)]) -> String {
    format!("contract {contract} is {}", list(terms))
}

fn membership(contact: &[u8], member: bool) -> String {
    format!("{:x?} belongs: {member}", id(contact))
}

/// Sorted by name.
fn list(values: &[(String, Option<Value>)]) -> String {
    let mut sorted: Vec<String> =
        values.iter().map(|(name, value)| format!("{name}={}", texts(std::slice::from_ref(value)))).collect();
    sorted.sort();
    sorted.join("; ")
}
