//! Curves: how many points a measure's value is worth.

use std::cmp::Ordering;

use crate::{
    measure::{Reach, Side},
    quantity::Quantity,
    threshold::reach,
    value::Decimal,
};

/// Points of a curve: x rising, 0 to 100 points each; at least one.
pub type Points = Vec<(Decimal, u32)>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Curve {
    /// The points of the last x that is at most the value; below the first x, the first's.
    Steps(Points),
    /// Straight from point to point, level beyond the ends.
    Linear(Points),
}

impl Curve {
    /// What a value is worth, in thousandths of a point, floored.
    pub fn millipoints(&self, value: Quantity) -> u32 {
        let points = self.points();
        let after = points.partition_point(|(x, _)| Quantity::from(*x) <= value);
        let Some(before) = after.checked_sub(1) else {
            return points.first().map_or(0, |(_, p)| p * 1000);
        };
        match (self, points.get(after)) {
            (Self::Linear(_), Some(next)) => between(points[before], *next, value),
            _ => points[before].1 * 1000,
        }
    }

    /// Where its points change their course: every step, every corner.
    pub fn reaches(&self) -> impl Iterator<Item = Reach> {
        self.points().iter().map(|(x, _)| reach(*x, Side::At))
    }

    /// Whether points change between reaches too.
    pub fn is_continuous(&self) -> bool {
        matches!(self, Self::Linear(_))
    }

    /// Where, on the stretch that the value lies on, the points have moved by so many thousandths (at least one)
    /// from what they are there: no sooner than at one of these has anything moved so far.
    pub fn moved(&self, value: Quantity, by: u32) -> Vec<Reach> {
        let points = self.points();
        let after = points.partition_point(|(x, _)| Quantity::from(*x) <= value);
        let (Self::Linear(_), Some(before), Some(to)) = (self, after.checked_sub(1), points.get(after))
        else {
            return Vec::new();
        };
        let (from, now, by) = (points[before], i64::from(self.millipoints(value)), i64::from(by.max(1)));
        let targets = [now + by, now - by + 1];
        targets.into_iter().filter_map(|target| crossing(from, *to, target)).collect()
    }

    /// Whether points rise with the value where it lies, or fall.
    pub fn course(&self, value: Quantity) -> Ordering {
        let points = self.points();
        let after = points.partition_point(|(x, _)| Quantity::from(*x) <= value);
        match (self, after.checked_sub(1), points.get(after)) {
            (Self::Linear(_), Some(before), Some(to)) => to.1.cmp(&points[before].1),
            _ => Ordering::Equal,
        }
    }

    fn points(&self) -> &Points {
        match self {
            Self::Steps(points) | Self::Linear(points) => points,
        }
    }
}

fn between(from: (Decimal, u32), to: (Decimal, u32), value: Quantity) -> u32 {
    let start = i128::from(from.1) * 1000;
    let rise = (i128::from(to.1) - i128::from(from.1)) * 1000;
    let along = value.checked_sub(Quantity::from(from.0)).and_then(|run| {
        let length = Quantity::from(to.0).checked_sub(Quantity::from(from.0))?;
        run.checked_div(length)?.checked_mul(Quantity::int(rise))
    });
    // Between two corners of at most 100 points.
    u32::try_from(start + along.map_or(0, Quantity::floor)).unwrap_or(0)
}

/// Where the floored points pass from below `target` to it: on a falling stretch, from it to below.
fn crossing(from: (Decimal, u32), to: (Decimal, u32), target: i64) -> Option<Reach> {
    let rise = (i64::from(to.1) - i64::from(from.1)) * 1000;
    let climb = target - i64::from(from.1) * 1000;
    let share = Quantity::ratio(climb.into(), rise.into())?;
    let length = i128::from(to.0.0) - i128::from(from.0.0);
    let run = share.checked_mul(Quantity::ratio(length, i128::from(Decimal::SCALE))?)?;
    let value = run.checked_sub(Quantity::ZERO.checked_sub(Quantity::from(from.0))?)?;
    Some(Reach { value, side: if rise > 0 { Side::At } else { Side::After } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(points: &[(i64, u32)]) -> Points {
        points.iter().map(|(x, p)| (Decimal(x * Decimal::SCALE), *p)).collect()
    }

    #[test]
    fn steps_hold_until_the_next_and_lines_run_between() {
        let steps = Curve::Steps(points(&[(0, 100), (28, 60), (56, 20)]));
        let linear = Curve::Linear(points(&[(0, 100), (28, 60), (56, 20)]));
        let check = |curve: &Curve, n: i128, d: i128, expected: u32| {
            let value = Quantity::ratio(n, d).unwrap();
            assert_eq!(curve.millipoints(value), expected, "{curve:?} at {n}/{d}");
        };
        check(&steps, -1, 1, 100_000);
        check(&steps, 27, 1, 100_000);
        check(&steps, 28, 1, 60_000);
        check(&steps, 999, 1, 20_000);
        check(&linear, -1, 1, 100_000);
        check(&linear, 14, 1, 80_000);
        check(&linear, 1, 3, 99_523);
        check(&linear, 999, 1, 20_000);
    }

    #[test]
    fn nothing_moved_so_far_before_the_first_reach() {
        let curves = [points(&[(0, 100), (28, 0)]), points(&[(0, 3), (7, 50)]), points(&[(0, 50), (9, 50)])];
        for curve in curves.map(Curve::Linear) {
            for by in [1, 7, 1000] {
                let start = Quantity::ratio(10, 7).unwrap();
                let before = i64::from(curve.millipoints(start));
                let reaches = curve.moved(start, by);
                for thousandth in 0..5_500 {
                    let value = Quantity::ratio(10_000 + thousandth * 7, 7_000).unwrap();
                    let moved = (i64::from(curve.millipoints(value)) - before).unsigned_abs();
                    let passed = reaches.iter().any(|reach| match reach.side {
                        Side::At => start < reach.value && value >= reach.value,
                        Side::After => start <= reach.value && value > reach.value,
                    });
                    assert!(moved < u64::from(by) || passed, "{curve:?} moved {moved} at {value}");
                }
            }
        }
    }
}
