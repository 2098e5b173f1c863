//! Days and times as people and spreadsheets write them: `2026-01-31`, `31.01.2026`, `1/31/26 4:05 PM`, `31 Jan 2026`.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// In which order a date's numbers stand; one that begins with four digits is year, month, day in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Year, month, day.
    Ymd,
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    Mdy,
}

impl Order {
    pub(crate) const ALL: [Self; 3] = [Self::Ymd, Self::Dmy, Self::Mdy];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ymd => "ymd",
            Self::Dmy => "dmy",
            Self::Mdy => "mdy",
        }
    }
}

/// The day; of a time the day that it names itself.
pub(crate) fn day(text: &str, order: Order) -> Result<Date, String> {
    let (day, rest) = split(text);
    let well = rest.is_empty() || clock(rest).is_some() || text.parse::<Timestamp>().is_ok();
    well.then(|| date_of(day, order)).flatten().ok_or_else(|| wrong(text, order, "day"))
}

/// An instant with its offset, or in the zone; a day is its midnight. A number is seconds or milliseconds since 1970.
pub(crate) fn instant(text: &str, order: Order, zone: &TimeZone) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if (9..=14).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return since_1970(text).ok_or_else(|| wrong(text, order, "time"));
    }
    if let Some(bare) = text.strip_suffix(" UTC") {
        return instant(bare, order, &TimeZone::UTC);
    }
    let (day, rest) = split(text);
    let day = date_of(day, order);
    let time = if rest.is_empty() { Some(Time::midnight()) } else { clock(rest) };
    let civil = day.zip(time).map(|(day, time)| day.to_datetime(time));
    let at = civil.and_then(|civil| zone.to_timestamp(civil).ok());
    at.ok_or_else(|| wrong(text, order, "time"))
}

fn wrong(text: &str, order: Order, what: &str) -> String {
    format!("{text:?} is no {what}, read as {} (2026-01-31, or say `order: dmy`, `mdy`)", order.name())
}

fn since_1970(text: &str) -> Option<Timestamp> {
    let number: i64 = text.parse().ok()?;
    if text.len() <= 11 {
        Timestamp::from_second(number).ok()
    } else {
        Timestamp::from_millisecond(number).ok()
    }
}

/// The day, and the time of day behind it.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let Some(colon) = text.find(':') else { return (text, "") };
    match text[..colon].rfind([' ', 'T', 't']) {
        Some(at) => (text[..at].trim_end_matches([',', ' ']), text[at + 1..].trim()),
        None => (text, ""),
    }
}

fn date_of(text: &str, order: Order) -> Option<Date> {
    let parts: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let [first, second, third] = parts[..] else { return None };
    let (year, month, day) = if first.len() == 4 {
        (first, second, third)
    } else if month_named(first).is_some() {
        (third, first, second)
    } else if month_named(second).is_some() {
        (third, second, first)
    } else {
        match order {
            Order::Ymd => (first, second, third),
            Order::Dmy => (third, second, first),
            Order::Mdy => (third, first, second),
        }
    };
    let month = month_named(month).or_else(|| month.parse().ok())?;
    let day = day.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse().ok()?;
    Date::new(year_of(year)?, month, day).ok()
}

/// `Jan`, `January`.
fn month_named(text: &str) -> Option<i8> {
    let start = text.get(..3)?.to_lowercase();
    let at = MONTHS.iter().position(|month| *month == start)?;
    i8::try_from(at + 1).ok()
}

/// Of two digits, those up to 69 are of this century.
fn year_of(text: &str) -> Option<i16> {
    let year: i16 = text.parse().ok()?;
    match text.len() {
        4 => Some(year),
        2 if year < 70 => Some(2000 + year),
        2 => Some(1900 + year),
        _ => None,
    }
}

/// `16:05`, `16:05:09.5`, `4:05 PM`.
fn clock(text: &str) -> Option<Time> {
    let lower = text.to_lowercase();
    let (bare, noon) = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
        (Some(bare), _) => (bare.trim(), Some(0)),
        (_, Some(bare)) => (bare.trim(), Some(12)),
        _ => (lower.as_str(), None),
    };
    let (hour, rest) = bare.split_once(':')?;
    let hour: i8 = hour.parse().ok()?;
    let hour = match noon {
        None => hour,
        Some(noon) if (1..=12).contains(&hour) => hour % 12 + noon,
        Some(_) => return None,
    };
    format!("{hour:02}:{rest}").parse().ok()
}
