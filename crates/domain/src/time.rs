//! Instants and days. An instant is milliseconds since 1970-01-01T00:00:00Z; a day is one of a calendar, and which
//! instants it holds is for a [`Calendar`](crate::calendar::Calendar) to say.

use std::fmt;

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Instant(pub i64);

/// A calendar day in a workspace's time zone: days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Day(pub i32);

/// Milliseconds of the 24 hours that "n days" means where no calendar is asked.
pub const DAY_MS: i64 = 86_400_000;
/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 3_600_000;

impl Instant {
    pub const MIN: Self = Self(i64::MIN);
    pub const MAX: Self = Self(i64::MAX);

    /// Later by so many milliseconds (earlier when negative), within the range.
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Reads RFC 3339; fractions beyond milliseconds are cut towards the past.
    pub fn parse(text: &str) -> Option<Self> {
        let stamp: Timestamp = text.parse().ok()?;
        i64::try_from(stamp.as_nanosecond().div_euclid(1_000_000)).ok().map(Self)
    }
}

impl fmt::Display for Instant {
    /// RFC 3339 in UTC; beyond the years that it has, the number of milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_millisecond(self.0) {
            Ok(stamp) => write!(f, "{stamp}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl Day {
    /// Reads `YYYY-MM-DD`, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let shaped = bytes.len() == 10
            && bytes
                .iter()
                .enumerate()
                .all(|(at, byte)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() });
        shaped.then(|| text.parse::<Date>().ok()).flatten().map(Self::from_date)
    }

    pub(crate) fn from_date(date: Date) -> Self {
        let epoch = jiff::civil::date(1970, 1, 1);
        // Days between two dates of jiff's ten thousand years always fit.
        Self(date.since(epoch).map_or(0, |span| span.get_days()))
    }
}

impl fmt::Display for Day {
    /// `YYYY-MM-DD`; beyond the years that it has, the number of days.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = jiff::Span::new().try_days(self.0);
        match span.and_then(|span| jiff::civil::date(1970, 1, 1).checked_add(span)) {
            Ok(date) => write!(f, "{date}"),
            Err(_) => write!(f, "day {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, day: Option<i32>) {
        assert_eq!(Day::parse(text), day.map(Day), "{text}");
    }

    #[test]
    fn a_day_is_four_two_two_digits() {
        check("1970-01-01", Some(0));
        check("1969-12-31", Some(-1));
        check("2024-02-29", Some(19782));
        for text in ["2023-02-29", "24-02-29", "2024-2-29", "20240229", "2024-02-29T00:00:00Z", ""] {
            check(text, None);
        }
    }

    #[test]
    fn an_instant_reads_any_offset() {
        assert_eq!(Instant::parse("1970-01-01T01:00:00.0019+01:00"), Some(Instant(1)));
        assert_eq!(Instant::parse("1969-12-31T23:59:59.9999Z"), Some(Instant(-1)));
        assert_eq!(Instant::parse("1970-01-01T00:00:00"), None);
        assert_eq!(Instant(1_500).to_string(), "1970-01-01T00:00:01.5Z");
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(day in -700_000..2_900_000, ms in -60_000_000_000_000_i64..250_000_000_000_000) {
            prop_assert_eq!(Instant::parse(&Instant(ms).to_string()), Some(Instant(ms)));
            if day > -719_000 {
                prop_assert_eq!(Day::parse(&Day(day).to_string()), Some(Day(day)));
            }
        }
    }
}
