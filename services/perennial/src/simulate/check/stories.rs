//! A save, a miss and a false alarm by name: the largest of each.

use company::Day;
use company::truth::{Account, Outcome};
use serde::Serialize;

use super::DAY_MS;
use super::case::Case;
use super::verdict::History;

/// When the score is looked at, in days from the day that a story turns about.
const LOOKS: [i32; 5] = [-90, -60, -30, 0, 30];

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Story {
    pub(super) kind: &'static str,
    pub(super) account: String,
    pub(super) name: String,
    pub(super) arr_minor: i64,
    /// What happened on the day that it turns about.
    pub(super) what: String,
    pub(super) on: Day,
    pub(super) scores: Vec<Look>,
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Look {
    pub(super) days: i32,
    pub(super) score: Option<u32>,
}

pub(super) fn tell(cases: &[Case], history: History) -> Vec<Story> {
    let largest = |story: &dyn Fn(&Case) -> Option<Story>| {
        cases.iter().filter_map(story).max_by_key(|story| story.arr_minor)
    };
    [
        largest(&|case| save(case, history)),
        largest(&|case| miss(case, history)),
        largest(&|case| false_alarm(case)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// It was about to go and stayed, and an alarm came between the first sign and what its CSM did.
fn save(case: &Case, history: History) -> Option<Story> {
    case.truth.saves.iter().find_map(|save| {
        let signs = save.signal_on.midnight()..save.play_on.plus(1).midnight();
        let alarm = case.alarms().into_iter().find(|at| signs.contains(at))?;
        let what = format!(
            "{}, showing since {}; its CSM acted on {}, it renewed on {}",
            save.cause.name(),
            save.signal_on,
            save.play_on,
            save.renewed_on
        );
        history.contains(save.renewed_on).then(|| story("save", case, what, day_of(alarm)))
    })
}

/// It gave notice, and no alarm had come in the 120 days before.
fn miss(case: &Case, history: History) -> Option<Story> {
    let churn = case.truth.churn.as_ref().filter(|churn| history.contains(churn.notice_on))?;
    if case.days_of_alarm(churn.notice_on).is_some() {
        return None;
    }
    let shows = churn.signal_on.map_or("out of the blue".to_owned(), |day| format!("showing since {day}"));
    let what = format!("notice, {}, {shows}", churn.cause.name());
    Some(story("miss", case, what, churn.notice_on))
}

/// An alarm about an account that was never about to go.
fn false_alarm(case: &Case) -> Option<Story> {
    let alarm = (case.truth.outcome == Outcome::Stays).then(|| case.alarms().first().copied()).flatten()?;
    let what = match decoy(&case.truth, day_of(alarm)) {
        Some(decoy) => format!("alarm; {decoy}"),
        None => "alarm; nothing was wrong".to_owned(),
    };
    Some(story("false alarm", case, what, day_of(alarm)))
}

/// What only looked like danger.
fn decoy(truth: &Account, day: Day) -> Option<String> {
    let over = |to: Day| to.plus(60);
    let decoy = truth.decoys.iter().find(|decoy| (decoy.from..over(decoy.to)).contains(&day));
    let left = truth.departures.iter().find(|left| (left.on..over(left.on)).contains(&day));
    let decoy = decoy.map(|decoy| format!("a decoy ({:?}) from {} to {}", decoy.kind, decoy.from, decoy.to));
    decoy.or_else(|| left.map(|left| format!("a champion left on {} ({:?})", left.on, left.after)))
}

fn story(kind: &'static str, case: &Case, what: String, on: Day) -> Story {
    let Account { id, name, arr_minor, .. } = &case.truth;
    let scores = LOOKS.map(|days| Look { days, score: case.score(on.plus(days)) }).into();
    Story { kind, account: id.clone(), name: name.clone(), arr_minor: *arr_minor, what, on, scores }
}

fn day_of(at: i64) -> Day {
    Day(i32::try_from(at.div_euclid(DAY_MS)).unwrap_or(i32::MAX))
}
