//! Playbooks, CTAs and commands over one account, rule by rule.

use crate::{
    account::Body,
    catalogue::{Action, Playbook, Trigger},
    post::{Letter, Post, Terms},
    scene::{Kind, News, Scene, holds},
    story::{CtaChange, NotificationChange, RunChange, Turn, Work},
    walk::Step,
};

/// What a person asks for.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) id: u128,
    pub(crate) cta: u128,
    pub(crate) by: String,
    pub(crate) ask: Ask,
}

#[derive(Debug, Clone)]
pub(crate) enum Ask {
    Take,
    Snooze { until: i64 },
    Close { outcome: String },
    Reassign { owner: String },
}

/// What is under way.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    runs: Vec<Run>,
    ctas: Vec<CtaChange>,
    closed: Vec<u128>,
    answered: Vec<(u128, i64)>,
    done: Vec<Work>,
    post: Post,
    pub(crate) turns: Vec<Turn>,
}

#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) id: u128,
    pub(crate) playbook: String,
    pub(crate) news: News,
    pub(crate) step: String,
    pub(crate) until: i64,
}

const MOST_RUNS: usize = 64;
const MOST_CTAS: usize = 64;
const MOST_REASONS: usize = 32;
const REMEMBERED_MS: i64 = 24 * 3_600_000;

impl Desk {
    /// When a wait or a snooze ends next.
    pub(crate) fn wake(&self) -> Option<i64> {
        let snoozed = self.ctas.iter().filter(|cta| cta.state == "snoozed").map(|cta| cta.until);
        self.runs.iter().map(|run| run.until).chain(snoozed).min()
    }

    /// What is done at a step, in order.
    pub(crate) fn work(&mut self, scene: &Scene<'_>) -> Vec<Work> {
        self.end_orphans(scene);
        self.end_snoozes(scene);
        self.end_waits(scene);
        self.start_runs(scene);
        self.answer(scene);
        if let Step::Report(report) = scene.step {
            self.turns.extend(self.post.report(scene.when, scene.appended_at, report));
        }
        std::mem::take(&mut self.done)
    }

    pub(crate) fn is_due(&self, appended_at: i64, terms: Terms) -> bool {
        self.post.is_due(appended_at, terms.longest_call)
    }

    /// Attempts that are due; where conditions are asked again, what no longer meets its own is dropped.
    pub(crate) fn deliver(&mut self, scene: &Scene<'_>, terms: Terms) {
        let wanted = |letter: &Letter| {
            let catalogue = &scene.view.catalogue;
            let Some(playbook) = catalogue.playbooks.get(&letter.playbook) else { return false };
            let holds = playbook.only_while.as_ref().is_none_or(|c| scene.view.holds(c) == Some(true));
            (holds || !terms.asks_again) && catalogue.endpoints.contains_key(&letter.endpoint)
        };
        self.turns.extend(self.post.deliver(scene.when, scene.appended_at, terms.longest_call, wanted));
    }

    fn end_orphans(&mut self, scene: &Scene<'_>) {
        if !matches!(scene.step, Step::Catalogue { .. }) {
            return;
        }
        for run in self.runs.clone() {
            if scene.place(&run).is_none() {
                self.end(scene, &run);
            }
        }
    }

    fn end_snoozes(&mut self, scene: &Scene<'_>) {
        for cta in &mut self.ctas {
            if cta.state == "snoozed" && cta.until <= scene.when.at {
                let (state, by, until) = ("open".to_owned(), String::new(), 0);
                *cta = CtaChange { when: scene.when, state, by, until, ..cta.clone() };
                self.done.push(Work::Cta(cta.clone()));
            }
        }
    }

    fn end_waits(&mut self, scene: &Scene<'_>) {
        let mut over: Vec<Run> = self.runs.iter().filter(|run| run.until <= scene.when.at).cloned().collect();
        over.sort_by_key(|run| (run.until, run.id));
        for run in over {
            match scene.place(&run) {
                Some((playbook, place)) => self.go_on(scene, &run, playbook, place + 1),
                None => self.end(scene, &run),
            }
        }
    }

