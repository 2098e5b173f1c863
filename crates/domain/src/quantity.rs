//! The value of a measure: an exact fraction. Comparisons never round and never overflow.

use std::{cmp::Ordering, fmt};

use serde::{Deserialize, Serialize};

use crate::value::Decimal;

/// A fraction with a positive denominator. Equal means equal in value: 1/2 is 2/4.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Quantity {
    numerator: i128,
    denominator: i128,
}

impl Quantity {
    pub const ZERO: Self = Self::int(0);

    pub const fn int(whole: i128) -> Self {
        Self { numerator: whole, denominator: 1 }
    }

    /// `numerator / denominator`; `None` when the denominator is 0 or the sign cannot be moved.
    pub fn ratio(numerator: i128, denominator: i128) -> Option<Self> {
        match denominator.cmp(&0) {
            Ordering::Greater => Some(Self { numerator, denominator }),
            Ordering::Less => {
                Some(Self { numerator: numerator.checked_neg()?, denominator: denominator.checked_neg()? })
            }
            Ordering::Equal => None,
        }
    }

    pub fn numerator(self) -> i128 {
        self.numerator
    }

    /// Always positive.
    pub fn denominator(self) -> i128 {
        self.denominator
    }

    /// The greatest whole number that is not above it.
    pub fn floor(self) -> i128 {
        self.numerator.div_euclid(self.denominator)
    }

    /// The least whole number that is not below it.
    pub fn ceil(self) -> i128 {
        let floor = self.floor();
        if self.numerator.rem_euclid(self.denominator) == 0 { floor } else { floor + 1 }
    }

    /// The exact difference; `None` beyond 128 bits.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        exact_or_reduced(self, other, |a, b| {
            if a.denominator == b.denominator {
                return Some(Self { numerator: a.numerator.checked_sub(b.numerator)?, ..a });
            }
            let left = a.numerator.checked_mul(b.denominator)?;
            let right = b.numerator.checked_mul(a.denominator)?;
            Self::ratio(left.checked_sub(right)?, a.denominator.checked_mul(b.denominator)?)
        })
    }

    /// The exact product; `None` beyond 128 bits.
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        exact_or_reduced(self, other, |a, b| {
            Self::ratio(a.numerator.checked_mul(b.numerator)?, a.denominator.checked_mul(b.denominator)?)
        })
    }

    /// The exact quotient; `None` by zero and beyond 128 bits.
    pub fn checked_div(self, other: Self) -> Option<Self> {
        self.checked_mul(Self::ratio(other.denominator, other.numerator)?)
    }

    /// In lowest terms.
    pub(crate) fn reduced(self) -> Self {
        let divisor = gcd(self.numerator.unsigned_abs(), self.denominator.unsigned_abs());
        // At most the denominator, which is an i128.
        let divisor = i128::try_from(divisor).unwrap_or(1).max(1);
        Self { numerator: self.numerator / divisor, denominator: self.denominator / divisor }
    }
}

/// Reducing costs divisions: it is done only when the plain way overflows.
fn exact_or_reduced(
    a: Quantity,
    b: Quantity,
    operation: impl Fn(Quantity, Quantity) -> Option<Quantity>,
) -> Option<Quantity> {
    operation(a, b).or_else(|| operation(a.reduced(), b.reduced()))
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl From<Decimal> for Quantity {
    fn from(number: Decimal) -> Self {
        Self { numerator: i128::from(number.0), denominator: i128::from(Decimal::SCALE) }
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.denominator == other.denominator {
            return self.numerator.cmp(&other.numerator);
        }
        let left = self.numerator.checked_mul(other.denominator);
        let right = other.numerator.checked_mul(self.denominator);
        match (left, right) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => by_continued_fractions(*self, *other),
        }
    }
}

