//! Thresholds: the points on the number line where something about a measure flips, sorted, with the rules that
//! compare there.
//!
//! Invariant: as long as a value passes the same reaches, no comparison with it and no step of a curve changes; so
//! cost follows what changes, not how many rules there are.

use std::cmp::Ordering;

use crate::{
    comparison::Comparison,
    measure::{Reach, Side},
    quantity::Quantity,
    time::{DAY_MS, Instant},
    value::{Decimal, Value},
};

/// A rule's place among those that one service watches.
pub type RuleIx = u32;

/// How many reaches a value has passed; `None`: the value is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing(Option<u32>);

impl Standing {
    /// `None`: unknown.
    pub(crate) fn passed(self) -> Option<u32> {
        self.0
    }
}

/// The reaches of one measure, rising, and the rules that flip at each.
#[derive(Debug, Clone, Default)]
pub struct Line {
    reaches: Vec<Reach>,
    /// By reach: the rules that compare there.
    at: Vec<Vec<RuleIx>>,
    /// Every rule that reads the measure: all of them change when it becomes known or unknown.
    all: Vec<RuleIx>,
}

impl Line {
    /// A rule reads the measure, and flips at these reaches.
    pub(crate) fn add(&mut self, rule: RuleIx, reaches: impl IntoIterator<Item = Reach>) {
        insert(&mut self.all, rule);
        for reach in reaches {
            match self.reaches.binary_search_by(|known| order(known, &reach)) {
                Ok(place) => insert(&mut self.at[place], rule),
                Err(place) => {
                    self.reaches.insert(place, reach);
                    self.at.insert(place, vec![rule]);
                }
            }
        }
    }

    /// The reaches on either side of a value. Between jumps a value moves steadily, and a jump is a wake-up of its
    /// own: so one of these is the first that it passes, however many there are.
    pub(crate) fn near(&self, standing: Standing) -> &[Reach] {
        let Some(passed) = standing.0 else { return &[] };
        let passed = passed as usize;
        &self.reaches[passed.saturating_sub(1)..(passed + 1).min(self.reaches.len())]
    }

    /// Where a reach stands among them.
    pub(crate) fn place(&self, reach: &Reach) -> Option<u32> {
        let found = self.reaches.binary_search_by(|known| order(known, reach)).ok()?;
        u32::try_from(found).ok()
    }

    pub(crate) fn standing(&self, value: Option<Quantity>) -> Standing {
        let passed = |value: Quantity| self.reaches.partition_point(|reach| passes(value, reach));
        Standing(value.map(|value| u32::try_from(passed(value)).unwrap_or(u32::MAX)))
    }

    /// The rules that may have flipped between two standings.
    pub(crate) fn between(&self, a: Standing, b: Standing, mut flipped: impl FnMut(RuleIx)) {
        match (a.0, b.0) {
            (Some(a), Some(b)) => {
                let crossed = &self.at[a.min(b) as usize..a.max(b) as usize];
                crossed.iter().flatten().for_each(|rule| flipped(*rule));
            }
            (None, None) => {}
            _ => self.all.iter().for_each(|rule| flipped(*rule)),
        }
    }

    pub(crate) fn all(&self) -> &[RuleIx] {
        &self.all
    }
}

/// Rules are added in rising order, each perhaps several times in a row.
fn insert(rules: &mut Vec<RuleIx>, rule: RuleIx) {
    if rules.last() != Some(&rule) {
        rules.push(rule);
    }
}

fn order(a: &Reach, b: &Reach) -> Ordering {
    a.value.cmp(&b.value).then(a.side.cmp(&b.side))
}

fn passes(value: Quantity, reach: &Reach) -> bool {
    match reach.side {
        Side::At => value >= reach.value,
        Side::After => value > reach.value,
    }
}

