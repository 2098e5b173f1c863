//! Playbooks over one account, told as histories: what happens at an instant, and what is said of it.

mod commands;
mod deliveries;
mod flow;
mod notices;
mod stored;

use super::*;
use crate::{
    catalogue::{
        Catalogue, Clock,
        messages::{Address, Endpoint, Message},
        playbooks::{Action, BandBefore, Due, Opening, Playbook, ReEntry, Step, Trigger, Wait},
    },
    command::{Ask, Command, CtaCommand},
    comparison::Comparison,
    condition::{Atom, Filter},
    decision::*,
    fact::{Fact, FactKind, Usage},
    ids::{CommandId, CtaId, EpisodeId, FactId},
    time::{DAY_MS, Instant},
    usage::events::Events,
    value::{Decimal, Value},
    view::{Scope, View},
};

/// One account, played as the engine does it: take, decide, apply.
struct Account {
    workflow: Workflow,
    catalogue: Catalogue,
    facts: Facts,
    /// What conditions are asked of.
    view: View,
    /// Else none holds.
    holds: bool,
    asks_again: bool,
    fact: u128,
}

impl Account {
    fn with(playbooks: Vec<Playbook>) -> Self {
        let mut account = Self::of(&serde_json::json!({}));
        account.catalogue.playbooks = playbooks;
        account.catalogue.playbooks.sort_by(|one, other| one.name.cmp(&other.name));
        let address = Address::Web { url: "https://crm.example.com".into() };
        account.catalogue.endpoints = vec![Endpoint { name: "crm".into(), address }];
        account
    }

    fn of(document: &serde_json::Value) -> Self {
        let catalogue = crate::catalogue::compile(document, "UTC", Clock::Wall).unwrap();
        let view = View::fresh(Scope::Unwatched);
        let facts = Facts::default();
        Self { workflow: Workflow::default(), catalogue, facts, view, holds: true, asks_again: true, fact: 0 }
    }

    /// Calls with how the account is seen at an instant.
    fn seen<T>(&self, at: i64, fact: Option<FactId>, call: impl FnOnce(&Moment<'_>, &Plays<'_>) -> T) -> T {
        let moment = Moment {
            workspace: "acme",
            account: "globex",
            instant: Instant(at),
            appended_at: Instant(at),
            fact,
            catalogue_version: 1,
            asks_again: self.asks_again,
            longest_call: 20_000,
        };
        let (catalogue, view) = (&self.catalogue, &self.view);
        let holds = |condition| self.holds && view.truth(catalogue, condition, Instant(at)).holds();
        let wake = |condition| view.condition_wake(catalogue, condition, Instant(at));
        let account_trait = |name: &str| view.account().traits().value(name)?.as_text().map(str::to_owned);
        let facts = |_: Option<&Message>| self.facts.clone();
        let plays =
            Plays { catalogue, facts: &facts, holds: &holds, wake: &wake, account_trait: &account_trait };
        call(&moment, &plays)
    }

    fn wakes(&self, at: i64) -> Wakes {
        self.seen(at, None, |moment, plays| self.workflow.wakes(moment, plays))
    }

    fn step(&mut self, at: i64, occasion: Occasion<'_>, above: &[Decision]) -> Vec<Decision> {
        self.fact += 1;
        let fact = matches!(occasion, Occasion::Usage(_) | Occasion::Command(_)).then_some(FactId(self.fact));
        let mut workflow = std::mem::take(&mut self.workflow);
        let (said, workflow) = self.seen(at, fact, |moment, plays| {
            workflow.take(moment, plays, &occasion, above);
            let said = workflow.decide(moment, plays);
            said.iter().for_each(|decision| workflow.apply(moment, decision, false));
            (said, workflow)
        });
        self.workflow = workflow;
        assert_eq!(Workflow::decode(&self.workflow.encode()).map(|w| w.runs), Ok(self.workflow.runs.clone()));
        said
    }

