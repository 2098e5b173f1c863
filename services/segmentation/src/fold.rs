//! What segmentation makes of the account log: which segments an account enters and leaves, and why.

use std::collections::BTreeMap;

use chassis::{Met, Saver};
use contracts::{Malformed, Said, account::account_record::Kind};
use domain::{
    catalogue::Catalogue,
    decision::Decision,
    fact::Fact,
    ids::{EpisodeId, derived},
    time::Instant,
    view::{Because, Scope, View},
};
use engine::{Context, Decided, Fold, Poison, Step, Wake, WrittenDecision};
use eventlog::{
    Key, NewRecord, Stored,
    proto::{CatalogueVersion, Header, Service},
};
use serde::{Deserialize, Serialize};

/// Format of the stored state that this build writes.
const FORMAT: u8 = 1;

/// The fold of one partition.
#[derive(Debug, Clone)]
pub struct SegmentFold {
    /// Who is told of segments.
    pub met: Saver,
}

/// One account: what is known of it, and the stays that go on, by segment.
#[derive(Debug)]
pub struct State {
    view: View,
    stays: BTreeMap<String, EpisodeId>,
}

#[derive(Serialize, Deserialize)]
struct StoredState {
    view: Vec<u8>,
    stays: BTreeMap<String, EpisodeId>,
}

/// A decision as others hear it.
pub(crate) fn copy(decided: &Decided<Decision>) -> NewRecord {
    decided.copy(&contracts::body(Kind::from(decided.decision.clone())))
}

impl Fold for SegmentFold {
    type Catalogue = Catalogue;
    type State = State;
    type Fact = Fact;
    type Decision = Decision;
    type Shown = ();

    const SERVICE: Service = Service::Segmentation;
    const ABOVE: &'static [Service] = &[Service::HealthScore];

    fn compile(&self, version: &CatalogueVersion, document: &[u8]) -> Result<Catalogue, Poison> {
        contracts::compile(version, document).map_err(poison)
    }

    fn activated(&self, workspace: &str, version: u64, catalogue: &Catalogue) {
        let named = catalogue.segments.iter().map(|it| (it.name.clone(), it.title.clone())).collect();
        self.met.hand(Met { workspace: workspace.into(), version, named });
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
        State { view: View::fresh(Scope::Segments), stays: BTreeMap::new() }
    }

    fn take(
        &self,
        at: &Context<'_, Catalogue>,
        state: &mut State,
        step: &Step<'_, Fact>,
        above: &[Decision],
    ) {
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
        for decision in above {
            if let Decision::Health(change) = decision {
                state.view.set_health(at.catalogue, change.score);
            }
        }
    }

    fn decide(&self, at: &Context<'_, Catalogue>, state: &mut State, step: &Step<'_, Fact>) -> Vec<Decision> {
        if !state.view.exists() || matches!(step, Step::Deliver) {
            return Vec::new();
        }
        let because = Because {
            initial: matches!(step, Step::Joined),
            by_catalogue: matches!(step, Step::Catalogue { .. }),
        };
        let episode = |segment: &str| episode(at, step, segment);
        let changes = state.view.membership_changes(at.catalogue, &state.stays, because, episode);
        changes.into_iter().map(Decision::Membership).collect()
    }

    fn apply(&self, _: &Context<'_, Catalogue>, state: &mut State, decision: &Decision, repaired: bool) {
        if let Decision::Membership(change) = decision {
            if change.member {
                state.stays.insert(change.segment.clone(), change.episode);
            } else {
                state.stays.remove(&change.segment);
            }
        }
        if repaired {
            state.view.review();
        }
    }

    fn wake(&self, at: &Context<'_, Catalogue>, state: &State) -> Wake {
        Wake { clock: state.view.wake(at.catalogue).map(|at| at.0), delivery: None }
    }

    fn encode(&self, state: &State) -> Vec<u8> {
        let stored = StoredState { view: state.view.encode(), stays: state.stays.clone() };
        postcard::to_extend(&stored, vec![FORMAT]).unwrap_or_default()
    }

    fn decode(&self, _: &Key, bytes: &[u8]) -> Result<State, Poison> {
        let Some((&FORMAT, bytes)) = bytes.split_first() else {
            return Err(Poison("a stored account of another format".into()));
        };
        let stored: StoredState = postcard::from_bytes(bytes).map_err(|fault| Poison(fault.to_string()))?;
        let view = View::decode(Scope::Segments, &stored.view).map_err(|fault| Poison(fault.to_string()))?;
        Ok(State { view, stays: stored.stays })
    }
}

/// A stay's identity: the account, the segment, and the step at which it began. It does not depend on where the
/// record stands, so that any number of partitions says the same.
fn episode(at: &Context<'_, Catalogue>, step: &Step<'_, Fact>, segment: &str) -> EpisodeId {
    let version = at.catalogue_version.to_be_bytes();
    let by: &[u8] = match step {
        Step::Fact(_, header) => &header.id,
        Step::Catalogue { .. } => &version,
        Step::Joined => b"joined",
        Step::Timer | Step::Deliver => b"",
    };
    let (workspace, account) = (at.key.workspace.as_bytes(), at.key.account.as_bytes());
    let parts: [&[u8]; 6] =
        [b"episode", workspace, segment.as_bytes(), account, &at.instant.to_be_bytes(), by];
    EpisodeId(derived(&parts))
}

fn poison(fault: Malformed) -> Poison {
    Poison(fault.to_string())
}
