//! Who the accounts are, before anything happens to them.
//!
//! Invariant: ARR is stratified, one account in each of as many equal slices of the distribution as there are accounts, so
//! that every company has its shape and not one in three.

use crate::calendar::{Day, Month};
use crate::dice::{Dice, For};
use crate::figures as figure;
use crate::parameters::Parameters;
use crate::truth::Tier;
use crate::words;

/// An account as it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Portrait {
    pub(crate) number: u32,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) industry: &'static str,
    pub(crate) owner: String,
    pub(crate) tier: Tier,
    pub(crate) arr_minor: i64,
    pub(crate) seats: u32,
    pub(crate) term_months: i32,
    pub(crate) notice_days: i32,
    pub(crate) auto_renew: bool,
    pub(crate) at_quarter_end: bool,
    pub(crate) created: Day,
    pub(crate) first_renewal: Day,
    /// A place in `words::COUNTRIES`.
    pub(crate) country: usize,
    pub(crate) german: bool,
    pub(crate) employees: u32,
    /// A place in `words::PLANS`.
    pub(crate) plan: usize,
    pub(crate) goals: Vec<&'static str>,
    pub(crate) technologies: Vec<&'static str>,
    pub(crate) buyer_type: &'static str,
    pub(crate) parent: Option<String>,
    /// Of its seats, where nothing is wrong.
    pub(crate) seats_used: f64,
    /// How much its people do, 1 being usual.
    pub(crate) vigour: f64,
    /// Of its usage, by its top contact.
    pub(crate) top_share: f64,
    /// How many of its plan's features it uses.
    pub(crate) features: usize,
    pub(crate) api: Option<&'static str>,
    pub(crate) executives: u32,
    /// Whether somebody wrote down who its champion is.
    pub(crate) champion_known: bool,
}

pub(crate) fn id(number: u32) -> String {
    format!("a{:04}", number + 1)
}

/// All accounts, by number.
pub(crate) fn portraits(parameters: &Parameters) -> Vec<Portrait> {
    let mut dice = Dice::new(parameters.seed, For::Company, 0);
    let sizes = sizes(parameters.accounts, &mut dice);
    let tiers = tiers(&sizes);
    let joins = joins(parameters, &mut dice);
    let each = sizes.into_iter().zip(tiers).zip(joins).zip(0..);
    each.map(|(((arr, tier), joins), number)| portrait(parameters, number, arr, tier, joins)).collect()
}

/// ARR of each, in minor units, in no order.
fn sizes(accounts: u32, dice: &mut Dice) -> Vec<i64> {
    let slice = |at: u32, dice: &mut Dice| (f64::from(at) + dice.unit()) / f64::from(accounts);
    let mut sizes: Vec<i64> = (0..accounts)
        .map(|at| {
            let deviations = normal_quantile(slice(at, dice));
            let arr = figure::ARR_MEDIAN_MINOR * libm::exp(figure::ARR_SIGMA * deviations);
            // Prices are round: tens of the currency.
            (arr / 1000.0).max(1.0) as i64 * 1000
        })
        .collect();
    dice.shuffle(&mut sizes);
    sizes
}