    fn start_runs(&mut self, scene: &Scene<'_>) {
        let playbooks = &scene.view.catalogue.playbooks;
        if let Step::Fact(fact) = scene.step
            && let Body::Usage(usage) = &fact.body
        {
            for (name, playbook) in playbooks {
                if let Trigger::Event { events, filters } = &playbook.trigger
                    && events.as_ref().is_none_or(|names| names.contains(&usage.event))
                    && filters.iter().all(|(p, c)| c.of(usage.property(p)) == Some(true))
                {
                    let event = &usage.event;
                    let reasons = vec![holds(format!("event {event}"), "")];
                    let news = News { trigger: fact.id, reasons, kind: Kind::Happened(event.clone()) };
                    self.start(scene, name, playbook, &news);
                }
            }
        }
        for news in scene.news() {
            for (name, playbook) in playbooks {
                if news.pulls(&playbook.trigger) {
                    self.start(scene, name, playbook, &news);
                }
            }
        }
    }

    fn start(&mut self, scene: &Scene<'_>, name: &str, playbook: &Playbook, news: &News) {
        let id = scene.id("run", name, news.trigger, None);
        if self.runs.len() >= MOST_RUNS || self.runs.iter().any(|run| run.id == id) {
            return;
        }
        let step = playbook.steps.first().map_or(String::new(), |(step, _)| step.clone());
        let run = Run { id, playbook: name.into(), news: news.clone(), step, until: 0 };
        let reasons = news.reasons.clone();
        self.done.push(Work::Run(RunChange { reasons, ..run.change(scene, "started") }));
        self.runs.push(run.clone());
        self.go_on(scene, &run, playbook, 0);
    }

    /// Through its steps, to the next wait or to the end.
    fn go_on(&mut self, scene: &Scene<'_>, run: &Run, playbook: &Playbook, from: usize) {
        for (place, (step, action)) in playbook.steps.iter().enumerate().skip(from) {
            match action {
                Action::End => break,
                Action::Wait { hours } => {
                    let until = scene.when.at + hours * 3_600_000;
                    let waiting = Run { step: step.clone(), until, ..run.clone() };
                    self.done.push(Work::Run(waiting.change(scene, "waiting")));
                    self.runs
                        .iter_mut()
                        .filter(|other| other.id == run.id)
                        .for_each(|r| *r = waiting.clone());
                    return;
                }
                Action::Notify { endpoint } => self.notify(scene, run, endpoint, playbook, place),
                Action::OpenCta { .. } => self.open_cta(scene, run, step, action),
                Action::CloseCta { kind, outcome } => self.close_ctas(scene, kind, outcome),
            }
        }
        self.end(scene, run);
    }

    fn end(&mut self, scene: &Scene<'_>, run: &Run) {
        let ended = Run { step: String::new(), until: 0, ..run.clone() };
        self.done.push(Work::Run(ended.change(scene, "ended")));
        self.runs.retain(|other| other.id != run.id);
    }

    fn notify(&mut self, scene: &Scene<'_>, run: &Run, endpoint: &str, playbook: &Playbook, place: usize) {
        let holds = playbook.only_while.as_ref().is_none_or(|c| scene.view.holds(c) == Some(true));
        let step = &playbook.steps[place].0;
        let notification = scene.id("notification", &run.playbook, run.news.trigger, Some(step));
        let of = [&*run.playbook, endpoint];
        self.turns.extend(self.post.request(scene.when, scene.appended_at, of, notification, holds));
        self.done.push(Work::Notification(NotificationChange {
            when: scene.when,
            notification,
            playbook: run.playbook.clone(),
            run: run.id,
            step: step.clone(),
            recipient: endpoint.into(),
            body: scene.body(run, step, self.cta_before(scene, run, playbook, place)),
            dropped: !holds,
        }));
    }

    /// The CTA that the nearest opening before a step opened, or the risk CTA it joined, while it is not closed.
    fn cta_before(&self, scene: &Scene<'_>, run: &Run, playbook: &Playbook, place: usize) -> Option<u128> {
        let opening = playbook.steps[..place].iter().rev();
        let (step, kind) = opening
            .filter_map(|(step, action)| match action {
                Action::OpenCta { kind, .. } => Some((step, kind)),
                _ => None,
            })
            .next()?;
        let own = scene.id("cta", &run.playbook, run.news.trigger, Some(step));
        let joined = |cta: &&CtaChange| kind == "risk" && cta.kind == "risk";
        let found = self.ctas.iter().find(|cta| cta.cta == own).or_else(|| self.ctas.iter().find(joined));
        found.map(|cta| cta.cta)
    }

