//! What a waiting run waits for, and whether that has come.

use super::{
    run::{Run, Standing},
    workflow::{Moment, Plays, Workflow},
};
use crate::{
    catalogue::playbooks::{Action, CtaIs, Playbook, Question, Wait},
    cta::Cta,
    decision::{CtaType, RunEnd},
    time::{Day, Instant},
};

/// What becomes of a run now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn<'a> {
    End(RunEnd),
    /// From this place on.
    GoOn(&'a Playbook, usize),
}

/// The place of a waiting run in its playbook, while both are defined.
pub(super) fn place<'a>(plays: &Plays<'a>, run: &Run) -> Option<(&'a Playbook, usize)> {
    let playbook = plays.playbook(&run.playbook)?;
    let Standing::Waiting { step, .. } = &run.standing else { return None };
    let place = playbook.steps.iter().position(|s| s.name == *step)?;
    Some((playbook, place))
}

impl Workflow {
    /// The run that goes on, or ends, next: of those whose wait is over the one that waited until the earliest
    /// instant.
    pub(super) fn next_turn<'a>(&self, at: &Moment<'_>, plays: &Plays<'a>) -> Option<(&Run, Turn<'a>)> {
        let over = self.runs.iter().filter_map(|run| Some((run, self.turn(at, plays, run)?)));
        over.min_by_key(|(run, _)| (run.until(), run.id))
    }

    fn turn<'a>(&self, at: &Moment<'_>, plays: &Plays<'a>, run: &Run) -> Option<Turn<'a>> {
        let until = run.until()?;
        let is_over = until <= at.instant;
        let Some((playbook, place)) = place(plays, run) else {
            return is_over.then_some(Turn::End(RunEnd::Undefined));
        };
        if playbook.goal.is_some_and(plays.holds) {
            return Some(Turn::End(RunEnd::Goal));
        }
        if ends_at(run, playbook).is_some_and(|end| end <= at.instant) {
            return Some(Turn::End(RunEnd::TimedOut));
        }
        let has_come = match waits_for(playbook, place) {
            Some(Wait::Approval { .. }) => return is_over.then_some(Turn::End(RunEnd::TimedOut)),
            Some(Wait::Until { question, .. }) => self.is_so(at, plays, *question, (run, playbook, place)),
            _ => false,
        };
        (is_over || has_come).then_some(Turn::GoOn(playbook, place + 1))
    }

    /// When a waiting run must be looked at again though no fact arrives.
    pub(super) fn run_wake(&self, at: &Moment<'_>, plays: &Plays<'_>, run: &Run) -> Option<Instant> {
        let until = run.until();
        let Some((playbook, place)) = place(plays, run) else { return until };
        let goal = playbook.goal.and_then(plays.wake);
        let asked = match waits_for(playbook, place) {
            Some(Wait::Until { question: Question::Holds(condition), .. }) => (plays.wake)(*condition),
            Some(Wait::Until { question: Question::Cta(CtaIs::Overdue), .. }) => {
                let due = self.cta_of(at, (run, playbook, place)).and_then(|cta| cta.due);
                let overdue = due.map(|day| plays.catalogue.calendar.start_of(Day(day.0.saturating_add(1))));
                overdue.filter(|overdue| *overdue > at.instant)
            }
            _ => None,
        };
        [until, ends_at(run, playbook), goal, asked].into_iter().flatten().min()
    }

    /// Whether the answer is yes to a question that a run asks at a place of its playbook.
    pub(super) fn is_so(
        &self,
        at: &Moment<'_>,
        plays: &Plays<'_>,
        question: Question,
        of: (&Run, &Playbook, usize),
    ) -> bool {
        let is = match question {
            Question::Holds(condition) => return (plays.holds)(condition),
            Question::Cta(is) => is,
        };
        let cta = self.cta_of(at, of);
        let today = || plays.catalogue.calendar.day_of(at.instant);
        match is {
            CtaIs::Open => cta.is_some(),
            CtaIs::Closed => cta.is_none(),
            CtaIs::Untouched => cta.is_some_and(|cta| !cta.touched),
            CtaIs::Overdue => cta.and_then(|cta| cta.due).is_some_and(|due| due < today()),
        }
    }

    /// The CTA that a step before the place opened or joined, the nearest that is not closed.
    pub(super) fn cta_of(&self, at: &Moment<'_>, of: (&Run, &Playbook, usize)) -> Option<&Cta> {
        let (run, playbook, place) = of;
        let joined = self.ctas.risk().filter(|cta| cta.is_due_to(&run.playbook));
        playbook.steps[..place].iter().rev().find_map(|step| match &step.action {
            Action::OpenCta(opening) => {
                let own = self.ctas.find(run.cta(at, &step.name)).ok();
                own.or_else(|| joined.filter(|_| opening.kind == CtaType::Risk))
            }
            _ => None,
        })
    }
}

fn waits_for(playbook: &Playbook, place: usize) -> Option<&Wait> {
    match &playbook.steps.get(place)?.action {
        Action::Wait(wait) => Some(wait),
        _ => None,
    }
}

fn ends_at(run: &Run, playbook: &Playbook) -> Option<Instant> {
    playbook.at_most_ms.map(|ms| run.started_at.plus_ms(ms))
}