    fn told(&mut self, at: i64, above: Decision) -> Vec<String> {
        brief(&self.step(at, Occasion::Other, &[above]))
    }

    fn timer(&mut self, at: i64) -> Vec<String> {
        brief(&self.step(at, Occasion::Other, &[]))
    }

    fn deliver(&mut self, at: i64) -> Vec<String> {
        brief(&self.step(at, Occasion::Deliver, &[]))
    }

    fn report(&mut self, at: i64, attempt: u32, status: Option<u16>) -> Vec<String> {
        self.reported(at, attempt, true, status)
    }

    fn reported(&mut self, at: i64, attempt: u32, begun: bool, status: Option<u16>) -> Vec<String> {
        let report = AttemptReported {
            notification: self.workflow.deliveries()[0].id,
            attempt,
            begun,
            permanent: false,
            status,
            error: String::new(),
            retry_at: None,
            began_at: Instant(at),
            took_ms: 1,
        };
        brief(&self.step(at, Occasion::Report(&report), &[]))
    }

    fn asked(&mut self, at: i64, id: u128, cta: CtaId, ask: CtaCommand) -> Vec<String> {
        let command = Command { id: CommandId(id), by: "ann".into(), ask: Ask::Cta(cta, ask) };
        brief(&self.step(at, Occasion::Command(&command), &[]))
    }
}

/// A decision in a word or two.
fn brief(said: &[Decision]) -> Vec<String> {
    let one = |decision: &Decision| match decision {
        Decision::Run(RunAdvanced { state: RunState::Waiting { until, .. }, step, .. }) => {
            format!("{step} until {}", until.0)
        }
        Decision::Run(RunAdvanced { state: RunState::Ended { because: RunEnd::Done }, .. }) => "Ended".into(),
        Decision::Run(run) => format!("{:?}", run.state),
        Decision::Cta(cta) => {
            format!("{:?} {} {}", cta.state, cta.priority, cta.reasons.len()).replace("\"", "")
        }
        Decision::Notification(request) => format!("request {}", request.recipient),
        Decision::Attempt(due) => format!("attempt {}", due.attempt),
        Decision::Settled(settled) => format!("{:?}", settled.state),
        Decision::Answer(answer) => format!("answer {}", answer.code),
        Decision::Health(_) | Decision::Membership(_) => "from above".into(),
    };
    said.iter().map(one).collect()
}

fn playbook(name: &str, trigger: Trigger, actions: Vec<Action>) -> Playbook {
    let step = |(place, action): (usize, Action)| Step { name: format!("step_{}", place + 1), action };
    Playbook {
        name: name.into(),
        title: name.into(),
        trigger,
        starts_while: None,
        re_entry: ReEntry::Always,
        rank: 100,
        goal: None,
        at_most_ms: None,
        only_while: None,
        steps: actions.into_iter().enumerate().map(step).collect(),
    }
}

fn enters(segment: &str) -> Trigger {
    Trigger::Enters { segment: segment.into() }
}

fn open(kind: CtaType, priority: u32) -> Action {
    Action::OpenCta(Opening {
        kind,
        title: "Call them".into(),
        priority,
        owner: None,
        due: Some(Due::Days(3)),
        tasks: Vec::new(),
        cool_down_ms: 0,
    })
}

fn close(kind: CtaType) -> Action {
    Action::CloseCta { kind, outcome: "came_back".into() }
}

fn notify() -> Action {
    Action::Notify { endpoint: "crm".into(), message: None }
}

fn wait(for_ms: i64) -> Action {
    Action::Wait(Wait::For { ms: for_ms })
}

fn reason(comparison: &str) -> Reason {
    Reason { comparison: comparison.into(), value: "60".into(), holds: true }
}

fn membership(segment: &str, member: bool, episode: u128) -> MembershipChanged {
    MembershipChanged {
        initial: false,
        by_catalogue: false,
        segment: segment.into(),
        member,
        episode: EpisodeId(episode),
        reasons: vec![reason(&format!("{segment} at least 56"))],
    }
}

