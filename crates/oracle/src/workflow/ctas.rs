//! CTAs: what steps and people do with them.

use super::{Ask, Command, Desk, REMEMBERED_MS, Run};
use crate::{
    account::Value,
    catalogue::{Action, Opening, Owner, Playbook},
    scene::Scene,
    story::{CtaChange, Work},
    walk::Step,
};

const MOST_CTAS: usize = 64;
const MOST_REASONS: usize = 32;
const MOST_TASKS: usize = 20;
const MOST_JOINED: usize = 16;

impl Desk {
    /// The CTA that the nearest opening before a step opened, or the risk CTA that its playbook opened or joined, while
    /// it is not closed.
    pub(super) fn cta_of(
        &self,
        scene: &Scene<'_>,
        run: &Run,
        playbook: &Playbook,
        place: usize,
    ) -> Option<&CtaChange> {
        for (step, action) in playbook.steps[..place].iter().rev() {
            let Action::OpenCta(Opening { kind, .. }) = action else { continue };
            let own = scene.id("cta", &run.playbook, run.news.trigger, Some(step));
            let joined =
                |cta: &CtaChange| kind == "risk" && cta.kind == "risk" && is_cause(cta, &run.playbook);
            let found = self.ctas.iter().find(|cta| cta.cta == own);
            let found = found.or_else(|| self.ctas.iter().find(|cta| joined(cta)));
            if found.is_some() {
                return found;
            }
        }
        None
    }

    pub(super) fn open_cta(&mut self, scene: &Scene<'_>, run: &Run, step: &str, opening: &Opening) {
        let risk = self.ctas.iter_mut().find(|cta| opening.kind == "risk" && cta.kind == "risk");
        if let Some(cta) = risk {
            let mut joined = CtaChange { priority: cta.priority.min(opening.priority), ..cta.clone() };
            for reason in &run.news.reasons {
                let known = joined.reasons.iter().any(|known| known.comparison == reason.comparison);
                if !known && joined.reasons.len() < MOST_REASONS {
                    joined.reasons.push(reason.clone());
                }
            }
            if !is_cause(&joined, &run.playbook) && joined.joined.len() < MOST_JOINED {
                joined.joined.push(run.playbook.clone());
            }
            add_tasks(&mut joined, &opening.tasks);
            if joined != *cta {
                *cta = CtaChange { when: scene.when, by: String::new(), ..joined };
                self.done.push(Work::Cta(cta.clone()));
            }
            return;
        }
        let cools = self.closed.iter().any(|cta| {
            let is_own = cta.kind == opening.kind && is_cause(cta, &run.playbook);
            is_own && scene.when.at < cta.when.at + opening.cool_down
        });
        if cools || self.ctas.len() >= MOST_CTAS {
            return;
        }
        let today = scene.view.calendar.day_of(scene.when.at);
        let week = &scene.view.catalogue.working_week;
        let working = opening.due_working_days.map(|days| week.after(today, days));
        let own = opening.owner.as_ref().and_then(|owner| whom(scene, owner));
        let mut cta = CtaChange {
            when: scene.when,
            cta: scene.id("cta", &run.playbook, run.news.trigger, Some(step)),
            kind: opening.kind.clone(),
            state: "open".into(),
            title: opening.title.clone(),
            priority: opening.priority,
            owner: own.or_else(|| routed(scene)).unwrap_or_default(),
            due_day: working.or(opening.due_days.map(|days| today + days)),
            reasons: run.news.reasons.clone(),
            playbook: run.playbook.clone(),
            run: run.id,
            until: 0,
            outcome: String::new(),
            by: String::new(),
            tasks: Vec::new(),
            touched: false,
            joined: Vec::new(),
        };
        add_tasks(&mut cta, &opening.tasks);
        self.ctas.push(cta.clone());
        self.done.push(Work::Cta(cta));
    }

    pub(super) fn update_cta(&mut self, scene: &Scene<'_>, run: &Run, playbook: &Playbook, place: usize) {
        let Action::UpdateCta { title, priority, owner, tasks } = &playbook.steps[place].1 else { return };
        let Some(before) = self.cta_of(scene, run, playbook, place).cloned() else { return };
        let mut after = before.clone();
        if let Some(title) = title {
            after.title.clone_from(title);
        }
        if let Some(priority) = priority {
            after.priority = after.priority.min(*priority);
        }
        if let Some(owner) = owner.as_ref().and_then(|owner| whom(scene, owner)) {
            after.owner = owner;
        }
        add_tasks(&mut after, tasks);
        if after != before {
            let after = CtaChange { when: scene.when, by: String::new(), ..after };
            self.ctas.iter_mut().filter(|cta| cta.cta == after.cta).for_each(|cta| *cta = after.clone());
            self.done.push(Work::Cta(after));
        }
    }

    pub(super) fn close_ctas(&mut self, scene: &Scene<'_>, kind: &str, outcome: &str) {
        for cta in self.ctas.clone().into_iter().filter(|cta| cta.kind == kind) {
            self.close(scene, cta, outcome, "");
        }
    }

    fn close(&mut self, scene: &Scene<'_>, cta: CtaChange, outcome: &str, by: &str) {
        self.ctas.retain(|other| other.cta != cta.cta);
        let (state, outcome, by) = ("closed".into(), outcome.into(), by.into());
        let closed = CtaChange { when: scene.when, state, outcome, by, until: 0, ..cta };
        self.closed.push(closed.clone());
        self.done.push(Work::Cta(closed));
    }

