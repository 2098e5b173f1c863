//! What is known of an account that a notification tells.

use crate::{ids::ContactId, time::Instant, value::Value};

/// As a message asks for it. Texts are bounded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// The account's trait `name`.
    pub name: Option<String>,
    /// Its trait `owner`: whose the account is.
    pub owner: Option<String>,
    pub traits: Vec<(String, Option<Value>)>,
    /// In words; `None`: unknown.
    pub measures: Vec<(String, Option<String>)>,
    /// Whether it is in them.
    pub segments: Vec<(String, bool)>,
    /// `None`: not asked for.
    pub contacts: Option<Vec<SeenContact>>,
}

/// A person at the account, under the pseudonym.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenContact {
    pub contact: ContactId,
    pub last_seen: Option<Instant>,
    pub traits: Vec<(String, Option<Value>)>,
}
