//! On which days a workspace's people work.

use std::collections::BTreeSet;

use crate::{
    calendar::Calendar,
    time::{Day, Instant},
};

/// Days of the week on which people work, holidays left out. There is at least one such day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkingWeek {
    /// Monday first.
    days: [bool; 7],
    holidays: BTreeSet<Day>,
}

impl Default for WorkingWeek {
    /// Monday to Friday.
    fn default() -> Self {
        Self { days: [true, true, true, true, true, false, false], holidays: BTreeSet::new() }
    }
}

impl WorkingWeek {
    /// `days`: Monday first. `None` if nobody ever works.
    pub fn new(days: [bool; 7], holidays: BTreeSet<Day>) -> Option<Self> {
        days.contains(&true).then_some(Self { days, holidays })
    }

    pub fn works(&self, day: Day) -> bool {
        // 1970-01-01 was a Thursday.
        let weekday = (i64::from(day.0) + 3).rem_euclid(7);
        self.days[usize::try_from(weekday).unwrap_or_default()] && !self.holidays.contains(&day)
    }

    /// The `n`-th working day after a day; none further on (0): the day itself, or the first working day behind it.
    pub fn further(&self, day: Day, n: u16) -> Day {
        let mut days = (day.0..i32::MAX).map(Day);
        if n > 0 {
            days.next();
        }
        days.filter(|day| self.works(*day)).nth(usize::from(n.saturating_sub(1))).unwrap_or(day)
    }

    /// The first instant from `now` on that lies on a working day, not before the one hour of it and before the other.
    pub fn office_hours(&self, calendar: &Calendar, from: u8, to: u8, now: Instant) -> Instant {
        let (today, hour) = (calendar.day_of(now), calendar.hour_of(now));
        if self.works(today) && hour < to {
            return if hour >= from { now } else { calendar.clock(today, from, now) };
        }
        calendar.clock(self.further(today, 1), from, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn weekends_and_holidays_are_no_working_days() {
        let holidays = BTreeSet::from([day("2026-12-25")]);
        let week = WorkingWeek::new(WorkingWeek::default().days, holidays).unwrap();
        let check =
            |from: &str, n: u16, to: &str| assert_eq!(week.further(day(from), n), day(to), "{from} + {n}");
        check("2026-12-24", 0, "2026-12-24");
        check("2026-12-24", 1, "2026-12-28");
        check("2026-12-24", 3, "2026-12-30");
        check("2026-12-26", 0, "2026-12-28");
        check("2026-12-26", 1, "2026-12-28");
    }

    #[test]
    fn office_hours_are_those_of_the_clocks_on_the_wall() {
        let (week, berlin) = (WorkingWeek::default(), Calendar::new("Europe/Berlin").unwrap());
        let check = |now: &str, opens: &str| {
            let at = week.office_hours(&berlin, 9, 16, Instant::parse(now).unwrap());
            assert_eq!(at.to_string(), opens, "{now}");
        };
        check("2026-07-01T07:00:00Z", "2026-07-01T07:00:00Z");
        check("2026-07-01T13:59:59.999Z", "2026-07-01T13:59:59.999Z");
        check("2026-07-01T14:00:00Z", "2026-07-02T07:00:00Z");
        check("2026-07-03T14:00:00Z", "2026-07-06T07:00:00Z");
        check("2026-07-01T06:59:59Z", "2026-07-01T07:00:00Z");
        // Clocks are turned back on Sunday.
        check("2026-10-24T10:00:00Z", "2026-10-26T08:00:00Z");
    }
}
