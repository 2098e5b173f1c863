//! Toy attribution: a contact's messages go to the account they name, or to the contact's; else they are parked.

use bytes::Bytes;
use engine::{Forward, ForwardContext, ForwardFold, Forwards, Poison};
use eventlog::{
    Key, Stored,
    proto::{CatalogueVersion, Header},
};
use prost::Message;

use super::toy::Toy;

/// A toy message: `kind` says whether it joins, `a` is its id, `b` its account or -1; of a link the other contact.
pub(super) const TRACK: i64 = 0;
pub(super) const GROUP: i64 = 1;
pub(super) const LINK: i64 = 2;
/// Milliseconds that something stays parked.
pub(super) const PARKED: i64 = 3_000;

/// A contact: its account, whom it turned out to be, and what waits for an account: (message, event time), since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    account: Option<i64>,
    linked: Option<i64>,
    pub(super) parked: Vec<(i64, i64)>,
    pub(super) since: i64,
}

/// What a message makes of a contact, each as (account or contact, message, event time).
#[derive(Default)]
pub(super) struct Made {
    pub(super) facts: Vec<(i64, i64, i64)>,
    /// What another contact is handed.
    pub(super) messages: Vec<(i64, i64, i64)>,
}

/// Folds a message that was appended then. What has been handed on already stays.
pub(super) fn fold(state: &mut State, toy: &Toy, header: &Header, appended_at: i64) -> Made {
    let event_at = header.event_at;
    if toy.kind == LINK {
        return link(state, toy.b);
    }
    let mut out = Vec::new();
    let named = (toy.b >= 0).then_some(toy.b);
    if toy.kind == GROUP && named.is_some() {
        state.account = named;
        let released = std::mem::take(&mut state.parked);
        out.extend(released.into_iter().map(|(id, at)| (toy.b, id, at)));
    }
    match named.or(state.account) {
        Some(account) => out.push((account, toy.a, event_at)),
        None if header.cause.is_none() && state.linked.is_some() => {
            let messages = state.linked.map(|other| (other, toy.a, event_at)).into_iter().collect();
            return Made { messages, ..Made::default() };
        }
        None => {
            if state.parked.is_empty() {
                state.since = appended_at;
            }
            state.parked.push((toy.a, event_at));
        }
    }
    Made { facts: out, ..Made::default() }
}

/// The first link stays.
fn link(state: &mut State, other: i64) -> Made {
    if state.linked.is_some() {
        return Made::default();
    }
    state.linked = Some(other);
    let parked = std::mem::take(&mut state.parked);
    Made { messages: parked.into_iter().map(|(id, at)| (other, id, at)).collect(), ..Made::default() }
}

#[derive(Debug)]
pub(super) struct ToyForwards;

impl ToyForwards {
    fn fact(at: &ForwardContext<'_, ()>, (account, id, event_at): (i64, i64, i64)) -> Forward {
        let body = Toy { kind: 1, a: id, b: 0 };
        Forward { due_at: at.due_at(event_at), ..Self::message(at, &format!("a{account}"), event_at, &body) }
    }

    fn message(at: &ForwardContext<'_, ()>, to: &str, event_at: i64, body: &Toy) -> Forward {
        Forward {
            to: Key::new(at.key.workspace.clone(), to),
            id: Bytes::copy_from_slice(&i128::from(body.a).to_be_bytes()),
            event_at,
            original_at: event_at,
            due_at: 0,
            body: body.encode_to_vec().into(),
        }
    }
}

impl ForwardFold for ToyForwards {
    type Catalogue = ();
    type State = State;
    type Fact = Toy;
    type Item = i64;

    fn compile(&self, _: &CatalogueVersion, _: &[u8]) -> Result<(), Poison> {
        Ok(())
    }

    fn read_fact(&self, _: &Header, record: &Stored) -> Result<Toy, Poison> {
        Toy::decode(record.value.clone()).map_err(|error| Poison(error.to_string()))
    }

    fn identity(&self, _: &Header, fact: &Toy) -> Option<u128> {
        Some(fact.a.unsigned_abs().into())
    }

    fn fresh(&self, _: &Key) -> State {
        State::default()
    }

    fn fold(
        &self,
        at: &ForwardContext<'_, ()>,
        state: &mut State,
        header: &Header,
        fact: Toy,
        out: &mut Forwards<i64>,
    ) {
        let made = fold(state, &fact, header, at.appended_at);
        out.items.extend(made.facts.iter().map(|(_, id, _)| *id));
        out.facts.extend(made.facts.into_iter().map(|made| Self::fact(at, made)));
        let handed = made.messages.into_iter().map(|(contact, id, event_at)| {
            let body = Toy { kind: TRACK, a: id, b: -1 };
            Self::message(at, &format!("c{contact}"), event_at, &body)
        });
        out.messages.extend(handed);
    }

    fn timer(&self, at: &ForwardContext<'_, ()>, state: &mut State, out: &mut Forwards<i64>) {
        if state.since + PARKED <= at.appended_at {
            out.items.extend(state.parked.drain(..).map(|(id, _)| -id));
        }
    }

    fn wake(&self, state: &State) -> Option<i64> {
        (!state.parked.is_empty()).then_some(state.since + PARKED)
    }

    fn encode(&self, state: &State) -> Vec<u8> {
        let mut numbers = vec![state.account.unwrap_or(-1), state.linked.unwrap_or(-1), state.since];
        numbers.extend(state.parked.iter().flat_map(|(id, at)| [*id, *at]));
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    fn decode(&self, _: &Key, bytes: &[u8]) -> Result<State, Poison> {
        let number = |chunk: &[u8]| <[u8; 8]>::try_from(chunk).map(i64::from_be_bytes);
        let numbers: Result<Vec<i64>, _> = bytes.chunks(8).map(number).collect();
        let numbers = numbers.map_err(|error| Poison(error.to_string()))?;
        let [account, linked, since, parked @ ..] = &numbers[..] else {
            return Err(Poison("a short toy".into()));
        };
        let parked = parked.chunks(2).map(|pair| (pair[0], pair[1])).collect();
        let some = |number: i64| Some(number).filter(|number| *number >= 0);
        Ok(State { account: some(*account), linked: some(*linked), parked, since: *since })
    }
}