fn entered(segment: &str, episode: u128) -> Decision {
    Decision::Membership(membership(segment, true, episode))
}

fn left(segment: &str, episode: u128) -> Decision {
    Decision::Membership(membership(segment, false, episode))
}

fn health(before: Option<Band>, now: Option<Band>) -> Decision {
    let score = |band: Band| Score { points: 50, band };
    Decision::Health(HealthChanged {
        initial: false,
        by_catalogue: false,
        scorecard: "s".into(),
        score: now.map(score),
        before: before.map(score),
        known_weight: 1_000,
        cap: None,
        overall: 50_000,
        drivers: vec![Driver {
            source: Source::Measure("orders".into()),
            points: -12_345,
            value: "1".into(),
            value_before: "3".into(),
        }],
        contributions: Vec::new(),
    })
}

fn usage(event: &str, amount: i64) -> Usage {
    let properties = vec![("amount".into(), Value::Decimal(Decimal(amount * 1_000_000)))];
    Usage { contact: None, event: event.into(), properties, active: true }
}

fn win_back() -> Playbook {
    playbook("win_back", enters("silent"), vec![open(CtaType::Risk, 2), notify()])
}

#[test]
fn entering_a_segment_opens_a_cta_and_tells_somebody() {
    let mut account = Account::with(vec![win_back()]);
    let said = account.told(1_000, entered("silent", 7));
    assert_eq!(said, ["Started", "Open 2 1", "request crm", "Ended"]);
    assert_eq!(account.told(2_000, entered("noisy", 8)), Vec::<String>::new());
}

#[test]
fn what_is_initial_or_follows_from_new_definitions_starts_nothing_unless_asked_to() {
    let check = |initial, by_catalogue, occasion: Occasion<'_>, starts: bool| {
        let change = MembershipChanged { initial, by_catalogue, ..membership("silent", true, 7) };
        let said = Account::with(vec![win_back()]).step(0, occasion, &[Decision::Membership(change)]);
        assert_eq!(!said.is_empty(), starts, "initial {initial}, by catalogue {by_catalogue}");
    };
    check(false, false, Occasion::Other, true);
    check(true, false, Occasion::Other, false);
    check(false, true, Occasion::Catalogue { fire_playbooks: false }, false);
    check(false, true, Occasion::Catalogue { fire_playbooks: true }, true);
}

#[test]
fn a_change_of_band_starts_what_waits_for_it() {
    let check = |wanted: (BandBefore, Option<Band>), change: (Option<Band>, Option<Band>), starts: bool| {
        let trigger = Trigger::Band { from: wanted.0, to: wanted.1 };
        let mut account = Account::with(vec![playbook("p", trigger, vec![notify()])]);
        let said = account.told(0, health(change.0, change.1));
        assert_eq!(!said.is_empty(), starts, "{wanted:?} {change:?}");
    };
    let (red, green) = (Some(Band::Red), Some(Band::Green));
    let (any, none, from) = (BandBefore::Any, BandBefore::None, BandBefore::Is);
    check((any, red), (green, red), true);
    check((any, red), (None, red), false);
    check((none, red), (None, red), true);
    check((none, red), (green, red), false);
    check((from(Band::Green), red), (None, red), false);
    check((from(Band::Green), None), (green, None), true);
    check((any, None), (red, red), false);
    check((from(Band::Red), green), (green, red), false);
}

#[test]
fn an_event_starts_what_waits_for_it() {
    let large = Filter { property: "amount".into(), comparison: Comparison::AtLeast(Decimal(100_000_000)) };
    let trigger = Trigger::Event { events: Events::One("Order Completed".into()), filters: vec![large] };
    let mut account = Account::with(vec![playbook("p", trigger, vec![notify()])]);
    let mut check = |event: &str, amount, starts: bool| {
        let usage = usage(event, amount);
        let said = account.step(0, Occasion::Usage(&usage), &[]);
        assert_eq!(!said.is_empty(), starts, "{event} {amount}");
    };
    check("Order Completed", 99, false);
    check("Order Completed", 100, true);
    check("Order Completed", 100, true);
    check("Order Cancelled", 100, false);
}

