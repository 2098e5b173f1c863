//! An account as it was judged, beside what is true of it.
//!
//! Invariants: what happened to it stands by time, oldest first; nothing here asks anybody.

use company::Day;
use company::truth::Account;
use contracts::account::Band;

use super::DAY_MS;

/// An alert is early enough, and not too early, within so many days before notice.
pub(super) const AHEAD_DAYS: i32 = 120;
/// In a simulated history nobody closes a CTA: an alarm is over after so many days.
const ALARM_DAYS: i32 = 60;

pub(super) struct Case {
    pub(super) truth: Account,
    pub(super) turns: Vec<Turn>,
    /// Its risk CTAs.
    pub(super) ctas: Vec<Span>,
    /// When a playbook that opens risk CTAs ran, whether it opened one or joined the one that was open.
    pub(super) signals: Vec<i64>,
    /// How many core events there were, by day of the history.
    pub(super) core: Vec<u32>,
}

/// From then on its score was so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Turn {
    pub(super) at: i64,
    pub(super) score: Option<u32>,
    pub(super) band: Band,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) from: i64,
    /// Absent: it is still open.
    pub(super) to: Option<i64>,
}

impl Case {
    pub(super) fn notice(&self) -> Option<Day> {
        self.truth.churn.as_ref().map(|churn| churn.notice_on)
    }

    /// As a day begins.
    pub(super) fn score(&self, day: Day) -> Option<u32> {
        let until = self.turns.partition_point(|turn| turn.at <= day.midnight());
        self.turns[..until].last().and_then(|turn| turn.score)
    }

    /// For how many days before that one the band has been red or yellow without a break, at most 120.
    pub(super) fn days_of_bad_band(&self, day: Day) -> Option<i32> {
        let until = self.turns.partition_point(|turn| turn.at < day.midnight());
        let bad = |turn: &&Turn| matches!(turn.band, Band::Red | Band::Yellow);
        let since = self.turns[..until].iter().rev().take_while(bad).last()?;
        Some(days_before(since.at, day))
    }

    /// For how many days before that one a risk CTA has been open without a break, at most 120.
    pub(super) fn days_of_open_cta(&self, day: Day) -> Option<i32> {
        let covers = |span: &&Span, at: i64| span.from < at && span.to.is_none_or(|to| to >= at);
        let mut since = self.ctas.iter().rev().find(|span| covers(span, day.midnight()))?.from;
        while let Some(earlier) = self.ctas.iter().rev().find(|span| covers(span, since)) {
            since = earlier.from;
        }
        Some(days_before(since, day))
    }

    /// How many days before that one an alarm began, the first within 120.
    pub(super) fn days_of_alarm(&self, day: Day) -> Option<i32> {
        let ahead = day.plus(-AHEAD_DAYS).midnight()..day.midnight();
        let first = self.alarms().into_iter().find(|at| ahead.contains(at))?;
        Some(days_before(first, day))
    }

    /// What its CSM would have been told if each CTA had been closed in time: a signal within so many days of an alarm's
    /// beginning belongs to it.
    pub(super) fn alarms(&self) -> Vec<i64> {
        let mut alarms: Vec<i64> = Vec::new();
        for &signal in &self.signals {
            if alarms.last().is_none_or(|last| signal >= last + i64::from(ALARM_DAYS) * DAY_MS) {
                alarms.push(signal);
            }
        }
        alarms
    }

    /// Whether it was in danger then: within 120 days before notice, or between the first sign and the renewal of who was
    /// saved. A dip, an unhappy decision maker who renews and a champion's leaving that an account survives are none.
    pub(super) fn in_danger(&self, at: i64) -> bool {
        let going = self.notice().map(|notice| notice.plus(-AHEAD_DAYS)..notice);
        let saved = self.truth.saves.iter().map(|save| save.signal_on..save.renewed_on);
        going.into_iter().chain(saved).any(|days| (days.start.midnight()..days.end.midnight()).contains(&at))
    }

    /// Pairs of its risk CTAs that were open at once: one episode, two messages.
    pub(super) fn overlaps(&self) -> usize {
        let at_once = |one: &Span, other: &Span| one.to.is_none_or(|to| to > other.from);
        let pairs = self.ctas.iter().enumerate();
        pairs.map(|(at, one)| self.ctas[at + 1..].iter().filter(|other| at_once(one, other)).count()).sum()
    }
}

fn days_before(at: i64, day: Day) -> i32 {
    let days = (day.midnight() - at).div_euclid(DAY_MS);
    i32::try_from(days).unwrap_or(i32::MAX).min(AHEAD_DAYS)
}
