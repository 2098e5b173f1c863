//! What an account is worth on a scorecard, now.

use super::{Group, Scorecard};
use crate::{
    decision::{Band, Contribution, Score, Source},
    measure::{MeasureIx, Measures},
    quantity::Quantity,
};

/// A measure's value and its points in thousandths; `None`: unknown.
pub type Known = Option<(Quantity, u32)>;

/// What a measure brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worth {
    pub measure: MeasureIx,
    pub known: Known,
    /// Its share of the overall before it is split exactly: W w p / (sum of W x sum of w), over a denominator that
    /// all measures of the scorecard share.
    share: i128,
    /// By how many millionths of a point the overall moves when the measure moves by one, rounded up.
    pub(crate) influence: u64,
}

/// An account on its scorecard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment<'a> {
    pub scorecard: &'a Scorecard,
    /// In the scorecard's order.
    pub worths: Vec<Worth>,
    /// Thousandths of a point, before the cap; `None`: nothing is known, or less than the scorecard needs.
    pub uncapped: Option<u32>,
    /// The lowest cap whose condition is true.
    pub cap: Option<usize>,
    /// Thousandths of the weight that is known.
    pub known_weight: u32,
}

impl<'a> Assessment<'a> {
    /// Weighs what is known. `holds` says which caps' conditions are true.
    pub fn new(
        scorecard: &'a Scorecard,
        value: impl Fn(MeasureIx) -> Option<Quantity>,
        holds: impl Fn(usize) -> bool,
    ) -> Self {
        let groups: Vec<Weighed> = scorecard.groups.iter().map(|group| Weighed::new(group, &value)).collect();
        let known = || groups.iter().filter(|group| group.known_weight > 0);
        let weight: u64 = known().map(|group| u64::from(group.group.weight)).sum();
        let sum: u64 = known().map(|group| u64::from(group.group.weight) * group.points()).sum();
        let uncapped = sum.checked_div(weight).map(|overall| u32::try_from(overall).unwrap_or(100_000));
        let known_weight = known_weight(&groups);
        let is_enough = known_weight >= scorecard.needs_known;
        let caps = scorecard.caps.iter().enumerate();
        let cap = caps.filter(|(at, _)| holds(*at)).min_by_key(|(at, cap)| (cap.at_most, *at));
        Self {
            scorecard,
            known_weight,
            worths: shared(&groups),
            uncapped: uncapped.filter(|_| is_enough),
            cap: cap.map(|(at, _)| at),
        }
    }

    /// Thousandths of a point, after the cap.
    pub fn overall(&self) -> Option<u32> {
        let most = self.cap.map_or(u32::MAX, |cap| self.scorecard.caps[cap].at_most * 1000);
        self.uncapped.map(|overall| overall.min(most))
    }

    pub fn score(&self, before: Option<Band>) -> Option<Score> {
        self.overall().map(|overall| {
            let points = rounded(overall);
            let band = self.scorecard.bands.band(points, before);
            Score { points: u8::try_from(points).unwrap_or(100), band }
        })
    }

    /// What each measure contributes to the overall, and what the cap in force takes from it; they sum to it.
    /// `text` says a measure's value in words.
    pub fn contributions(
        &self,
        measures: &Measures,
        text: impl Fn(MeasureIx) -> String,
    ) -> Vec<Contribution> {
        let contribution = |(worth, points): (&Worth, i32)| Contribution {
            source: Source::Measure(measures.get(worth.measure).name.clone()),
            points,
            value: text(worth.measure),
        };
        let of_measures = self.worths.iter().zip(self.split(measures)).map(contribution);
        of_measures.chain(self.taken_by_cap()).collect()
    }

    fn taken_by_cap(&self) -> Option<Contribution> {
        let (cap, uncapped) = (&self.scorecard.caps[self.cap?], self.uncapped?);
        // Neither is more than 100,000.
        let points = i32::try_from(i64::from(uncapped.min(cap.at_most * 1000)) - i64::from(uncapped));
        Some(Contribution {
            source: Source::Cap(cap.name.clone()),
            points: points.unwrap_or(0),
            value: cap.at_most.to_string(),
        })
    }

