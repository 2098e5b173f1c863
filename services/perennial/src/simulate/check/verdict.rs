//! How definitions did against the truth: pure, over what was asked and generated before.

use std::collections::BTreeMap;

use company::Day;
use company::truth::Outcome;
use serde::Serialize;

use super::case::Case;
use super::stats::{Estimate, auc, auc_difference, median, share};
use super::{DAY_MS, naive};

/// Before notice, in days.
const LOOKS: [i32; 3] = [0, 30, 60];
const WEEK_DAYS: i32 = 7;

/// The days that there are events of.
#[derive(Clone, Copy)]
pub(super) struct History {
    pub(super) begin: Day,
    pub(super) end: Day,
}

/// When a CTA of any type was opened, for whom.
pub(super) struct Opened {
    pub(super) owner: String,
    pub(super) at: i64,
}

#[derive(Serialize)]
pub(super) struct Verdict {
    /// Accounts that gave notice during the history.
    churners: usize,
    pub(super) auc: Vec<Auc>,
    pub(super) lead: Vec<Lead>,
    pub(super) alerts: Vec<Alerts>,
    pub(super) load: Option<Load>,
    /// Pairs of risk CTAs of one account that were open at once.
    pub(super) overlaps: usize,
}

/// How well churners are told from who stays, so many days before notice. Higher is better: of the naive rules too.
#[derive(Serialize)]
pub(super) struct Auc {
    pub(super) days_before_notice: i32,
    pub(super) churners: usize,
    pub(super) stayers: usize,
    /// Neither guessed nor counted above.
    pub(super) without_score: WithoutScore,
    pub(super) score: Option<Estimate>,
    pub(super) recency: Option<Estimate>,
    pub(super) usage_kept: Option<Estimate>,
    /// How much more the score tells apart, of the same accounts.
    pub(super) beyond_recency: Option<Estimate>,
    pub(super) beyond_usage_kept: Option<Estimate>,
}

#[derive(Serialize)]
pub(super) struct WithoutScore {
    pub(super) churners: usize,
    pub(super) stayers: usize,
}

/// How long before notice something was to be seen, of those of whom it was.
#[derive(Serialize)]
pub(super) struct Lead {
    pub(super) of: &'static str,
    pub(super) seen: usize,
    pub(super) churners: usize,
    pub(super) share: Option<Estimate>,
    pub(super) median_days: Option<f64>,
}

#[derive(Serialize)]
pub(super) struct Alerts {
    pub(super) what: &'static str,
    pub(super) right: usize,
    pub(super) opened: usize,
    pub(super) precision: Option<Estimate>,
    pub(super) caught: usize,
    pub(super) churners: usize,
    pub(super) recall: Option<Estimate>,
}

/// CTAs of every type.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Load {
    pub(super) mean_per_csm_and_week: f64,
    pub(super) most: usize,
    pub(super) csm: String,
    pub(super) week_from: Day,
}

impl History {
    pub(super) fn contains(&self, day: Day) -> bool {
        (self.begin..self.end).contains(&day)
    }
}

pub(super) fn judge(cases: &[Case], opened: &[Opened], csms: u32, history: History) -> Verdict {
    let gone = churners(cases, history);
    Verdict {
        churners: gone.len(),
        auc: LOOKS.iter().map(|before| told_apart(cases, &gone, *before, history)).collect(),
        lead: vec![
            lead("risk CTA open", &gone, Case::days_of_open_cta),
            lead("risk alarm", &gone, Case::days_of_alarm),
            lead("band red or yellow", &gone, Case::days_of_bad_band),
        ],
        alerts: vec![
            alerts("risk CTA", cases, &gone, |case| case.ctas.iter().map(|cta| cta.from).collect()),
            alerts("risk alarm", cases, &gone, Case::alarms),
        ],
        load: load(opened, csms, history),
        overlaps: cases.iter().map(Case::overlaps).sum(),
    }
}

/// Who gave notice during the history, by the day of it.
fn churners(cases: &[Case], history: History) -> Vec<(Day, &Case)> {
    let given = |case: &&Case| case.notice().filter(|day| history.contains(*day));
    let mut gone: Vec<_> = cases.iter().filter_map(|case| Some((given(&case)?, case))).collect();
    gone.sort_by_key(|(day, case)| (*day, case.truth.id.clone()));
    gone
}

