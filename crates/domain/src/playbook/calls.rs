//! CTAs that steps open, change and close.

use super::{run::Run, script::Script};
use crate::{
    catalogue::playbooks::{Due, Opening, Owner, Playbook, Step, Update},
    command::SAID_MOST,
    cta::{Cta, Origin, Standing},
    decision::{CtaChanged, CtaType, Decision},
    time::Day,
};

impl Script<'_> {
    pub(super) fn open_cta(&mut self, run: &Run, step: &Step, opening: &Opening) {
        let opened = self.opened(run, step, opening);
        let ctas = &self.workflow.ctas;
        let risk = ctas.risk().filter(|_| opened.kind == CtaType::Risk);
        let said = match risk {
            Some(open) => {
                let joined = open.clone().joined_by(&opened);
                (joined != *open).then(|| joined.changed(""))
            }
            None if self.cools_down(run, opening) => None,
            None => ctas.has_room().then(|| opened.changed("")),
        };
        said.into_iter().for_each(|changed| self.say(Decision::Cta(changed)));
    }

    /// Whether one that the playbook led to was closed only just now.
    fn cools_down(&self, run: &Run, opening: &Opening) -> bool {
        let closed_at = self.workflow.ctas.closed_at(opening.kind, &run.playbook);
        closed_at.is_some_and(|at| at.plus_ms(opening.cool_down_ms) > self.at.instant)
    }

    fn opened(&self, run: &Run, step: &Step, opening: &Opening) -> Cta {
        let owner = match &opening.owner {
            Some(owner) => self.whom(owner),
            None => None,
        };
        let cta = Cta {
            id: run.cta(self.at, &step.name),
            kind: opening.kind,
            standing: Standing::Open,
            title: opening.title.clone(),
            priority: opening.priority,
            owner: owner.or_else(|| self.routed()).unwrap_or_default(),
            due: opening.due.map(|due| self.due(due)),
            reasons: run.reasons.clone(),
            origin: Origin { playbook: run.playbook.clone(), run: run.id, episode: run.signal.episode() },
            tasks: Vec::new(),
            touched: false,
            joined: Vec::new(),
        };
        cta.with_tasks(opening.tasks.iter().map(String::as_str))
    }

    fn due(&self, due: Due) -> Day {
        let today = self.plays.catalogue.calendar.day_of(self.at.instant);
        match due {
            Due::Days(days) => Day(today.0.saturating_add(i32::from(days))),
            Due::WorkingDays(days) => self.plays.catalogue.working_week.further(today, days),
        }
    }

    /// The first of the routing whose condition holds, and that says somebody.
    fn routed(&self) -> Option<String> {
        let routes = self.plays.catalogue.routing.iter();
        let fitting = routes.filter(|route| route.when.is_none_or(self.plays.holds));
        fitting.filter_map(|route| self.whom(&route.owner)).next()
    }

    fn whom(&self, owner: &Owner) -> Option<String> {
        match owner {
            Owner::Named(name) => Some(name.clone()),
            Owner::OfTrait(name) => {
                let is_name = |text: &String| {
                    !text.is_empty() && text.len() <= SAID_MOST && !text.contains(char::is_control)
                };
                (self.plays.account_trait)(name).filter(is_name)
            }
        }
    }

    /// Changes the run's CTA, if it has one that is not closed.
    pub(super) fn update_cta(&mut self, run: &Run, playbook: &Playbook, place: usize, update: &Update) {
        let Some(before) = self.workflow.cta_of(self.at, (run, playbook, place)) else { return };
        let mut after = before.clone();
        if let Some(title) = &update.title {
            title.clone_into(&mut after.title);
        }
        after.priority = update.priority.map_or(after.priority, |priority| priority.min(after.priority));
        if let Some(owner) = update.owner.as_ref().and_then(|owner| self.whom(owner)) {
            after.owner = owner;
        }
        let after = after.with_tasks(update.tasks.iter().map(String::as_str));
        if after != *before {
            self.say(Decision::Cta(after.changed("")));
        }
    }

    pub(super) fn close_ctas(&mut self, kind: CtaType, outcome: &str) {
        let open = self.workflow.ctas.open().iter();
        let closing: Vec<CtaChanged> =
            open.filter(|cta| cta.kind == kind).map(|cta| cta.clone().close(outcome, "")).collect();
        closing.into_iter().for_each(|closed| self.say(Decision::Cta(closed)));
    }
}
