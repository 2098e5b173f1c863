//! What is under way over one account: runs, CTAs, notifications, commands answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    facts::Facts,
    latest::Latest,
    memory::Answers,
    run::{self, Run, Standing},
    script::Script,
    signal::{self, Signal},
    stored::{First, Second},
};
use crate::{
    catalogue::{Catalogue, messages::Message, playbooks::Playbook},
    command::Command,
    condition::ConditionId,
    cta::Ctas,
    decision::{
        AttemptReported, Channel, CommandAnswered, Decision, NotificationState, Reason, RunAdvanced,
        RunState, Score,
    },
    fact::Usage,
    ids::{FactId, NotificationId, RunId},
    notification::Delivery,
    time::Instant,
};

/// Version of the stored state that this build writes.
const FORMAT: u8 = 3;

/// A step of the log, as playbooks see it.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    pub workspace: &'a str,
    pub account: &'a str,
    /// The account's time.
    pub instant: Instant,
    /// Of the record: what deliveries go by, and how long answers are remembered.
    pub appended_at: Instant,
    /// The fact folded at this step; none at a timer's.
    pub fact: Option<FactId>,
    pub catalogue_version: u64,
    /// Whether `only_while` is asked again at each attempt: on the wall clock.
    pub asks_again: bool,
    /// Milliseconds after which a call that was begun is over.
    pub longest_call: i64,
}

/// What a step is about.
#[derive(Debug, Clone, Copy)]
pub enum Occasion<'a> {
    Usage(&'a Usage),
    Command(&'a Command),
    Report(&'a AttemptReported),
    Catalogue {
        fire_playbooks: bool,
    },
    /// Attempts that are due, and nothing else.
    Deliver,
    /// Time passes, or a fact that is no event.
    Other,
}

/// The definitions in force, and the account that they are asked of.
#[derive(Clone, Copy)]
pub struct Plays<'a> {
    pub catalogue: &'a Catalogue,
    /// What a message, or the built-in one, tells of the account.
    pub facts: &'a dyn Fn(Option<&Message>) -> Facts,
    /// Whether a condition surely holds now.
    pub holds: &'a dyn Fn(ConditionId) -> bool,
    /// The earliest instant after now at which a condition may be another with no new fact. Never late.
    pub wake: &'a dyn Fn(ConditionId) -> Option<Instant>,
    /// An account trait that is a text.
    pub account_trait: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Plays<'a> {
    pub(super) fn playbook(&self, name: &str) -> Option<&'a Playbook> {
        self.catalogue.playbook(name)
    }

    /// Whether the playbook's `only_while` holds, if it has one.
    pub(super) fn holds_while(&self, playbook: &Playbook) -> bool {
        playbook.only_while.is_none_or(self.holds)
    }

    pub(super) fn message(&self, name: &str) -> Option<&'a Message> {
        self.catalogue.message(name)
    }

    /// By which what goes to an endpoint goes.
    pub(super) fn channel(&self, endpoint: &str) -> Channel {
        let found = self.catalogue.endpoint(endpoint);
        found.map_or(Channel::Webhook, |found| found.address.channel())
    }

    pub(super) fn has_endpoint(&self, name: &str) -> bool {
        self.catalogue.endpoint(name).is_some()
    }
}

/// When the account must be looked at again though no fact arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wakes {
    /// By the account's clock: a wait or a snooze ends.
    pub clock: Option<Instant>,
    /// By append time: an attempt is due, or one is overdue.
    pub delivery: Option<Instant>,
}

/// A stored state that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no stored workflow: {0}")]
pub struct Unreadable(String);

/// What is under way over one account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workflow {
    pub(super) health: Option<Score>,
    pub(super) runs: Vec<Run>,
    pub(super) ctas: Ctas,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) answers: Answers,
    /// When each playbook started last.
    pub(super) started: BTreeMap<String, Instant>,
    pub(super) latest: Latest,
    /// Of the present step only.
    #[serde(skip)]
    pub(super) news: News,
}