#[test]
fn a_run_waits_and_goes_on_where_it_was() {
    let steps = vec![open(CtaType::Lifecycle, 3), wait(2 * DAY_MS), close(CtaType::Lifecycle)];
    let mut account = Account::with(vec![playbook("p", enters("new"), steps)]);
    let until = 1_000 + 2 * DAY_MS;
    let started = account.told(1_000, entered("new", 7));
    assert_eq!(started, ["Started".into(), "Open 3 1".into(), format!("step_2 until {until}")]);
    assert_eq!(account.wakes(1_000).clock, Some(Instant(until)));
    assert_eq!(account.timer(until - 1), Vec::<String>::new());
    assert_eq!(account.timer(until), ["Closed { outcome: came_back } 3 1", "Ended"]);
    assert_eq!(account.wakes(until), Wakes::default());
}

#[test]
fn a_run_whose_playbook_is_gone_ends_with_the_version_that_took_it() {
    let mut account = Account::with(vec![playbook("p", enters("new"), vec![wait(DAY_MS), notify()])]);
    account.told(0, entered("new", 7));
    account.catalogue.playbooks.clear();
    let said = account.step(1, Occasion::Catalogue { fire_playbooks: false }, &[]);
    assert_eq!(brief(&said), ["Ended { because: Undefined }"]);
}

#[test]
fn a_second_opening_joins_the_open_risk_cta() {
    let urgent = playbook("urgent", enters("angry"), vec![open(CtaType::Risk, 1), notify()]);
    let mut account = Account::with(vec![urgent, win_back()]);
    account.told(0, entered("silent", 7));
    let said = account.told(1, entered("angry", 8));
    assert_eq!(said, ["Started", "Open 1 2", "request crm", "Ended"]);
    assert_eq!(account.told(2, entered("silent", 9)), ["Started", "request crm", "Ended"]);
    let body: Vec<_> = account.workflow.deliveries().iter().map(|d| d.endpoint.as_str()).collect();
    assert_eq!(body, ["crm", "crm", "crm"]);
}

#[test]
fn a_change_of_band_gives_its_drivers_as_reasons() {
    let trigger = Trigger::Band { from: BandBefore::None, to: None };
    let mut account = Account::with(vec![playbook("p", trigger, vec![notify()])]);
    let said = account.step(0, Occasion::Other, &[health(None, Some(Band::Red))]);
    let Some(Decision::Run(started)) = said.first() else { panic!("{said:?}") };
    let reasons: Vec<_> = started.reasons.iter().map(|r| (r.comparison.as_str(), r.value.as_str())).collect();
    assert_eq!(reasons, [("health band is red", "red"), ("orders moved the score by -12.345", "1")]);
}

#[test]
fn a_condition_that_does_not_hold_at_the_step_drops_the_notification_there() {
    let mut account = Account::with(vec![win_back()]);
    let condition = account.catalogue.conditions.atom(Atom::HealthMissing);
    account.catalogue.playbooks[0].only_while = Some(condition);
    account.holds = false;
    let said = account.told(0, entered("silent", 7));
    assert_eq!(said, ["Started", "Open 2 1", "request crm", "Dropped", "Ended"]);
}

#[test]
fn a_run_that_a_repair_started_is_not_gone_on_with() {
    let playbooks = vec![playbook("p", enters("new"), vec![wait(DAY_MS), notify()])];
    let mut account = Account::with(playbooks.clone());
    let said = account.step(0, Occasion::Other, &[entered("new", 7)]);
    let other = Account::with(playbooks);
    let mut workflow = Workflow::default();
    other.seen(0, None, |moment, _| said.iter().for_each(|decision| workflow.apply(moment, decision, true)));
    assert_eq!(workflow.runs(), []);
}
