//! A measure of an account: its value at an instant.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    account::Account,
    calendar::Calendar,
    measure::{Aggregate, End, Measure, MeasureIx, MeasureKind, OfContracts, SetChoice, Source},
    quantity::Quantity,
    time::{DAY_MS, Instant},
    usage::{
        buckets::{Buckets, Numbers},
        distinct::Distinct,
        events::Events,
        kept::{Seen, SeriesState, hour_of},
        window::{Bucket, Grain, Span},
    },
    value::{Decimal, Value},
};

/// A measure of an account at an instant: what it reads is found once, for its value and for when that changes.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    pub(super) account: &'a Account,
    pub(super) measure: &'a Measure,
    pub(super) all: &'a [Measure],
    pub(super) now: Instant,
    pub(super) calendar: &'a Calendar,
    /// Of a measure over a window, and of a change of one.
    pub(super) windowed: Option<Windowed<'a>>,
}

/// What is kept for a measure over a window, and the part of it that the window shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windowed<'a> {
    aggregate: Aggregate,
    kept: Kept<'a>,
    pub(super) grain: Grain,
    pub(super) span: Span,
    /// The bucket that is going on.
    current: Bucket,
}

/// What an account keeps of the usage that a measure looks at.
#[derive(Debug, Clone, Copy)]
enum Kept<'a> {
    Counts(&'a Buckets<u32>),
    /// Of several events, each by itself.
    Several(&'a Account, &'a BTreeSet<String>),
    Numbers(&'a Buckets<Numbers>),
    Distinct(&'a Distinct),
    Nothing,
    /// It may be among what was turned away; or nobody says which usage it is.
    Unknown,
}

impl Account {
    /// A measure at `now`. `all` is the list that its references point into.
    pub fn measured<'a>(
        &'a self,
        measure: &'a Measure,
        all: &'a [Measure],
        now: Instant,
        calendar: &'a Calendar,
    ) -> Measured<'a> {
        let windowed = match &measure.kind {
            MeasureKind::Change { of } => &all[of.0 as usize].kind,
            kind => kind,
        };
        let windowed = match windowed {
            MeasureKind::Windowed { aggregate, source, window } => {
                let (grain, span) = (window.grain(), window.span());
                let current = current(grain, now, calendar);
                Some(Windowed { aggregate: *aggregate, kept: self.kept(source), grain, span, current })
            }
            _ => None,
        };
        Measured { account: self, measure, all, now, calendar, windowed }
    }

    fn kept<'a>(&'a self, source: &'a Source) -> Kept<'a> {
        match source {
            Source::Always { events: Events::All } => Kept::Counts(&self.usage.days),
            Source::Always { events: Events::One(event) } => match self.events.get(event.as_str()) {
                Some(counted) => Kept::Counts(&counted.days),
                None if self.events.saturated => Kept::Unknown,
                None => Kept::Nothing,
            },
            Source::Always { events: Events::Set(set) } => self.several(set),
            Source::Sets { choice: SetChoice::One(set), .. } => self.several(set),
            Source::Sets { choice: SetChoice::ByTrait { name, sets }, .. } => {
                let value = self.traits.value(name).and_then(Value::as_text);
                value.and_then(|value| sets.get(value)).map_or(Kept::Unknown, |set| self.several(set))
            }
            Source::Series { id, .. } => match self.series(*id) {
                Some(SeriesState::Counts(buckets)) => Kept::Counts(buckets),
                Some(SeriesState::Numbers(buckets)) => Kept::Numbers(buckets),
                Some(SeriesState::Distinct(distinct)) => Kept::Distinct(distinct),
                None => Kept::Nothing,
            },
        }
    }

    fn several<'a>(&'a self, set: &'a BTreeSet<String>) -> Kept<'a> {
        let may_be_missing = |event: &String| self.events.get(event.as_str()).is_none();
        if self.events.saturated && set.iter().any(may_be_missing) {
            Kept::Unknown
        } else {
            Kept::Several(self, set)
        }
    }

    /// First and last time of active usage.
    fn seen(&self, events: &Events) -> Option<Seen> {
        if events.is_all() {
            return self.usage.seen;
        }
        let seen = events.names().filter_map(|event| self.events.get(event)?.seen);
        seen.reduce(|one, other| Seen { first: one.first.min(other.first), last: one.last.max(other.last) })
    }

    /// The days on which these events happened.
    fn days_of<'a>(&'a self, events: &'a BTreeSet<String>) -> impl Iterator<Item = &'a Buckets<u32>> {
        events.iter().filter_map(|event| Some(&self.events.get(event.as_str())?.days))
    }
}

