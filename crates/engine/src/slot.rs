//! One account in memory, with everything that the engine knows about it beside its state.
//!
//! Invariant: what is encoded is a function of the facts folded so far and of what was decided from them; what has
//! been read beyond that (links taken, pending decisions) is not part of it.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use eventlog::{CauseOrder, Key, Stored};

use crate::{
    codec::{Link, Put, Take},
    fold::{Fold, Poison, Wake, read_envelope},
    planted::{self, Bug},
    record::StepKey,
    timers::{Armed, By},
    trace::Origin,
};

/// The most services that one builds on.
pub(crate) const ABOVE: usize = 3;
const VERSION: u64 = 1;

/// A decision yielded and not yet read back; `None` says that the fact is skipped.
#[derive(Debug)]
pub(crate) struct Pending<D> {
    pub(crate) cause: CauseOrder,
    pub(crate) step: StepKey,
    pub(crate) decision: Option<D>,
    /// Where its span began, if it has one.
    pub(crate) origin: Option<Box<Origin>>,
}

/// A fact of a log-clock workspace before its time.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    pub(crate) due: i64,
    pub(crate) event_at: i64,
    pub(crate) rank: u8,
    pub(crate) id: u128,
    pub(crate) fact: Option<T>,
    pub(crate) record: Stored,
}

impl<T> Waiting<T> {
    fn order(&self) -> (i64, i64, u8, u128) {
        (self.due, self.event_at, self.rank, self.id)
    }
}

pub(crate) struct Slot<F: Fold> {
    pub(crate) key: Arc<Key>,
    pub(crate) workspace: u32,
    pub(crate) state: F::State,
    /// Own decisions and those from above, as folded.
    pub(crate) own: Link,
    pub(crate) above: [Link; ABOVE],
    /// The same, as read.
    pub(crate) own_read: Link,
    pub(crate) above_read: [Link; ABOVE],
    pub(crate) wake: Wake,
    pub(crate) armed_clock: Option<i64>,
    pub(crate) armed_delivery: Option<i64>,
    pub(crate) waiting: VecDeque<Waiting<F::Fact>>,
    pub(crate) pending: VecDeque<Pending<F::Decision>>,
    /// A fact about it was folded; until then it is only a name that was read.
    pub(crate) born: bool,
    /// Changed since the last checkpoint was begun.
    pub(crate) dirty: bool,
    /// Belongs to the checkpoint begun and is not encoded yet.
    pub(crate) to_encode: bool,
}

impl<F: Fold> Slot<F> {
    pub(crate) fn new(fold: &F, key: Key, workspace: u32) -> Self {
        let state = fold.fresh(&key);
        Self {
            key: Arc::new(key),
            workspace,
            state,
            own: None,
            above: [None; ABOVE],
            own_read: None,
            above_read: [None; ABOVE],
            wake: Wake::default(),
            armed_clock: None,
            armed_delivery: None,
            waiting: VecDeque::new(),
            pending: VecDeque::new(),
            born: false,
            dirty: false,
            to_encode: false,
        }
    }

    /// The earliest instant on its clock at which something is to be done.
    pub(crate) fn clock_wake(&self) -> Option<i64> {
        let waiting = self.waiting.front().map(|waiting| waiting.due);
        self.wake.clock.into_iter().chain(waiting).min()
    }

    pub(crate) fn keep_waiting(&mut self, waiting: Waiting<F::Fact>) {
        let order = waiting.order();
        let at = self.waiting.partition_point(|other| other.order() <= order);
        self.waiting.insert(at, waiting);
    }

    pub(crate) fn encode(&self, fold: &F) -> Vec<u8> {
        let mut put = Put::default();
        put.uint(VERSION).link(self.own);
        put.uint(F::ABOVE.len() as u64);
        for link in &self.above[..F::ABOVE.len()] {
            put.link(*link);
        }
        put.maybe(self.wake.clock).maybe(self.wake.delivery);
        put.uint(self.waiting.len() as u64);
        for waiting in &self.waiting {
            let Stored { offset, appended_at, value, traceparent } = &waiting.record;
            put.uint(*offset).int(*appended_at).bytes(value);
            put.bytes(traceparent.as_deref().unwrap_or_default().as_bytes());
        }
        put.bytes(&fold.encode(&self.state));
        put.0
    }

    pub(crate) fn decode(fold: &F, key: Key, workspace: u32, bytes: &[u8]) -> Result<Self, Poison> {
        let mut take = Take(bytes);
        take.version(VERSION)?;
        let own = take.link()?;
        let mut above = [None; ABOVE];
        let count = take.uint()? as usize;
        for link in above.get_mut(..count).ok_or_else(|| Poison("too many services above".into()))? {
            *link = take.link()?;
        }
        let wake = Wake { clock: take.maybe()?, delivery: take.maybe()? };
        let mut waiting = VecDeque::new();
        for _ in 0..take.uint()? {
            waiting.push_back(Self::decode_waiting(fold, &mut take)?);
        }
        if planted::is(Bug::WaitingForgotten) {
            waiting.clear();
        }
        let state = fold.decode(&key, take.bytes()?)?;
        let mut slot =
            Self { state, own, above, own_read: own, above_read: above, ..Self::new(fold, key, workspace) };
        (slot.wake, slot.waiting, slot.born) = (wake, waiting, true);
        Ok(slot)
    }

    fn decode_waiting(fold: &F, take: &mut Take<'_>) -> Result<Waiting<F::Fact>, Poison> {
        let (offset, appended_at) = (take.uint()?, take.int()?);
        let value = take.bytes()?.to_vec().into();
        let traceparent = Some(take.text()?).filter(|text| !text.is_empty()).map(Into::into);
        let record = Stored { offset, appended_at, value, traceparent };
        let (header, _) = read_envelope(&record)?;
        let fact = fold.read_fact(&header, &record)?;
        let id = StepKey::of_fact(&header);
        let rank = fact.as_ref().map_or(0, |fact| fold.rank(fact));
        Ok(Waiting { due: header.due_at, event_at: header.event_at, rank, id, fact, record })
    }
}

impl<F: Fold> Armed for Slot<F> {
    fn armed(&mut self, by: By) -> &mut Option<i64> {
        match by {
            By::Clock => &mut self.armed_clock,
            By::Delivery => &mut self.armed_delivery,
        }
    }

    fn wake(&self, by: By) -> Option<i64> {
        match by {
            By::Clock => self.clock_wake(),
            By::Delivery => self.wake.delivery,
        }
    }
}

/// Numbers of names, found without allocating.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<String, u32>);

impl Names {
    pub(crate) fn get(&self, name: &str) -> Option<u32> {
        self.0.get(name).copied()
    }

    pub(crate) fn set(&mut self, name: &str, number: u32) {
        self.0.insert(name.to_owned(), number);
    }
}
