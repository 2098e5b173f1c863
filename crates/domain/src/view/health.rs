//! An account's score: which scorecard applies, what it says, and when it could next say something else.

use super::Cache;
use crate::{
    catalogue::Catalogue,
    condition::{ConditionId, Sight},
    measure::Reach,
    scorecard::{Assessment, room},
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

/// Between two reaches of a linear curve: the earliest instant after now at which the rounded score could be another.
/// The score stays as long as no measure's points have moved by what the overall lacks to the next rounding.
pub(super) fn drift_wake(catalogue: &Catalogue, sight: &Sight<'_>, cache: &Cache) -> Option<Instant> {
    let assessment = assess(catalogue, sight, cache)?;
    let by = room(assessment.uncapped?);
    let list = sight.catalogue.measures.list();
    let wakes = assessment.scorecard.weighted().filter(|weighted| weighted.curve.is_continuous());
    let wakes = wakes.filter_map(|weighted| {
        let reaches: Vec<Reach> = weighted.curve.moved(sight.measure(weighted.measure)?, by);
        let measure = sight.catalogue.measures.get(weighted.measure);
        sight.account.next_reach(measure, list, sight.now, &sight.catalogue.calendar, &reaches)
    });
    wakes.min()
}