    /// The overall before the cap in proportion to the shares, floored; what is missing goes one each to the largest
    /// fractions, ties by name.
    fn split(&self, measures: &Measures) -> Vec<i32> {
        let whole = i128::from(self.uncapped.unwrap_or(0));
        let sum: i128 = self.worths.iter().map(|worth| worth.share).sum();
        if sum == 0 {
            return vec![0; self.worths.len()];
        }
        let exact = |worth: &Worth| (worth.share * whole / sum, worth.share * whole % sum);
        let mut points: Vec<i128> = self.worths.iter().map(|worth| exact(worth).0).collect();
        let missing = usize::try_from(whole - points.iter().sum::<i128>()).unwrap_or(0);
        let mut order: Vec<usize> = (0..points.len()).collect();
        order.sort_by_cached_key(|at| {
            let worth = &self.worths[*at];
            (std::cmp::Reverse(exact(worth).1), measures.get(worth.measure).name.clone())
        });
        order.into_iter().take(missing).for_each(|at| points[at] += 1);
        // None is more than the overall, which is at most 100,000.
        points.into_iter().map(|points| i32::try_from(points).unwrap_or(0)).collect()
    }
}

/// Whole points of an overall in thousandths.
pub(crate) fn rounded(overall: u32) -> u32 {
    (overall + 500) / 1000
}

/// How far the overall may rise and fall, in thousandths, before the rounded score is another.
pub(crate) fn room(overall: u32) -> (u32, u32) {
    let middle = rounded(overall) * 1000;
    (middle + 500 - overall, overall + 501 - middle)
}

const MILLION: u64 = 1_000_000;

/// A group with what is known of it.
struct Weighed<'a> {
    group: &'a Group,
    worths: Vec<(u32, MeasureIx, Known)>,
    known_weight: u32,
}

impl<'a> Weighed<'a> {
    fn new(group: &'a Group, value: impl Fn(MeasureIx) -> Option<Quantity>) -> Self {
        let worths: Vec<_> = group
            .measures
            .iter()
            .map(|weighted| {
                let known = value(weighted.measure).map(|value| (value, weighted.curve.millipoints(value)));
                (weighted.weight, weighted.measure, known)
            })
            .collect();
        let known_weight =
            worths.iter().filter(|(_, _, known)| known.is_some()).map(|(weight, _, _)| weight).sum();
        Self { group, worths, known_weight }
    }

    /// In thousandths, floored. Of a group that knows something.
    fn points(&self) -> u64 {
        let worth = |(weight, _, known): &(u32, MeasureIx, Known)| {
            known.map_or(0, |(_, points)| u64::from(*weight) * u64::from(points))
        };
        self.worths.iter().map(worth).sum::<u64>().checked_div(self.known_weight.into()).unwrap_or(0)
    }
}

fn shared(groups: &[Weighed<'_>]) -> Vec<Worth> {
    let weight: u64 =
        groups.iter().filter(|group| group.known_weight > 0).map(|group| u64::from(group.group.weight)).sum();
    let known = groups.iter().filter(|group| group.known_weight > 0);
    let common = known.map(|group| i128::from(group.known_weight)).fold(1, least_common_multiple);
    let of_group = |group: &Weighed<'_>| -> Vec<Worth> {
        let scale = common / i128::from(group.known_weight.max(1)) * i128::from(group.group.weight);
        let whole = (weight * u64::from(group.known_weight)).max(1);
        group
            .worths
            .iter()
            .map(|(weight, measure, known)| {
                let points = known.map_or(0, |(_, points)| points);
                Worth {
                    measure: *measure,
                    known: *known,
                    share: scale * i128::from(*weight) * i128::from(points),
                    influence: (u64::from(group.group.weight) * u64::from(*weight) * MILLION).div_ceil(whole),
                }
            })
            .collect()
    };
    groups.iter().flat_map(of_group).collect()
}

fn known_weight(groups: &[Weighed<'_>]) -> u32 {
    let common =
        groups.iter().map(|group| i128::from(group.group.total().max(1))).fold(1, least_common_multiple);
    let known: i128 = groups
        .iter()
        .map(|group| {
            let scale = common / i128::from(group.group.total().max(1));
            i128::from(group.group.weight) * i128::from(group.known_weight) * scale
        })
        .sum();
    let all: i128 = groups.iter().map(|group| i128::from(group.group.weight) * common).sum();
    u32::try_from((known * 1000).checked_div(all).unwrap_or(0)).unwrap_or(1000)
}

fn least_common_multiple(a: i128, b: i128) -> i128 {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}
