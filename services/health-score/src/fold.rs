//! What health-score makes of the account log: the score of an account, said whenever it, its band or its cap changes.

use contracts::{Malformed, Said, account::account_record::Kind};
use domain::{
    catalogue::Catalogue,
    decision::{Decision, HealthChanged},
    fact::{Fact, FactKind},
    time::Instant,
    value::Value,
    view::{Scope, View},
};
use engine::{Context, Decided, Fold, Poison, Step, Wake, WrittenDecision};
use eventlog::{
    Key, NewRecord, Stored,
    proto::{CatalogueVersion, Header, Service},
};
use serde::{Deserialize, Serialize};

/// The account's trait that says who owns it.
const OWNER: &str = "owner";
/// Format of the stored state that this build writes.
const FORMAT: u8 = 1;

/// The fold; it has nothing of its own.
#[derive(Debug, Clone, Copy)]
pub struct HealthFold;

/// One account: what is known of it, and what was last said about its health.
#[derive(Debug)]
pub struct State {
    view: View,
    said: Option<HealthChanged>,
}

/// Who owns an account, as its trait says; nobody: empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner(String);

impl Owner {
    /// Of a longer name the first 256 characters; Postgres holds no NUL.
    pub fn of(name: &str) -> Self {
        Self(name.chars().filter(|letter| *letter != '\0').take(256).collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Serialize, Deserialize)]
struct StoredState {
    view: Vec<u8>,
    said: Option<HealthChanged>,
}

/// A decision as others hear it.
pub(crate) fn copy(decided: &Decided<Decision>) -> NewRecord {
    decided.copy(&contracts::body(Kind::from(decided.decision.clone())))
}

impl Fold for HealthFold {
    type Catalogue = Catalogue;
    type State = State;
    type Fact = Fact;
    type Decision = Decision;
    type Shown = Owner;

    const SERVICE: Service = Service::HealthScore;
    const ABOVE: &'static [Service] = &[];

    fn compile(&self, version: &CatalogueVersion, document: &[u8]) -> Result<Catalogue, Poison> {
        contracts::compile(version, document).map_err(poison)
    }

    fn read_fact(&self, header: &Header, record: &Stored) -> Result<Option<Fact>, Poison> {
        match contracts::read_said(header, &record.value).map_err(poison)? {
            Some(Said::Fact(fact)) => Ok(Some(fact)),
            Some(Said::Command(_) | Said::Report(_)) | None => Ok(None),
        }
    }

    fn rank(&self, fact: &Fact) -> u8 {
        fact.kind.rank()
    }

    fn read_decision(&self, header: &Header, record: &Stored) -> Result<Decision, Poison> {
        contracts::read_decision(header, &record.value).map_err(poison)
    }

    fn write_decision(&self, decision: &Decision) -> WrittenDecision {
        WrittenDecision { body: contracts::body(Kind::from(decision.clone())), ..WrittenDecision::default() }
    }

    fn fresh(&self, _: &Key) -> State {
        State { view: View::fresh(Scope::Health), said: None }
    }

    fn take(&self, at: &Context<'_, Catalogue>, state: &mut State, step: &Step<'_, Fact>, _: &[Decision]) {
        let now = Instant(at.instant);
        match step {
            Step::Timer => state.view.advance(at.catalogue, now),
            Step::Fact(fact, _) => state.view.fold(at.catalogue, fact, now),
            Step::Catalogue { .. } => state.view.set_catalogue(at.catalogue, now),
            Step::Joined => {
                state.view.advance(at.catalogue, now);
                state.view.review();
            }
            Step::Deliver => {}
        }
    }

    fn decide(&self, at: &Context<'_, Catalogue>, state: &mut State, step: &Step<'_, Fact>) -> Vec<Decision> {
        if !state.view.exists() || matches!(step, Step::Deliver) {
            return Vec::new();
        }
        let initial = matches!(step, Step::Joined);
        let before = state.said.as_ref().filter(|_| !initial);
        let change = state.view.health_change(at.catalogue, before);
        let by_catalogue = matches!(step, Step::Catalogue { .. });
        change
            .map(|change| Decision::Health(HealthChanged { initial, by_catalogue, ..change }))
            .into_iter()
            .collect()
    }

    fn apply(&self, _: &Context<'_, Catalogue>, state: &mut State, decision: &Decision, repaired: bool) {
        if let Decision::Health(change) = decision {
            state.said = Some(HealthChanged { drivers: Vec::new(), ..change.clone() });
        }
        if repaired {
            state.view.review();
        }
    }

    fn wake(&self, at: &Context<'_, Catalogue>, state: &State) -> Wake {
        Wake { clock: state.view.wake(at.catalogue).map(|at| at.0), delivery: None }
    }

    fn shown(
        &self,
        _: &Context<'_, Catalogue>,
        state: &State,
        step: &Step<'_, Fact>,
        _: &[Decision],
    ) -> Vec<Owner> {
        let Step::Fact(Fact { kind: FactKind::AccountTraits(traits), .. }, _) = step else {
            return Vec::new();
        };
        let says = traits.iter().any(|(name, _)| name == OWNER);
        let owner = || state.view.account().traits().value(OWNER).map(Value::to_string).unwrap_or_default();
        says.then(|| Owner::of(&owner())).into_iter().collect()
    }

    fn encode(&self, state: &State) -> Vec<u8> {
        let stored = StoredState { view: state.view.encode(), said: state.said.clone() };
        postcard::to_extend(&stored, vec![FORMAT]).unwrap_or_default()
    }

    fn decode(&self, _: &Key, bytes: &[u8]) -> Result<State, Poison> {
        let Some((&FORMAT, bytes)) = bytes.split_first() else {
            return Err(Poison("a stored account of another format".into()));
        };
        let stored: StoredState = postcard::from_bytes(bytes).map_err(|fault| Poison(fault.to_string()))?;
        let view = View::decode(Scope::Health, &stored.view).map_err(|fault| Poison(fault.to_string()))?;
        Ok(State { view, said: stored.said })
    }
}

fn poison(fault: Malformed) -> Poison {
    Poison(fault.to_string())
}
