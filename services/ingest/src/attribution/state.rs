//! One contact as attribution knows it: its accounts, its traits, and what waits for an account to become known.

use std::collections::VecDeque;

use contracts::{
    account::{NamedValue, Value},
    inbox::Message,
};
use prost::Message as _;
use serde::{Deserialize, Serialize};

/// How long a message waits for its contact's account, by append time; then it goes to quarantine.
pub(crate) const PARKED_FOR_MS: i64 = 30 * 86_400_000;

/// Messages, and their bytes, that wait for one contact.
const MAX_PARKED: usize = 500;
const MAX_PARKED_BYTES: usize = 256 * 1024;
/// Traits of a contact that an account joined later learns of.
const MAX_TRAITS: usize = 256;
/// Bytes of a trait that an account joined later learns of.
const MAX_TRAIT_BYTES: usize = 1024;
/// Accounts of one contact.
const MAX_ACCOUNTS: usize = 100;

/// Version of the stored form.
const FORMAT: u8 = 2;
/// No contact was linked to another.
const WITHOUT_LINK: u8 = 1;

/// One contact.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContactState {
    /// Those it belongs to, the one it was last seen in at the end.
    accounts: Vec<String>,
    /// Sorted by name.
    traits: Vec<Trait>,
    parked: VecDeque<Held>,
    parked_bytes: usize,
    /// Of an anonymous contact: whom it turned out to be.
    known: Option<u128>,
}

/// A trait as last set: the highest (event time, id) holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trait {
    pub(crate) name: String,
    pub(crate) event_at: i64,
    pub(crate) id: u128,
    /// `None`: too large to be kept.
    pub(crate) value: Option<Value>,
}

/// A message with what its record's header says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    pub(crate) id: u128,
    pub(crate) event_at: i64,
    pub(crate) original_at: i64,
    pub(crate) appended_at: i64,
    pub(crate) message: Message,
}

impl ContactState {
    pub(crate) fn accounts(&self) -> &[String] {
        &self.accounts
    }

    pub(crate) fn last_seen_in(&self) -> Option<&str> {
        self.accounts.last().map(String::as_str)
    }

    /// The contact is seen in the account. Whether it belonged to it before.
    pub(crate) fn see_in(&mut self, account: &str) -> bool {
        if self.last_seen_in() == Some(account) {
            return true;
        }
        let belonged = self.leave(account);
        self.accounts.push(account.to_owned());
        belonged
    }

    /// A contact with more accounts than are kept leaves the one it was seen in longest ago.
    pub(crate) fn leave_oldest(&mut self) -> Option<String> {
        (self.accounts.len() > MAX_ACCOUNTS).then(|| self.accounts.remove(0))
    }

    /// Whether the contact belonged to it until now.
    pub(crate) fn leave(&mut self, account: &str) -> bool {
        let found = self.accounts.iter().position(|other| other == account);
        found.map(|at| self.accounts.remove(at)).is_some()
    }

    pub(crate) fn set_trait(&mut self, mut change: Trait) {
        change.value = change.value.filter(|value| value.encoded_len() <= MAX_TRAIT_BYTES);
        match self.traits.binary_search_by(|other| other.name.cmp(&change.name)) {
            Ok(at) if (self.traits[at].event_at, self.traits[at].id) < (change.event_at, change.id) => {
                self.traits[at] = change;
            }
            Err(at) if self.traits.len() < MAX_TRAITS => self.traits.insert(at, change),
            Ok(_) | Err(_) => {}
        }
    }

    /// What is known of the contact, by the change that set it, oldest first.
    pub(crate) fn traits_by_change(&self) -> Vec<(i64, u128, Vec<NamedValue>)> {
        let mut sorted: Vec<&Trait> = self.traits.iter().filter(|it| it.value.is_some()).collect();
        sorted.sort_by_key(|it| (it.event_at, it.id));
        let mut changes: Vec<(i64, u128, Vec<NamedValue>)> = Vec::new();
        for it in sorted {
            let value = NamedValue { name: it.name.clone(), value: it.value.clone() };
            match changes.last_mut() {
                Some((event_at, id, values)) if (*event_at, *id) == (it.event_at, it.id) => {
                    values.push(value)
                }
                _ => changes.push((it.event_at, it.id, vec![value])),
            }
        }
        changes
    }

