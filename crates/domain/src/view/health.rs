//! An account's score: which scorecard applies, what it says, and when it could next say something else.

use super::Cache;
use crate::{
    catalogue::Catalogue,
    condition::{ConditionId, Sight},
    measure::{MeasureIx, MeasureKind},
    quantity::Quantity,
    scorecard::{Assessment, Weighted, room},
    time::Instant,
};

/// The account on its scorecard; `None`: none applies.
pub(super) fn assess<'c>(
    catalogue: &'c Catalogue,
    sight: &Sight<'_>,
    cache: &Cache,
) -> Option<Assessment<'c>> {
    let scorecard = catalogue.scorecards.iter().find(|scorecard| {
        scorecard.applies.is_none_or(|condition| holds(catalogue, sight, cache, condition))
    })?;
    let holds = |cap: usize| holds(catalogue, sight, cache, scorecard.caps[cap].when);
    Some(Assessment::new(scorecard, |measure| sight.measure(measure), holds))
}

fn holds(catalogue: &Catalogue, sight: &Sight<'_>, cache: &Cache, condition: ConditionId) -> bool {
    let mut of = |atom| cache.truth(&catalogue.health_rules, sight, atom);
    catalogue.conditions.truth(condition, &mut of).holds()
}

/// A measure whose points drift along a linear curve as time passes; others move only when their windows do.
struct Drift<'c> {
    weighted: &'c Weighted,
    value: Quantity,
    /// Millionths of a point by which the overall moves with a point of the measure.
    influence: u64,
    rises: bool,
    falls: bool,
}

/// Between two reaches of a linear curve: the earliest instant after now at which the rounded score could be another.
/// As long as no drifting measure's points have moved by what the overall lacks to the next rounding, given what
/// they weigh together, the score stays. Flooring in the group and in the overall may each add a thousandth.
pub(super) fn drift_wake(catalogue: &Catalogue, sight: &Sight<'_>, cache: &Cache) -> Option<Instant> {
    let assessment = assess(catalogue, sight, cache)?;
    let drifts = drifts(catalogue, &assessment);
    let (up, down) = room(assessment.uncapped?);
    let up = drifts.iter().any(|drift| drift.rises).then_some(up);
    let down = drifts.iter().any(|drift| drift.falls).then_some(down);
    let lacks = u64::from(up.into_iter().chain(down).min()?.saturating_sub(2));
    let influence: u64 = drifts.iter().map(|drift| drift.influence).sum();
    let by = (lacks * 1_000_000).checked_div(influence).and_then(|by| u32::try_from(by).ok());
    let wakes = drifts.iter().filter_map(|drift| {
        let reaches = drift.weighted.curve.moved(drift.value, by.unwrap_or(1).max(1));
        sight.measured(drift.weighted.measure).next_reach(&reaches)
    });
    wakes.min()
}

fn drifts<'c>(catalogue: &Catalogue, assessment: &Assessment<'c>) -> Vec<Drift<'c>> {
    let weighted = assessment.scorecard.weighted().zip(&assessment.worths);
    let drifting = weighted.filter_map(|(weighted, worth)| {
        let (value, _) = worth.known?;
        let course = weighted.curve.course(value);
        let measure = catalogue.measures.get(weighted.measure);
        if !drifts_by_itself(catalogue, weighted.measure) {
            return None;
        }
        // Elapsed time only grows; a ratio of it may move either way.
        let grows = !matches!(measure.kind, MeasureKind::Ratio { .. });
        let (rises, falls) = (!grows || course.is_gt(), !grows || course.is_lt());
        course.is_ne().then_some(Drift { weighted, value, influence: worth.influence, rises, falls })
    });
    drifting.collect()
}

/// Whether elapsed time moves it.
fn drifts_by_itself(catalogue: &Catalogue, measure: MeasureIx) -> bool {
    let measure = catalogue.measures.get(measure);
    matches!(measure.kind, MeasureKind::Since { .. })
        || measure.inputs().any(|input| drifts_by_itself(catalogue, input))
}