/// Where a comparison with a number can flip.
pub fn reaches(comparison: &Comparison) -> Vec<Reach> {
    match comparison {
        Comparison::Is(limit) | Comparison::IsNot(limit) => both_sides(limit),
        Comparison::In(limits) => limits.iter().flat_map(both_sides).collect(),
        Comparison::AtLeast(limit) | Comparison::LessThan(limit) => vec![reach(*limit, Side::At)],
        Comparison::MoreThan(limit) | Comparison::AtMost(limit) => vec![reach(*limit, Side::After)],
        Comparison::Contains(_) | Comparison::Exists(_) => Vec::new(),
    }
}

/// A reach at a number, in lowest terms: counts are compared with most limits without a product.
pub fn reach(limit: Decimal, side: Side) -> Reach {
    Reach { value: Quantity::from(limit).reduced(), side }
}

fn both_sides(limit: &Value) -> Vec<Reach> {
    let limit = limit.as_decimal();
    limit.map(|limit| vec![reach(limit, Side::At), reach(limit, Side::After)]).unwrap_or_default()
}

/// The first instant after `now` at which a comparison of the days elapsed since then can flip.
pub fn elapsed_wake(comparison: &Comparison, since: Instant, now: Instant) -> Option<Instant> {
    let instants = reaches(comparison).into_iter().filter_map(|reach| {
        let first = first_elapsed_ms(&reach)?;
        // Elapsed time does not run below 0: what is passed at 0 was always passed.
        (first > 0).then(|| since.plus_ms(first)).filter(|at| *at > now)
    });
    instants.min()
}

/// The first millisecond at which elapsed time, in days of 24 hours, passes the reach. `None`: beyond all times.
pub fn first_elapsed_ms(reach: &Reach) -> Option<i64> {
    let exact = reach.value.checked_mul(Quantity::int(i128::from(DAY_MS)))?;
    let first = match reach.side {
        Side::At => exact.ceil(),
        Side::After => exact.floor() + 1,
    };
    i64::try_from(first).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(millionths: i64, side: Side) -> Reach {
        reach(Decimal(millionths), side)
    }

    #[test]
    fn elapsed_time_passes_a_reach_at_its_first_millisecond() {
        let check = |reach: Reach, expected: i64| {
            let ms = first_elapsed_ms(&reach).unwrap();
            assert_eq!(ms, expected, "{reach:?}");
            let elapsed = |ms: i64| Quantity::ratio(ms.into(), DAY_MS.into()).unwrap();
            assert!(passes(elapsed(ms), &reach) && !passes(elapsed(ms - 1), &reach), "{reach:?}");
        };
        check(days(56_000_000, Side::At), 56 * DAY_MS);
        check(days(56_000_000, Side::After), 56 * DAY_MS + 1);
        check(days(1, Side::At), 87);
        check(days(1, Side::After), 87);
        check(days(0, Side::At), 0);
    }

    #[test]
    fn only_rules_between_the_old_and_the_new_value_are_looked_at() {
        let mut line = Line::default();
        line.add(0, [days(1_000_000, Side::At)]);
        line.add(1, [days(2_000_000, Side::After)]);
        line.add(2, [days(2_000_000, Side::At), days(2_000_000, Side::After)]);
        let check = |from: Option<i128>, to: Option<i128>, expected: &[RuleIx]| {
            let standing = |value: Option<i128>| line.standing(value.map(Quantity::int));
            let mut found = Vec::new();
            line.between(standing(from), standing(to), |rule| found.push(rule));
            found.sort_unstable();
            found.dedup();
            assert_eq!(found, expected, "{from:?} -> {to:?}");
        };
        check(Some(1), Some(1), &[]);
        check(Some(0), Some(1), &[0]);
        check(Some(1), Some(2), &[2]);
        check(Some(2), Some(3), &[1, 2]);
        check(Some(9), Some(0), &[0, 1, 2]);
        check(Some(5), None, &[0, 1, 2]);
        check(None, None, &[]);
    }
}
