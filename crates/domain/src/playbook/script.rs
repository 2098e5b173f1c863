//! Deciding: what follows from a step is said one by one, each applied before the next is thought of.

use super::{
    body::body,
    run::{self, MAX_RUNS, Run, Standing},
    workflow::{Moment, Plays, Start, Workflow},
};
use crate::{
    catalogue::playbooks::{Action, Playbook},
    cta::{Cta, Origin, Standing as CtaStanding},
    decision::{
        Channel, Command, CommandAnswered, CtaChanged, CtaType, Decision, NotificationRequested,
        NotificationSettled, NotificationState,
    },
    ids::CtaId,
    notification::MAX_DELIVERIES,
    time::{Day, Instant},
};

/// The account as it stands after what was said so far.
pub(super) struct Script<'a> {
    pub(super) at: &'a Moment<'a>,
    pub(super) plays: &'a Plays<'a>,
    pub(super) workflow: Workflow,
    said: Vec<Decision>,
}

impl<'a> Script<'a> {
    pub(super) fn new(at: &'a Moment<'a>, plays: &'a Plays<'a>, workflow: Workflow) -> Self {
        Self { at, plays, workflow, said: Vec::new() }
    }

    pub(super) fn play(mut self) -> Vec<Decision> {
        if self.workflow.news.deliver {
            self.deliver();
        } else {
            self.end_orphans();
            self.wake_ctas();
            self.resume_runs();
            self.start_runs();
            self.answer();
            self.settle();
        }
        self.said
    }

    pub(super) fn say(&mut self, decision: Decision) {
        self.workflow.apply(self.at, &decision, false);
        self.said.push(decision);
    }

    /// Runs whose playbook, or the step they wait at, is no longer defined.
    fn end_orphans(&mut self) {
        if !self.workflow.news.catalogue {
            return;
        }
        let orphans: Vec<_> =
            self.workflow.runs.iter().filter(|run| self.place(run).is_none()).map(Run::ended).collect();
        orphans.into_iter().for_each(|ended| self.say(Decision::Run(ended)));
    }

    fn wake_ctas(&mut self) {
        while let Some(cta) = self.workflow.ctas.to_wake(self.at.instant) {
            let woken = cta.clone().woken().changed("");
            self.say(Decision::Cta(woken));
        }
    }

    /// Runs whose wait is over go on.
    fn resume_runs(&mut self) {
        let now = self.at.instant;
        let over = |run: &Run| run.until().filter(|until| *until <= now).map(|until| (until, run.id));
        let mut due: Vec<_> = self.workflow.runs.iter().filter_map(over).collect();
        due.sort_unstable();
        for (_, id) in due {
            let Some(run) = self.workflow.run(id).cloned() else { continue };
            match self.place(&run) {
                Some((playbook, waited_at)) => self.go_on(&run, playbook, waited_at + 1),
                None => self.say(Decision::Run(run.ended())),
            }
        }
    }

    fn start_runs(&mut self) {
        for Start { playbook, signal, reasons } in self.workflow.news.starts.clone() {
            let known = self.workflow.run(run::id(self.at, &playbook, &signal)).is_some();
            let Some(playbook) = self.plays.playbook(&playbook) else { continue };
            if known || self.workflow.runs.len() == MAX_RUNS {
                continue;
            }
            let run = Run::of(self.at, &playbook.name, &signal, &reasons);
            let first = playbook.steps.first().map_or("", |step| &step.name);
            self.say(Decision::Run(run.started(first)));
            self.go_on(&run, playbook, 0);
        }
    }

    /// Goes through the steps from the given one on, to the next wait or to the end.
    fn go_on(&mut self, run: &Run, playbook: &Playbook, from: usize) {
        for (place, step) in playbook.steps.iter().enumerate().skip(from) {
            match &step.action {
                Action::OpenCta { .. } => self.open_cta(run, playbook, place),
                Action::CloseCta { kind, outcome } => self.close_ctas(*kind, outcome),
                Action::Notify { endpoint } => self.notify(run, playbook, place, endpoint),
                Action::Wait { for_ms } => {
                    let until = Instant(self.at.instant.0.saturating_add(*for_ms));
                    return self.say(Decision::Run(run.waiting(&step.name, until)));
                }
                Action::End => break,
            }
        }
        self.say(Decision::Run(run.ended()));
    }

