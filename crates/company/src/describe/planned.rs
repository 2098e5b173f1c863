//! Figures of the truth: who the accounts are, and what becomes of them.

use super::{Figure, Target, Unit, median, share};
use crate::calendar::Day;
use crate::figures as figure;
use crate::truth::{Account, AfterDeparture, DecoyKind, Outcome, Tier, Truth};

pub(super) fn figures(truth: &Truth) -> Vec<Figure> {
    let mut figures = signed(truth);
    figures.extend(years(truth));
    figures.extend(causes(truth));
    figures.extend(decoys(truth));
    figures
}

/// Sizes and terms.
fn signed(truth: &Truth) -> Vec<Figure> {
    let all = &truth.accounts;
    let count = all.len();
    let mut sizes: Vec<i64> = all.iter().map(|account| account.arr_minor).collect();
    sizes.sort_unstable_by_key(|arr| std::cmp::Reverse(*arr));
    let whole: i64 = sizes.iter().sum();
    let top: i64 = sizes.iter().take(count.div_ceil(5)).sum();
    let part = top as f64 / whole as f64;
    let of_term = |months: std::ops::RangeInclusive<i32>| {
        all.iter().filter(|it| months.contains(&it.term_months)).count()
    };
    let ends: Vec<Day> =
        all.iter().filter(|it| it.term_months > 1).flat_map(|it| it.renewals.iter().copied()).collect();
    let at_end = ends.iter().filter(|day| **day == day.month().quarter_end().last_day()).count();
    vec![
        Figure::new("ARR of the largest fifth", Unit::Part, Target::About(0.80), part, count),
        Figure::part("terms: monthly", 0.15, of_term(1..=1), count),
        Figure::part("terms: 3 and 6 months", 0.10, of_term(2..=11), count),
        Figure::part("terms: annual", 0.65, of_term(12..=12), count),
        Figure::part("terms: multi-year", 0.10, of_term(13..=99), count),
        Figure::part(
            "renewals on the last day of a quarter",
            figure::RENEWALS_AT_QUARTER_END,
            at_end,
            ends.len(),
        ),
    ]
}

/// What became, within a year, of those who were customers when it began: over all whole years of the history.
#[derive(Default)]
struct Cohort {
    accounts: usize,
    churned: usize,
    expanded: usize,
    contracted: usize,
    before: i64,
    kept: i64,
    after: i64,
}

fn years(truth: &Truth) -> Vec<Figure> {
    let cohorts = [Tier::A, Tier::B, Tier::C].map(|tier| cohort(truth, tier));
    let sum = |of: fn(&Cohort) -> usize| cohorts.iter().map(of).sum::<usize>();
    let money = |of: fn(&Cohort) -> i64| cohorts.iter().map(of).sum::<i64>() as f64;
    let accounts = sum(|cohort| cohort.accounts);
    if accounts == 0 {
        return Vec::new();
    }
    let [a, b, c] = figure::CHURN;
    let tier = |name, target, cohort: &Cohort| Figure::part(name, target, cohort.churned, cohort.accounts);
    let (grr, nrr) =
        (money(|it| it.kept) / money(|it| it.before), money(|it| it.after) / money(|it| it.before));
    vec![
        Figure::part("churn of accounts a year", 0.12, sum(|it| it.churned), accounts),
        tier("churn of tier A a year", a, &cohorts[0]),
        tier("churn of tier B a year", b, &cohorts[1]),
        tier("churn of tier C a year", c, &cohorts[2]),
        Figure::new("gross revenue retention", Unit::Part, Target::About(0.90), grr, accounts),
        Figure::new("net revenue retention", Unit::Part, Target::About(1.04), nrr, accounts),
        Figure::part("expand in a year", figure::EXPAND, sum(|it| it.expanded), accounts),
        Figure::part("contract in a year", figure::CONTRACT, sum(|it| it.contracted), accounts),
    ]
}

fn cohort(truth: &Truth, tier: Tier) -> Cohort {
    let mut cohort = Cohort::default();
    let mut begin = truth.parameters.begin;
    while begin.years_on(1) <= truth.end {
        let end = begin.years_on(1);
        let of_tier = truth.accounts.iter().filter(|account| account.tier == tier);
        for account in of_tier.filter(|account| is_customer(account, begin)) {
            let before = arr(account, begin);
            let stays = account.churn.as_ref().is_none_or(|churn| churn.churned_on >= end);
            let after = if stays { arr(account, end) } else { 0 };
            cohort.accounts += 1;
            cohort.churned += usize::from(!stays);
            cohort.expanded += usize::from(after > before);
            cohort.contracted += usize::from(stays && after < before);
            cohort.before += before;
            cohort.kept += after.min(before);
            cohort.after += after;
        }
        begin = end;
    }
    cohort
}

