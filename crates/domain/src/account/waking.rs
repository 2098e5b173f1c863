//! When a measure changes by the passing of time alone.
//!
//! Invariant: never late. Between `now` and the instant answered, no comparison of the measure with the values asked
//! about changes; at the instant it may.

use crate::{
    account::measuring::{Measured, Windowed},
    calendar::Calendar,
    measure::{MeasureIx, MeasureKind, OfContracts, Reach, Side},
    quantity::Quantity,
    threshold::first_elapsed_ms,
    time::{DAY_MS, Day, HOUR_MS, Instant},
    usage::window::{Bucket, Grain, Span},
};

/// How a measure behaves until its next change.
#[derive(Debug, Clone, Copy)]
enum Course {
    Unknown,
    Constant(Quantity),
    /// Days of 24 hours since an instant, never below 0.
    Elapsed {
        from: Instant,
    },
}

impl Measured<'_> {
    /// The earliest instant after now at which the value could differ with no new fact. The steady growth of elapsed
    /// time is not counted: see `next_reach`.
    pub fn next_change(&self) -> Option<Instant> {
        match &self.measure.kind {
            MeasureKind::Windowed { .. } => {
                let windowed = self.windowed?;
                self.shift(windowed, windowed.span)
            }
            MeasureKind::Change { .. } => {
                let windowed = self.windowed?;
                let both = [windowed.span, windowed.span.before()].map(|span| self.shift(windowed, span));
                both.into_iter().flatten().min()
            }
            MeasureKind::Ratio { .. } | MeasureKind::FirstKnown { .. } => {
                self.measure.inputs().filter_map(|ix: MeasureIx| self.input(ix).next_change()).min()
            }
            MeasureKind::DaysUntil { name } => {
                self.day_named(name).map(|_| self.calendar.next_midnight(self.now))
            }
            MeasureKind::Contract(of) => self.contracts_turn(of),
            MeasureKind::TraitBefore { name, days } => self.next_before(name, *days),
            MeasureKind::Trait { name, fades_after } => self.fades_at(name, *fades_after),
            MeasureKind::Since { .. } => None,
        }
    }

    /// The earliest instant after now at which a comparison of the value with one of these could turn out otherwise,
    /// with no new fact: of every kind of measure, elapsed time included.
    pub fn next_reach(&self, reaches: &[Reach]) -> Option<Instant> {
        match &self.measure.kind {
            MeasureKind::Since { end, events } => {
                let from = self.grows_from(*end, events)?;
                let reached = reaches.iter().filter_map(|reach| elapsed_reaches(from, reach));
                reached.filter(|at| *at > self.now).min()
            }
            MeasureKind::DaysUntil { name } => {
                days_left_reach(self.day_named(name)?, self.now, self.calendar, reaches)
            }
            MeasureKind::Contract(of @ (OfContracts::DecisionDays | OfContracts::RenewalDays)) => {
                days_left_reach(self.day_ahead(of)?.0, self.now, self.calendar, reaches)
            }
            MeasureKind::FirstKnown { of } => {
                of.iter().filter_map(|ix| self.input(*ix).next_reach(reaches)).min()
            }
            MeasureKind::Ratio { of, to, to_at_least } => {
                let (of, to) = (self.input(*of).course(), self.input(*to).course());
                let reached = reaches.iter().flat_map(|reach| ratio_reaches(of, to, reach.value));
                let enough = to_at_least.and_then(|least| to.reaches(least));
                let kinks = [of, to].into_iter().filter_map(Course::begins).chain(enough);
                reached.chain(kinks).filter(|at| *at > self.now).chain(self.next_change()).min()
            }
            _ => self.next_change(),
        }
    }

    fn course(&self) -> Course {
        match &self.measure.kind {
            MeasureKind::Since { end, events } => {
                let from = self.grows_from(*end, events);
                from.map_or(Course::Unknown, |from| Course::Elapsed { from })
            }
            MeasureKind::FirstKnown { of } => {
                self.first_known(of).map_or(Course::Unknown, |known| known.course())
            }
            _ => self.value().map_or(Course::Unknown, Course::Constant),
        }
    }

    /// The next instant at which a bucket with something in it comes into the span or goes from it.
    fn shift(&self, windowed: Windowed<'_>, span: Span) -> Option<Instant> {
        let next = windowed.next_shift(span);
        match windowed.grain {
            Grain::Day => reaches_day(next, self.now, self.calendar),
            Grain::Hour => next.map(|hour| Instant(i64::from(hour) * HOUR_MS)),
        }
    }
}

