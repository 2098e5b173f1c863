//! How values of the wire are said to people.

use anyhow::Context;
use contracts::account::{
    Band, CtaState, CtaType, Driver, NotificationState, Reason, RunEnd, RunState, Task,
};
use contracts::cta::{Cta, Run};
use contracts::ingest::Workspace;
use contracts::log::ClockKind;

/// An instant as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InstantArg {
    /// Milliseconds since 1970, given by RFC 3339.
    At(i64),
    /// Its midnight in the workspace's time zone.
    Day(jiff::civil::Date),
}

impl std::str::FromStr for InstantArg {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, anyhow::Error> {
        let wrong = || format!("{text} is no instant; try 1998-07-01T00:00:00Z, or a day such as 1998-07-01");
        if text.contains(['T', 't', ' ']) {
            let instant: jiff::Timestamp = text.parse().with_context(wrong)?;
            return Ok(Self::At(instant.as_millisecond()));
        }
        text.parse().map(Self::Day).with_context(wrong)
    }
}

/// Events a second as an argument: none of its own, no limit (0), or so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota(pub(crate) Option<u32>);

impl std::str::FromStr for Quota {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, anyhow::Error> {
        match text {
            "usual" => Ok(Self(None)),
            "none" => Ok(Self(Some(0))),
            text => match text.parse() {
                Ok(number @ 1..) => Ok(Self(Some(number))),
                _ => anyhow::bail!("{text} is no quota; try events a second, such as 500, or none"),
            },
        }
    }
}

pub(crate) fn per_second(quota: u32) -> String {
    if quota == 0 { "none".to_owned() } else { quota.to_string() }
}

/// `1998-07-01T00:00:00Z`; nothing for 0.
pub(crate) fn instant(ms: i64) -> String {
    if ms == 0 {
        return String::new();
    }
    // Three digits where there are milliseconds, not fewer for the zeros at their end.
    let said = |at: jiff::Timestamp| match ms % 1000 {
        0 => at.to_string(),
        _ => format!("{at:.3}"),
    };
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), said)
}

/// A day of the calendar from days since 1970-01-01.
pub(crate) fn day(days: i32) -> String {
    let date = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(days));
    date.map_or_else(|_| days.to_string(), |date| date.to_string())
}

pub(crate) fn score(score: Option<u32>) -> String {
    score.map_or_else(|| "-".to_owned(), |score| score.to_string())
}

/// Thousandths of a point as points, with a sign; what a tenth would hide to the thousandth.
pub(crate) fn points(thousandths: i32) -> String {
    let points = f64::from(thousandths) / 1000.0;
    if (1..50).contains(&thousandths.abs()) { format!("{points:+.3}") } else { format!("{points:+.1}") }
}

/// What moves a score: a measure, or a cap.
pub(crate) fn source(measure: &str, cap: &str) -> String {
    if cap.is_empty() { measure.to_owned() } else { format!("cap {cap}") }
}

pub(crate) fn driver(driver: &Driver) -> String {
    format!("{} {}", source(&driver.measure, &driver.cap), points(driver.points))
}

pub(crate) fn band(band: Band) -> &'static str {
    match band {
        Band::Unspecified => "-",
        Band::Red => "red",
        Band::Yellow => "yellow",
        Band::Green => "green",
    }
}

/// With where a log clock stands.
pub(crate) fn clock(workspace: &Workspace) -> String {
    match (workspace.clock(), workspace.clock_at) {
        (ClockKind::Unspecified, _) => "-".to_owned(),
        (ClockKind::Wall, _) => "wall".to_owned(),
        (ClockKind::Log, None) => "log, not moved yet".to_owned(),
        (ClockKind::Log, Some(at)) => format!("log, at {}", instant(at)),
    }
}

pub(crate) fn cta_type(kind: CtaType) -> &'static str {
    match kind {
        CtaType::Unspecified => "-",
        CtaType::Risk => "risk",
        CtaType::Opportunity => "opportunity",
        CtaType::Lifecycle => "lifecycle",
        CtaType::Objective => "objective",
    }
}

