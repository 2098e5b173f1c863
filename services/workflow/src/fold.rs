//! Workflow's fold: a thin layer between the log and `domain::playbook`.

use contracts::{
    Malformed, Said,
    account::account_record::Kind,
    id_bytes,
    log::{CatalogueVersion, Header, Service},
};
use domain::{
    catalogue::{Catalogue, Clock, messages::Message},
    decision::Decision,
    ids::FactId,
    playbook::{Moment, Occasion, Plays, Wakes, Workflow},
    time::Instant,
    view::{Scope, View},
};
use engine::{Context, Decided, Fold, Poison, Step, Wake, WrittenDecision};
use eventlog::{Key, NewRecord, Stored};

use crate::{
    endpoints::Savers,
    shown::{self, Shown},
};

/// Version of the stored state that this build writes.
const FORMAT: u8 = 1;

/// The fold of one partition.
pub struct WorkflowFold {
    /// Milliseconds after which a call that was begun is over.
    pub longest_call: i64,
    /// Who is told of endpoints and messages.
    pub met: Savers,
}

/// One account: what is known of it, and what is under way.
pub struct Account {
    view: View,
    workflow: Workflow,
}

/// A decision as others hear it: those about CTAs.
pub(crate) fn copy(decided: &Decided<Decision>) -> Option<NewRecord> {
    let is_heard = matches!(decided.decision, Decision::Cta(_));
    is_heard.then(|| decided.copy(&contracts::body(Kind::from(decided.decision.clone()))))
}

impl Fold for WorkflowFold {
    type Catalogue = Catalogue;
    type State = Account;
    type Fact = Said;
    type Decision = Decision;
    type Shown = Shown;

    const SERVICE: Service = Service::Workflow;
    const ABOVE: &'static [Service] = &[Service::HealthScore, Service::Segmentation];

    fn compile(&self, version: &CatalogueVersion, document: &[u8]) -> Result<Catalogue, Poison> {
        contracts::compile(version, document).map_err(poison)
    }

    fn activated(&self, workspace: &str, version: u64, catalogue: &Catalogue) {
        self.met.hand(workspace, version, catalogue);
    }

    fn read_fact(&self, header: &Header, record: &Stored) -> Result<Option<Said>, Poison> {
        contracts::read_said(header, &record.value).map_err(poison)
    }

    fn rank(&self, said: &Said) -> u8 {
        match said {
            Said::Fact(fact) => fact.kind.rank(),
            Said::Command(_) | Said::Report(_) => 0,
        }
    }

    fn read_decision(&self, header: &Header, record: &Stored) -> Result<Decision, Poison> {
        contracts::read_decision(header, &record.value).map_err(poison)
    }

    fn write_decision(&self, decision: &Decision) -> WrittenDecision {
        let (request, attempt) = contracts::request_of(decision);
        let request_id = request.map(|id| id_bytes(id).into()).unwrap_or_default();
        WrittenDecision { body: contracts::body(Kind::from(decision.clone())), request_id, attempt }
    }

    fn fresh(&self, _key: &Key) -> Account {
        Account { view: View::fresh(Scope::Unwatched), workflow: Workflow::default() }
    }

    fn take(
        &self,
        at: &Context<'_, Catalogue>,
        state: &mut Account,
        step: &Step<'_, Said>,
        above: &[Decision],
    ) {
        let Account { view, workflow } = state;
        look(at, view, step, above);
        self.with_plays(at, view, fact_of(step), |moment, plays| {
            workflow.take(moment, plays, &occasion(step), above);
        });
    }

    fn decide(
        &self,
        at: &Context<'_, Catalogue>,
        state: &mut Account,
        step: &Step<'_, Said>,
    ) -> Vec<Decision> {
        let Account { view, workflow } = state;
        self.with_plays(at, view, fact_of(step), |moment, plays| workflow.decide(moment, plays))
    }

    fn apply(&self, at: &Context<'_, Catalogue>, state: &mut Account, decision: &Decision, repaired: bool) {
        let Account { view, workflow } = state;
        self.with_plays(at, view, None, |moment, _| workflow.apply(moment, decision, repaired));
    }

    fn wake(&self, at: &Context<'_, Catalogue>, state: &Account) -> Wake {
        let Account { view, workflow } = state;
        let Wakes { clock, delivery } =
            self.with_plays(at, view, None, |moment, plays| workflow.wakes(moment, plays));
        Wake { clock: clock.map(|at| at.0), delivery: delivery.map(|at| at.0) }
    }