/// Churners are looked at so many days before their notice, as the day begins. Every account that stays, those that were
/// saved among them, is looked at once, so many days before the notice of one churner: the first by its place in the truth
/// before the first notice, and so on, around, among notices from 60 days after it signed on. Who gives notice behind the
/// end of the history is on neither side.
fn told_apart(cases: &[Case], gone: &[(Day, &Case)], before: i32, history: History) -> Auc {
    let longest = LOOKS.iter().copied().max().unwrap_or_default();
    let stays = cases.iter().filter(|case| case.truth.outcome != Outcome::Churns).enumerate();
    let matched = stays.filter_map(|(number, case)| {
        let from = gone.partition_point(|(day, _)| *day < case.truth.created_on.plus(longest));
        let among = &gone[from..];
        let (day, _) = among.get(number.checked_rem(among.len())?)?;
        Some((*day, case))
    });
    let left = Side::at(gone.iter().copied(), before, history);
    let stayed = Side::at(matched, before, history);
    Auc {
        days_before_notice: before,
        churners: left.score.len(),
        stayers: stayed.score.len(),
        without_score: WithoutScore { churners: left.without, stayers: stayed.without },
        score: auc(&left.score, &stayed.score),
        recency: auc(&left.recency, &stayed.recency),
        usage_kept: auc(&left.usage_kept, &stayed.usage_kept),
        beyond_recency: beyond(&left, &stayed, |side| &side.recency),
        beyond_usage_kept: beyond(&left, &stayed, |side| &side.usage_kept),
    }
}

/// The score against another guess of the same accounts.
fn beyond(left: &Side, stayed: &Side, other: impl Fn(&Side) -> &Vec<f64>) -> Option<Estimate> {
    auc_difference([&left.score, other(left)], [&stayed.score, other(stayed)])
}

/// Accounts of one fate at their instants; of those with a score what the naive rules say too.
#[derive(Default)]
struct Side {
    score: Vec<f64>,
    recency: Vec<f64>,
    usage_kept: Vec<f64>,
    without: usize,
}

impl Side {
    fn at<'a>(looks: impl Iterator<Item = (Day, &'a Case)>, before: i32, history: History) -> Self {
        let mut side = Self::default();
        for (notice, case) in looks {
            let day = notice.plus(-before);
            let Some(score) = case.score(day) else {
                side.without += 1;
                continue;
            };
            let number = usize::try_from(day.since(history.begin)).unwrap_or_default();
            side.score.push(f64::from(score));
            side.recency.push(naive::recency(&case.core, number));
            side.usage_kept.push(naive::usage_kept(&case.core, number));
        }
        side
    }
}

fn lead(of: &'static str, gone: &[(Day, &Case)], days: impl Fn(&Case, Day) -> Option<i32>) -> Lead {
    let seen: Vec<i32> = gone.iter().filter_map(|(day, case)| days(case, *day)).collect();
    Lead {
        of,
        seen: seen.len(),
        churners: gone.len(),
        share: share(seen.len(), gone.len()),
        median_days: median(seen),
    }
}

/// An alert is right when its account was in danger; a churner is caught by one that is right and comes before notice.
fn alerts(
    what: &'static str,
    cases: &[Case],
    gone: &[(Day, &Case)],
    of: impl Fn(&Case) -> Vec<i64>,
) -> Alerts {
    let all = cases.iter().flat_map(|case| of(case).into_iter().map(move |at| (case, at)));
    let (right, wrong): (Vec<_>, Vec<_>) = all.partition(|(case, at)| case.in_danger(*at));
    let opened = right.len() + wrong.len();
    let in_time =
        |case: &Case, day: Day| of(case).iter().any(|at| *at < day.midnight() && case.in_danger(*at));
    let caught = gone.iter().filter(|(day, case)| in_time(case, *day)).count();
    Alerts {
        what,
        right: right.len(),
        opened,
        precision: share(right.len(), opened),
        caught,
        churners: gone.len(),
        recall: share(caught, gone.len()),
    }
}

/// Weeks are counted from the first day; absent where nothing was opened.
fn load(opened: &[Opened], csms: u32, history: History) -> Option<Load> {
    let mut weeks: BTreeMap<(&str, i64), usize> = BTreeMap::new();
    for Opened { owner, at } in opened {
        let week = (at - history.begin.midnight()).div_euclid(i64::from(WEEK_DAYS) * DAY_MS);
        *weeks.entry((owner, week)).or_default() += 1;
    }
    let ((csm, week), most) = weeks.into_iter().max_by_key(|(_, ctas)| *ctas)?;
    let all = f64::from(csms) * f64::from(history.end.since(history.begin)) / f64::from(WEEK_DAYS);
    let week_from = history.begin.plus(i32::try_from(week).unwrap_or_default() * WEEK_DAYS);
    Some(Load { mean_per_csm_and_week: opened.len() as f64 / all, most, csm: csm.to_owned(), week_from })
}
