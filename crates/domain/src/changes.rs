//! A thing that is set now and then, heard of in any order: the latest setting is what holds.
//!
//! Invariant: changes are ordered by (event time, fact, value) and the highest 32 are kept, whatever order they came
//! in. Of what is older only the run of equal settings that leads up to them is remembered, so that "since" stays
//! true for a value that is said again every day; a change that comes later than 32 newer ones is left out.

use serde::{Deserialize, Serialize};

use crate::{ids::FactId, time::Instant};

/// One setting. Of the fact's id the upper half is kept, which tells hashes apart (an id without one is kept whole);
/// should two facts of one instant ever agree in it, the higher value wins, in every order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Change<T> {
    pub at: Instant,
    pub fact: FactId,
    pub value: T,
}

/// The settings of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes<T> {
    /// Rising.
    pub(crate) kept: Vec<Change<T>>,
    pub(crate) earlier: Option<Run<T>>,
}

/// Equal settings in a row that are no longer kept one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run<T> {
    pub(crate) since: Instant,
    pub(crate) until: Instant,
    pub(crate) value: T,
}

/// Changes kept of one thing.
pub const CHANGES_KEPT: usize = 32;

impl<T> Change<T> {
    pub fn new(at: Instant, fact: FactId, value: T) -> Self {
        let upper = fact.0 & !u128::from(u64::MAX);
        Self { at, fact: if upper == 0 { fact } else { FactId(upper) }, value }
    }
}

impl<T> Default for Changes<T> {
    fn default() -> Self {
        Self { kept: Vec::new(), earlier: None }
    }
}

impl<T: Ord> Changes<T> {
    /// Takes a setting, in its place; one that is known changes nothing.
    pub fn set(&mut self, change: Change<T>) {
        let Err(place) = self.kept.binary_search(&change) else {
            return;
        };
        if self.kept.is_empty() {
            // Most things are set once: room for more is made when more come.
            self.kept.reserve_exact(1);
        }
        self.kept.insert(place, change);
        if self.kept.len() > CHANGES_KEPT {
            let oldest = self.kept.remove(0);
            self.forget(oldest);
        }
    }

    /// The value that holds.
    pub fn current(&self) -> Option<&T> {
        self.newest().map(|change| &change.value)
    }

    /// The latest setting.
    pub fn newest(&self) -> Option<&Change<T>> {
        self.kept.last()
    }

    /// When the value that holds began to: the first of the equal settings in a row that lead up to the latest.
    pub fn since(&self) -> Option<Instant> {
        let current = self.current()?;
        let run = self.kept.iter().rev().take_while(|change| change.value == *current).count();
        let began = self.kept[self.kept.len() - run].at;
        let reaches_back = run == self.kept.len();
        let earlier = self.earlier.as_ref().filter(|earlier| reaches_back && earlier.value == *current);
        Some(earlier.map_or(began, |earlier| earlier.since))
    }

    /// The value that held at an instant; unknown before what is remembered.
    pub fn at(&self, at: Instant) -> Option<&T> {
        match self.kept.partition_point(|change| change.at <= at) {
            0 => self.earlier.as_ref().filter(|earlier| earlier.since <= at).map(|earlier| &earlier.value),
            later => Some(&self.kept[later - 1].value),
        }
    }

    /// The first setting after an instant.
    pub fn after(&self, at: Instant) -> Option<Instant> {
        self.kept.get(self.kept.partition_point(|change| change.at <= at)).map(|change| change.at)
    }

