//! What a view remembers so that only what changes is evaluated. Derived: rebuilt on load, never stored.

use super::rules::{Reading, Rules, Slot, of_standing};
use crate::{
    account::Measured,
    condition::{AtomId, Sight, Truth},
    threshold::{RuleIx, Standing},
    time::Instant,
};

#[derive(Debug, Clone)]
pub(super) struct Cache {
    /// The catalogue it was made of.
    pub(super) fingerprint: u128,
    standings: Vec<Standing>,
    standing_wakes: Vec<Instant>,
    truths: Vec<Truth>,
    truth_wakes: Vec<Instant>,
    /// The earliest of all wakes.
    next: Instant,
    /// Rules that may have changed; one may stand here several times.
    dirty: Vec<RuleIx>,
}

impl Cache {
    /// Everything as it stands; nothing is to be looked at.
    pub(super) fn new(rules: &Rules, sight: &Sight<'_>, fingerprint: u128) -> Self {
        let mut cache = Self {
            fingerprint,
            standings: vec![Standing::default(); rules.slots.len()],
            standing_wakes: vec![Instant::MAX; rules.slots.len()],
            truths: vec![Truth::default(); rules.watched.len()],
            truth_wakes: vec![Instant::MAX; rules.watched.len()],
            next: Instant::MAX,
            dirty: Vec::new(),
        };
        (0..rules.slots.len()).for_each(|slot| cache.measure(rules, sight, slot));
        (0..rules.watched.len()).for_each(|at| cache.compare(rules, sight, at));
        cache.dirty = Vec::new();
        cache.settle(rules);
        cache
    }

    /// Evaluates what wakes now or has woken.
    pub(super) fn pass_time(&mut self, rules: &Rules, sight: &Sight<'_>) {
        for slot in &rules.drifting {
            self.mark_all_of(rules, *slot);
        }
        if self.next > sight.now {
            return;
        }
        for slot in 0..rules.slots.len() {
            if self.standing_wakes[slot] <= sight.now {
                self.measure(rules, sight, slot);
            }
        }
        for at in &rules.timed {
            if self.truth_wakes[*at] <= sight.now {
                self.compare(rules, sight, *at);
            }
        }
        self.settle(rules);
    }

    /// Evaluates a measure anew and marks the rules between its old value and its new one.
    pub(super) fn measure(&mut self, rules: &Rules, sight: &Sight<'_>, slot: usize) {
        let of_slot = &rules.slots[slot];
        let measured = sight.measured(of_slot.measure);
        let standing = of_slot.line.standing(measured.value());
        of_slot.line.between(self.standings[slot], standing, |rule| self.dirty.push(rule));
        if of_slot.continuous {
            self.mark_all_of(rules, slot);
        }
        self.standings[slot] = standing;
        self.standing_wakes[slot] = wake_of(of_slot, measured, standing);
    }

    /// Evaluates a comparison anew that reads no measure.
    pub(super) fn compare(&mut self, rules: &Rules, sight: &Sight<'_>, at: usize) {
        let watched = &rules.watched[at];
        let atom = sight.atom(watched.atom);
        let truth = atom.truth(sight);
        if truth != self.truths[at] {
            self.dirty.extend_from_slice(&watched.rules);
        }
        self.truths[at] = truth;
        self.truth_wakes[at] = atom.wake(sight).unwrap_or(Instant::MAX);
    }

    /// Says when to wake next, after evaluations.
    pub(super) fn settle(&mut self, rules: &Rules) {
        let timed = rules.timed.iter().map(|at| &self.truth_wakes[*at]);
        self.next = self.standing_wakes.iter().chain(timed).min().copied().unwrap_or(Instant::MAX);
    }

    pub(super) fn wake(&self) -> Option<Instant> {
        (self.next != Instant::MAX).then_some(self.next)
    }

    /// A comparison of a watched rule, read off what is remembered.
    pub(super) fn truth(&self, rules: &Rules, sight: &Sight<'_>, atom: AtomId) -> Truth {
        match rules.reading(atom) {
            Reading::Watched(at) => self.truths[at as usize],
            reading => match of_standing(reading, &self.standings) {
                Some(holds) => holds.into(),
                None => sight.atom(atom).truth(sight),
            },
        }
    }

    pub(super) fn mark(&mut self, rules: &[RuleIx]) {
        self.dirty.extend_from_slice(rules);
    }

    /// The rules that may have changed, rising; they count as looked at.
    pub(super) fn take_dirty(&mut self) -> Vec<RuleIx> {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.sort_unstable();
        dirty.dedup();
        dirty
    }

    fn mark_all_of(&mut self, rules: &Rules, slot: usize) {
        let all = rules.slots[slot].line.all();
        if !self.dirty.ends_with(all) {
            self.dirty.extend_from_slice(all);
        }
    }
}

fn wake_of(slot: &Slot, measured: Measured<'_>, standing: Standing) -> Instant {
    let reach = measured.next_reach(slot.line.near(standing));
    let change = slot.continuous.then(|| measured.next_change()).flatten();
    reach.into_iter().chain(change).min().unwrap_or(Instant::MAX)
}
