//! Exact numbers: fractions of 128-bit integers.

use std::{cmp::Ordering, fmt};

/// A fraction; its denominator is greater than zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number {
    over: i128,
    under: i128,
}

/// Millionths in one.
pub(crate) const MILLION: i128 = 1_000_000;

impl Number {
    pub(crate) const ZERO: Self = Self { over: 0, under: 1 };

    pub(crate) fn whole(n: i128) -> Self {
        Self { over: n, under: 1 }
    }

    pub(crate) fn millionths(n: i128) -> Self {
        Self { over: n, under: MILLION }.reduced()
    }

    /// `None` where `under` is zero.
    pub(crate) fn fraction(over: i128, under: i128) -> Option<Self> {
        match under.cmp(&0) {
            Ordering::Equal => None,
            Ordering::Less => Some(Self { over: -over, under: -under }.reduced()),
            Ordering::Greater => Some(Self { over, under }.reduced()),
        }
    }

    /// A decimal as written: "-12.5", "3", "1e3".
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let places = i32::try_from(fraction.len()).ok()? - exponent;
        let scale = 10_i128.checked_pow(places.unsigned_abs())?;
        if places >= 0 {
            Self::fraction(digits, scale)
        } else {
            Some(Self::whole(digits.checked_mul(scale)?))
        }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self { over: self.over * other.under - other.over * self.under, under: self.under * other.under }
            .reduced()
    }

    pub(crate) fn times(self, other: Self) -> Self {
        Self { over: self.over * other.over, under: self.under * other.under }.reduced()
    }

    /// `None` where the other is zero.
    pub(crate) fn divided_by(self, other: Self) -> Option<Self> {
        Self::fraction(self.over * other.under, self.under * other.over)
    }

    pub(crate) fn floor(self) -> i128 {
        self.over.div_euclid(self.under)
    }

    pub(crate) fn ceiling(self) -> i128 {
        -(-self.over).div_euclid(self.under)
    }

    /// As short as it is exact; for decimals of six places.
    pub(crate) fn exact(self) -> String {
        let millionths = half_even(self.over * MILLION, self.under);
        let sign = if millionths < 0 { "-" } else { "" };
        let (whole, rest) = (millionths.abs() / MILLION, millionths.abs() % MILLION);
        let text = format!("{sign}{whole}.{rest:06}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    fn reduced(self) -> Self {
        let divisor = gcd(self.over.unsigned_abs(), self.under.unsigned_abs()).max(1);
        let divisor = i128::try_from(divisor).unwrap_or(1);
        Self { over: self.over / divisor, under: self.under / divisor }
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.over * other.under).cmp(&(other.over * self.under))
    }
}

/// For people: at most two decimals, half to even, without trailing zeros.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = half_even(self.over * 100, self.under);
        let sign = if hundredths < 0 { "-" } else { "" };
        let (whole, rest) = (hundredths.abs() / 100, hundredths.abs() % 100);
        let text = format!("{sign}{whole}.{rest:02}");
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

fn half_even(over: i128, under: i128) -> i128 {
    let (floor, rest) = (over.div_euclid(under), over.rem_euclid(under));
    match (2 * rest).cmp(&under) {
        Ordering::Less => floor,
        Ordering::Greater => floor + 1,
        Ordering::Equal => floor + (floor & 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_for_people() {
        let check = |over, under, expected: &str| {
            assert_eq!(Number::fraction(over, under).unwrap().to_string(), expected);
        };
        check(1, 3, "0.33");
        check(1, 8, "0.12");
        check(3, 8, "0.38");
        check(-1, 3, "-0.33");
        check(-1, 1000, "0");
        check(100, 1, "100");
    }

    #[test]
    fn a_number_is_read_as_it_is_written() {
        assert_eq!(Number::parse("-12.5"), Number::fraction(-25, 2));
        assert_eq!(Number::parse("1.5e3"), Some(Number::whole(1500)));
        assert_eq!(Number::parse("0.000001"), Some(Number::millionths(1)));
    }
}
