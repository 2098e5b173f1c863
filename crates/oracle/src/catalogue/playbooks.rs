//! Playbooks as `docs/playbooks.md` has them, and what they go by.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::{
    integer, list, map,
    measures::{Events, Sets, events, filter},
    optional, text,
};
use crate::{
    calendar::{DAY_MS, HOUR_MS, WorkingWeek, day_of_date},
    condition::{Comparison, Condition, condition},
};

#[derive(Debug, Clone)]
pub(crate) struct Playbook {
    pub(crate) title: Option<String>,
    pub(crate) trigger: Trigger,
    pub(crate) starts_while: Option<Condition>,
    pub(crate) re_entry: ReEntry,
    pub(crate) rank: i64,
    pub(crate) goal: Option<Condition>,
    /// Milliseconds.
    pub(crate) at_most: Option<i64>,
    pub(crate) only_while: Option<Condition>,
    pub(crate) steps: Vec<(String, Action)>,
}

#[derive(Debug, Clone)]
pub(crate) enum Trigger {
    Enters(String),
    Leaves(String),
    Band { from: Option<String>, to: Option<String> },
    Event { events: Events, filters: Vec<(String, Comparison)> },
}

#[derive(Debug, Clone)]
pub(crate) enum ReEntry {
    Always,
    Never,
    After(i64),
}

#[derive(Debug, Clone)]
pub(crate) enum Action {
    Notify {
        endpoint: String,
        message: Option<String>,
    },
    OpenCta(Opening),
    UpdateCta {
        title: Option<String>,
        priority: Option<u32>,
        owner: Option<Owner>,
        tasks: Vec<String>,
    },
    CloseCta {
        kind: String,
        outcome: String,
    },
    Wait {
        for_what: For,
        /// Milliseconds.
        at_most: i64,
    },
    /// To the step of the first that is answered yes.
    Choose(Vec<(Option<Question>, usize)>),
    Jump(usize),
    End,
}

#[derive(Debug, Clone)]
pub(crate) struct Opening {
    pub(crate) kind: String,
    pub(crate) title: String,
    pub(crate) priority: u32,
    pub(crate) owner: Option<Owner>,
    pub(crate) due_days: Option<i64>,
    pub(crate) due_working_days: Option<i64>,
    pub(crate) tasks: Vec<String>,
    /// Milliseconds.
    pub(crate) cool_down: i64,
}

#[derive(Debug, Clone)]
pub(crate) enum Owner {
    Is(String),
    Trait(String),
}

#[derive(Debug, Clone)]
pub(crate) enum For {
    Time,
    WorkingDays(i64),
    OfficeHours(i64, i64),
    Answer(Question),
    Approval,
}

#[derive(Debug, Clone)]
pub(crate) enum Question {
    Holds(Condition),
    /// "open", "untouched", "overdue" or "closed".
    Cta(String),
}

impl Playbook {
    /// The conditions that it asks besides its trigger's.
    pub(crate) fn conditions(&self) -> Vec<&Condition> {
        let own = [&self.starts_while, &self.goal, &self.only_while].into_iter().flatten();
        let asked = self.steps.iter().flat_map(|(_, action)| match action {
            Action::Choose(ways) => ways.iter().filter_map(|(question, _)| question.as_ref()).collect(),
            Action::Wait { for_what: For::Answer(question), .. } => vec![question],
            _ => Vec::new(),
        });
        let asked = asked.filter_map(|question| match question {
            Question::Holds(condition) => Some(condition),
            Question::Cta(_) => None,
        });
        own.chain(asked).collect()
    }
}

pub(super) fn playbook(at: &Json, sets: &Sets) -> Option<Playbook> {
    let mut steps = Vec::new();
    flatten(at.get("steps")?, "", &mut steps)?;
    let re_entry = match at.get("re_entry") {
        Some(Json::String(never)) if never == "never" => ReEntry::Never,
        Some(after) if after.is_object() => ReEntry::After(span(after.get("after")?)),
        _ => ReEntry::Always,
    };
    Some(Playbook {
        title: text(at, "title"),
        trigger: trigger(at.get("trigger")?, sets)?,
        starts_while: optional(at.get("starts_while"), condition)?,
        re_entry,
        rank: integer(at, "rank").unwrap_or(100),
        goal: optional(at.get("goal"), condition)?,
        at_most: at.get("at_most").map(span),
        only_while: optional(at.get("only_while"), condition)?,
        steps,
    })
}

pub(super) fn routing(document: &Json) -> Option<Vec<(Option<Condition>, Owner)>> {
    list(document, "routing", |at| Some((optional(at.get("when"), condition)?, owner(at, "trait")?)))
}

pub(super) fn outcomes(document: &Json) -> Option<BTreeMap<String, Vec<String>>> {
    map(document, "outcomes", |at| Some(texts(Some(at))))
}

