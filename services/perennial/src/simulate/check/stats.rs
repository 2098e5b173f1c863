//! How well something was guessed, with how sure that is.
//!
//! Intervals are of 95 %.

use serde::Serialize;

/// The normal distribution's 97.5th percentile.
const Z: f64 = 1.959_964;

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Estimate {
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The chance that one of `below` is lower than one of `above`, a tie counting half: the area under the ROC curve.
///
/// Its variance is that of DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988): of how each value fares against all of
/// the other side. It supposes that no two values are of the same account. Absent with fewer than two on a side.
pub(super) fn auc(below: &[f64], above: &[f64]) -> Option<Estimate> {
    let won = Won::of(below, above)?;
    let Estimate { value, low, high } = won.estimate();
    Some(Estimate { value, low: low.max(0.0), high: high.min(1.0) })
}

/// How much more one guess tells apart than another of the very same accounts: the difference of their areas, with the
/// variance of DeLong, DeLong and Clarke-Pearson for areas that belong together. `below` and `above` are both guesses of
/// one side, in the same order.
pub(super) fn auc_difference(below: [&[f64]; 2], above: [&[f64]; 2]) -> Option<Estimate> {
    let [one, other] = [Won::of(below[0], above[0])?, Won::of(below[1], above[1])?];
    let apart = |one: Vec<f64>, other: Vec<f64>| one.iter().zip(other).map(|(a, b)| a - b).collect();
    let difference = Won { below: apart(one.below, other.below), above: apart(one.above, other.above) };
    Some(difference.estimate())
}

/// By value, the share of the other side that it is on the right side of, a tie counting half.
struct Won {
    below: Vec<f64>,
    above: Vec<f64>,
}

impl Won {
    fn of(below: &[f64], above: &[f64]) -> Option<Self> {
        if below.len() < 2 || above.len() < 2 {
            return None;
        }
        let fares = |below: f64, above: f64| {
            if below < above {
                1.0
            } else if below > above {
                0.0
            } else {
                0.5
            }
        };
        let of_below = |&one: &f64| mean(above.iter().map(|&other| fares(one, other)));
        let of_above = |&one: &f64| mean(below.iter().map(|&other| fares(other, one)));
        Some(Self {
            below: below.iter().map(of_below).collect(),
            above: above.iter().map(of_above).collect(),
        })
    }

    fn estimate(&self) -> Estimate {
        let value = mean(self.below.iter().copied());
        let half = Z * (error(&self.below, value) + error(&self.above, value)).sqrt();
        Estimate { value, low: value - half, high: value + half }
    }
}

/// A share with the interval of Wilson (JASA 22, 1927), which holds of small numbers and of none or all as well.
pub(super) fn share(hits: usize, of: usize) -> Option<Estimate> {
    if of == 0 {
        return None;
    }
    let (n, value) = (of as f64, hits as f64 / of as f64);
    let whole = 1.0 + Z * Z / n;
    let middle = (value + Z * Z / (2.0 * n)) / whole;
    let half = Z * (value * (1.0 - value) / n + Z * Z / (4.0 * n * n)).sqrt() / whole;
    Some(Estimate { value, low: (middle - half).max(0.0), high: (middle + half).min(1.0) })
}

/// The middle one; of two, what lies between.
pub(super) fn median(values: impl IntoIterator<Item = i32>) -> Option<f64> {
    let mut values: Vec<i32> = values.into_iter().collect();
    values.sort_unstable();
    let (low, high) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some(f64::from(values[low] + values[high]) / 2.0)
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

/// The variance of their mean.
fn error(values: &[f64], mean: f64) -> f64 {
    let n = values.len() as f64;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0) / n
}

#[cfg(test)]
mod tests {
    use super::{Estimate, auc, auc_difference, median, share};

    fn check(found: Option<Estimate>, value: f64, low: f64, high: f64) {
        let found = found.unwrap();
        let near = |a: f64, b: f64| (a - b).abs() < 0.000_5;
        assert!(near(found.value, value) && near(found.low, low) && near(found.high, high), "{found:?}");
    }

    #[test]
    fn whoever_is_always_lower_is_told_apart_for_sure() {
        check(auc(&[1.0, 2.0], &[3.0, 4.0, 5.0]), 1.0, 1.0, 1.0);
        check(auc(&[3.0, 4.0], &[1.0, 2.0]), 0.0, 0.0, 0.0);
    }

    #[test]
    fn a_tie_counts_half() {
        check(auc(&[5.0, 5.0], &[5.0, 5.0]), 0.5, 0.5, 0.5);
        // Three pairs of four are won, one is a tie: of each side 1 and 3/4, a variance of 1/32 over two.
        check(auc(&[1.0, 2.0], &[2.0, 3.0]), 0.875, 0.528_5, 1.0);
    }

    #[test]
    fn whoever_never_did_anything_is_behind_everybody() {
        check(auc(&[f64::NEG_INFINITY, -9.0], &[-3.0, -1.0]), 1.0, 1.0, 1.0);
    }

    #[test]
    fn two_guesses_of_the_same_accounts_are_compared_account_by_account() {
        let (left, stayed) = ([1.0, 2.0, 3.0], [2.0, 3.0, 4.0]);
        check(auc_difference([&left, &left], [&stayed, &stayed]), 0.0, 0.0, 0.0);
        // The other guess knows nothing: its areas are 1/2 throughout, so the interval is the first one's.
        let (first, flat) = (auc(&left, &stayed).unwrap(), [0.0; 3]);
        let found = auc_difference([&left, &flat], [&stayed, &flat]).unwrap();
        assert!(
            (found.value - (first.value - 0.5)).abs() < 1e-12
                && (found.low - (first.low - 0.5)).abs() < 1e-12
        );
        // One account of each side trades places: six pairs of nine and two ties against two and two.
        let worse = auc_difference([&left, &[3.0, 2.0, 3.0]], [&stayed, &[2.0, 3.0, 2.0]]).unwrap();
        assert!((worse.value - (7.0 - 3.0) / 9.0).abs() < 1e-12, "{worse:?}");
        assert!(worse.low < worse.value && worse.value < worse.high, "{worse:?}");
    }

    #[test]
    fn one_account_tells_nothing() {
        assert_eq!((auc(&[1.0], &[2.0, 3.0]), share(0, 0), median([])), (None, None, None));
    }

    #[test]
    fn a_share_of_few_is_unsure_and_none_is_not_never() {
        check(share(0, 10), 0.0, 0.0, 0.277_5);
        check(share(5, 10), 0.5, 0.236_6, 0.763_4);
        check(share(10, 10), 1.0, 0.722_5, 1.0);
        check(share(81, 263), 0.308, 0.255_3, 0.366_2);
    }

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!((median([9, 1, 5]), median([4, 1, 9, 5])), (Some(5.0), Some(4.5)));
    }
}