fn is_customer(account: &Account, day: Day) -> bool {
    account.created_on <= day && account.churn.as_ref().is_none_or(|churn| churn.churned_on >= day)
}

/// At the beginning of a day.
fn arr(account: &Account, day: Day) -> i64 {
    let changes = account.expansions.iter().chain(&account.contractions).filter(|change| change.on < day);
    changes.max_by_key(|change| change.on).map_or(account.arr_minor, |change| change.arr_minor)
}

fn causes(truth: &Truth) -> Vec<Figure> {
    let churns: Vec<_> = truth.accounts.iter().filter_map(|account| account.churn.as_ref()).collect();
    let of = |cause| churns.iter().filter(|churn| churn.cause == cause).count();
    let mut figures: Vec<Figure> = figure::CAUSES
        .iter()
        .map(|(cause, target)| {
            Figure::part(format!("churn by {}", cause.name()), *target, of(*cause), churns.len())
        })
        .collect();
    let leads = churns.iter().filter_map(|churn| Some(f64::from(churn.notice_on.since(churn.signal_on?))));
    let leads: Vec<f64> = leads.collect();
    let (least, most) = (f64::from(figure::SIGNAL_DAYS.0), f64::from(figure::SIGNAL_DAYS.1));
    let range = Target::Between(least, most);
    let shortest = leads.iter().copied().fold(f64::MAX, f64::min);
    let longest = leads.iter().copied().fold(0.0, f64::max);
    let count = leads.len();
    figures.push(Figure::part("churn that shows before notice", figure::SIGNALS, count, churns.len()));
    if count > 0 {
        figures.push(Figure::new("signal before notice, shortest", Unit::Days, range, shortest, count));
        figures.push(Figure::new("signal before notice, median", Unit::Days, range, median(leads), count));
        figures.push(Figure::new("signal before notice, longest", Unit::Days, range, longest, count));
    }
    figures
}

fn decoys(truth: &Truth) -> Vec<Figure> {
    let stay: Vec<&Account> = truth.accounts.iter().filter(|it| it.churn.is_none()).collect();
    let dips = |it: &&&Account| it.decoys.iter().any(|decoy| decoy.kind == DecoyKind::Dip);
    let saved = stay.iter().filter(|it| it.outcome == Outcome::Saved).count();
    let all = || truth.accounts.iter().flat_map(|it| &it.departures);
    let left = all().count();
    let survive = all().filter(|it| it.after == AfterDeparture::Survives).count();
    let within = all().filter(|it| truth.parameters.begin <= it.on && it.on < truth.end).count();
    let days: i32 = truth.accounts.iter().map(|it| days_there(truth, it)).sum();
    let rate = within as f64 / (f64::from(days) / 365.25);
    let joined: Vec<_> = truth.accounts.iter().filter_map(|it| it.onboarding).collect();
    let stuck = joined.iter().filter(|it| it.stuck).count();
    vec![
        Figure::part(
            "dip and recover, of those who stay",
            figure::DIPS,
            stay.iter().filter(dips).count(),
            stay.len(),
        ),
        Figure::new(
            "saved by their CSM, of those who stay",
            Unit::Part,
            Target::None,
            share(saved, stay.len()),
            stay.len(),
        ),
        Figure::new(
            "champions who leave in a year",
            Unit::Part,
            Target::About(figure::CHAMPIONS_LEAVE),
            rate,
            within,
        ),
        Figure::part("of whom the account survives it", figure::SURVIVE_CHAMPION, survive, left),
        Figure::part("stuck in onboarding", figure::STUCK, stuck, joined.len()),
    ]
}

/// Days of the history on which it was a customer.
fn days_there(truth: &Truth, account: &Account) -> i32 {
    let from = account.created_on.max(truth.parameters.begin);
    let to = account.churn.as_ref().map_or(truth.end, |churn| churn.churned_on.min(truth.end));
    to.since(from).max(0)
}
