//! A workspace's calendar: which day an instant lies in, in its time zone.
//!
//! The zone's offsets are laid out once, as a table of stretches of constant offset, so that the hot path is a search
//! in a short array. Nearly always days follow each other; where clocks were turned back over midnight a day comes
//! twice, where the date line moved one is missing, and both are answered as the clocks on the wall would.

use jiff::{
    Timestamp,
    tz::{TimeZone, TimeZoneDatabase},
};
use thiserror::Error;

use crate::{
    planted::{self, Bug},
    time::{DAY_MS, Day, HOUR_MS, Instant},
    value::Value,
};

/// Days of one time zone.
#[derive(Debug, Clone)]
pub struct Calendar {
    name: String,
    /// Rising; the first begins at `Instant::MIN`.
    stretches: Vec<Stretch>,
    /// Where the day turns back, rising. Empty in nearly every zone.
    turns_back: Vec<Instant>,
}

/// From an instant until the next stretch local time is UTC plus this.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: Instant,
    offset_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown time zone {0:?}")]
pub struct UnknownTimeZone(pub String);

/// Beyond this the last rule's offset stays: 2200-01-01T00:00:00Z.
const TABLE_END: Instant = Instant(7_258_118_400_000);

impl Calendar {
    /// The calendar of an IANA time zone, from the database that is compiled in.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn new(time_zone: &str) -> Result<Self, UnknownTimeZone> {
        let unknown = || UnknownTimeZone(time_zone.to_owned());
        let zone = TimeZoneDatabase::bundled().get(time_zone).map_err(|_| unknown())?;
        let stretches = stretches(&zone);
        let turns_back = stretches
            .windows(2)
            .filter(|pair| pair[1].day_of(pair[1].from) < pair[0].day_of(pair[1].from.plus_ms(-1)))
            .map(|pair| pair[1].from)
            .collect();
        Ok(Self { name: time_zone.to_owned(), stretches, turns_back })
    }

    pub fn utc() -> Self {
        let all = Stretch { from: Instant::MIN, offset_ms: 0 };
        Self { name: "UTC".to_owned(), stretches: vec![all], turns_back: Vec::new() }
    }

    /// The zone's name as it was asked for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The day that the clocks on the wall show.
    pub fn day_of(&self, instant: Instant) -> Day {
        let instant = if planted::is(Bug::WrongDayBoundary) { instant.plus_ms(-HOUR_MS) } else { instant };
        self.stretches[self.place(instant)].day_of(instant)
    }

    /// The first instant that lies in this day, or in a later one where the zone left the day out.
    pub fn start_of(&self, day: Day) -> Instant {
        self.first_from(day, Instant::MIN)
    }

    /// The hour that the clocks on the wall show, 0 to 23.
    pub fn hour_of(&self, instant: Instant) -> u8 {
        let hour = self.stretches[self.place(instant)].local_ms(instant).div_euclid(HOUR_MS).rem_euclid(24);
        u8::try_from(hour).unwrap_or_default()
    }

    /// The first instant from `from` on at which the clocks on the wall show this hour of this day, or later.
    pub fn clock(&self, day: Day, hour: u8, from: Instant) -> Instant {
        self.first_local(i64::from(day.0) * DAY_MS + i64::from(hour) * HOUR_MS, from)
    }

    /// The first instant after this one at which the day is another.
    pub fn next_midnight(&self, after: Instant) -> Instant {
        let forward = self.reaches(Day(self.day_of(after).0.saturating_add(1)), after);
        self.turns_back_after(after).map_or(forward, |back| back.min(forward))
    }

    /// The day that a date trait names: `YYYY-MM-DD`, or the day of an RFC 3339 instant here.
    pub fn date(&self, value: &Value) -> Option<Day> {
        let text = value.as_text()?;
        Day::parse(text).or_else(|| Instant::parse(text).map(|instant| self.day_of(instant)))
    }

    /// The first instant strictly after `after` that lies in `day` or later.
    pub(crate) fn reaches(&self, day: Day, after: Instant) -> Instant {
        self.first_from(day, after.plus_ms(1))
    }

    /// The next instant, strictly after `after`, at which the clocks are turned back into an earlier day.
    pub(crate) fn turns_back_after(&self, after: Instant) -> Option<Instant> {
        self.turns_back.get(self.turns_back.partition_point(|turn| *turn <= after)).copied()
    }

    /// The first instant from `from` on that lies in `day` or later.
    fn first_from(&self, day: Day, from: Instant) -> Instant {
        self.first_local(i64::from(day.0) * DAY_MS, from)
    }

    /// The first instant from `from` on at which local time is so much, or more.
    fn first_local(&self, local_ms: i64, from: Instant) -> Instant {
        // No zone was ever more than a day from UTC: nothing before this can be so late.
        let from = from.max(Instant(local_ms - 2 * DAY_MS));
        let first = self.place(from);
        for (place, stretch) in self.stretches.iter().enumerate().skip(first) {
            let candidate = Instant(local_ms - stretch.offset_ms).max(stretch.from).max(from);
            let ends = self.stretches.get(place + 1).map_or(Instant::MAX, |next| next.from);
            if candidate < ends {
                return candidate;
            }
        }
        Instant::MAX
    }

    fn place(&self, instant: Instant) -> usize {
        match self.stretches.as_slice() {
            [_] => 0,
            // The first begins at the least instant, so at least one lies at or before.
            many => many.partition_point(|stretch| stretch.from <= instant) - 1,
        }
    }
}

impl Stretch {
    fn local_ms(self, instant: Instant) -> i64 {
        instant.0.saturating_add(self.offset_ms)
    }

