//! Toy services that use everything a worker offers: H says a band (by counts and by idleness), S a membership (by
//! H's band, after a while, and by counts), W opens a thing on entering, answers commands and makes attempts.

use std::{collections::BTreeMap, marker::PhantomData};

use engine::{Context, Fold, Poison, Step, Wake, WrittenDecision};
use eventlog::{
    Key, Stored,
    proto::{CatalogueVersion, Header, Service},
};
use prost::Message;

/// Body of a toy record: a fact or a decision.
#[derive(Clone, PartialEq, Message)]
pub struct Toy {
    #[prost(sint64, tag = "100")]
    pub kind: i64,
    #[prost(sint64, tag = "101")]
    pub a: i64,
    #[prost(sint64, tag = "102")]
    pub b: i64,
}

pub const USE: i64 = 1;
pub const COMMAND: i64 = 2;
/// Facts that one service's fold fails on: cannot read, or panics.
pub const UNREADABLE: i64 = 3;
pub const PANICS: i64 = 4;
const BAND: i64 = 10;
const MEMBER: i64 = 11;
const ANSWER: i64 = 12;
const OPEN: i64 = 13;
const ATTEMPT: i64 = 14;

/// Milliseconds after which an account is idle, stays red long enough, is tried again.
const IDLE: i64 = 2_500;
const DWELL: i64 = 700;
const AGAIN: i64 = 900;

pub const SERVICES: [Service; 3] = [Service::HealthScore, Service::Segmentation, Service::Workflow];
pub const ABOVE: [&[Service]; 3] =
    [&[], &[Service::HealthScore], &[Service::HealthScore, Service::Segmentation]];

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    pub n: i64,
    last: Option<i64>,
    red: bool,
    red_since: Option<i64>,
    member: bool,
    open: i64,
    opened: i64,
    commands: BTreeMap<i64, i64>,
    attempts: i64,
    attempt_at: Option<i64>,
    entered: bool,
}

/// What a step means to the toys, the engine aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Use(i64),
    Command(i64),
    Catalogue,
    Joined,
    Deliver,
    Time,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy)]
pub struct When {
    pub instant: i64,
    pub appended_at: i64,
    /// The catalogue: a number.
    pub catalogue: i64,
}

fn decided(kind: i64, a: i64, b: i64) -> Toy {
    Toy { kind, a, b }
}

impl State {
    pub fn take(&mut self, when: When, event: Event, above: &[Toy]) {
        self.entered = false;
        if let Event::Use(v) = event {
            self.n += v;
            self.last = self.last.max(Some(when.instant));
        }
        for decision in above {
            match decision.kind {
                BAND if (decision.a == 1) != self.red => {
                    self.red = decision.a == 1;
                    self.red_since = self.red.then_some(when.instant);
                }
                MEMBER => {
                    self.entered = decision.a == 1 && !self.member && decision.b == 0;
                    self.member = decision.a == 1;
                }
                _ => {}
            }
        }
    }

    pub fn decide(&self, service: usize, when: When, event: Event) -> Vec<Toy> {
        match service {
            0 => self.band(when, event).into_iter().collect(),
            1 => self.membership(when, event).into_iter().collect(),
            _ => self.work(when, event),
        }
    }

    fn band(&self, when: When, event: Event) -> Option<Toy> {
        let idle = self.last.is_some_and(|last| when.instant - last >= IDLE);
        let score = (self.n * 7 + when.catalogue).rem_euclid(20);
        let red = if score < 6 || idle {
            true
        } else if score > 9 {
            false
        } else {
            self.red
        };
        let initial = i64::from(event == Event::Joined);
        (red != self.red || initial == 1).then(|| decided(BAND, i64::from(red), initial))
    }

    fn membership(&self, when: When, event: Event) -> Option<Toy> {
        let long = self.red_since.is_some_and(|since| when.instant - since >= DWELL);
        let member = self.red && long && self.n.rem_euclid(3) != when.catalogue.rem_euclid(3);
        let initial = i64::from(event == Event::Joined);
        (member != self.member || initial == 1).then(|| decided(MEMBER, i64::from(member), initial))
    }

    fn work(&self, when: When, event: Event) -> Vec<Toy> {
        let mut out = Vec::new();
        let mut open = self.open;
        if let Event::Command(id) = event
            && !self.commands.contains_key(&id)
        {
            out.push(decided(ANSWER, id, open));
            open = 0;
        }
        if self.entered && open == 0 && event != Event::Catalogue {
            out.push(decided(OPEN, self.opened + 1, self.n));
        }
        if event == Event::Deliver && self.attempt_at.is_some_and(|at| at <= when.appended_at) {
            out.push(decided(ATTEMPT, self.attempts + 1, self.open));
        }
        out
    }

    pub fn apply(&mut self, when: When, decision: &Toy) {
        match decision.kind {
            BAND => self.red = decision.a == 1,
            MEMBER => self.member = decision.a == 1,
            ANSWER => {
                self.commands.insert(decision.a, decision.b);
                self.open = 0;
            }
            OPEN => {
                (self.open, self.opened, self.attempts) = (decision.a, decision.a, 0);
                self.attempt_at = Some(when.appended_at);
            }
            _ => {
                self.attempts = decision.a;
                self.attempt_at = (decision.a < 3).then_some(when.appended_at + AGAIN);
            }
        }
    }

    pub fn wake(&self, service: usize, instant: i64) -> Wake {
        let flip = match service {
            0 => self.last.map(|last| last + IDLE),
            1 => self.red_since.map(|since| since + DWELL),
            _ => None,
        };
        Wake { clock: flip.filter(|at| *at > instant), delivery: self.attempt_at }
    }
}