    fn forget(&mut self, oldest: Change<T>) {
        match &mut self.earlier {
            Some(run) if oldest.at < run.until => {}
            Some(run) if run.value == oldest.value => run.until = oldest.at,
            _ => self.earlier = Some(Run { since: oldest.at, until: oldest.at, value: oldest.value }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn change(at: i64, value: u8) -> Change<u8> {
        Change { at: Instant(at), fact: FactId(at as u128), value }
    }

    fn of(changes: impl IntoIterator<Item = Change<u8>>) -> Changes<u8> {
        let mut all = Changes::default();
        changes.into_iter().for_each(|change| all.set(change));
        all
    }

    fn check(changes: &[(i64, u8)], current: u8, since: i64) {
        let changes = of(changes.iter().map(|&(at, value)| change(at, value)));
        assert_eq!((changes.current(), changes.since()), (Some(&current), Some(Instant(since))));
    }

    #[test]
    fn the_latest_setting_holds_since_its_run_began() {
        check(&[(1, 7)], 7, 1);
        check(&[(1, 7), (2, 8)], 8, 2);
        check(&[(2, 8), (1, 7)], 8, 2);
        check(&[(1, 7), (3, 7), (5, 7)], 7, 1);
        check(&[(1, 7), (3, 7), (5, 7), (2, 9)], 7, 3);
        check(&[(1, 7), (3, 7), (2, 9), (4, 9)], 9, 4);
    }

    #[test]
    fn at_the_same_time_the_higher_fact_wins() {
        let higher = Change { at: Instant(1), fact: FactId(9), value: 1 };
        let lower = Change { at: Instant(1), fact: FactId(8), value: 2 };
        assert_eq!(of([higher.clone(), lower.clone()]), of([lower, higher.clone()]));
        assert_eq!(of([higher]).current(), Some(&1));
    }

    #[test]
    fn a_value_said_again_every_day_holds_since_the_first_time() {
        let said: Vec<_> = (0..500).map(|day| (day, 7)).collect();
        check(&said, 7, 0);
        let then_other: Vec<_> = said.into_iter().chain((500..600).map(|day| (day, 8))).collect();
        check(&then_other, 8, 500);
    }

    #[test]
    fn what_held_before_is_known_as_far_as_it_is_remembered() {
        let changes = of([change(10, 1), change(20, 2), change(30, 1)]);
        let at = |at: i64| changes.at(Instant(at)).copied();
        assert_eq!(
            [9, 10, 19, 20, 29, 30, 99].map(at),
            [None, Some(1), Some(1), Some(2), Some(2), Some(1), Some(1)]
        );
        assert_eq!(
            [9, 10, 30].map(|at| changes.after(Instant(at))),
            [Some(Instant(10)), Some(Instant(20)), None]
        );
        let many = of((0..40).map(|at| change(at, u8::from(at >= 5))));
        assert_eq!([4, 5, 7, 8].map(|at| many.at(Instant(at)).copied()), [None, Some(1), Some(1), Some(1)]);
    }

    proptest! {
        #[test]
        fn any_order_gives_the_same(
            changes in proptest::collection::vec((0..20_i64, 0..4_u128, 0..3_u8), 0..CHANGES_KEPT),
            seed in proptest::collection::vec(any::<proptest::sample::Index>(), CHANGES_KEPT),
        ) {
            let changes: Vec<_> = changes
                .into_iter()
                .map(|(at, fact, value)| Change { at: Instant(at), fact: FactId(fact), value })
                .collect();
            let mut shuffled = changes.clone();
            for (place, index) in seed.iter().enumerate().take(changes.len()) {
                shuffled.swap(place, index.index(changes.len()));
            }
            let repeated = shuffled.iter().cloned().chain(changes.iter().take(3).cloned());
            prop_assert_eq!(of(repeated), of(changes));
        }

        #[test]
        fn late_by_fewer_than_are_kept_gives_the_same(
            values in proptest::collection::vec(0..3_u8, 0..200),
            swaps in proptest::collection::vec((0..200_usize, 1..15_usize), 0..40),
        ) {
            let changes: Vec<_> = values.iter().enumerate().map(|(at, &value)| change(at as i64, value)).collect();
            let mut order: Vec<(usize, usize)> = (0..changes.len()).map(|place| (place, place)).collect();
            for (place, by) in swaps {
                if let Some(slot) = order.get_mut(place) {
                    slot.0 = place + by;
                }
            }
            order.sort_unstable();
            let shuffled = order.into_iter().map(|(_, place)| changes[place].clone());
            prop_assert_eq!(of(shuffled), of(changes.clone()));
        }
    }
}