    /// Keeps the message until an account is known; gives it back where there is no more room.
    pub(crate) fn park(&mut self, held: Held) -> Option<Held> {
        let bytes = held.message.encoded_len();
        if self.parked.len() >= MAX_PARKED || self.parked_bytes + bytes > MAX_PARKED_BYTES {
            return Some(held);
        }
        self.parked_bytes += bytes;
        self.parked.push_back(held);
        None
    }

    /// The contact turned out to be this one, if it was not known to be another before.
    pub(crate) fn link(&mut self, known: u128) -> bool {
        let is_first = self.known.is_none();
        self.known = self.known.or(Some(known));
        is_first
    }

    pub(crate) fn known(&self) -> Option<u128> {
        self.known
    }

    /// Everything that waits, in the order it came.
    pub(crate) fn release(&mut self) -> Vec<Held> {
        self.parked_bytes = 0;
        std::mem::take(&mut self.parked).into()
    }

    /// What has waited too long at an append time.
    pub(crate) fn expired(&mut self, now: i64) -> Vec<Held> {
        let old = self.parked.partition_point(|held| held.appended_at.saturating_add(PARKED_FOR_MS) <= now);
        let expired: Vec<Held> = self.parked.drain(..old).collect();
        self.parked_bytes -= expired.iter().map(|held| held.message.encoded_len()).sum::<usize>();
        expired
    }

    pub(crate) fn parked(&self) -> impl Iterator<Item = &Held> {
        self.parked.iter()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let stored = Stored {
            accounts: self.accounts.clone(),
            traits: self.traits.iter().map(Trait::stored).collect(),
            parked: self.parked.iter().map(Held::stored).collect(),
        };
        // Writing plain data to memory cannot fail.
        postcard::to_extend(&(stored, self.known), vec![FORMAT]).unwrap_or_default()
    }

    /// The state as `encode` wrote it; otherwise what is wrong with it.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (stored, known): (Stored, Option<u128>) = match bytes.split_first() {
            Some((&WITHOUT_LINK, body)) => postcard::from_bytes(body).map(|stored| (stored, None)),
            Some((&FORMAT, body)) => postcard::from_bytes(body),
            _ => return Err(format!("a contact stored in format {:?}", bytes.first())),
        }
        .map_err(|e| format!("a stored contact: {e}"))?;
        let parked: VecDeque<Held> = stored.parked.into_iter().map(Held::read).collect::<Result<_, _>>()?;
        Ok(Self {
            accounts: stored.accounts,
            traits: stored.traits.into_iter().map(Trait::read).collect::<Result<_, _>>()?,
            parked_bytes: parked.iter().map(|held| held.message.encoded_len()).sum(),
            parked,
            known,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    accounts: Vec<String>,
    traits: Vec<StoredTrait>,
    parked: Vec<StoredHeld>,
}

#[derive(Serialize, Deserialize)]
struct StoredTrait {
    name: String,
    event_at: i64,
    id: u128,
    value: Option<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct StoredHeld {
    id: u128,
    event_at: i64,
    original_at: i64,
    appended_at: i64,
    message: Vec<u8>,
}

impl Trait {
    fn stored(&self) -> StoredTrait {
        let Self { name, event_at, id, value } = self;
        StoredTrait {
            name: name.clone(),
            event_at: *event_at,
            id: *id,
            value: value.as_ref().map(Value::encode_to_vec),
        }
    }

    fn read(stored: StoredTrait) -> Result<Self, String> {
        let StoredTrait { name, event_at, id, value } = stored;
        let value = value.map(|value| Value::decode(value.as_slice())).transpose();
        let value = value.map_err(|e| format!("a stored trait: {e}"))?;
        Ok(Self { name, event_at, id, value })
    }
}

impl Held {
    fn stored(&self) -> StoredHeld {
        let Self { id, event_at, original_at, appended_at, ref message } = *self;
        StoredHeld { id, event_at, original_at, appended_at, message: message.encode_to_vec() }
    }

    fn read(stored: StoredHeld) -> Result<Self, String> {
        let StoredHeld { id, event_at, original_at, appended_at, message } = stored;
        let message = Message::decode(message.as_slice()).map_err(|e| format!("a parked message: {e}"))?;
        Ok(Self { id, event_at, original_at, appended_at, message })
    }
}