    fn open_cta(&mut self, run: &Run, playbook: &Playbook, place: usize) {
        let Some(opened) = self.opened(run, playbook, place) else { return };
        let ctas = &self.workflow.ctas;
        let risk = ctas.risk().filter(|_| opened.kind == CtaType::Risk);
        let said = match risk {
            Some(open) => {
                let joined = open.clone().joined(opened.priority, &run.reasons);
                (joined != *open).then(|| joined.changed(""))
            }
            None => ctas.has_room().then(|| opened.changed("")),
        };
        said.into_iter().for_each(|changed| self.say(Decision::Cta(changed)));
    }

    /// The CTA that a step opens, where it opens one.
    fn opened(&self, run: &Run, playbook: &Playbook, place: usize) -> Option<Cta> {
        let step = &playbook.steps[place];
        let Action::OpenCta { kind, title, priority, owner, due_days } = &step.action else { return None };
        let today = || self.at.calendar.day_of(self.at.instant);
        Some(Cta {
            id: run.cta(self.at, &step.name),
            kind: *kind,
            standing: CtaStanding::Open,
            title: title.clone(),
            priority: *priority,
            owner: owner.clone(),
            due: due_days.map(|days| Day(today().0.saturating_add(i32::from(days)))),
            reasons: run.reasons.clone(),
            origin: Origin { playbook: playbook.name.clone(), run: run.id, episode: run.signal.episode() },
        })
    }

    fn close_ctas(&mut self, kind: CtaType, outcome: &str) {
        let closing: Vec<CtaChanged> = self
            .workflow
            .ctas
            .open()
            .iter()
            .filter(|cta| cta.kind == kind)
            .map(|cta| cta.clone().close(outcome, ""))
            .collect();
        closing.into_iter().for_each(|closed| self.say(Decision::Cta(closed)));
    }

    fn notify(&mut self, run: &Run, playbook: &Playbook, place: usize, endpoint: &str) {
        let step = &playbook.steps[place].name;
        let notification = run.notification(self.at, step);
        let cta = self.cta_before(run, playbook, place);
        self.say(Decision::Notification(NotificationRequested {
            notification,
            playbook: playbook.name.clone(),
            run: run.id,
            step: step.clone(),
            channel: Channel::Webhook,
            recipient: endpoint.into(),
            body: body(self.at, run, step, self.workflow.health, cta),
        }));
        let refused = if !self.plays.holds_while(playbook) {
            Some(NotificationState::Dropped)
        } else {
            (self.workflow.deliveries.len() > MAX_DELIVERIES).then_some(NotificationState::Failed)
        };
        if let Some(state) = refused {
            self.say(Decision::Settled(NotificationSettled { notification, state, attempts: 0 }));
        }
    }

    /// The CTA that the nearest step before opened or joined, if it is not closed.
    fn cta_before(&self, run: &Run, playbook: &Playbook, place: usize) -> Option<CtaId> {
        let opened = (0..place).rev().find_map(|place| self.opened(run, playbook, place))?;
        let ctas = &self.workflow.ctas;
        let joined = || ctas.risk().filter(|_| opened.kind == CtaType::Risk);
        ctas.find(opened.id).ok().or_else(joined).map(|cta| cta.id)
    }

    fn answer(&mut self) {
        let Some(command) = self.workflow.news.command.clone() else { return };
        if self.workflow.answers.has(command.id) {
            return;
        }
        let Command { id, .. } = command;
        let (code, message) = match self.workflow.ctas.answer(&command, self.at.instant) {
            Ok(changed) => {
                changed.into_iter().for_each(|changed| self.say(Decision::Cta(changed)));
                (String::new(), String::new())
            }
            Err(refusal) => (refusal.code().into(), refusal.to_string()),
        };
        self.say(Decision::Answer(CommandAnswered { command: id, code, message }));
    }

    /// The playbook of a run, and the place of the step it waits at, while both are defined.
    fn place(&self, run: &Run) -> Option<(&'a Playbook, usize)> {
        let playbook = self.plays.playbook(&run.playbook)?;
        let Standing::Waiting { step, .. } = &run.standing else { return None };
        let place = playbook.steps.iter().position(|s| s.name == *step)?;
        Some((playbook, place))
    }
}