/// With how long it is snoozed.
pub(crate) fn cta_state(cta: &Cta) -> String {
    match cta.state() {
        CtaState::Snoozed => format!("snoozed until {}", instant(cta.until_at)),
        state => cta_state_name(state).to_owned(),
    }
}

pub(crate) fn cta_state_name(state: CtaState) -> &'static str {
    match state {
        CtaState::Unspecified => "-",
        CtaState::Open => "open",
        CtaState::Snoozed => "snoozed",
        CtaState::Closed => "closed",
    }
}

/// Tasks of a CTA: `Call the champion (done by ann); Find a second one`.
pub(crate) fn tasks(tasks: &[Task]) -> String {
    let one = |task: &Task| match task.done_by.as_str() {
        "" => task.title.clone(),
        by => format!("{} (done by {by})", task.title),
    };
    tasks.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// How a run stands: `waiting until 2026-05-01T00:00:00Z`, `ended: goal reached`.
pub(crate) fn run_state(run: &Run) -> String {
    match run.state() {
        RunState::Unspecified => "-".to_owned(),
        RunState::Started => "started".to_owned(),
        RunState::Waiting if run.awaits_approval => {
            format!("to be approved until {}", instant(run.until_at))
        }
        RunState::Waiting => format!("waiting until {}", instant(run.until_at)),
        RunState::Ended => run_end(run.end()).to_owned(),
    }
}

/// Why a run went no further.
pub(crate) fn run_end(end: RunEnd) -> &'static str {
    match end {
        RunEnd::Unspecified => "ended",
        RunEnd::Goal => "ended: goal reached",
        RunEnd::TimedOut => "ended: out of time",
        RunEnd::Rejected => "ended: rejected",
        RunEnd::Undefined => "ended: no longer defined",
    }
}

pub(crate) fn notification_state(state: NotificationState) -> &'static str {
    match state {
        NotificationState::Unspecified | NotificationState::Open => "open",
        NotificationState::Delivered => "delivered",
        NotificationState::Dropped => "dropped",
        NotificationState::Failed => "failed",
        NotificationState::Gone => "gone",
    }
}

/// `days_since_last_order at least 56 (was 61)`.
pub(crate) fn reason(reason: &Reason) -> String {
    let value = if reason.value.is_empty() { "unknown" } else { &reason.value };
    let not = if reason.holds { "" } else { "not " };
    format!("{not}{} (was {value})", reason.comparison)
}

pub(crate) fn reasons(reasons: &[Reason]) -> String {
    reasons.iter().map(reason).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{InstantArg, Quota, day, instant, per_second, points};

    fn check(text: &str, expected: Option<InstantArg>) {
        assert_eq!(text.parse().ok(), expected, "{text}");
    }

    #[test]
    fn a_quota_is_a_number_none_or_the_usual() {
        for (text, expected) in [("500", Some(Some(500))), ("none", Some(Some(0))), ("usual", Some(None))] {
            assert_eq!(text.parse().ok(), expected.map(Quota), "{text}");
        }
        for wrong in ["0", "", "-1", "4294967296", "many"] {
            assert!(wrong.parse::<Quota>().is_err(), "{wrong}");
        }
        assert_eq!((per_second(0), per_second(500)), ("none".to_owned(), "500".to_owned()));
    }

    #[test]
    fn an_instant_is_a_time_or_a_day() {
        check("1998-07-01T00:00:00Z", Some(InstantArg::At(899_251_200_000)));
        check("1998-07-01", Some(InstantArg::Day(jiff::civil::date(1998, 7, 1))));
        check("1998-07-01T02:00:00+02:00", Some(InstantArg::At(899_251_200_000)));
        check("2026-02-30", None);
        check("yesterday", None);
    }

    #[test]
    fn values_are_said_for_people() {
        assert_eq!(instant(899_251_200_000), "1998-07-01T00:00:00Z");
        assert_eq!(day(10_408), "1998-07-01");
        assert_eq!(points(-12_500), "-12.5");
        assert_eq!([points(-49), points(0), points(50)], ["-0.049", "+0.0", "+0.1"]);
    }
}