/// Where the normal distribution has so much below it, by halving.
fn normal_quantile(below: f64) -> f64 {
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        let is_below = 0.5 * libm::erfc(-middle / std::f64::consts::SQRT_2);
        if is_below < below { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// A and B are the largest that make their parts of ARR.
fn tiers(sizes: &[i64]) -> Vec<Tier> {
    let mut by_size: Vec<usize> = (0..sizes.len()).collect();
    by_size.sort_by_key(|at| std::cmp::Reverse((sizes[*at], *at)));
    let whole: i64 = sizes.iter().sum();
    let (mut tiers, mut sum) = (vec![Tier::C; sizes.len()], 0);
    for at in by_size {
        let before = sum as f64 / whole as f64;
        tiers[at] = match before {
            part if part < figure::TIER_A_ARR => Tier::A,
            part if part < figure::TIER_AB_ARR => Tier::B,
            _ => Tier::C,
        };
        sum += sizes[at];
    }
    tiers
}

/// The day on which each signs; none: it is there at the beginning.
fn joins(parameters: &Parameters, dice: &mut Dice) -> Vec<Option<Day>> {
    let there = (f64::from(parameters.accounts) * figure::THERE_AT_THE_BEGINNING).ceil() as u32;
    let later = parameters.accounts - there;
    let days = f64::from(parameters.end().since(parameters.begin));
    let mut joins: Vec<Option<Day>> = vec![None; there as usize];
    for at in 0..later {
        let part = (f64::from(at) + dice.unit()) / f64::from(later);
        joins.push(Some(parameters.begin.plus(1 + (part * days) as i32).working()));
    }
    dice.shuffle(&mut joins);
    joins
}

fn portrait(
    parameters: &Parameters,
    number: u32,
    arr_minor: i64,
    tier: Tier,
    joins: Option<Day>,
) -> Portrait {
    let dice = &mut Dice::new(parameters.seed, For::Portrait, number);
    let term_months = term(tier, dice);
    let at_quarter_end = term_months > 1 && dice.chance(figure::RENEWALS_AT_QUARTER_END);
    let (created, first_renewal) = match joins {
        Some(day) => (day, first_renewal(day, term_months, at_quarter_end)),
        None => long_since(parameters.begin, term_months, at_quarter_end, dice),
    };
    let seats = seats(arr_minor, dice);
    let country = dice.weighed(&words::COUNTRIES.map(|country| country.1));
    let (name, industry) = name(number);
    let plan = match tier {
        Tier::A => 2,
        Tier::B => dice.whole(1, 2) as usize,
        Tier::C => dice.weighed(&[0.6, 0.35, 0.05]),
    };
    Portrait {
        number,
        id: id(number),
        name,
        industry,
        owner: owner(number % parameters.csms),
        tier,
        arr_minor,
        seats,
        term_months,
        notice_days: notice_days(tier, term_months),
        auto_renew: dice.chance(figure::AUTO_RENEW),
        at_quarter_end,
        created,
        first_renewal,
        country,
        german: words::COUNTRIES[country].4,
        employees: (f64::from(seats) * dice.log_normal(12.0, 0.9)).clamp(3.0, 400_000.0) as u32,
        plan,
        goals: some(&words::GOALS, dice),
        technologies: some(&words::TECHNOLOGIES, dice),
        buyer_type: ["own_use", "manufacturer", "reseller"][dice.weighed(&[0.7, 0.2, 0.1])],
        parent: (number >= 20 && dice.chance(figure::DAUGHTERS)).then(|| id(number - 20)),
        seats_used: dice.beta(figure::SEATS_USED.0, figure::SEATS_USED.1).max(0.1),
        vigour: dice.log_normal(1.0, figure::VIGOUR_SIGMA),
        top_share: dice.between(figure::TOP_SHARE.0, figure::TOP_SHARE.1),
        features: features(plan, dice),
        api: [None, Some("v1"), Some("v2"), Some("v3")][dice.weighed(&[0.6, 0.08, 0.17, 0.15])],
        executives: match tier {
            Tier::A => dice.whole(2, 3) as u32,
            Tier::B => dice.whole(1, 2) as u32,
            Tier::C => 1,
        },
        champion_known: dice.chance(0.5),
    }
}

fn term(tier: Tier, dice: &mut Dice) -> i32 {
    let [monthly, short, multi_year] = figure::TERMS[tier as usize];
    let annual = 1.0 - monthly - short - multi_year;
    match dice.weighed(&[monthly, short, annual, multi_year]) {
        0 => 1,
        1 => dice.one_of(&[3, 6]),
        2 => 12,
        _ => dice.one_of(&[24, 36]),
    }
}

fn notice_days(tier: Tier, term_months: i32) -> i32 {
    match term_months {
        1 => figure::NOTICE_MONTHLY,
        2..12 => figure::NOTICE_SHORT,
        _ => figure::NOTICE_LONG[tier as usize],
    }
}

/// After signing on that day.
fn first_renewal(created: Day, term_months: i32, at_quarter_end: bool) -> Day {
    let month = created.month().plus(term_months);
    if at_quarter_end { month.quarter_end().last_day() } else { month.day(of_month(created)) }
}

/// Signing and next renewal of who has been a customer: somewhere in a term, terms before it.
fn long_since(begin: Day, term_months: i32, at_quarter_end: bool, dice: &mut Dice) -> (Day, Day) {
    let month = begin.month().plus(dice.whole(0, term_months - 1));
    let next = if at_quarter_end {
        month.quarter_end().last_day()
    } else {
        // A day that is past in the month of the beginning comes in the next term.
        let day = month.day(dice.whole(1, 28));
        if day < begin { month.plus(term_months).day(of_month(day)) } else { day }
    };
    let years = -libm::log(1.0 - dice.unit()) * figure::YEARS_BEFORE;
    let terms = 1 + (years * 12.0 / f64::from(term_months)) as i32;
    let signed: Month = next.month().plus(-terms * term_months);
    (signed.day(of_month(next)).min(begin.plus(-1)), next)
}

fn of_month(day: Day) -> i32 {
    i32::from(day.date().day())
}

/// The end of the term after one that ends on that day.
pub(crate) fn next_renewal(day: Day, term_months: i32, at_quarter_end: bool) -> Day {
    let month = day.month().plus(term_months);
    if at_quarter_end { month.last_day() } else { month.day(of_month(day)) }
}

fn seats(arr_minor: i64, dice: &mut Dice) -> u32 {
    let alone = arr_minor as f64 / figure::SEAT_MINOR;
    let seats = libm::pow(alone.max(1.0), figure::SEATS_POWER) * dice.log_normal(1.0, figure::SEATS_SIGMA);
    (seats as u32).max(2)
}

fn features(plan: usize, dice: &mut Dice) -> usize {
    let all = words::PLANS[plan].1;
    ((all as f64 * dice.between(figure::FEATURES.0, figure::FEATURES.1)).round() as usize).clamp(2, all)
}

fn some(of: &[&'static str], dice: &mut Dice) -> Vec<&'static str> {
    let first = dice.whole(0, of.len() as i32 - 1) as usize;
    let count = dice.whole(0, 3) as usize;
    (0..count).map(|step| of[(first + step) % of.len()]).collect()
}

/// A name of its own, with the trade that it says.
fn name(number: u32) -> (String, &'static str) {
    let (heads, trades) = (words::COMPANY.len() as u32, words::TRADE.len() as u32);
    // Steps that meet every pair once before any twice, 347 and 800 having no common divisor.
    let pair = number.wrapping_mul(347) % (heads * trades);
    let (trade, industry) = words::TRADE[(pair % trades) as usize];
    let head = words::COMPANY[(pair / trades) as usize];
    let round = number / (heads * trades);
    let name = if round == 0 { format!("{head} {trade}") } else { format!("{head} {trade} {}", round + 1) };
    (name, industry)
}

pub(crate) fn owner(csm: u32) -> String {
    let known = words::CSMS.len() as u32;
    let name = words::CSMS[(csm % known) as usize];
    if csm < known { name.to_owned() } else { format!("{name}.{}", csm / known + 1) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{normal_quantile, portraits};
    use crate::parameters::Parameters;

    #[test]
    fn quantiles_are_the_normal_distributions() {
        for (below, expected) in [(0.5, 0.0), (0.975, 1.959_964), (0.01, -2.326_348)] {
            assert!((normal_quantile(below) - expected).abs() < 1e-6, "{below}");
        }
    }

    #[test]
    fn everybody_has_a_name_and_a_term_that_ends_later() {
        let parameters = Parameters { accounts: 2000, csms: 40, ..Parameters::default() };
        let all = portraits(&parameters);
        let names: BTreeSet<&str> = all.iter().map(|it| it.name.as_str()).collect();
        let owners: BTreeSet<&str> = all.iter().map(|it| it.owner.as_str()).collect();
        assert_eq!((names.len(), owners.len()), (2000, 40));
        for account in all {
            assert!(account.created < account.first_renewal, "{account:?}");
            assert!(account.first_renewal >= parameters.begin, "{account:?}");
        }
    }
}