    fn open_cta(&mut self, scene: &Scene<'_>, run: &Run, step: &str, action: &Action) {
        let Action::OpenCta { kind, title, priority, owner, due_days } = action else { return };
        let risk = self.ctas.iter_mut().find(|cta| kind == "risk" && cta.kind == "risk");
        if let Some(cta) = risk {
            let mut joined = CtaChange { priority: cta.priority.min(*priority), ..cta.clone() };
            for reason in &run.news.reasons {
                let known = joined.reasons.iter().any(|known| known.comparison == reason.comparison);
                if !known && joined.reasons.len() < MOST_REASONS {
                    joined.reasons.push(reason.clone());
                }
            }
            if joined != *cta {
                *cta = CtaChange { when: scene.when, by: String::new(), ..joined };
                self.done.push(Work::Cta(cta.clone()));
            }
            return;
        }
        if self.ctas.len() >= MOST_CTAS {
            return;
        }
        let cta = CtaChange {
            when: scene.when,
            cta: scene.id("cta", &run.playbook, run.news.trigger, Some(step)),
            kind: kind.clone(),
            state: "open".into(),
            title: title.clone(),
            priority: *priority,
            owner: owner.clone(),
            due_day: due_days.map(|days| scene.view.calendar.day_of(scene.when.at) + days),
            reasons: run.news.reasons.clone(),
            playbook: run.playbook.clone(),
            run: run.id,
            until: 0,
            outcome: String::new(),
            by: String::new(),
        };
        self.ctas.push(cta.clone());
        self.done.push(Work::Cta(cta));
    }

    fn close_ctas(&mut self, scene: &Scene<'_>, kind: &str, outcome: &str) {
        for cta in self.ctas.clone().into_iter().filter(|cta| cta.kind == kind) {
            self.close(scene, cta, outcome, "");
        }
    }

    fn close(&mut self, scene: &Scene<'_>, cta: CtaChange, outcome: &str, by: &str) {
        self.ctas.retain(|other| other.cta != cta.cta);
        self.closed.push(cta.cta);
        self.done.push(Work::Cta(CtaChange {
            when: scene.when,
            state: "closed".into(),
            outcome: outcome.into(),
            by: by.into(),
            until: 0,
            ..cta
        }));
    }

    fn answer(&mut self, scene: &Scene<'_>) {
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
        let closed = self.closed.contains(&command.cta);
        let missing = if closed { "CTA_CLOSED" } else { "CTA_NOT_FOUND" };
        let cta = self.ctas.iter_mut().find(|cta| cta.cta == command.cta).ok_or(missing)?;
        let mut after = cta.clone();
        match &command.ask {
            Ask::Take if !cta.owner.is_empty() && cta.owner != command.by => return Err("CTA_TAKEN"),
            Ask::Take => after.owner.clone_from(&command.by),
            Ask::Snooze { until } if *until <= scene.when.at => return Err("SNOOZE_IN_PAST"),
            Ask::Snooze { until } => after = CtaChange { state: "snoozed".into(), until: *until, ..after },
            Ask::Close { outcome } => {
                self.close(scene, after, outcome, &command.by);
                return Ok(());
            }
            Ask::Reassign { owner } => after.owner.clone_from(owner),
        }
        if after != *cta {
            *cta = CtaChange { when: scene.when, by: command.by.clone(), ..after };
            self.done.push(Work::Cta(cta.clone()));
        }
        Ok(())
    }
}

impl Run {
    fn change(&self, scene: &Scene<'_>, state: &str) -> RunChange {
        RunChange {
            when: scene.when,
            run: self.id,
            playbook: self.playbook.clone(),
            state: state.into(),
            step: self.step.clone(),
            until: self.until,
            reasons: Vec::new(),
        }
    }
}

/// Everything that a command must say is there, 200 bytes at most, without control characters.
fn readable(command: &Command) -> Result<(), &'static str> {
    let asker = (&command.by, "ASKER_MISSING");
    let said = match &command.ask {
        Ask::Take | Ask::Snooze { .. } => vec![asker],
        Ask::Close { outcome } => vec![asker, (outcome, "OUTCOME_MISSING")],
        Ask::Reassign { owner } => vec![asker, (owner, "OWNER_MISSING")],
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
