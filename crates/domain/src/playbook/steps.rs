//! Going through the steps of a playbook.

use super::{
    body::{Told, body},
    run::Run,
    script::Script,
};
use crate::{
    catalogue::playbooks::{Action, Playbook, Wait},
    decision::{Decision, NotificationRequested, NotificationSettled, NotificationState, RunEnd},
    notification::MAX_DELIVERIES,
    time::Instant,
};

impl Script<'_> {
    /// Goes through the steps from the given one on, to the next wait or to the end. Branches lead further on only.
    pub(super) fn go_on(&mut self, run: &Run, playbook: &Playbook, from: usize) {
        let mut place = from;
        while let Some(step) = playbook.steps.get(place) {
            let mut next = place + 1;
            match &step.action {
                Action::OpenCta(opening) => self.open_cta(run, step, opening),
                Action::UpdateCta(update) => self.update_cta(run, playbook, place, update),
                Action::CloseCta { kind, outcome } => self.close_ctas(*kind, outcome),
                Action::Notify { endpoint, message } => {
                    self.notify(run, playbook, place, endpoint, message.as_deref());
                }
                Action::Branch(arms) => {
                    let is_way =
                        |question| self.workflow.is_so(self.at, self.plays, question, (run, playbook, place));
                    let way = arms.iter().find(|arm| arm.question.is_none_or(is_way));
                    next = way.map_or(next, |arm| arm.to);
                }
                Action::GoTo(to) => next = *to,
                Action::Wait(wait) => {
                    if let Some(until) = self.until(wait, (run, playbook, place)) {
                        let approval = matches!(wait, Wait::Approval { .. });
                        return self.say(Decision::Run(run.waiting(&step.name, until, approval)));
                    }
                }
                Action::End => break,
            }
            place = next;
        }
        self.say(Decision::Run(run.ended(RunEnd::Done)));
    }

    /// Until when a run waits at most; `None`: not at all.
    fn until(&self, wait: &Wait, of: (&Run, &Playbook, usize)) -> Option<Instant> {
        let (now, catalogue) = (self.at.instant, self.plays.catalogue);
        let until = match wait {
            Wait::For { ms } | Wait::Approval { at_most_ms: ms } => now.plus_ms(*ms),
            Wait::WorkingDays(days) => {
                let today = catalogue.calendar.day_of(now);
                catalogue.calendar.start_of(catalogue.working_week.further(today, *days))
            }
            Wait::OfficeHours { from, to } => {
                catalogue.working_week.office_hours(&catalogue.calendar, *from, *to, now)
            }
            Wait::Until { question, .. } if self.workflow.is_so(self.at, self.plays, *question, of) => now,
            Wait::Until { at_most_ms, .. } => now.plus_ms(*at_most_ms),
        };
        (until > now).then_some(until)
    }

    fn notify(
        &mut self,
        run: &Run,
        playbook: &Playbook,
        place: usize,
        endpoint: &str,
        message: Option<&str>,
    ) {
        let step = &playbook.steps[place].name;
        let notification = run.notification(self.at, step);
        let message = message.and_then(|name| self.plays.message(name));
        let told = Told {
            run,
            playbook,
            step,
            health: self.workflow.health,
            latest: &self.workflow.latest,
            cta: self.workflow.cta_of(self.at, (run, playbook, place)),
            message,
            facts: &(self.plays.facts)(message),
        };
        let body = body(self.at, self.plays, &told);
        self.say(Decision::Notification(NotificationRequested {
            notification,
            playbook: playbook.name.clone(),
            run: run.id,
            step: step.clone(),
            channel: self.plays.channel(endpoint),
            recipient: endpoint.into(),
            body,
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
}
