//! Days of a time zone.

use std::collections::BTreeSet;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// A time zone's calendar. Days are counted from 1970-01-01.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    name: String,
    zone: TimeZone,
}

impl Calendar {
    /// An IANA name; UTC for a name nobody knows.
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), zone: TimeZone::get(name).unwrap_or(TimeZone::UTC) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn day_of(&self, at: i64) -> i64 {
        self.local(at).div_euclid(DAY_MS)
    }

    fn local(&self, at: i64) -> i64 {
        at + i64::from(self.zone.to_offset(timestamp(at)).seconds()) * 1000
    }

    /// The first instant of a day.
    pub(crate) fn start_of(&self, day: i64) -> i64 {
        let guess = day * DAY_MS;
        let (mut before, mut after) = (guess - 2 * DAY_MS, guess + 2 * DAY_MS);
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if self.day_of(middle) < day { before = middle } else { after = middle }
        }
        after
    }

    /// The day that a date trait names: `YYYY-MM-DD`, or an RFC 3339 instant's day here.
    pub(crate) fn date(&self, text: &str) -> Option<i64> {
        if text.len() == 10 {
            return text.parse::<Date>().ok().map(day_number);
        }
        text.parse::<Timestamp>().ok().map(|at| self.day_of(at.as_millisecond()))
    }
}

/// When people work.
#[derive(Debug, Clone, Default)]
pub(crate) struct WorkingWeek {
    /// Monday first.
    pub(crate) days: Vec<bool>,
    pub(crate) holidays: BTreeSet<i64>,
}

const QUARTER_MS: i64 = HOUR_MS / 4;

impl WorkingWeek {
    fn works(&self, day: i64) -> bool {
        // 1970-01-05 was a Monday.
        let weekday = usize::try_from((day - 4).rem_euclid(7)).unwrap_or(0);
        self.days.get(weekday) == Some(&true) && !self.holidays.contains(&day)
    }

    /// Day after day until so many of those behind it were working days; 0: until one is.
    pub(crate) fn after(&self, day: i64, working_days: i64) -> i64 {
        let (mut day, mut left) = (day, working_days);
        if left == 0 {
            left = i64::from(!self.works(day));
        }
        while left > 0 {
            day += 1;
            left -= i64::from(self.works(day));
        }
        day
    }

    /// Now, or the next quarter of an hour at which it is a working day between the two hours.
    pub(crate) fn opens(&self, calendar: &Calendar, hours: (i64, i64), now: i64) -> i64 {
        let is_open = |at: i64| {
            let hour = calendar.local(at).rem_euclid(DAY_MS) / HOUR_MS;
            self.works(calendar.day_of(at)) && hour >= hours.0 && hour < hours.1
        };
        let mut at = now;
        while !is_open(at) {
            at = (at.div_euclid(QUARTER_MS) + 1) * QUARTER_MS;
        }
        at
    }
}

/// `YYYY-MM-DD`.
pub(crate) fn day_of_date(text: &str) -> Option<i64> {
    text.parse::<Date>().ok().map(day_number)
}

fn day_number(date: Date) -> i64 {
    TimeZone::UTC.to_timestamp(date.into()).map_or(0, |at| at.as_millisecond().div_euclid(DAY_MS))
}

/// A day as `YYYY-MM-DD`.
pub(crate) fn day_text(day: i64) -> String {
    TimeZone::UTC.to_datetime(timestamp(day * DAY_MS)).date().to_string()
}

/// An instant by RFC 3339.
pub(crate) fn text(at: i64) -> String {
    timestamp(at).to_string()
}

fn timestamp(at: i64) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_starts_at_the_zones_midnight_also_when_clocks_change() {
        let berlin = Calendar::new("Europe/Berlin");
        let check = |date: &str, expected: &str| {
            let day = berlin.date(date).unwrap();
            let start = Timestamp::from_millisecond(berlin.start_of(day)).unwrap();
            assert_eq!(start.to_string(), expected);
            assert_eq!(berlin.day_of(berlin.start_of(day)), day);
            assert_eq!(berlin.day_of(berlin.start_of(day) - 1), day - 1);
        };
        check("2026-03-29", "2026-03-28T23:00:00Z");
        check("2026-03-30", "2026-03-29T22:00:00Z");
        check("2026-10-26", "2026-10-25T23:00:00Z");
    }
}
