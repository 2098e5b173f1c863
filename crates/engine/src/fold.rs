//! What a service makes of the account log: its fold, pure, in three parts.

use std::sync::Arc;

use bytes::Bytes;
use eventlog::{
    Key, NewRecord, Stored, concat_record,
    proto::{CatalogueVersion, Envelope, Header, Service},
};

use crate::Origin;

/// A record, or a stored state, that cannot be read: what is wrong with it, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Poison(pub String);

/// Why an account is looked at, within one record. A record may be several steps, each decided by itself.
#[derive(Debug)]
pub enum Step<'a, F> {
    /// Timers due at the step's instant.
    Timer,
    /// A fact, after the timers due up to its instant.
    Fact(&'a F, &'a Header),
    /// A new version of the workspace's catalogue holds from here on.
    Catalogue { fire_playbooks: bool },
    /// The service begins to decide here: say every current value, marked initial.
    Joined,
    /// Deliveries due by append time, in every workspace; the last step of every record.
    Deliver,
}

/// Where a step stands. The same for every service that folds it.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a, C> {
    pub key: &'a Key,
    /// The workspace's catalogue in force here.
    pub catalogue: &'a C,
    pub catalogue_version: u64,
    /// The account's time at this step, milliseconds UTC: what windows and conditions are taken at.
    pub instant: i64,
    /// Append time of the record being folded: what deliveries go by.
    pub appended_at: i64,
    /// The record being folded.
    pub partition: u32,
    pub offset: u64,
}

/// When an account must be looked at again though no fact arrives. Never late, perhaps early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wake {
    /// By the account's clock: the earliest instant at which any rule could flip.
    pub clock: Option<i64>,
    /// By append time: the earliest delivery or repeat of one.
    pub delivery: Option<i64>,
}

/// A service's fold over one account at a time. Pure: no clock, no dice, no I/O; and total: what `read_fact` let
/// through is folded.
pub trait Fold: Send + 'static {
    /// Compiled definitions of one workspace.
    type Catalogue: Send;
    /// One account.
    type State: Send;
    type Fact: Send;
    /// A decision, own or from above.
    type Decision: Clone + PartialEq + std::fmt::Debug + Send;
    /// What people list accounts by that no decision of this service says.
    type Shown: Send;

    const SERVICE: Service;
    /// The services it builds on, in the order in which they decide. It folds a fact once the last has passed it.
    const ABOVE: &'static [Service];

    fn compile(&self, version: &CatalogueVersion, document: &[u8]) -> Result<Self::Catalogue, Poison>;
    /// A version of a workspace's catalogue holds from here on, or did at the checkpoint: for what is kept beside the
    /// fold. Nothing that decides may depend on it.
    fn activated(&self, _workspace: &str, _version: u64, _catalogue: &Self::Catalogue) {}

    /// `Ok(None)`: a fact that is not this service's concern.
    fn read_fact(&self, header: &Header, record: &Stored) -> Result<Option<Self::Fact>, Poison>;
    /// Of facts of a log-clock workspace that happened at the same instant, those of a lower rank go first. What is not
    /// this service's concern has rank 0; services above and below must agree.
    fn rank(&self, _fact: &Self::Fact) -> u8 {
        0
    }
    fn read_decision(&self, header: &Header, record: &Stored) -> Result<Self::Decision, Poison>;
    /// The decision as the fields of a record without header, and what of the header depends on it.
    fn write_decision(&self, decision: &Self::Decision) -> WrittenDecision;

    fn fresh(&self, key: &Key) -> Self::State;
    /// Takes a step, and what the services above decided at it.
    fn take(
        &self,
        at: &Context<'_, Self::Catalogue>,
        state: &mut Self::State,
        step: &Step<'_, Self::Fact>,
        above: &[Self::Decision],
    );
    /// What follows, in order; nothing is changed.
    fn decide(
        &self,
        at: &Context<'_, Self::Catalogue>,
        state: &mut Self::State,
        step: &Step<'_, Self::Fact>,
    ) -> Vec<Self::Decision>;
    /// Takes an own decision: the one yielded, or another one that the log has in its place (`repaired`), which
    /// then starts nothing new.
    fn apply(
        &self,
        at: &Context<'_, Self::Catalogue>,
        state: &mut Self::State,
        decision: &Self::Decision,
        repaired: bool,
    );
    fn wake(&self, at: &Context<'_, Self::Catalogue>, state: &Self::State) -> Wake;
    /// What is to be shown from here on because of a step that was taken, with what the services above decided at it; what
    /// was shown before stands otherwise.
    fn shown(
        &self,
        _at: &Context<'_, Self::Catalogue>,
        _state: &Self::State,
        _step: &Step<'_, Self::Fact>,
        _above: &[Self::Decision],
    ) -> Vec<Self::Shown> {
        Vec::new()
    }

    /// The stored state, version first.
    fn encode(&self, state: &Self::State) -> Vec<u8>;
    fn decode(&self, key: &Key, bytes: &[u8]) -> Result<Self::State, Poison>;
}

/// A decision as it goes into a record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WrittenDecision {
    pub body: Bytes,
    /// Command, request or notification that it answers or performs.
    pub request_id: Bytes,
    pub attempt: u32,
}

/// A decision of this service that stands in the log, taken in order: what is projected and acted upon. Its identity
/// is its account and cause, not its offset: behind a gap it may stand in the log twice, and a worker that starts
/// between the two takes the earlier one.
#[derive(Debug, Clone)]
pub struct Decided<D> {
    pub offset: u64,
    pub appended_at: i64,
    pub header: Header,
    pub decision: D,
    pub traceparent: Option<Arc<str>>,
    /// Where its span began; only of what this assignment wrote, and where spans are asked for.
    pub origin: Option<Box<Origin>>,
}

impl<D> Decided<D> {
    /// The record again, for others, of the decision's fields.
    pub fn copy(&self, body: &[u8]) -> NewRecord {
        NewRecord { value: concat_record(self.header.clone(), body), traceparent: self.traceparent.clone() }
    }
}

/// What an account is listed by since a step was taken. A later one (by offset, then by order) takes its place.
#[derive(Debug, Clone)]
pub struct Shown<S> {
    pub key: Arc<Key>,
    /// The record of the step.
    pub offset: u64,
    pub shown: S,
}

/// What a worker projects, in order.
#[expect(clippy::large_enum_variant, reason = "nearly all are decisions: not worth an allocation each")]
#[derive(Debug, Clone)]
pub enum Projected<D, S> {
    Decided(Decided<D>),
    Shown(Shown<S>),
}

impl<D, S> Projected<D, S> {
    pub fn decided(&self) -> Option<&Decided<D>> {
        if let Self::Decided(decided) = self { Some(decided) } else { None }
    }

    pub fn shown(&self) -> Option<&Shown<S>> {
        if let Self::Shown(shown) = self { Some(shown) } else { None }
    }
}

/// Reads the part of a record that is the engine's own.
pub fn read_envelope(record: &Stored) -> Result<(Header, Envelope), Poison> {
    use prost::Message;
    let envelope =
        Envelope::decode(record.value.clone()).map_err(|e| Poison(format!("not a record: {e}")))?;
    let header = envelope.header.clone().ok_or_else(|| Poison("a record without header".into()))?;
    Ok((header, envelope))
}