/// Compares whole parts, then the reciprocals of what remains, until they differ: no product, no overflow.
fn by_continued_fractions(mut a: Quantity, mut b: Quantity) -> Ordering {
    let mut turned = false;
    loop {
        let (whole_a, rest_a) =
            (a.numerator.div_euclid(a.denominator), a.numerator.rem_euclid(a.denominator));
        let (whole_b, rest_b) =
            (b.numerator.div_euclid(b.denominator), b.numerator.rem_euclid(b.denominator));
        let order = match whole_a.cmp(&whole_b) {
            Ordering::Equal if rest_a == 0 || rest_b == 0 => rest_a.cmp(&rest_b),
            Ordering::Equal => {
                a = Quantity { numerator: a.denominator, denominator: rest_a };
                b = Quantity { numerator: b.denominator, denominator: rest_b };
                turned = !turned;
                continue;
            }
            decided => decided,
        };
        return if turned { order.reverse() } else { order };
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Quantity {}

impl fmt::Display for Quantity {
    /// For people: two places at most, half to even, no trailing zeros: `3`, `0.5`, `12.35`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (denominator, magnitude) = (self.denominator.unsigned_abs(), self.numerator.unsigned_abs());
        let (whole, rest) = (magnitude / denominator, magnitude % denominator);
        let (tenths, rest) = next_digit(rest, denominator);
        let (hundredths, rest) = next_digit(rest, denominator);
        // rest / denominator against one half, without a product.
        let above = rest.cmp(&(denominator - rest));
        let up = above.is_gt() || (above.is_eq() && hundredths % 2 == 1);
        let cents = tenths * 10 + hundredths + u128::from(up);
        let (whole, cents) = if cents == 100 { (whole + 1, 0) } else { (whole, cents) };
        let sign = if self.numerator < 0 && (whole, cents) != (0, 0) { "-" } else { "" };
        match (cents, cents % 10) {
            (0, _) => write!(f, "{sign}{whole}"),
            (_, 0) => write!(f, "{sign}{whole}.{}", cents / 10),
            _ => write!(f, "{sign}{whole}.{cents:02}"),
        }
    }
}

/// The next decimal digit of `rest / denominator` (below 1) and what remains, by doubling: ten times the rest need
/// not fit.
fn next_digit(rest: u128, denominator: u128) -> (u128, u128) {
    if let Some(tenfold) = rest.checked_mul(10) {
        return (tenfold / denominator, tenfold % denominator);
    }
    (0..10).fold((0, 0), |(digit, sum), _| {
        // Both are below a denominator of 127 bits: their sum fits.
        let sum = sum + rest;
        if sum >= denominator { (digit + 1, sum - denominator) } else { (digit, sum) }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(numerator: i128, denominator: i128, text: &str) {
        assert_eq!(Quantity::ratio(numerator, denominator).unwrap().to_string(), text);
    }

    #[test]
    fn people_read_two_places_at_most() {
        for (numerator, denominator, text) in [
            (3, 1, "3"),
            (1, 2, "0.5"),
            (1, 3, "0.33"),
            (2, 3, "0.67"),
            (5, 1000, "0"),
            (15, 1000, "0.02"),
            (25, 1000, "0.02"),
            (-25, 1000, "-0.02"),
            (-1, 1000, "0"),
            (999_999, 1_000_000, "1"),
            (12_345_678, 1_000_000, "12.35"),
            (i128::MAX - 1, i128::MAX, "1"),
            (i128::MAX / 2, i128::MAX, "0.5"),
            (i128::MIN, 1, "-170141183460469231731687303715884105728"),
        ] {
            check(numerator, denominator, text);
        }
    }

    #[test]
    fn comparison_survives_what_does_not_multiply() {
        let near = Quantity::ratio(i128::MAX - 1, i128::MAX).unwrap();
        let nearer = Quantity::ratio(i128::MAX, i128::MAX).unwrap();
        assert!(near < nearer);
        assert!(Quantity::ratio(i128::MIN, 3).unwrap() < Quantity::ratio(i128::MIN, 4).unwrap());
        assert_eq!(Quantity::ratio(i128::MAX, i128::MAX).unwrap(), Quantity::int(1));
    }

    proptest! {
        #[test]
        fn both_ways_to_compare_agree(a: i64, b in 1..i64::MAX, c: i64, d in 1..i64::MAX) {
            let left = Quantity::ratio(a.into(), b.into()).unwrap();
            let right = Quantity::ratio(c.into(), d.into()).unwrap();
            prop_assert_eq!(left.cmp(&right), by_continued_fractions(left, right));
        }

        #[test]
        fn a_difference_added_back_is_the_same(a: i32, b in 1..i32::MAX, c: i32, d in 1..i32::MAX) {
            let left = Quantity::ratio(a.into(), b.into()).unwrap();
            let right = Quantity::ratio(c.into(), d.into()).unwrap();
            let difference = left.checked_sub(right).unwrap();
            prop_assert_eq!(difference.checked_sub(left).unwrap().checked_sub(Quantity::ZERO).unwrap(),
                Quantity::ZERO.checked_sub(right).unwrap());
        }

        #[test]
        fn digits_by_doubling_are_the_digits(rest in 0..u64::MAX, more in 1..u64::MAX) {
            let (rest, denominator) = (u128::from(rest), u128::from(rest) + u128::from(more));
            let slow = (0..10).fold((0, 0), |(digit, sum), _| {
                let sum: u128 = sum + rest;
                if sum >= denominator { (digit + 1, sum - denominator) } else { (digit, sum) }
            });
            prop_assert_eq!(next_digit(rest, denominator), slow);
        }
    }
}