    fn day_of(self, instant: Instant) -> Day {
        let local = self.local_ms(instant).div_euclid(DAY_MS);
        Day(i32::try_from(local).unwrap_or(if local < 0 { i32::MIN } else { i32::MAX }))
    }
}

/// The zone's offsets from the beginning to the table's end.
fn stretches(zone: &TimeZone) -> Vec<Stretch> {
    let offset_ms = |seconds: i32| i64::from(seconds) * 1_000;
    let first =
        Stretch { from: Instant::MIN, offset_ms: offset_ms(zone.to_offset(Timestamp::MIN).seconds()) };
    let mut stretches = vec![first];
    for transition in zone.following(Timestamp::MIN) {
        let from = Instant(transition.timestamp().as_millisecond());
        if from >= TABLE_END {
            break;
        }
        let offset_ms = offset_ms(transition.offset().seconds());
        if stretches.last().is_some_and(|last| last.offset_ms != offset_ms) {
            stretches.push(Stretch { from, offset_ms });
        }
    }
    stretches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Instant {
        Instant::parse(text).unwrap()
    }

    fn check(zone: &str, now: &str, day: &str, next_midnight: &str) {
        let calendar = Calendar::new(zone).unwrap();
        assert_eq!(calendar.day_of(at(now)).to_string(), day, "{zone} {now}");
        assert_eq!(calendar.next_midnight(at(now)).to_string(), next_midnight, "{zone} {now}");
    }

    #[test]
    fn days_turn_when_the_clocks_on_the_wall_say_so() {
        check("UTC", "2024-03-01T23:59:59.999Z", "2024-03-01", "2024-03-02T00:00:00Z");
        check("Europe/Berlin", "2024-03-31T00:30:00Z", "2024-03-31", "2024-03-31T22:00:00Z");
        check("Europe/Berlin", "2024-10-27T00:30:00Z", "2024-10-27", "2024-10-27T23:00:00Z");
        check("Asia/Kathmandu", "2024-01-01T18:14:59Z", "2024-01-01", "2024-01-01T18:15:00Z");
    }

    #[test]
    fn a_day_may_begin_at_one_oclock() {
        // Midnight of 2018-11-04 did not exist in São Paulo.
        check("America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-03", "2018-11-04T03:00:00Z");
    }

    #[test]
    fn a_day_may_come_twice_or_not_at_all() {
        // At 00:01 of 2010-11-07 the clocks of St. John's went back to 23:01 of the day before.
        check("America/St_Johns", "2010-11-07T02:30:30Z", "2010-11-07", "2010-11-07T02:31:00Z");
        check("America/St_Johns", "2010-11-07T02:31:00Z", "2010-11-06", "2010-11-07T03:30:00Z");
        // Samoa had no 2011-12-30.
        check("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29", "2011-12-30T10:00:00Z");
        let samoa = Calendar::new("Pacific/Apia").unwrap();
        let missing = Day::parse("2011-12-30").unwrap();
        assert_eq!(samoa.start_of(missing), samoa.start_of(Day(missing.0 + 1)));
    }

    #[test]
    fn a_zone_that_does_not_exist_is_said_so() {
        assert_eq!(
            Calendar::new("Mars/Olympus").unwrap_err().to_string(),
            "unknown time zone \"Mars/Olympus\""
        );
    }

    #[test]
    fn a_date_trait_is_a_day_or_an_instant() {
        let tokyo = Calendar::new("Asia/Tokyo").unwrap();
        let date = |text: &str| tokyo.date(&Value::Text(text.to_owned())).map(|day| day.to_string());
        assert_eq!(date("2024-05-06").as_deref(), Some("2024-05-06"));
        assert_eq!(date("2024-05-06T15:00:00Z").as_deref(), Some("2024-05-07"));
        assert_eq!(date("soon"), None);
        assert_eq!(tokyo.date(&Value::Null), None);
    }

    const ZONES: [&str; 6] = [
        "UTC",
        "Europe/Berlin",
        "America/St_Johns",
        "America/Sao_Paulo",
        "Pacific/Apia",
        "Australia/Lord_Howe",
    ];

    proptest! {
        #[test]
        fn the_table_says_what_the_library_says(zone in 0..ZONES.len(), ms in -2_000_000_000_000_i64..4_000_000_000_000) {
            let calendar = Calendar::new(ZONES[zone]).unwrap();
            let library = jiff::tz::db().get(ZONES[zone]).unwrap();
            let local = library.to_datetime(Timestamp::from_millisecond(ms).unwrap());
            prop_assert_eq!(calendar.day_of(Instant(ms)), Day::from_date(local.date()));
        }

        #[test]
        fn nothing_turns_before_the_next_midnight(zone in 0..ZONES.len(), ms in 0_i64..2_000_000_000_000, part in 0.0..1.0) {
            let calendar = Calendar::new(ZONES[zone]).unwrap();
            let (now, today) = (Instant(ms), calendar.day_of(Instant(ms)));
            let midnight = calendar.next_midnight(now);
            prop_assert!(midnight > now && calendar.day_of(midnight) != today);
            let between = Instant(ms + ((midnight.0 - ms - 1) as f64 * part) as i64);
            prop_assert_eq!(calendar.day_of(between), today);
            prop_assert_eq!(calendar.day_of(midnight.plus_ms(-1)), today);
        }

        #[test]
        fn a_day_starts_where_it_is_first_seen(zone in 0..ZONES.len(), day in 0..30_000) {
            let calendar = Calendar::new(ZONES[zone]).unwrap();
            let start = calendar.start_of(Day(day));
            prop_assert!(calendar.day_of(start) >= Day(day));
            prop_assert!(calendar.day_of(start.plus_ms(-1)) < Day(day));
        }
    }
}
