//! What was said above about an account, as far as notifications tell of it.

use serde::{Deserialize, Serialize};

use crate::{
    decision::{Driver, HealthChanged, Score, Source},
    time::Instant,
};

/// Of what moved the score within one band: those that moved it most.
const DRIVERS_MOST: usize = 8;

/// What was said last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latest {
    pub(super) spell: Option<Spell>,
}

/// A stay in one band, or without a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spell {
    pub(super) since: Instant,
    /// The score before it.
    pub(super) before: Option<Score>,
    pub(super) scorecard: String,
    /// Thousandths of the weight.
    pub(super) known_weight: u32,
    /// What moved the score into the band and within it, those that moved it most first.
    pub(super) drivers: Vec<Driver>,
}

impl Latest {
    pub(super) fn is_empty(&self) -> bool {
        self.spell.is_none()
    }

    pub(super) fn take_health(&mut self, said: &HealthChanged, now: Instant) {
        let band = |score: Option<Score>| score.map(|score| score.band);
        let stays = band(said.before) == band(said.score);
        let known = self.spell.take().filter(|_| stays);
        let (scorecard, known_weight) = (said.scorecard.clone(), said.known_weight);
        self.spell = Some(match known {
            Some(spell) => {
                let before = if spell.scorecard == scorecard { spell.drivers } else { Vec::new() };
                Spell { scorecard, known_weight, drivers: together(before, &said.drivers), ..spell }
            }
            None => Spell {
                since: now,
                before: said.before,
                scorecard,
                known_weight,
                drivers: together(Vec::new(), &said.drivers),
            },
        });
    }
}

/// Two changes of one score, one after the other, as one.
fn together(mut moved: Vec<Driver>, then: &[Driver]) -> Vec<Driver> {
    for driver in then {
        match moved.iter_mut().find(|known| known.source == driver.source) {
            Some(known) => {
                known.points = known.points.saturating_add(driver.points);
                known.value.clone_from(&driver.value);
            }
            None => moved.push(driver.clone()),
        }
    }
    moved.retain(|driver| driver.points != 0);
    moved.sort_by(|a, b| {
        let most = |driver: &Driver| std::cmp::Reverse(driver.points.unsigned_abs());
        most(a).cmp(&most(b)).then_with(|| name(&a.source).cmp(&name(&b.source)))
    });
    moved.truncate(DRIVERS_MOST);
    moved
}

/// Measures before caps.
fn name(source: &Source) -> (bool, &str) {
    match source {
        Source::Measure(name) => (false, name),
        Source::Cap(name) => (true, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Band;

    fn score(points: u8) -> Option<Score> {
        let band = if points < 40 { Band::Red } else { Band::Green };
        Some(Score { points, band })
    }

    fn changed(before: Option<Score>, now: Option<Score>, drivers: &[(&str, i32)]) -> HealthChanged {
        let driver = |(name, points): &(&str, i32)| Driver {
            source: Source::Measure((*name).into()),
            points: *points,
            value: points.to_string(),
            value_before: "before".into(),
        };
        HealthChanged {
            initial: false,
            by_catalogue: false,
            scorecard: "main".into(),
            score: now,
            before,
            known_weight: 920,
            cap: None,
            overall: 0,
            drivers: drivers.iter().map(driver).collect(),
            contributions: Vec::new(),
        }
    }

    fn said(latest: &Latest) -> (i64, Option<u8>, String) {
        let spell = latest.spell.as_ref().unwrap();
        let drivers = spell.drivers.iter().map(|d| format!("{} {} {}", d.source, d.points, d.value));
        (spell.since.0, spell.before.map(|s| s.points), drivers.collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn a_spell_begins_with_the_band_and_sums_up_what_moved_the_score_in_it() {
        let mut latest = Latest::default();
        latest.take_health(&changed(None, score(71), &[]), Instant(1));
        assert_eq!(said(&latest), (1, None, String::new()));
        latest.take_health(
            &changed(score(71), score(39), &[("usage", -20_000), ("seats", -12_000)]),
            Instant(2),
        );
        latest.take_health(&changed(score(39), score(30), &[("seats", -9_000)]), Instant(3));
        assert_eq!(said(&latest), (2, Some(71), "seats -21000 -9000, usage -20000 -20000".into()));
        latest.take_health(&changed(score(30), score(50), &[("usage", 20_000)]), Instant(4));
        assert_eq!(said(&latest), (4, Some(30), "usage 20000 20000".into()));
    }

    #[test]
    fn what_moved_a_score_back_is_not_told() {
        let mut latest = Latest::default();
        latest.take_health(&changed(score(71), score(39), &[("usage", -20_000)]), Instant(2));
        latest.take_health(&changed(score(39), score(39), &[("usage", 20_000)]), Instant(3));
        assert_eq!(said(&latest), (2, Some(71), String::new()));
    }

    #[test]
    fn only_those_that_moved_it_most_are_kept() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        let drivers: Vec<(&str, i32)> = names.iter().copied().zip(1..).collect();
        let mut latest = Latest::default();
        latest.take_health(&changed(score(71), score(39), &drivers), Instant(1));
        let spell = latest.spell.unwrap();
        assert_eq!((spell.drivers.len(), spell.drivers[0].points, spell.drivers[7].points), (8, 9, 2));
    }
}
