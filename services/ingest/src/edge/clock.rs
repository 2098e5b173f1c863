//! When an event happened: what the client said, corrected by how wrong its clock is.
//!
//! Invariant: nothing lies more than five minutes in the future.

use contracts::log::ClockKind;
use domain::time::Instant;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::{limits::MAX_AHEAD_MS, refusal::Unfit};

/// What a call says about time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// `originalTimestamp`, else `timestamp`.
    pub(crate) original: Option<Instant>,
    /// `timestamp` beside `originalTimestamp`: RudderStack's clients send it if whoever called them named a time, and
    /// no client's clock was asked for it.
    pub(crate) named: Option<Instant>,
    /// The client's clock when it sent the call.
    pub(crate) sent: Option<Instant>,
}

/// When it happened, corrected; and as the client said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) event_at: Instant,
    pub(crate) original_at: Instant,
}

/// The time that was named. Else `receivedAt - (sentAt - original)` where the clock is the wall's; the client's own
/// word on the log clock, where its `sentAt` says when the history was replayed and nothing else.
pub(crate) fn correct(said: Said, received: Instant, clock: ClockKind) -> Times {
    let original_at = said.original.unwrap_or(received);
    let skew = match (clock, said.original, said.sent) {
        (ClockKind::Log, ..) | (_, None, _) | (_, _, None) => 0,
        (_, Some(_), Some(sent)) => received.0.saturating_sub(sent.0),
    };
    let latest = received.0.saturating_add(MAX_AHEAD_MS);
    let happened_at = said.named.map_or(original_at.0.saturating_add(skew), |named| named.0);
    let event_at = Instant(happened_at.clamp(0, latest));
    Times { event_at, original_at }
}

/// An ISO 8601 instant: with `Z` or an offset, to the nanosecond (kept: milliseconds); without either, UTC.
pub(crate) fn parse(text: &str) -> Result<Instant, Unfit> {
    let at = text.parse::<Timestamp>().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
    });
    match at.map(Timestamp::as_millisecond) {
        Some(ms) if ms >= 0 => Ok(Instant(ms)),
        Some(_) => Err(Unfit::new("BAD_TIMESTAMP", format!("{text:?} lies before 1970"))),
        None => Err(Unfit::new("BAD_TIMESTAMP", format!("{text:?} is not an ISO 8601 time"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn at(minute: i64) -> Instant {
        Instant(1_000_000_000_000 + minute * MINUTE)
    }

    fn check(clock: ClockKind, original: Option<i64>, sent: Option<i64>, event: i64) {
        let said = Said { original: original.map(at), named: None, sent: sent.map(at) };
        let times = correct(said, at(100), clock);
        assert_eq!(times.event_at, at(event), "{clock:?} {original:?} {sent:?}");
        assert_eq!(times.original_at, original.map_or(at(100), at));
    }

    #[test]
    fn a_client_whose_clock_is_wrong_is_corrected_by_when_it_sent() {
        check(ClockKind::Wall, Some(40), Some(50), 90);
        check(ClockKind::Wall, Some(400), Some(410), 90);
        check(ClockKind::Wall, Some(40), None, 40);
        check(ClockKind::Wall, None, Some(50), 100);
        check(ClockKind::Wall, None, None, 100);
    }

    #[test]
    fn a_time_that_was_named_is_not_corrected() {
        let named = |minute| Said { original: Some(at(40)), named: Some(at(minute)), sent: Some(at(50)) };
        for clock in [ClockKind::Wall, ClockKind::Log] {
            let times = |minute| correct(named(minute), at(100), clock);
            assert_eq!(times(7), Times { event_at: at(7), original_at: at(40) });
            assert_eq!(times(700).event_at, at(105));
        }
    }

    #[test]
    fn a_replayed_history_keeps_its_times() {
        check(ClockKind::Log, Some(40), Some(50), 40);
        check(ClockKind::Log, Some(40), None, 40);
        check(ClockKind::Log, None, Some(50), 100);
    }

    #[test]
    fn nothing_lies_more_than_five_minutes_ahead() {
        check(ClockKind::Wall, Some(500), None, 105);
        check(ClockKind::Wall, Some(60), Some(10), 105);
        check(ClockKind::Log, Some(500), Some(500), 105);
    }

    #[test]
    fn times_are_read_as_the_clients_write_them() {
        let expected = Ok(Instant(1_577_934_245_678));
        for text in [
            "2020-01-02T03:04:05.678Z",
            "2020-01-02T03:04:05.678+00:00",
            "2020-01-02T03:04:05.678901+00:00",
            "2020-01-02T04:04:05.678+01:00",
            "2020-01-02T03:04:05.678",
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        assert_eq!(parse("2020-01-02"), Ok(Instant(1_577_923_200_000)));
        for text in ["", "yesterday", "1577934245678", "1969-12-31T23:59:59Z", "2020-13-01T00:00:00Z"] {
            assert_eq!(parse(text).unwrap_err().code, "BAD_TIMESTAMP", "{text}");
        }
    }
}
