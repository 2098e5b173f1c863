//! Days, months and quarters, and what each day is worth.

use jiff::civil::{Date, Weekday, date};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::figures::{AUGUST, CHRISTMAS, MONTH_END, MONTH_END_DAYS, WEEKEND};

/// Milliseconds of a day of UTC: the company keeps its days in UTC.
pub(crate) const DAY_MS: i64 = 86_400_000;
const EPOCH: Date = date(1970, 1, 1);

/// Days since 1970-01-01; as a text `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    #[must_use]
    pub fn of(date: Date) -> Self {
        let days = EPOCH.until(date).map_or(0, |span| span.get_days());
        Self(days)
    }

    #[must_use]
    pub fn date(self) -> Date {
        EPOCH.checked_add(jiff::Span::new().days(self.0)).unwrap_or(EPOCH)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn midnight(self) -> i64 {
        i64::from(self.0) * DAY_MS
    }

    #[must_use]
    pub fn plus(self, days: i32) -> Self {
        Self(self.0 + days)
    }

    /// From the other one to this one.
    #[must_use]
    pub fn since(self, other: Self) -> i32 {
        self.0 - other.0
    }

    pub(crate) fn is_weekend(self) -> bool {
        matches!(self.date().weekday(), Weekday::Saturday | Weekday::Sunday)
    }

    /// The same day or the next that is no weekend.
    pub(crate) fn working(self) -> Self {
        let mut day = self;
        while day.is_weekend() {
            day = day.plus(1);
        }
        day
    }

    /// The same day of the year, so many years later.
    pub(crate) fn years_on(self, years: i32) -> Self {
        self.month().plus(12 * years).day(i32::from(self.date().day()))
    }

    pub(crate) fn month(self) -> Month {
        let date = self.date();
        Month(i32::from(date.year()) * 12 + i32::from(date.month()) - 1)
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.date().fmt(f)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let date = String::deserialize(deserializer)?;
        date.parse().map(Self::of).map_err(serde::de::Error::custom)
    }
}

/// Months since the year 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Month(pub(crate) i32);

impl Month {
    pub(crate) fn plus(self, months: i32) -> Self {
        Self(self.0 + months)
    }

    /// The last month of the quarter.
    pub(crate) fn quarter_end(self) -> Self {
        Self(self.0.div_euclid(3) * 3 + 2)
    }

    fn first(self) -> Date {
        let year = i16::try_from(self.0.div_euclid(12)).unwrap_or(i16::MAX);
        let month = i8::try_from(self.0.rem_euclid(12) + 1).unwrap_or(1);
        date(year, month, 1)
    }

    /// The day of the month, or its last one if it is shorter.
    pub(crate) fn day(self, day: i32) -> Day {
        let first = self.first();
        Day::of(first).plus(day.clamp(1, i32::from(first.days_in_month())) - 1)
    }

    pub(crate) fn last_day(self) -> Day {
        self.day(31)
    }
}

/// How much is done on a day, a usual weekday being 1.
pub(crate) fn season(day: Day) -> f64 {
    let date = day.date();
    let (month, of_month) = (date.month(), date.day());
    let week = if day.is_weekend() { WEEKEND } else { 1.0 };
    let year = if (month == 12 && of_month >= 21) || (month == 1 && of_month <= 3) {
        CHRISTMAS
    } else if month == 8 {
        AUGUST
    } else {
        1.0
    };
    let left = date.days_in_month() - of_month;
    week * year * if left < MONTH_END_DAYS { MONTH_END } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::{Day, season};

    fn day(year: i16, month: i8, day: i8) -> Day {
        Day::of(date(year, month, day))
    }

    #[test]
    fn a_day_is_its_date() {
        for text in ["1969-12-31", "1970-01-01", "2024-02-29", "2031-07-04"] {
            assert_eq!(Day::of(text.parse().unwrap()).to_string(), text);
        }
    }

    #[test]
    fn months_end_where_they_end() {
        let month = day(2023, 12, 5).month();
        assert_eq!(month.last_day().to_string(), "2023-12-31");
        assert_eq!(month.plus(2).day(30).to_string(), "2024-02-29");
        assert_eq!(month.plus(2).quarter_end().last_day().to_string(), "2024-03-31");
    }

    #[test]
    fn a_day_is_worth_what_its_week_and_its_season_say() {
        assert_eq!(season(day(2024, 5, 15)), 1.0);
        assert!(season(day(2024, 5, 18)) < 0.1);
        assert_eq!(season(day(2024, 8, 14)), 0.8);
        assert_eq!((season(day(2024, 12, 20)), season(day(2024, 12, 23))), (1.0, 0.25));
        assert_eq!((season(day(2025, 1, 3)), season(day(2025, 1, 6))), (0.25, 1.0));
        assert!(season(day(2024, 4, 30)) > 1.3);
    }
}
