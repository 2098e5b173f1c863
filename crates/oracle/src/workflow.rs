//! Playbooks, CTAs and commands over one account, rule by rule.

mod ctas;

use std::collections::BTreeMap;

use crate::{
    account::Body,
    catalogue::{Action, For, Playbook, Question, ReEntry, Trigger},
    post::{Letter, Post, Terms},
    scene::{Kind, News, Scene, holds},
    story::{CtaChange, NotificationChange, RunChange, Turn, Work},
    view::Rules,
    walk::Step,
};

/// What a person asks for.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) id: u128,
    /// Of a CTA, or of a run.
    pub(crate) about: u128,
    pub(crate) by: String,
    pub(crate) ask: Ask,
}

#[derive(Debug, Clone)]
pub(crate) enum Ask {
    Take,
    Snooze { until: i64 },
    Close { outcome: String },
    Reassign { owner: String },
    CompleteTask { task: String },
    Approve,
    Reject,
}

/// What is under way.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    runs: Vec<Run>,
    ctas: Vec<CtaChange>,
    closed: Vec<CtaChange>,
    answered: Vec<(u128, i64)>,
    /// When each playbook started last.
    started: BTreeMap<String, i64>,
    /// The last step's instant.
    now: i64,
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
    pub(crate) started_at: i64,
}

const MOST_RUNS: usize = 64;
const REMEMBERED_MS: i64 = 24 * 3_600_000;

impl Desk {
    /// The next instant at which a wait, a run's time or a snooze ends, or a CTA's due day is past.
    pub(crate) fn wake(&self, rules: &Rules) -> Option<i64> {
        let snoozed = self.ctas.iter().filter(|cta| cta.state == "snoozed").map(|cta| cta.until);
        let overdue = self.ctas.iter().filter_map(|cta| Some(rules.calendar.start_of(cta.due_day? + 1)));
        let ends = self.runs.iter().filter_map(|run| {
            let playbook = rules.catalogue.playbooks.get(&run.playbook)?;
            Some(run.started_at + playbook.at_most?)
        });
        let waits = self.runs.iter().map(|run| run.until).chain(snoozed);
        waits.chain(overdue.chain(ends).filter(|at| *at > self.now)).min()
    }

    /// What is done at a step, in order.
    pub(crate) fn work(&mut self, scene: &Scene<'_>) -> Vec<Work> {
        self.now = scene.when.at;
        self.end_orphans(scene);
        self.end_snoozes(scene);
        self.turn_runs(scene);
        self.start_runs(scene);
        self.answer(scene);
        self.turn_runs(scene);
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
        self.started.retain(|name, _| scene.view.catalogue.playbooks.contains_key(name));
        for run in self.runs.clone() {
            if scene.place(&run).is_none() {
                self.end(scene, &run, "undefined");
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

    /// Runs go on, or end, one after the other, until none has anything to do.
    fn turn_runs(&mut self, scene: &Scene<'_>) {
        loop {
            let mut runs = self.runs.clone();
            runs.sort_by_key(|run| (run.until, run.id));
            let turned = runs.iter().any(|run| self.turn(scene, run));
            if !turned {
                return;
            }
        }
    }

    /// Whether the run went on, or ended.
    fn turn(&mut self, scene: &Scene<'_>, run: &Run) -> bool {
        let over = run.until <= scene.when.at;
        let Some((playbook, place)) = scene.place(run) else {
            if over {
                self.end(scene, run, "undefined");
            }
            return over;
        };
        if playbook.goal.as_ref().is_some_and(|goal| scene.view.holds(goal) == Some(true)) {
            self.end(scene, run, "goal");
        } else if playbook.at_most.is_some_and(|ms| run.started_at + ms <= scene.when.at) {
            self.end(scene, run, "timed out");
        } else {
            match &playbook.steps[place].1 {
                Action::Wait { for_what: For::Approval, .. } if over => self.end(scene, run, "timed out"),
                Action::Wait { for_what: For::Answer(question), .. }
                    if self.answers(scene, run, playbook, place, question) =>
                {
                    self.go_on(scene, run, playbook, place + 1);
                }
                _ if over => self.go_on(scene, run, playbook, place + 1),
                _ => return false,
            }
        }
        true
    }

    fn answers(
        &self,
        scene: &Scene<'_>,
        run: &Run,
        playbook: &Playbook,
        place: usize,
        question: &Question,
    ) -> bool {
        let is = match question {
            Question::Holds(condition) => return scene.view.holds(condition) == Some(true),
            Question::Cta(is) => is.as_str(),
        };
        let Some(cta) = self.cta_of(scene, run, playbook, place) else { return is == "closed" };
        let today = scene.view.calendar.day_of(scene.when.at);
        match is {
            "open" => true,
            "untouched" => !cta.touched,
            "overdue" => cta.due_day.is_some_and(|day| day < today),
            _ => false,
        }
    }

    fn start_runs(&mut self, scene: &Scene<'_>) {
        let playbooks = &scene.view.catalogue.playbooks;
        let mut starts = Vec::new();
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
                    starts.push((name, playbook, news));
                }
            }
        }
        for news in scene.news() {
            for (name, playbook) in playbooks {
                if news.pulls(&playbook.trigger) {
                    starts.push((name, playbook, news.clone()));
                }
            }
        }
        starts.sort_by_key(|(_, playbook, _)| playbook.rank);
        starts.iter().for_each(|(name, playbook, news)| self.start(scene, name, playbook, news));
    }

