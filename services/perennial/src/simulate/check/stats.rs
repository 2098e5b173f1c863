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
    let of_below: Vec<f64> =
        below.iter().map(|&one| mean(above.iter().map(|&other| fares(one, other)))).collect();
    let of_above: Vec<f64> =
        above.iter().map(|&one| mean(below.iter().map(|&other| fares(other, one)))).collect();
    let value = mean(of_below.iter().copied());
    let half = Z * (error(&of_below, value) + error(&of_above, value)).sqrt();
    Some(Estimate { value, low: (value - half).max(0.0), high: (value + half).min(1.0) })
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
    use super::{Estimate, auc, median, share};

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