impl<'a> Measured<'a> {
    /// `None`: unknown.
    pub fn value(&self) -> Option<Quantity> {
        let now = self.now;
        match &self.measure.kind {
            MeasureKind::Windowed { .. } => self.windowed?.value(),
            MeasureKind::Change { .. } => self.windowed?.change(),
            MeasureKind::Since { end, events } => {
                let from = self.grows_from(*end, events)?;
                Quantity::ratio(i128::from(now.0.saturating_sub(from.0).max(0)), i128::from(DAY_MS))
            }
            MeasureKind::Ratio { of, to, to_at_least } => {
                let to = self.input(*to).value().filter(|to| to_at_least.is_none_or(|least| *to >= least))?;
                self.input(*of).value()?.checked_div(to)
            }
            MeasureKind::FirstKnown { of } => self.first_known(of)?.value(),
            MeasureKind::Trait { name, fades_after } => {
                let value = self.account.traits.value(name)?.as_decimal()?;
                let faded = fades_after.is_some() && self.fades_at(name, *fades_after).is_none();
                (!faded).then(|| Quantity::from(value))
            }
            MeasureKind::TraitBefore { name, days } => {
                let value = self.account.traits.value_at(name, days_before(now, *days))?;
                value.as_decimal().map(Quantity::from)
            }
            MeasureKind::DaysUntil { name } => {
                let left = i128::from(self.day_named(name)?) - i128::from(self.calendar.day_of(now).0);
                Some(Quantity::int(left))
            }
            MeasureKind::Contract(of) => self.of_contracts(of),
        }
    }

    /// The value in words: `12.5`, or `500 or more` when no more could be kept, `about 2.5` when it is computed from
    /// such. Empty: unknown.
    pub fn text(&self) -> String {
        match (self.value(), &self.measure.kind) {
            (None, _) => String::new(),
            (Some(_), MeasureKind::FirstKnown { of }) => {
                self.first_known(of).map_or_else(String::new, |known| known.text())
            }
            (Some(value), _) if !self.is_saturated() => value.to_string(),
            (
                Some(value),
                MeasureKind::Windowed { .. } | MeasureKind::Contract(OfContracts::Count { .. }),
            ) => {
                format!("{value} or more")
            }
            (Some(value), _) => format!("about {value}"),
        }
    }

    fn is_saturated(&self) -> bool {
        match &self.measure.kind {
            MeasureKind::Windowed { .. } => {
                self.windowed.is_some_and(|windowed| windowed.is_saturated(windowed.span))
            }
            MeasureKind::Change { .. } => self.windowed.is_some_and(|windowed| {
                [windowed.span, windowed.span.before()].into_iter().any(|span| windowed.is_saturated(span))
            }),
            MeasureKind::Ratio { of, to, .. } => {
                [of, to].into_iter().any(|ix| self.input(*ix).is_saturated())
            }
            MeasureKind::FirstKnown { of } => self.first_known(of).is_some_and(|known| known.is_saturated()),
            MeasureKind::Contract(_) => self.account.contracts.saturated,
            MeasureKind::Since { .. }
            | MeasureKind::Trait { .. }
            | MeasureKind::TraitBefore { .. }
            | MeasureKind::DaysUntil { .. } => false,
        }
    }

    /// A measure that this one is computed from.
    pub(super) fn input(&self, ix: MeasureIx) -> Self {
        self.account.measured(&self.all[ix.0 as usize], self.all, self.now, self.calendar)
    }

    pub(super) fn first_known(&self, of: &[MeasureIx]) -> Option<Self> {
        of.iter().map(|ix| self.input(*ix)).find(|input| input.value().is_some())
    }

    /// When a trait that fades will be too old, if that is still to come.
    pub(super) fn fades_at(&self, name: &str, fades_after: Option<u32>) -> Option<Instant> {
        let at = self.account.traits.set_at(name)?.plus_ms(i64::from(fades_after?) * DAY_MS);
        (at > self.now).then_some(at)
    }

    /// The instant since which elapsed time is counted.
    pub(super) fn grows_from(&self, end: End, events: &Events) -> Option<Instant> {
        let Seen { first, last } = self.account.seen(events)?;
        Some(match end {
            End::First => first,
            End::Last => last,
        })
    }

    /// When what a trait was so long ago comes to be what it was set to next.
    pub(super) fn next_before(&self, name: &str, days: u32) -> Option<Instant> {
        let set = self.account.traits.set_after(name, days_before(self.now, days))?;
        Some(set.plus_ms(i64::from(days) * DAY_MS))
    }

    /// The day that a date trait names.
    pub(super) fn day_named(&self, name: &str) -> Option<Bucket> {
        self.calendar.date(self.account.traits.value(name)?).map(|day| day.0)
    }
}