    fn shown(
        &self,
        at: &Context<'_, Catalogue>,
        state: &Account,
        step: &Step<'_, Said>,
        above: &[Decision],
    ) -> Vec<Shown> {
        let contracts = shown::moves_contracts(step).then(|| Shown::contracts(at.catalogue, &state.view));
        contracts.into_iter().chain(Shown::band(above)).collect()
    }

    fn encode(&self, state: &Account) -> Vec<u8> {
        let workflow = state.workflow.encode();
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&u32::try_from(workflow.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(&workflow);
        bytes.extend_from_slice(&state.view.encode());
        bytes
    }

    fn decode(&self, _key: &Key, bytes: &[u8]) -> Result<Account, Poison> {
        let cut = || Poison("a stored account is cut off".into());
        let (length, rest) = match bytes.split_first() {
            Some((&FORMAT, rest)) => rest.split_first_chunk::<4>().ok_or_else(cut)?,
            Some((format, _)) => return Err(Poison(format!("stored format {format} is not known"))),
            None => return Err(cut()),
        };
        let (workflow, view) = rest.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or_else(cut)?;
        Ok(Account {
            view: View::decode(Scope::Unwatched, view).map_err(|fault| Poison(fault.to_string()))?,
            workflow: Workflow::decode(workflow).map_err(|fault| Poison(fault.to_string()))?,
        })
    }
}

impl WorkflowFold {
    fn with_plays<T>(
        &self,
        at: &Context<'_, Catalogue>,
        view: &View,
        fact: Option<FactId>,
        with: impl FnOnce(&Moment<'_>, &Plays<'_>) -> T,
    ) -> T {
        let Context { key, catalogue, .. } = at;
        let instant = Instant(at.instant);
        let moment = Moment {
            workspace: &key.workspace,
            account: &key.account,
            instant,
            appended_at: Instant(at.appended_at),
            fact,
            catalogue_version: at.catalogue_version,
            asks_again: catalogue.clock == Clock::Wall,
            longest_call: self.longest_call,
        };
        let holds = |condition| view.truth(catalogue, condition, instant).holds();
        let wake = |condition| view.condition_wake(catalogue, condition, instant);
        let account_trait = |name: &str| view.account().traits().value(name)?.as_text().map(str::to_owned);
        let facts = |message: Option<&Message>| view.facts(catalogue, message, instant);
        let plays =
            Plays { catalogue, facts: &facts, holds: &holds, wake: &wake, account_trait: &account_trait };
        with(&moment, &plays)
    }
}

/// Brings what is known of the account up to the step.
fn look(at: &Context<'_, Catalogue>, view: &mut View, step: &Step<'_, Said>, above: &[Decision]) {
    let now = Instant(at.instant);
    match step {
        Step::Fact(Said::Fact(fact), _) => view.fold(at.catalogue, fact, now),
        Step::Catalogue { .. } => view.set_catalogue(at.catalogue, now),
        Step::Timer | Step::Fact(..) | Step::Joined | Step::Deliver => view.advance(at.catalogue, now),
    }
    for decision in above {
        match decision {
            Decision::Health(changed) => view.set_health(at.catalogue, changed.score),
            Decision::Membership(changed) => view.set_membership(&changed.segment, changed.member),
            _ => {}
        }
    }
}

fn occasion<'a>(step: &Step<'a, Said>) -> Occasion<'a> {
    use domain::fact::{Fact, FactKind};
    match step {
        Step::Fact(Said::Fact(Fact { kind: FactKind::Usage(usage), .. }), _) => Occasion::Usage(usage),
        Step::Fact(Said::Command(command), _) => Occasion::Command(command),
        Step::Fact(Said::Report(report), _) => Occasion::Report(report),
        Step::Catalogue { fire_playbooks } => Occasion::Catalogue { fire_playbooks: *fire_playbooks },
        Step::Deliver => Occasion::Deliver,
        Step::Timer | Step::Joined | Step::Fact(..) => Occasion::Other,
    }
}

fn fact_of(step: &Step<'_, Said>) -> Option<FactId> {
    match step {
        Step::Fact(Said::Fact(fact), _) => Some(fact.id),
        _ => None,
    }
}

fn poison(fault: Malformed) -> Poison {
    Poison(fault.to_string())
}
