//! Steps of playbooks, laid out in one row: a branch leads to places in it, always further on.

use std::collections::HashSet;

use super::{Compiler, playbooks::WAIT_DAYS_MOST};
use crate::{
    catalogue::{
        document::{ArmDoc, ConditionDoc, CtaIsDoc, OpenCtaDoc, StepDoc, UpdateCtaDoc, WaitDoc, WaitStepDoc},
        playbooks::{Action, Arm, CtaIs, Due, Opening, Question, Step, Update, Wait},
        problem::Place,
    },
    command::SAID_MOST,
    cta::MAX_TASKS,
    time::DAY_MS,
};

/// Of a playbook, those of its branches with them.
const STEPS_MOST: usize = 50;
const ARMS_MOST: usize = 10;
/// Branches within one another.
const DEPTH_MOST: usize = 4;
const PRIORITY_MOST: u32 = 5;
/// Days that are waited for something to become so, and for somebody's yes, where nothing else is said.
const UNTIL_DAYS: i64 = 366;
const APPROVAL_DAYS: i64 = 14;

/// The steps laid out so far.
#[derive(Default)]
struct Row {
    steps: Vec<Step>,
    names: HashSet<String>,
    branches: usize,
    /// Something is wrong with one of them, and is said.
    is_broken: bool,
}

impl Row {
    fn lay(&mut self, name: String, action: Option<Action>) {
        match action {
            Some(action) => self.steps.push(Step { name, action }),
            None => self.is_broken = true,
        }
    }
}

impl<'d> Compiler<'d> {
    pub(super) fn steps(&mut self, place: &Place<'_>, docs: &'d [StepDoc]) -> Option<Vec<Step>> {
        let mut row = Row::default();
        self.lay(place, docs, "", &mut row);
        let count = row.names.len();
        if docs.is_empty() || count > STEPS_MOST {
            self.problems.say(place, format!("a playbook has 1 to {STEPS_MOST} steps"));
        }
        (!row.is_broken).then_some(row.steps)
    }

    fn lay(&mut self, place: &Place<'_>, docs: &'d [StepDoc], within: &str, row: &mut Row) {
        for (at, doc) in docs.iter().enumerate() {
            let place = place.item(at);
            let Some(kind) = self.kind(&place, doc) else {
                row.is_broken = true;
                continue;
            };
            let name = doc.name.clone().unwrap_or_else(|| format!("{within}{kind}_{}", at + 1));
            self.name(&place.key("name"), &name);
            if !row.names.insert(name.clone()) {
                self.problems.say(&place.key("name"), format!("`{name}` is there already"));
            }
            match &doc.branch {
                Some(arms) => self.branch(&place.key("branch"), arms, name, row),
                None => row.lay(name, self.action(&place, doc)),
            }
        }
    }

    /// Each way stands behind the branch, and leads behind the last of them.
    fn branch(&mut self, place: &Place<'_>, docs: &'d [ArmDoc], name: String, row: &mut Row) {
        let at = row.steps.len();
        if docs.is_empty() || docs.len() > ARMS_MOST || row.branches == DEPTH_MOST {
            let message =
                format!("a branch has 1 to {ARMS_MOST} ways, and branches stand {DEPTH_MOST} deep at most");
            self.problems.say(place, message);
            row.is_broken = true;
            return;
        }
        row.branches += 1;
        row.lay(name.clone(), Some(Action::Branch(Vec::new())));
        let (mut arms, mut ends) = (Vec::new(), Vec::new());
        for (index, doc) in docs.iter().enumerate() {
            let place = place.item(index);
            let to = row.steps.len();
            match self.question(&place, doc.when.as_ref(), doc.cta) {
                Some(question) => arms.push(Arm { question: Some(question), to }),
                None if doc.when.is_none() && doc.cta.is_none() && index + 1 == docs.len() => {
                    arms.push(Arm { question: None, to });
                }
                None if doc.when.is_none() && doc.cta.is_none() => {
                    self.problems
                        .say(&place, "`when` or `cta` is missing: only the last way is for all the rest");
                }
                None => row.is_broken = true,
            }
            self.lay(&place.key("steps"), &doc.steps, &format!("{name}_{}_", index + 1), row);
            ends.push(row.steps.len());
            row.lay(String::new(), Some(Action::GoTo(0)));
        }
        let behind = row.steps.len();
        if arms.last().is_none_or(|arm| arm.question.is_some()) {
            arms.push(Arm { question: None, to: behind });
        }
        ends.into_iter().for_each(|end| row.steps[end].action = Action::GoTo(behind));
        row.steps[at].action = Action::Branch(arms);
        row.branches -= 1;
    }

