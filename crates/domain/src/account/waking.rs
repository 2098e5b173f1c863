//! When a measure changes by the passing of time alone.
//!
//! Invariant: never late. Between `now` and the instant answered, no comparison of the measure with the values asked
//! about changes; at the instant it may.

use crate::{
    account::{
        Account,
        measuring::{Windowed, current, day_named, windowed},
    },
    calendar::Calendar,
    measure::{Measure, MeasureIx, MeasureKind, Reach, Side, Source},
    quantity::Quantity,
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

impl Account {
    /// The earliest instant after `now` at which the value could differ with no new fact. The steady growth of elapsed
    /// time is not counted: see `next_reach`.
    pub fn next_change(
        &self,
        measure: &Measure,
        all: &[Measure],
        now: Instant,
        calendar: &Calendar,
    ) -> Option<Instant> {
        match &measure.kind {
            MeasureKind::Windowed { aggregate, source, window } => {
                let windowed = Windowed { aggregate: *aggregate, source, window: *window };
                self.shift(windowed, window.span(), now, calendar)
            }
            MeasureKind::Change { of } => {
                let windowed = windowed(all, *of)?;
                let span = windowed.window.span();
                let both = [span, span.before()].map(|span| self.shift(windowed, span, now, calendar));
                both.into_iter().flatten().min()
            }
            MeasureKind::Ratio { of, to } => {
                let change = |ix: MeasureIx| self.next_change(&all[ix.0 as usize], all, now, calendar);
                change(*of).into_iter().chain(change(*to)).min()
            }
            MeasureKind::DaysUntil { name } => {
                day_named(self.traits.value(name), calendar).map(|_| calendar.next_midnight(now))
            }
            MeasureKind::Since { .. } | MeasureKind::Trait { .. } => None,
        }
    }

    /// The earliest instant after `now` at which a comparison of the value with one of these could turn out
    /// otherwise, with no new fact: of every kind of measure, elapsed time included.
    pub fn next_reach(
        &self,
        measure: &Measure,
        all: &[Measure],
        now: Instant,
        calendar: &Calendar,
        reaches: &[Reach],
    ) -> Option<Instant> {
        match &measure.kind {
            MeasureKind::Since { end, event } => {
                let from = self.grows_from(*end, event.as_deref())?;
                reaches.iter().filter_map(|reach| elapsed_reaches(from, *reach)).filter(|at| *at > now).min()
            }
            MeasureKind::DaysUntil { name } => {
                let day = day_named(self.traits.value(name), calendar)?;
                days_left_reach(day, now, calendar, reaches)
            }
            MeasureKind::Ratio { of, to } => {
                let course = |ix: MeasureIx| self.course(&all[ix.0 as usize], all, now, calendar);
                let (of, to) = (course(*of), course(*to));
                let reached = reaches.iter().flat_map(|reach| ratio_reaches(of, to, reach.value));
                let kinks = [of, to].into_iter().filter_map(Course::begins);
                let step = self.next_change(measure, all, now, calendar);
                reached.chain(kinks).filter(|at| *at > now).chain(step).min()
            }
            _ => self.next_change(measure, all, now, calendar),
        }
    }

    fn course(&self, measure: &Measure, all: &[Measure], now: Instant, calendar: &Calendar) -> Course {
        match &measure.kind {
            MeasureKind::Since { end, event } => self
                .grows_from(*end, event.as_deref())
                .map_or(Course::Unknown, |from| Course::Elapsed { from }),
            _ => self.measure(measure, all, now, calendar).map_or(Course::Unknown, Course::Constant),
        }
    }

    /// The next instant at which a bucket with something in it comes into the span or goes from it.
    fn shift(
        &self,
        windowed: Windowed<'_>,
        span: Span,
        now: Instant,
        calendar: &Calendar,
    ) -> Option<Instant> {
        let grain = windowed.window.grain();
        let current = current(grain, now, calendar);
        let next = match windowed.source {
            Source::Always { event } => self.counted(event.as_deref())?.days.next_shift(span, current),
            Source::Series { id, .. } => self.series(*id)?.next_shift(span, current),
        };
        match grain {
            Grain::Day => reaches_day(next, now, calendar),
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
}

/// When the calendar reaches a later day, or is turned back before it does.
fn reaches_day(day: Option<Bucket>, now: Instant, calendar: &Calendar) -> Option<Instant> {
    let reached = day.map(|day| calendar.reaches(Day(day), now));
    reached.into_iter().chain(calendar.turns_back_after(now)).min()
}

fn elapsed_reaches(from: Instant, reach: Reach) -> Option<Instant> {
    let ms = reach.value.checked_mul(Quantity::int(i128::from(DAY_MS)))?;
    let after = match reach.side {
        Side::At => ms.ceil(),
        Side::After => ms.floor() + 1,
    };
    instant(i128::from(from.0).checked_add(after)?)
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