/// What a step brought that is not decided yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct News {
    pub(super) starts: Vec<Start>,
    pub(super) command: Option<Command>,
    pub(super) catalogue: bool,
    pub(super) deliver: bool,
}

/// A playbook that is to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) playbook: String,
    pub(super) signal: Signal,
    pub(super) reasons: Vec<Reason>,
}

fn read<T: DeserializeOwned>(stored: &[u8]) -> Result<T, Unreadable> {
    postcard::from_bytes(stored).map_err(|error| Unreadable(error.to_string()))
}

impl Workflow {
    pub fn health(&self) -> Option<Score> {
        self.health
    }

    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    pub fn ctas(&self) -> &Ctas {
        &self.ctas
    }

    pub fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }

    /// Takes a step, and what the services above decided at it.
    pub fn take(&mut self, at: &Moment<'_>, plays: &Plays<'_>, occasion: &Occasion<'_>, above: &[Decision]) {
        self.answers.forget_old(at.appended_at);
        self.news = News {
            catalogue: matches!(occasion, Occasion::Catalogue { .. }),
            deliver: matches!(occasion, Occasion::Deliver),
            ..News::default()
        };
        match occasion {
            Occasion::Usage(usage) => self.note_usage(at, plays, usage),
            Occasion::Command(command) => self.news.command = Some((*command).clone()),
            Occasion::Report(report) => {
                self.deliver(report.notification, |d| d.reported(report, at.appended_at));
            }
            Occasion::Catalogue { .. } => self.started.retain(|name, _| plays.playbook(name).is_some()),
            Occasion::Deliver | Occasion::Other => {}
        }
        for decision in above {
            self.note_decision(at, plays, occasion, decision);
        }
    }

    /// What follows, in order.
    pub fn decide(&self, at: &Moment<'_>, plays: &Plays<'_>) -> Vec<Decision> {
        if self.is_idle(at, plays) { Vec::new() } else { Script::new(at, plays, self.clone()).play() }
    }

    /// Takes an own decision. A run that a repair started is not gone on with.
    pub fn apply(&mut self, at: &Moment<'_>, decision: &Decision, repaired: bool) {
        if let Decision::Run(RunAdvanced { state: RunState::Started, playbook, .. }) = decision {
            self.started.insert(playbook.clone(), at.instant);
        }
        match decision {
            Decision::Run(advanced) if repaired && advanced.state == RunState::Started => {}
            Decision::Run(advanced) => self.apply_run(at, advanced),
            Decision::Cta(changed) => self.ctas.apply(changed, at.instant),
            // A message that counts again after a day starts the same run again: its notification is under way already.
            Decision::Notification(request) if self.has_delivery(request.notification) => {}
            Decision::Notification(request) => {
                self.deliveries.push(Delivery::requested(request, at.appended_at));
            }
            Decision::Attempt(due) => {
                self.deliver(due.notification, |d| d.asked(due.attempt, at.appended_at));
            }
            Decision::Settled(settled) => self.deliveries.retain(|d| d.id != settled.notification),
            Decision::Answer(CommandAnswered { command, .. }) => {
                self.answers.remember(*command, at.appended_at);
            }
            Decision::Health(_) | Decision::Membership(_) => {}
        }
    }

    /// When to look again, after the step.
    pub fn wakes(&self, at: &Moment<'_>, plays: &Plays<'_>) -> Wakes {
        let waits = self.runs.iter().filter_map(|run| self.run_wake(at, plays, run));
        Wakes {
            clock: waits.chain(self.ctas.wake()).min(),
            delivery: self.deliveries.iter().filter_map(|d| d.wake(at.longest_call)).min(),
        }
    }

    /// Whether nothing was ever said about the account.
    pub fn is_empty(&self) -> bool {
        self.health.is_none()
            && self.runs.is_empty()
            && self.ctas.is_empty()
            && self.deliveries.is_empty()
            && self.answers.is_empty()
            && self.started.is_empty()
            && self.latest.is_empty()
    }

    /// The stored form, its version first.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![FORMAT]).unwrap_or_default()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        match bytes.split_first() {
            Some((&FORMAT, stored)) => read(stored),
            Some((1, stored)) => read::<First>(stored).map(Self::from),
            Some((2, stored)) => read::<Second>(stored).map(Self::from),
            Some((format, _)) => Err(Unreadable(format!("format {format} is not known"))),
            None => Err(Unreadable("it is empty".into())),
        }
    }

    fn is_idle(&self, at: &Moment<'_>, plays: &Plays<'_>) -> bool {
        let News { starts, command, catalogue, deliver } = &self.news;
        if *deliver {
            return self.deliveries.iter().all(|d| !d.is_due(at.appended_at, at.longest_call));
        }
        starts.is_empty()
            && command.is_none()
            && (!catalogue || self.runs.is_empty())
            && self.ctas.to_wake(at.instant).is_none()
            && self.next_turn(at, plays).is_none()
            && self.deliveries.iter().all(|d| d.finished().is_none())
    }

    fn note_usage(&mut self, at: &Moment<'_>, plays: &Plays<'_>, usage: &Usage) {
        let Some(fact) = at.fact else { return };
        for playbook in &plays.catalogue.playbooks {
            if let Some(signal) = Signal::of_usage(&playbook.trigger, usage, fact) {
                self.start(playbook, signal, None);
            }
        }
    }

    fn note_decision(
        &mut self,
        at: &Moment<'_>,
        plays: &Plays<'_>,
        occasion: &Occasion<'_>,
        above: &Decision,
    ) {
        if let Decision::Health(said) = above {
            self.health = said.score;
            self.latest.take_health(said, at.instant);
        }
        let Some(signal) = Signal::of_decision(at, occasion, above) else { return };
        for playbook in plays.catalogue.playbooks.iter().filter(|p| signal.pulls(&p.trigger)) {
            self.start(playbook, signal.clone(), Some(above));
        }
    }

    fn start(&mut self, playbook: &Playbook, signal: Signal, above: Option<&Decision>) {
        let reasons = signal::reasons(&signal, above);
        self.news.starts.push(Start { playbook: playbook.name.clone(), signal, reasons });
    }

    fn apply_run(&mut self, at: &Moment<'_>, advanced: &RunAdvanced) {
        match advanced.state {
            RunState::Started => self.begin(at, advanced),
            RunState::Waiting { until, .. } => {
                let step = advanced.step.clone();
                if let Some(run) = self.runs.iter_mut().find(|run| run.id == advanced.run) {
                    run.standing = Standing::Waiting { step, until };
                }
            }
            RunState::Ended { .. } => self.runs.retain(|run| run.id != advanced.run),
        }
    }

    fn begin(&mut self, at: &Moment<'_>, advanced: &RunAdvanced) {
        let started = |s: &&Start| {
            s.playbook == advanced.playbook && run::id(at, &s.playbook, &s.signal) == advanced.run
        };
        if let Some(Start { playbook, signal, .. }) = self.news.starts.iter().find(started) {
            let run = Run::of(at, playbook, signal, &advanced.reasons);
            self.runs.push(run);
        }
    }

    pub(super) fn run(&self, id: RunId) -> Option<&Run> {
        self.runs.iter().find(|run| run.id == id)
    }

    fn has_delivery(&self, id: NotificationId) -> bool {
        self.deliveries.iter().any(|delivery| delivery.id == id)
    }

    fn deliver(&mut self, id: NotificationId, transition: impl FnOnce(Delivery) -> Delivery) {
        if let Some(found) = self.deliveries.iter_mut().find(|d| d.id == id) {
            *found = transition(found.clone());
        }
    }

    /// The first notification of which something is left to be said.
    pub(super) fn finished(&self) -> Option<(&Delivery, NotificationState)> {
        self.deliveries.iter().find_map(|d| d.finished().map(|state| (d, state)))
    }
}