impl Course {
    /// Where elapsed time leaves 0.
    fn begins(self) -> Option<Instant> {
        match self {
            Self::Elapsed { from } => Some(from.plus_ms(1)),
            Self::Unknown | Self::Constant(_) => None,
        }
    }

    /// Where elapsed time is so many days.
    fn reaches(self, days: Quantity) -> Option<Instant> {
        match self {
            Self::Elapsed { from } => elapsed_reaches(from, &Reach { value: days, side: Side::At }),
            Self::Unknown | Self::Constant(_) => None,
        }
    }
}

/// When the calendar reaches a later day, or is turned back before it does.
pub(super) fn reaches_day(day: Option<Bucket>, now: Instant, calendar: &Calendar) -> Option<Instant> {
    let reached = day.map(|day| calendar.reaches(Day(day), now));
    reached.into_iter().chain(calendar.turns_back_after(now)).min()
}

fn elapsed_reaches(from: Instant, reach: &Reach) -> Option<Instant> {
    from.0.checked_add(first_elapsed_ms(reach)?).map(Instant)
}

/// Days left fall by one at each midnight: which midnight is the first that matters follows from the values.
fn days_left_reach(day: i32, now: Instant, calendar: &Calendar, reaches: &[Reach]) -> Option<Instant> {
    let today = i128::from(calendar.day_of(now).0);
    let turns = reaches.iter().map(|reach| match reach.side {
        Side::At => i128::from(day) - reach.value.ceil().saturating_sub(1),
        Side::After => i128::from(day) - reach.value.floor(),
    });
    let next = turns.filter(|turn| *turn > today).min().and_then(|turn| Bucket::try_from(turn).ok());
    if reaches.is_empty() { None } else { reaches_day(next, now, calendar) }
}

/// The instants at which `of / to` is exactly a value, or has just left it.
fn ratio_reaches(of: Course, to: Course, value: Quantity) -> impl Iterator<Item = Instant> {
    let day = Quantity::int(i128::from(DAY_MS));
    let at = match (of, to) {
        (Course::Elapsed { from }, Course::Constant(to)) => {
            value.checked_mul(to).and_then(|days| days.checked_mul(day)).and_then(|ms| later(from, ms))
        }
        (Course::Constant(of), Course::Elapsed { from }) => {
            of.checked_div(value).and_then(|days| days.checked_mul(day)).and_then(|ms| later(from, ms))
        }
        (Course::Elapsed { from: of }, Course::Elapsed { from: to }) => equal_growth(of, to, value),
        _ => None,
    };
    at.into_iter().flat_map(|at| [instant(at.ceil()), instant(at.floor() + 1)]).flatten()
}

/// `(t - of) / (t - to) = value`, solved for t.
fn equal_growth(of: Instant, to: Instant, value: Quantity) -> Option<Quantity> {
    let (of, to) = (Quantity::int(i128::from(of.0)), Quantity::int(i128::from(to.0)));
    of.checked_sub(value.checked_mul(to)?)?.checked_div(Quantity::int(1).checked_sub(value)?)
}

fn later(from: Instant, ms: Quantity) -> Option<Quantity> {
    ms.checked_sub(Quantity::int(-i128::from(from.0)))
}

fn instant(ms: i128) -> Option<Instant> {
    i64::try_from(ms).ok().map(Instant)
}