pub(super) fn working_week(document: &Json) -> WorkingWeek {
    let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let at = document.get("working_week");
    let given = at.and_then(|at| at.get("days")).map(|days| texts(Some(days)));
    let works = |(number, name): (usize, &&str)| {
        given.as_ref().map_or(number < 5, |given| given.iter().any(|day| day == name))
    };
    let days = names.iter().enumerate().map(works).collect();
    let holidays: BTreeSet<i64> =
        texts(at.and_then(|at| at.get("holidays"))).iter().filter_map(|day| day_of_date(day)).collect();
    WorkingWeek { days, holidays }
}

fn texts(at: Option<&Json>) -> Vec<String> {
    let items = at.and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// Milliseconds.
fn span(at: &Json) -> i64 {
    integer(at, "hours").unwrap_or(0) * HOUR_MS + integer(at, "days").unwrap_or(0) * DAY_MS
}

fn trigger(at: &Json, sets: &Sets) -> Option<Trigger> {
    if let Some(segment) = text(at, "enters") {
        return Some(Trigger::Enters(segment));
    }
    if let Some(segment) = text(at, "leaves") {
        return Some(Trigger::Leaves(segment));
    }
    if let Some(band) = at.get("band") {
        return Some(Trigger::Band { from: text(band, "from"), to: text(band, "to") });
    }
    let event = at.get("event")?;
    Some(Trigger::Event { events: events(event.get("name"), sets)?, filters: list(event, "where", filter)? })
}

/// All steps in one list, those of a choice's ways behind it, each way ending in a jump behind the last.
fn flatten(at: &Json, before: &str, steps: &mut Vec<(String, Action)>) -> Option<()> {
    let none = Vec::new();
    for (place, step) in at.as_array().unwrap_or(&none).iter().enumerate() {
        let kinds = ["open_cta", "update_cta", "close_cta", "notify", "wait", "approve", "branch", "end"];
        let kind = kinds.into_iter().find(|kind| step.get(kind).is_some_and(|body| !body.is_null()))?;
        let name = text(step, "name").unwrap_or_else(|| format!("{before}{kind}_{}", place + 1));
        let body = step.get(kind)?;
        if kind != "branch" {
            steps.push((name, action(kind, body)?));
            continue;
        }
        let choice = steps.len();
        steps.push((name.clone(), Action::End));
        let (mut ways, mut jumps) = (Vec::new(), Vec::new());
        for (number, way) in body.as_array()?.iter().enumerate() {
            ways.push((question(way)?, steps.len()));
            flatten(way.get("steps").unwrap_or(&Json::Null), &format!("{name}_{}_", number + 1), steps)?;
            jumps.push(steps.len());
            steps.push((String::new(), Action::End));
        }
        let behind = steps.len();
        ways.push((None, behind));
        steps[choice].1 = Action::Choose(ways);
        jumps.into_iter().for_each(|jump| steps[jump].1 = Action::Jump(behind));
    }
    Some(())
}

fn question(at: &Json) -> Option<Option<Question>> {
    match text(at, "cta") {
        Some(cta) => Some(Some(Question::Cta(cta))),
        None => optional(at.get("when"), |at| condition(at).map(Question::Holds)),
    }
}

fn owner(at: &Json, of_trait: &str) -> Option<Owner> {
    text(at, "owner").map(Owner::Is).or_else(|| text(at, of_trait).map(Owner::Trait))
}

fn action(kind: &str, body: &Json) -> Option<Action> {
    let priority = || integer(body, "priority").and_then(|p| u32::try_from(p).ok());
    Some(match kind {
        "notify" => Action::Notify { endpoint: text(body, "endpoint")?, message: text(body, "message") },
        "open_cta" => Action::OpenCta(Opening {
            kind: text(body, "type")?,
            title: text(body, "title").unwrap_or_default(),
            priority: priority().unwrap_or_default(),
            owner: owner(body, "owner_trait"),
            due_days: integer(body, "due_days"),
            due_working_days: integer(body, "due_working_days"),
            tasks: texts(body.get("tasks")),
            cool_down: body.get("cool_down").map_or(0, span),
        }),
        "update_cta" => Action::UpdateCta {
            title: text(body, "title"),
            priority: priority(),
            owner: owner(body, "owner_trait"),
            tasks: texts(body.get("tasks")),
        },
        "close_cta" => {
            let outcome = text(body, "outcome").unwrap_or_default();
            Action::CloseCta { kind: text(body, "type")?, outcome }
        }
        "approve" => {
            let at_most = body.get("at_most").map_or(14 * DAY_MS, span);
            Action::Wait { for_what: For::Approval, at_most }
        }
        "wait" => wait(body)?,
        _ => Action::End,
    })
}

fn wait(body: &Json) -> Option<Action> {
    if let Some(until) = body.get("until") {
        let for_what = For::Answer(question(until)??);
        return Some(Action::Wait { for_what, at_most: body.get("at_most").map_or(366 * DAY_MS, span) });
    }
    let for_what = match (body.get("working_days"), body.get("office_hours")) {
        (Some(days), _) => For::WorkingDays(days.as_i64()?),
        (None, Some(hours)) => For::OfficeHours(integer(hours, "from")?, integer(hours, "to")?),
        (None, None) => For::Time,
    };
    Some(Action::Wait { for_what, at_most: span(body) })
}