/// Which service a toy fold is.
pub trait Rank: Send + 'static {
    const RANK: usize;
}

#[derive(Debug)]
pub struct H;
#[derive(Debug)]
pub struct S;
#[derive(Debug)]
pub struct W;

impl Rank for H {
    const RANK: usize = 0;
}
impl Rank for S {
    const RANK: usize = 1;
}
impl Rank for W {
    const RANK: usize = 2;
}

/// The toy service `R` as a fold.
#[derive(Debug)]
pub struct ToyFold<R>(PhantomData<R>);

impl<R> Default for ToyFold<R> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

fn when(at: &Context<'_, i64>) -> When {
    When { instant: at.instant, appended_at: at.appended_at, catalogue: *at.catalogue }
}

fn event<R: Rank>(step: &Step<'_, Toy>) -> Event {
    match step {
        Step::Fact(fact, _) if fact.kind == USE => Event::Use(fact.a),
        Step::Fact(fact, _) if fact.kind == PANICS => {
            assert!(fact.a != R::RANK as i64, "a toy that breaks");
            Event::Use(1)
        }
        Step::Fact(fact, _) if fact.kind == UNREADABLE => Event::Use(1),
        Step::Fact(fact, _) => Event::Command(fact.a),
        Step::Catalogue { .. } => Event::Catalogue,
        Step::Joined => Event::Joined,
        Step::Deliver => Event::Deliver,
        Step::Timer => Event::Time,
    }
}

fn body(record: &Stored) -> Result<Toy, Poison> {
    Toy::decode(record.value.clone()).map_err(|error| Poison(error.to_string()))
}

impl<R: Rank> Fold for ToyFold<R> {
    type Catalogue = i64;
    type State = State;
    type Fact = Toy;
    type Decision = Toy;
    /// The sum.
    type Shown = i64;

    const SERVICE: Service = SERVICES[R::RANK];
    const ABOVE: &'static [Service] = ABOVE[R::RANK];

    fn compile(&self, _: &CatalogueVersion, document: &[u8]) -> Result<i64, Poison> {
        let text = std::str::from_utf8(document).map_err(|error| Poison(error.to_string()))?;
        text.parse().map_err(|_| Poison(format!("{text} is not a number")))
    }

    fn read_fact(&self, _: &Header, record: &Stored) -> Result<Option<Toy>, Poison> {
        let toy = body(record)?;
        if toy.kind == UNREADABLE && toy.a == R::RANK as i64 {
            return Err(Poison("a toy that cannot be read".into()));
        }
        Ok(Some(toy))
    }

    fn read_decision(&self, _: &Header, record: &Stored) -> Result<Toy, Poison> {
        body(record)
    }

    fn write_decision(&self, decision: &Toy) -> WrittenDecision {
        WrittenDecision { body: decision.encode_to_vec().into(), ..WrittenDecision::default() }
    }

    fn fresh(&self, _: &Key) -> State {
        State::default()
    }

    fn take(&self, at: &Context<'_, i64>, state: &mut State, step: &Step<'_, Toy>, above: &[Toy]) {
        let event = event::<R>(step);
        state.take(when(at), event, above);
    }

    fn decide(&self, at: &Context<'_, i64>, state: &mut State, step: &Step<'_, Toy>) -> Vec<Toy> {
        state.decide(R::RANK, when(at), event::<R>(step))
    }

    fn apply(&self, at: &Context<'_, i64>, state: &mut State, decision: &Toy, _: bool) {
        state.apply(when(at), decision);
    }

    fn wake(&self, at: &Context<'_, i64>, state: &State) -> Wake {
        state.wake(R::RANK, at.instant)
    }

    fn shown(&self, _: &Context<'_, i64>, state: &State, step: &Step<'_, Toy>, _: &[Toy]) -> Vec<i64> {
        if matches!(step, Step::Fact(..)) { vec![state.n] } else { Vec::new() }
    }

    fn encode(&self, state: &State) -> Vec<u8> {
        let opt = |value: Option<i64>| value.unwrap_or(i64::MIN);
        let mut numbers = vec![
            state.n,
            opt(state.last),
            state.red.into(),
            opt(state.red_since),
            state.member.into(),
            state.open,
            state.opened,
            state.attempts,
            opt(state.attempt_at),
            state.entered.into(),
        ];
        numbers.extend(state.commands.iter().flat_map(|(id, answer)| [*id, *answer]));
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    fn decode(&self, _: &Key, bytes: &[u8]) -> Result<State, Poison> {
        let number = |chunk: &[u8]| <[u8; 8]>::try_from(chunk).map(i64::from_be_bytes);
        let numbers: Result<Vec<i64>, _> = bytes.chunks(8).map(number).collect();
        let numbers = numbers.map_err(|error| Poison(error.to_string()))?;
        let opt = |value: i64| Some(value).filter(|value| *value != i64::MIN);
        let [n, last, red, red_since, member, open, opened, attempts, attempt_at, entered, rest @ ..] =
            &numbers[..]
        else {
            return Err(Poison("a short toy".into()));
        };
        Ok(State {
            n: *n,
            last: opt(*last),
            red: *red == 1,
            red_since: opt(*red_since),
            member: *member == 1,
            open: *open,
            opened: *opened,
            commands: rest.chunks(2).map(|pair| (pair[0], pair[1])).collect(),
            attempts: *attempts,
            attempt_at: opt(*attempt_at),
            entered: *entered == 1,
        })
    }
}