    fn start(&mut self, scene: &Scene<'_>, name: &str, playbook: &Playbook, news: &News) {
        let id = scene.id("run", name, news.trigger, None);
        if self.runs.len() >= MOST_RUNS || self.runs.iter().any(|run| run.id == id) {
            return;
        }
        let is = |condition| scene.view.holds(condition) == Some(true);
        let forbidden = playbook.starts_while.as_ref().is_some_and(|c| !is(c));
        let reached = playbook.goal.as_ref().is_some_and(is);
        let too_soon = match (self.started.get(name), &playbook.re_entry) {
            (None, _) | (_, ReEntry::Always) => false,
            (Some(_), ReEntry::Never) => true,
            (Some(last), ReEntry::After(ms)) => scene.when.at < last + ms,
        };
        if forbidden || reached || too_soon {
            return;
        }
        self.started.insert(name.into(), scene.when.at);
        let step = playbook.steps.first().map_or(String::new(), |(step, _)| step.clone());
        let started_at = scene.when.at;
        let run = Run { id, playbook: name.into(), news: news.clone(), step, until: 0, started_at };
        let reasons = news.reasons.clone();
        self.done.push(Work::Run(RunChange { reasons, ..run.change(scene, "started") }));
        self.runs.push(run.clone());
        self.go_on(scene, &run, playbook, 0);
    }

    /// Through its steps, to the next wait or to the end.
    fn go_on(&mut self, scene: &Scene<'_>, run: &Run, playbook: &Playbook, from: usize) {
        let mut place = from;
        while place < playbook.steps.len() {
            let (step, action) = &playbook.steps[place];
            let mut next = place + 1;
            match action {
                Action::End => break,
                Action::Jump(to) => next = *to,
                Action::Choose(ways) => {
                    for (question, to) in ways {
                        if question.as_ref().is_none_or(|q| self.answers(scene, run, playbook, place, q)) {
                            next = *to;
                            break;
                        }
                    }
                }
                Action::Wait { for_what, at_most } => {
                    let until = match for_what {
                        For::Answer(q) if self.answers(scene, run, playbook, place, q) => scene.when.at,
                        for_what => ends(scene, for_what, *at_most),
                    };
                    if until > scene.when.at {
                        return self.wait(scene, run, step, until, matches!(for_what, For::Approval));
                    }
                }
                Action::Notify { .. } => self.notify(scene, run, playbook, place),
                Action::OpenCta(opening) => self.open_cta(scene, run, step, opening),
                Action::UpdateCta { .. } => self.update_cta(scene, run, playbook, place),
                Action::CloseCta { kind, outcome } => self.close_ctas(scene, kind, outcome),
            }
            place = next;
        }
        self.end(scene, run, "done");
    }

    fn wait(&mut self, scene: &Scene<'_>, run: &Run, step: &str, until: i64, approval: bool) {
        let waiting = Run { step: step.into(), until, ..run.clone() };
        self.done.push(Work::Run(RunChange { approval, ..waiting.change(scene, "waiting") }));
        self.runs.iter_mut().filter(|other| other.id == run.id).for_each(|r| *r = waiting.clone());
    }

    fn end(&mut self, scene: &Scene<'_>, run: &Run, why: &str) {
        let ended = Run { step: String::new(), until: 0, ..run.clone() };
        self.done.push(Work::Run(RunChange { end: why.into(), ..ended.change(scene, "ended") }));
        self.runs.retain(|other| other.id != run.id);
    }

    fn notify(&mut self, scene: &Scene<'_>, run: &Run, playbook: &Playbook, place: usize) {
        let (step, Action::Notify { endpoint, message }) = &playbook.steps[place] else { return };
        let holds = playbook.only_while.as_ref().is_none_or(|c| scene.view.holds(c) == Some(true));
        let cta = self.cta_of(scene, run, playbook, place);
        let body = scene.body(run, playbook, step, message.as_deref(), cta);
        let notification = scene.id("notification", &run.playbook, run.news.trigger, Some(step));
        let of = [run.playbook.as_str(), endpoint.as_str()];
        self.turns.extend(self.post.request(scene.when, scene.appended_at, of, notification, holds));
        self.done.push(Work::Notification(NotificationChange {
            when: scene.when,
            notification,
            playbook: run.playbook.clone(),
            run: run.id,
            step: step.clone(),
            channel: scene.view.catalogue.endpoints.get(endpoint).map_or("", |channel| channel).into(),
            recipient: endpoint.into(),
            body,
            dropped: !holds,
        }));
    }
}

/// When a wait is over that no answer ends.
fn ends(scene: &Scene<'_>, for_what: &For, at_most: i64) -> i64 {
    let (now, view) = (scene.when.at, scene.view);
    let week = &view.catalogue.working_week;
    match for_what {
        For::Time | For::Answer(_) | For::Approval => now + at_most,
        For::WorkingDays(days) => view.calendar.start_of(week.after(view.calendar.day_of(now), *days)),
        For::OfficeHours(from, to) => week.opens(view.calendar, (*from, *to), now),
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
            approval: false,
            end: String::new(),
            reasons: Vec::new(),
        }
    }
}
