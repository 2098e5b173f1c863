//! What a view remembers so that only what changes is evaluated. Derived: rebuilt on load, never stored.

use super::rules::{Reading, Rules, of_standing};
use crate::{
    condition::{AtomId, Sight, Truth},
    measure::MeasureIx,
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
    dirty: Dirty,
    /// Kept so that a fact allocates nothing.
    pub(super) touched: Vec<MeasureIx>,
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
            dirty: Dirty::new(rules.count),
            touched: Vec::new(),
        };
        (0..rules.slots.len()).for_each(|slot| cache.measure(rules, sight, slot));
        (0..rules.watched.len()).for_each(|at| cache.compare(rules, sight, at));
        cache.dirty = Dirty::new(rules.count);
        cache.settle();
        cache
    }

    /// Evaluates what wakes now or has woken.
    pub(super) fn pass_time(&mut self, rules: &Rules, sight: &Sight<'_>) {
        for (slot, of_slot) in rules.slots.iter().enumerate() {
            if self.standing_wakes[slot] <= sight.now {
                self.measure(rules, sight, slot);
            } else if of_slot.continuous {
                of_slot.line.all().iter().for_each(|rule| self.dirty.mark(*rule));
            }
        }
        for at in 0..rules.watched.len() {
            if self.truth_wakes[at] <= sight.now {
                self.compare(rules, sight, at);
            }
        }
        self.settle();
    }

    /// Evaluates a measure anew and marks the rules between its old value and its new one.
    pub(super) fn measure(&mut self, rules: &Rules, sight: &Sight<'_>, slot: usize) {
        let of_slot = &rules.slots[slot];
        let standing = of_slot.line.standing(sight.measure(of_slot.measure));
        of_slot.line.between(self.standings[slot], standing, |rule| self.dirty.mark(rule));
        if of_slot.continuous {
            of_slot.line.all().iter().for_each(|rule| self.dirty.mark(*rule));
        }
        self.standings[slot] = standing;
        self.standing_wakes[slot] = slot_wake(rules, sight, slot);
    }

    /// Evaluates a comparison anew that reads no measure.
    pub(super) fn compare(&mut self, rules: &Rules, sight: &Sight<'_>, at: usize) {
        let watched = &rules.watched[at];
        let atom = sight.atom(watched.atom);
        let truth = atom.truth(sight);
        if truth != self.truths[at] {
            watched.rules.iter().for_each(|rule| self.dirty.mark(*rule));
        }
        self.truths[at] = truth;
        self.truth_wakes[at] = atom.wake(sight).unwrap_or(Instant::MAX);
    }

    /// Says when to wake next, after evaluations.
    pub(super) fn settle(&mut self) {
        let wakes = self.standing_wakes.iter().chain(&self.truth_wakes);
        self.next = wakes.min().copied().unwrap_or(Instant::MAX);
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

    pub(super) fn mark(&mut self, rule: RuleIx) {
        self.dirty.mark(rule);
    }

    pub(super) fn mark_all(&mut self, rules: &Rules) {
        (0..rules.count).for_each(|rule| self.dirty.mark(rule));
    }

    /// The rules that may have changed, rising; they count as looked at.
    pub(super) fn take_dirty(&mut self) -> Vec<RuleIx> {
        self.dirty.take()
    }
}

fn slot_wake(rules: &Rules, sight: &Sight<'_>, slot: usize) -> Instant {
    let of_slot = &rules.slots[slot];
    let measure = sight.catalogue.measures.get(of_slot.measure);
    let list = sight.catalogue.measures.list();
    let (now, calendar) = (sight.now, &sight.catalogue.calendar);
    let reach = sight.account.next_reach(measure, list, now, calendar, of_slot.line.reaches());
    let change = if of_slot.continuous || of_slot.line.reaches().is_empty() {
        sight.account.next_change(measure, list, now, calendar)
    } else {
        None
    };
    reach.into_iter().chain(change).min().unwrap_or(Instant::MAX)
}

/// A set of rules that forgets nothing and repeats nothing.
#[derive(Debug, Clone, Default)]
struct Dirty {
    marked: Vec<bool>,
    rules: Vec<RuleIx>,
}

impl Dirty {
    fn new(count: RuleIx) -> Self {
        Self { marked: vec![false; count as usize], rules: Vec::new() }
    }

    fn mark(&mut self, rule: RuleIx) {
        if !std::mem::replace(&mut self.marked[rule as usize], true) {
            self.rules.push(rule);
        }
    }

    fn take(&mut self) -> Vec<RuleIx> {
        let mut rules = std::mem::take(&mut self.rules);
        rules.iter().for_each(|rule| self.marked[*rule as usize] = false);
        rules.sort_unstable();
        rules
    }
}