    /// What is asked, if exactly one thing is; two are said to be too many.
    fn question(
        &mut self,
        place: &Place<'_>,
        when: Option<&'d ConditionDoc>,
        cta: Option<CtaIsDoc>,
    ) -> Option<Question> {
        match (when, cta) {
            (Some(when), None) => self.condition(&place.key("when"), when).map(Question::Holds),
            (None, Some(cta)) => Some(Question::Cta(match cta {
                CtaIsDoc::Open => CtaIs::Open,
                CtaIsDoc::Untouched => CtaIs::Untouched,
                CtaIsDoc::Overdue => CtaIs::Overdue,
                CtaIsDoc::Closed => CtaIs::Closed,
            })),
            (Some(_), Some(_)) => {
                self.problems.say(place, "asks exactly one of when, cta");
                None
            }
            (None, None) => None,
        }
    }

    fn kind(&mut self, place: &Place<'_>, doc: &StepDoc) -> Option<&'static str> {
        let kinds = [
            ("open_cta", doc.open_cta.is_some()),
            ("update_cta", doc.update_cta.is_some()),
            ("close_cta", doc.close_cta.is_some()),
            ("notify", doc.notify.is_some()),
            ("wait", doc.wait.is_some()),
            ("approve", doc.approve.is_some()),
            ("branch", doc.branch.is_some()),
            ("end", doc.end.is_some()),
        ];
        let mut given = kinds.into_iter().filter(|(_, is_given)| *is_given).map(|(kind, _)| kind);
        if let (Some(kind), None) = (given.next(), given.next()) {
            return Some(kind);
        }
        let kinds = kinds.map(|(kind, _)| kind).join(", ");
        self.problems.say(place, format!("a step is exactly one of {kinds}"));
        None
    }

    fn action(&mut self, place: &Place<'_>, doc: &'d StepDoc) -> Option<Action> {
        if let Some(cta) = &doc.open_cta {
            return self.open_cta(&place.key("open_cta"), cta);
        }
        if let Some(cta) = &doc.update_cta {
            return self.update_cta(&place.key("update_cta"), cta);
        }
        if let Some(cta) = &doc.close_cta {
            let place = place.key("close_cta");
            self.outcome(&place.key("outcome"), cta.kind, &cta.outcome);
            return Some(Action::CloseCta { kind: cta.kind, outcome: cta.outcome.clone() });
        }
        if let Some(notify) = &doc.notify {
            return Some(self.notify(&place.key("notify"), notify));
        }
        if let Some(wait) = &doc.wait {
            return self.waiting(&place.key("wait"), wait).map(Action::Wait);
        }
        if let Some(approve) = doc.approve {
            let at_most_ms = self.at_most(&place.key("approve"), approve.at_most, APPROVAL_DAYS)?;
            return Some(Action::Wait(Wait::Approval { at_most_ms }));
        }
        Some(Action::End)
    }

    fn open_cta(&mut self, place: &Place<'_>, doc: &OpenCtaDoc) -> Option<Action> {
        self.text(&place.key("title"), &doc.title);
        self.problems.within(&place.key("priority"), doc.priority, 1, PRIORITY_MOST);
        let owner = self.owner(place, doc.owner.as_deref(), "owner_trait", doc.owner_trait.as_deref());
        self.tasks(place, &doc.tasks);
        let due = match (doc.due_days, doc.due_working_days) {
            (None, None) => None,
            (Some(days), None) => Some(Due::Days(self.days(&place.key("due_days"), days, 0))),
            (None, Some(days)) => Some(Due::WorkingDays(self.days(&place.key("due_working_days"), days, 0))),
            (Some(_), Some(_)) => {
                self.problems.say(place, "is due by one of due_days, due_working_days");
                None
            }
        };
        let cool_down_ms = doc.cool_down.map_or(Some(0), |doc| self.wait(&place.key("cool_down"), doc))?;
        Some(Action::OpenCta(Opening {
            kind: doc.kind,
            title: doc.title.clone(),
            priority: doc.priority,
            owner,
            due,
            tasks: doc.tasks.clone(),
            cool_down_ms,
        }))
    }

    fn update_cta(&mut self, place: &Place<'_>, doc: &UpdateCtaDoc) -> Option<Action> {
        if *doc == UpdateCtaDoc::default() {
            self.problems.say(place, "changes nothing: give title, priority, owner, owner_trait or tasks");
            return None;
        }
        if let Some(title) = &doc.title {
            self.text(&place.key("title"), title);
        }
        if let Some(priority) = doc.priority {
            self.problems.within(&place.key("priority"), priority, 1, PRIORITY_MOST);
        }
        let owner = self.owner(place, doc.owner.as_deref(), "owner_trait", doc.owner_trait.as_deref());
        self.tasks(place, &doc.tasks);
        let (title, tasks) = (doc.title.clone(), doc.tasks.clone());
        Some(Action::UpdateCta(Update { title, priority: doc.priority, owner, tasks }))
    }

    fn tasks(&mut self, place: &Place<'_>, tasks: &[String]) {
        let place = place.key("tasks");
        if tasks.len() > MAX_TASKS {
            self.problems.say(&place, format!("{} are more than {MAX_TASKS}", tasks.len()));
        }
        for (at, task) in tasks.iter().enumerate() {
            self.short(&place.item(at), task);
            if tasks[..at].contains(task) {
                self.problems.say(&place.item(at), "is there already");
            }
        }
    }

    /// A text that stands in commands too.
    pub(super) fn short(&mut self, place: &Place<'_>, text: &str) {
        self.text(place, text);
        if text.len() > SAID_MOST || text.contains(char::is_control) {
            self.problems
                .say(place, format!("is longer than {SAID_MOST} bytes, or holds control characters"));
        }
    }

    fn waiting(&mut self, place: &Place<'_>, doc: &'d WaitStepDoc) -> Option<Wait> {
        let WaitStepDoc { days, hours, working_days, office_hours, until, at_most } = doc;
        if until.is_none() && at_most.is_some() {
            self.problems.say(&place.key("at_most"), "goes with `until` only");
        }
        match (days.or(*hours), working_days, office_hours, until) {
            (Some(_), None, None, None) => {
                self.wait(place, WaitDoc { days: *days, hours: *hours }).map(|ms| Wait::For { ms })
            }
            (None, Some(days), None, None) => {
                Some(Wait::WorkingDays(self.days(&place.key("working_days"), *days, 1)))
            }
            (None, None, Some(hours), None) => {
                let is_span = hours.from < hours.to && hours.to <= 24;
                if !is_span {
                    self.problems.say(
                        &place.key("office_hours"),
                        "are two hours from 0 to 24, the first before the other",
                    );
                }
                let hour = |hour: u32| u8::try_from(hour).ok();
                is_span.then_some(Wait::OfficeHours { from: hour(hours.from)?, to: hour(hours.to)? })
            }
            (None, None, None, Some(until)) => {
                let place_of = place.key("until");
                if until.when.is_none() && until.cta.is_none() {
                    self.problems.say(&place_of, "asks exactly one of when, cta");
                }
                let question = self.question(&place_of, until.when.as_ref(), until.cta);
                let at_most_ms = self.at_most(place, *at_most, UNTIL_DAYS)?;
                Some(Wait::Until { question: question?, at_most_ms })
            }
            _ => {
                self.problems.say(place, "is exactly one of days, hours, working_days, office_hours, until");
                None
            }
        }
    }

    fn at_most(&mut self, place: &Place<'_>, doc: Option<WaitDoc>, days: i64) -> Option<i64> {
        doc.map_or(Some(days * DAY_MS), |doc| self.wait(&place.key("at_most"), doc))
    }

    fn days(&mut self, place: &Place<'_>, days: u32, least: u32) -> u16 {
        self.problems.within(place, days, least, WAIT_DAYS_MOST);
        u16::try_from(days).unwrap_or(u16::MAX)
    }
}
