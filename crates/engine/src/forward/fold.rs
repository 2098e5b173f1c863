//! What attribution makes of the inbox: a fold over contacts whose outputs are forwards to account partitions.

use std::sync::Arc;

use bytes::Bytes;
use eventlog::{
    Key, Stored,
    proto::{CatalogueVersion, ClockKind, Header},
};

use crate::{Origin, Poison};

/// Where an inbox record stands.
#[derive(Debug, Clone, Copy)]
pub struct ForwardContext<'a, C> {
    pub key: &'a Key,
    /// The workspace's catalogue in force here.
    pub catalogue: &'a C,
    pub catalogue_version: u64,
    pub clock: ClockKind,
    /// On the log clock: what this inbox partition last heard; `None` before the first `ClockAdvanced`.
    pub clock_at: Option<i64>,
    pub partition: u32,
    pub offset: u64,
    pub appended_at: i64,
}

impl<C> ForwardContext<'_, C> {
    /// The `due_at` of a fact forwarded here: on the log clock its event time, or the clock + 1 ms if that has
    /// passed (late or released facts); 0 on the wall clock.
    pub fn due_at(&self, event_at: i64) -> i64 {
        match self.clock {
            ClockKind::Log => self.clock_at.map_or(event_at, |clock| event_at.max(clock.saturating_add(1))),
            ClockKind::Wall | ClockKind::Unspecified => 0,
        }
    }
}

/// A fact for an account, or a message for another contact. The engine adds service, cause, link, writer, format and
/// catalogue version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// The account, or in the inbox the contact.
    pub to: Key,
    /// The fact's or message's id, 16 bytes.
    pub id: Bytes,
    pub event_at: i64,
    pub original_at: i64,
    /// Of a fact: from `ForwardContext::due_at`.
    pub due_at: i64,
    /// The record's fields without header.
    pub body: Bytes,
}

/// What one inbox record leads to.
#[derive(Debug)]
pub struct Forwards<I> {
    pub facts: Vec<Forward>,
    /// For other contacts. There they are folded where they stand, and never as repeats: an id may be the one that was
    /// seen here.
    pub messages: Vec<Forward>,
    /// For the store, keyed by (offset, index): contacts, quarantine.
    pub items: Vec<I>,
}

impl<I> Default for Forwards<I> {
    fn default() -> Self {
        Self { facts: Vec::new(), messages: Vec::new(), items: Vec::new() }
    }
}

/// A projection item of a forwarder with where it follows from: what makes it idempotent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded<I> {
    pub partition: u32,
    pub offset: u64,
    pub index: u32,
    pub appended_at: i64,
    pub key: Key,
    pub item: I,
}

/// A fact handed on to an account's log, in a span of its own: told once, when it is first yielded. Its age counts from
/// the record that it follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    pub workspace: String,
    pub account: String,
    /// Where its span began.
    pub origin: Origin,
    pub traceparent: Arc<str>,
}

/// A fold over one inbox partition, one contact (key of the inbox) at a time. Pure and deterministic: only
/// determinism fences forwards, so what it yields changes only by a numbered meaning.
pub trait ForwardFold: Send + 'static {
    /// What it needs of a workspace's catalogue.
    type Catalogue: Send;
    /// One contact.
    type State: Send;
    type Fact: Send;
    /// What is projected of it: contacts, quarantine.
    type Item: Send;

    fn compile(&self, version: &CatalogueVersion, document: &[u8]) -> Result<Self::Catalogue, Poison>;
    fn read_fact(&self, header: &Header, record: &Stored) -> Result<Self::Fact, Poison>;
    /// What a repeat is known by: 128 bits of a hash over workspace, source and message id. What appeared
    /// within the 24 hours before (of append time) is dropped; `None` is never a repeat. Kept by the engine. Not asked
    /// of what another partition handed on, which comes once.
    fn identity(&self, header: &Header, fact: &Self::Fact) -> Option<u128>;

    fn fresh(&self, key: &Key) -> Self::State;
    fn fold(
        &self,
        at: &ForwardContext<'_, Self::Catalogue>,
        state: &mut Self::State,
        header: &Header,
        fact: Self::Fact,
        out: &mut Forwards<Self::Item>,
    );
    /// The wake-up asked for is due, by append time.
    fn timer(
        &self,
        at: &ForwardContext<'_, Self::Catalogue>,
        state: &mut Self::State,
        out: &mut Forwards<Self::Item>,
    );
    /// When, by append time, the contact must be looked at again; later than the present after `timer`.
    fn wake(&self, state: &Self::State) -> Option<i64>;

    /// The stored state, version first.
    fn encode(&self, state: &Self::State) -> Vec<u8>;
    fn decode(&self, key: &Key, bytes: &[u8]) -> Result<Self::State, Poison>;
}
