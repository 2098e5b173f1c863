//! Deciding: what follows from a step is said one by one, each applied before the next is thought of.

use super::{
    run::{self, MAX_RUNS, Run},
    turn::{Turn, place},
    workflow::{Moment, Plays, Start, Workflow},
};
use crate::{
    catalogue::playbooks::{Action, Playbook, ReEntry, Wait},
    command::{Ask, CtaCommand, Refusal, RunCommand},
    decision::{CommandAnswered, Decision, RunEnd},
    ids::{CtaId, RunId},
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
            self.turn_runs();
            self.start_runs();
            self.answer();
            // What was started or asked for may be what others wait for.
            self.turn_runs();
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
        let runs = self.workflow.runs.iter();
        let orphans = runs.filter(|run| place(self.plays, run).is_none());
        let orphans: Vec<_> = orphans.map(|run| run.ended(RunEnd::Undefined)).collect();
        orphans.into_iter().for_each(|ended| self.say(Decision::Run(ended)));
    }

    fn wake_ctas(&mut self) {
        while let Some(cta) = self.workflow.ctas.to_wake(self.at.instant) {
            let woken = cta.clone().woken().changed("");
            self.say(Decision::Cta(woken));
        }
    }

    /// Runs whose wait is over, and runs that have come to their goal. Each goes further on or ends: so this does.
    fn turn_runs(&mut self) {
        while let Some((run, turn)) = self.workflow.next_turn(self.at, self.plays) {
            let run = run.clone();
            match turn {
                Turn::GoOn(playbook, place) => self.go_on(&run, playbook, place),
                Turn::End(because) => self.say(Decision::Run(run.ended(because))),
            }
        }
    }

    fn start_runs(&mut self) {
        let rank = |start: &Start| self.plays.playbook(&start.playbook).map(|playbook| playbook.rank);
        let mut starts = self.workflow.news.starts.clone();
        starts.sort_by_key(rank);
        for Start { playbook, signal, reasons } in starts {
            let known = self.workflow.run(run::id(self.at, &playbook, &signal)).is_some();
            let Some(playbook) = self.plays.playbook(&playbook) else { continue };
            if known || self.workflow.runs.len() == MAX_RUNS || !self.may_start(playbook) {
                continue;
            }
            let run = Run::of(self.at, &playbook.name, &signal, &reasons);
            let first = playbook.steps.first().map_or("", |step| &step.name);
            self.say(Decision::Run(run.started(first)));
            self.go_on(&run, playbook, 0);
        }
    }

    /// Whether its conditions are met, and its last start is long enough ago.
    fn may_start(&self, playbook: &Playbook) -> bool {
        let last = self.workflow.started.get(&playbook.name);
        let is_new = match playbook.re_entry {
            ReEntry::Always => true,
            ReEntry::Never => last.is_none(),
            ReEntry::After(ms) => last.is_none_or(|last| last.plus_ms(ms) <= self.at.instant),
        };
        let (holds, starts_while) = (self.plays.holds, playbook.starts_while);
        is_new && starts_while.is_none_or(holds) && !playbook.goal.is_some_and(holds)
    }

    fn answer(&mut self) {
        let Some(command) = self.workflow.news.command.clone() else { return };
        let id = command.id;
        if self.workflow.answers.has(id) {
            return;
        }
        let done = command.check().and_then(|()| match &command.ask {
            Ask::Cta(cta, ask) => self.ask_of_cta(*cta, ask, &command.by),
            Ask::Run(run, ask) => self.ask_of_run(*run, *ask),
        });
        let (code, message) = match done {
            Ok(()) => (String::new(), String::new()),
            Err(refusal) => (refusal.code().into(), refusal.to_string()),
        };
        self.say(Decision::Answer(CommandAnswered { command: id, code, message }));
    }

    fn ask_of_cta(&mut self, cta: CtaId, ask: &CtaCommand, by: &str) -> Result<(), Refusal> {
        let outcomes = |kind| self.plays.catalogue.outcomes.get(&kind).cloned();
        let changed = self.workflow.ctas.answer(cta, ask, by, self.at.instant, outcomes)?;
        changed.into_iter().for_each(|changed| self.say(Decision::Cta(changed)));
        Ok(())
    }

    fn ask_of_run(&mut self, id: RunId, ask: RunCommand) -> Result<(), Refusal> {
        let run = self.workflow.run(id).cloned().ok_or(Refusal::RunNotFound)?;
        let (playbook, place) = place(self.plays, &run).ok_or(Refusal::RunNotWaiting)?;
        if !matches!(playbook.steps[place].action, Action::Wait(Wait::Approval { .. })) {
            return Err(Refusal::RunNotWaiting);
        }
        match ask {
            RunCommand::Approve => self.go_on(&run, playbook, place + 1),
            RunCommand::Reject => self.say(Decision::Run(run.ended(RunEnd::Rejected))),
        }
        Ok(())
    }
}
