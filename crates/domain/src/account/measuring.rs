//! The value of a measure for an account, at an instant.

use crate::{
    account::Account,
    calendar::Calendar,
    measure::{Aggregate, End, Measure, MeasureIx, MeasureKind, Source},
    quantity::Quantity,
    time::{DAY_MS, Instant},
    usage::{
        buckets::{Buckets, Numbers},
        kept::{Counted, Seen, SeriesState, hour_of},
        window::{Bucket, Grain, Span, Window},
    },
    value::{Decimal, Value},
};

/// A windowed measure, taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windowed<'a> {
    pub(super) aggregate: Aggregate,
    pub(super) source: &'a Source,
    pub(super) window: Window,
}

impl Account {
    /// The value at `now`; `None`: unknown. `all` is the list that the measure's references point into.
    pub fn measure(
        &self,
        measure: &Measure,
        all: &[Measure],
        now: Instant,
        calendar: &Calendar,
    ) -> Option<Quantity> {
        match &measure.kind {
            MeasureKind::Windowed { aggregate, source, window } => {
                let windowed = Windowed { aggregate: *aggregate, source, window: *window };
                self.over(windowed, window.span(), current(window.grain(), now, calendar))
            }
            MeasureKind::Since { end, event } => {
                let from = self.grows_from(*end, event.as_deref())?;
                Quantity::ratio(i128::from(now.0.saturating_sub(from.0).max(0)), i128::from(DAY_MS))
            }
            MeasureKind::Change { of } => self.change(windowed(all, *of)?, now, calendar),
            MeasureKind::Ratio { of, to } => {
                let value = |ix: MeasureIx| self.measure(&all[ix.0 as usize], all, now, calendar);
                value(*of)?.checked_div(value(*to)?)
            }
            MeasureKind::Trait { name } => self.traits.value(name)?.as_decimal().map(Quantity::from),
            MeasureKind::DaysUntil { name } => {
                let day = calendar.date(self.traits.value(name)?)?;
                Some(Quantity::int(i128::from(day.0) - i128::from(calendar.day_of(now).0)))
            }
        }
    }

    fn change(&self, windowed: Windowed<'_>, now: Instant, calendar: &Calendar) -> Option<Quantity> {
        let (span, current) = (windowed.window.span(), current(windowed.window.grain(), now, calendar));
        self.over(windowed, span, current)?.checked_sub(self.over(windowed, span.before(), current)?)
    }

    /// The instant since which elapsed time is counted.
    pub(super) fn grows_from(&self, end: End, event: Option<&str>) -> Option<Instant> {
        let Seen { first, last } = self.counted(event)?.seen?;
        Some(match end {
            End::First => first,
            End::Last => last,
        })
    }

    /// The days of one event, or of all usage.
    pub(super) fn counted(&self, event: Option<&str>) -> Option<&Counted> {
        match event {
            Some(event) => self.events.get(event),
            None => Some(&self.usage),
        }
    }

    /// The measure's aggregate over a span.
    fn over(&self, windowed: Windowed<'_>, span: Span, current: Bucket) -> Option<Quantity> {
        let counts = |buckets: &Buckets<u32>| count(windowed.aggregate, buckets.within(span, current));
        match windowed.source {
            Source::Always { event } => match self.counted(event.as_deref()) {
                Some(counted) => Some(counts(&counted.days)),
                // It may be one of those that were turned away.
                None if self.events.saturated => None,
                None => Some(Quantity::ZERO),
            },
            Source::Series { id, .. } => match self.series(*id) {
                Some(SeriesState::Counts(buckets)) => Some(counts(buckets)),
                Some(SeriesState::Numbers(buckets)) => {
                    number(windowed.aggregate, buckets.within(span, current))
                }
                Some(SeriesState::Distinct(distinct)) => Some(whole(distinct.count(span, current))),
                None => number(windowed.aggregate, &[]),
            },
        }
    }
}

/// The windowed measure at this place.
pub(super) fn windowed(all: &[Measure], ix: MeasureIx) -> Option<Windowed<'_>> {
    match &all[ix.0 as usize].kind {
        MeasureKind::Windowed { aggregate, source, window } => {
            Some(Windowed { aggregate: *aggregate, source, window: *window })
        }
        _ => None,
    }
}

/// The bucket that is going on.
pub(super) fn current(grain: Grain, now: Instant, calendar: &Calendar) -> Bucket {
    match grain {
        Grain::Day => calendar.day_of(now).0,
        Grain::Hour => hour_of(now),
    }
}

fn count(aggregate: Aggregate, buckets: &[(Bucket, u32)]) -> Quantity {
    match aggregate {
        Aggregate::DaysActive => whole(buckets.len()),
        _ => Quantity::int(i128::from(buckets.iter().map(|(_, count)| u64::from(*count)).sum::<u64>())),
    }
}

fn number(aggregate: Aggregate, buckets: &[(Bucket, Numbers)]) -> Option<Quantity> {
    let mut all = Numbers::default();
    let mut count = 0_u64;
    for (_, numbers) in buckets {
        all.merge(numbers);
        count += u64::from(numbers.count);
    }
    let scale = i128::from(Decimal::SCALE);
    let known = count > 0;
    match aggregate {
        Aggregate::Sum => Quantity::ratio(all.sum, scale),
        Aggregate::Min => known.then(|| Quantity::from(Decimal(all.min))),
        Aggregate::Max => known.then(|| Quantity::from(Decimal(all.max))),
        Aggregate::Average => Quantity::ratio(all.sum, i128::from(count) * scale),
        Aggregate::Count
        | Aggregate::DaysActive
        | Aggregate::DistinctContacts
        | Aggregate::DistinctValues => Some(Quantity::ZERO),
    }
}

fn whole(count: usize) -> Quantity {
    Quantity::int(count as i128)
}

/// The day that a date trait names, for who waits for it.
pub(super) fn day_named(value: Option<&Value>, calendar: &Calendar) -> Option<i32> {
    calendar.date(value?).map(|day| day.0)
}