    pub(super) fn answer(&mut self, scene: &Scene<'_>) {
        let Step::Command(command) = scene.step else { return };
        self.answered.retain(|(_, at)| scene.appended_at - at < REMEMBERED_MS);
        if self.answered.iter().any(|(id, _)| *id == command.id) {
            return;
        }
        self.answered.push((command.id, scene.appended_at));
        let code = self.perform(scene, command).err().unwrap_or_default().to_owned();
        self.done.push(Work::Answer { when: scene.when, command: command.id, code });
    }

    fn perform(&mut self, scene: &Scene<'_>, command: &Command) -> Result<(), &'static str> {
        readable(command)?;
        if matches!(command.ask, Ask::Approve | Ask::Reject) {
            return self.approve(scene, command);
        }
        let closed = self.closed.iter().any(|cta| cta.cta == command.about);
        let missing = if closed { "CTA_CLOSED" } else { "CTA_NOT_FOUND" };
        let cta = self.ctas.iter_mut().find(|cta| cta.cta == command.about).ok_or(missing)?;
        let mut after = CtaChange { touched: true, ..cta.clone() };
        match &command.ask {
            Ask::Take if cta.touched && !cta.owner.is_empty() && cta.owner != command.by => {
                return Err("CTA_TAKEN");
            }
            Ask::Take => after.owner.clone_from(&command.by),
            Ask::Snooze { until } if *until <= scene.when.at => return Err("SNOOZE_IN_PAST"),
            Ask::Snooze { until } => after = CtaChange { state: "snoozed".into(), until: *until, ..after },
            Ask::Close { outcome } => {
                let known = scene.view.catalogue.outcomes.get(&after.kind);
                if known.is_some_and(|known| !known.contains(outcome)) {
                    return Err("OUTCOME_UNKNOWN");
                }
                self.close(scene, after, outcome, &command.by);
                return Ok(());
            }
            Ask::Reassign { owner } => after.owner.clone_from(owner),
            Ask::CompleteTask { task } => {
                let mut left = after.tasks.iter_mut().filter(|(title, by)| title == task && by.is_empty());
                left.next().ok_or("TASK_NOT_FOUND")?.1.clone_from(&command.by);
            }
            Ask::Approve | Ask::Reject => {}
        }
        if after != *cta {
            *cta = CtaChange { when: scene.when, by: command.by.clone(), ..after };
            self.done.push(Work::Cta(cta.clone()));
        }
        Ok(())
    }

    fn approve(&mut self, scene: &Scene<'_>, command: &Command) -> Result<(), &'static str> {
        let run = self.runs.iter().find(|run| run.id == command.about).cloned().ok_or("RUN_NOT_FOUND")?;
        let (playbook, place) = scene.place(&run).ok_or("RUN_NOT_WAITING")?;
        let Action::Wait { for_what: crate::catalogue::For::Approval, .. } = &playbook.steps[place].1 else {
            return Err("RUN_NOT_WAITING");
        };
        match command.ask {
            Ask::Reject => self.end(scene, &run, "rejected"),
            _ => self.go_on(scene, &run, playbook, place + 1),
        }
        Ok(())
    }
}

fn is_cause(cta: &CtaChange, playbook: &str) -> bool {
    cta.playbook == playbook || cta.joined.iter().any(|joined| joined == playbook)
}

fn add_tasks(cta: &mut CtaChange, tasks: &[String]) {
    for task in tasks {
        if cta.tasks.len() < MOST_TASKS && !cta.tasks.iter().any(|(title, _)| title == task) {
            cta.tasks.push((task.clone(), String::new()));
        }
    }
}

/// The first line of the routing that fits and says somebody.
fn routed(scene: &Scene<'_>) -> Option<String> {
    for (when, owner) in &scene.view.catalogue.routing {
        let fits = when.as_ref().is_none_or(|when| scene.view.holds(when) == Some(true));
        if let Some(owner) = whom(scene, owner).filter(|_| fits) {
            return Some(owner);
        }
    }
    None
}

fn whom(scene: &Scene<'_>, owner: &Owner) -> Option<String> {
    match owner {
        Owner::Is(name) => Some(name.clone()),
        Owner::Trait(name) => match scene.view.account.traits().value(name) {
            Some(Value::Text(text))
                if !text.is_empty() && text.len() <= 200 && !text.chars().any(char::is_control) =>
            {
                Some(text)
            }
            _ => None,
        },
    }
}

/// Everything that a command must say is there, 200 bytes at most, without control characters.
fn readable(command: &Command) -> Result<(), &'static str> {
    let asker = (&command.by, "ASKER_MISSING");
    let said = match &command.ask {
        Ask::Take | Ask::Snooze { .. } | Ask::Approve | Ask::Reject => vec![asker],
        Ask::Close { outcome } => vec![asker, (outcome, "OUTCOME_MISSING")],
        Ask::Reassign { owner } => vec![asker, (owner, "OWNER_MISSING")],
        Ask::CompleteTask { task } => vec![asker, (task, "TASK_MISSING")],
    };
    for (text, missing) in said {
        if text.is_empty() {
            return Err(missing);
        }
        if text.len() > 200 || text.chars().any(char::is_control) {
            return Err("TEXT_UNFIT");
        }
    }
    Ok(())
}
