//! From one recorded score to the next, and why.

use std::collections::BTreeMap;

use super::Assessment;
use crate::{
    decision::{Contribution, Driver, HealthChanged, Source},
    measure::{MeasureIx, Measures},
};

/// What is to be said: the score, its band or the cap is another than what was said last. `None` for the assessment:
/// no scorecard applies. `text` says a measure's value in words. The flags are the caller's.
pub fn health_change(
    assessment: Option<&Assessment<'_>>,
    measures: &Measures,
    text: impl Fn(MeasureIx) -> String,
    previous: Option<&HealthChanged>,
) -> Option<HealthChanged> {
    let before = previous.and_then(|said| said.score);
    let score = assessment.and_then(|now| now.score(before.map(|score| score.band)));
    let cap = assessment
        .filter(|_| score.is_some())
        .and_then(|now| now.cap.map(|at| now.scorecard.caps[at].name.clone()));
    if score == before && cap == previous.and_then(|said| said.cap.clone()) {
        return None;
    }
    let contributions = assessment.map(|now| now.contributions(measures, text)).unwrap_or_default();
    let said = previous.map_or(&[][..], |said| &said.contributions);
    Some(HealthChanged {
        initial: false,
        by_catalogue: false,
        scorecard: assessment.map(|now| now.scorecard.name.clone()).unwrap_or_default(),
        score,
        before,
        known_weight: assessment.map_or(0, |now| now.known_weight),
        cap,
        overall: assessment.and_then(Assessment::overall).unwrap_or(0),
        drivers: drivers(said, &contributions),
        contributions,
    })
}

/// The change of each contribution, greatest first, ties by name; what did not change is left out.
fn drivers(before: &[Contribution], now: &[Contribution]) -> Vec<Driver> {
    let mut by_source: BTreeMap<&Source, Driver> = BTreeMap::new();
    for old in before {
        let driver = entry(&mut by_source, &old.source);
        driver.points -= old.points;
        driver.value_before.clone_from(&old.value);
    }
    for new in now {
        let driver = entry(&mut by_source, &new.source);
        driver.points += new.points;
        driver.value.clone_from(&new.value);
    }
    let mut drivers: Vec<_> = by_source.into_values().filter(|driver| driver.points != 0).collect();
    drivers.sort_by_key(|driver| std::cmp::Reverse(driver.points.unsigned_abs()));
    drivers
}

fn entry<'m, 'k>(drivers: &'m mut BTreeMap<&'k Source, Driver>, source: &'k Source) -> &'m mut Driver {
    drivers.entry(source).or_insert_with(|| Driver {
        source: source.clone(),
        points: 0,
        value: String::new(),
        value_before: String::new(),
    })
}