impl Windowed<'_> {
    fn value(self) -> Option<Quantity> {
        self.over(self.span)
    }

    /// The value less that of the window of the same length before it.
    fn change(self) -> Option<Quantity> {
        self.value()?.checked_sub(self.over(self.span.before())?)
    }

    /// The first bucket to come with which what a span shows is not the same.
    pub(super) fn next_shift(self, span: Span) -> Option<Bucket> {
        match self.kept {
            Kept::Counts(buckets) => buckets.next_shift(span, self.current),
            Kept::Several(account, events) => {
                account.days_of(events).filter_map(|buckets| buckets.next_shift(span, self.current)).min()
            }
            Kept::Numbers(buckets) => buckets.next_shift(span, self.current),
            Kept::Distinct(distinct) => distinct.buckets.next_shift(span, self.current),
            Kept::Nothing | Kept::Unknown => None,
        }
    }

    fn is_saturated(self, span: Span) -> bool {
        matches!(self.kept, Kept::Distinct(distinct) if distinct.saturated(span, self.current))
    }

    fn over(self, span: Span) -> Option<Quantity> {
        match self.kept {
            Kept::Counts(buckets) => count(self.aggregate, buckets.within(span, self.current)),
            Kept::Several(account, events) => {
                let each = account.days_of(events).map(|buckets| buckets.within(span, self.current));
                count_together(self.aggregate, each, events.len())
            }
            Kept::Numbers(buckets) => number(self.aggregate, buckets.within(span, self.current)),
            Kept::Distinct(distinct) => Some(whole(distinct.count(span, self.current))),
            Kept::Nothing => number(self.aggregate, &[]),
            Kept::Unknown => None,
        }
    }
}

fn days_before(now: Instant, days: u32) -> Instant {
    now.plus_ms(-i64::from(days) * DAY_MS)
}

/// The bucket that is going on.
fn current(grain: Grain, now: Instant, calendar: &Calendar) -> Bucket {
    match grain {
        Grain::Day => calendar.day_of(now).0,
        Grain::Hour => hour_of(now),
    }
}

fn count(aggregate: Aggregate, buckets: &[(Bucket, u32)]) -> Option<Quantity> {
    Some(match aggregate {
        Aggregate::DaysActive => whole(buckets.len()),
        Aggregate::MedianGap => return median_gap(buckets.iter().map(|(day, _)| *day)),
        Aggregate::MedianPerDay => {
            return median(buckets.iter().map(|(_, count)| i128::from(*count)).collect(), 3);
        }
        _ => Quantity::int(i128::from(buckets.iter().map(|(_, count)| u64::from(*count)).sum::<u64>())),
    })
}

/// The same of `all` events, those given and others of which there is nothing: a day on which some of them happened is
/// one active day.
fn count_together<'a>(
    aggregate: Aggregate,
    each: impl Iterator<Item = &'a [(Bucket, u32)]>,
    all: usize,
) -> Option<Quantity> {
    match aggregate {
        Aggregate::Breadth => {
            let used = each.filter(|buckets| !buckets.is_empty()).count();
            Quantity::ratio(used as i128, all as i128)
        }
        Aggregate::Count => Some(Quantity::int(each.flatten().map(|(_, count)| i128::from(*count)).sum())),
        Aggregate::MedianGap => median_gap(by_day(each).keys().copied()),
        Aggregate::MedianPerDay => median(by_day(each).into_values().collect(), 3),
        _ => Some(whole(each.flatten().map(|(day, _)| day).collect::<BTreeSet<_>>().len())),
    }
}

fn by_day<'a>(each: impl Iterator<Item = &'a [(Bucket, u32)]>) -> BTreeMap<Bucket, i128> {
    let mut days = BTreeMap::new();
    for (day, count) in each.flatten() {
        *days.entry(*day).or_insert(0) += i128::from(*count);
    }
    days
}

/// Of days that rise, at least three of them.
fn median_gap(days: impl Iterator<Item = Bucket> + Clone) -> Option<Quantity> {
    let gaps = days.clone().skip(1).zip(days).map(|(later, day)| i128::from(later) - i128::from(day));
    median(gaps.collect(), 2)
}

/// The middle one, or what lies between the two in the middle; `None` of fewer than `least`.
fn median(mut values: Vec<i128>, least: usize) -> Option<Quantity> {
    values.sort_unstable();
    let upper = *values.get(values.len() / 2).filter(|_| values.len() >= least)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Quantity::ratio(lower + upper, 2)
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
        Aggregate::MedianGap | Aggregate::MedianPerDay | Aggregate::Breadth => None,
    }
}

fn whole(count: usize) -> Quantity {
    Quantity::int(count as i128)
}
