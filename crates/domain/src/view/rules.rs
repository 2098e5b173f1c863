//! The rules of a catalogue that one service watches, by what they depend on: a fact leads to the few that it can
//! change.

use std::collections::HashMap;

use crate::{
    comparison::Comparison,
    condition::{Atom, AtomId, ConditionId, Expressions},
    measure::MeasureIx,
    scorecard::Scorecard,
    segment::Segment,
    threshold::{Line, RuleIx, Standing, reaches},
};

/// A measure that rules read.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) measure: MeasureIx,
    pub(crate) line: Line,
    /// A linear curve reads it: every change counts, not only those across a reach.
    pub(crate) continuous: bool,
}

/// A comparison that reads no measure: its truth is remembered.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) atom: AtomId,
    pub(crate) rules: Vec<RuleIx>,
}

/// How a comparison is read off what is remembered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reading {
    /// This service does not watch it.
    Unwatched,
    Watched(u32),
    Missing(u32),
    /// The reach has been passed, or it has not.
    Passed {
        slot: u32,
        reach: u32,
        is: bool,
    },
    /// The first has been passed and the second, just behind it, has not; or else.
    Within {
        slot: u32,
        from: u32,
        to: u32,
        is: bool,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub(crate) slots: Vec<Slot>,
    pub(crate) watched: Vec<Watched>,
    pub(crate) count: u32,
    /// Slots whose values linear curves read.
    pub(crate) drifting: Vec<usize>,
    /// Watched comparisons that time can move.
    pub(crate) timed: Vec<usize>,
    readings: Vec<Reading>,
    slot_of: HashMap<MeasureIx, u32>,
    watched_of: HashMap<AtomId, u32>,
    by_trait: HashMap<String, Vec<u32>>,
    on_contacts: Vec<u32>,
    on_usage: Vec<u32>,
    on_health: Vec<u32>,
    /// Rules that ask whether the account is in a segment.
    by_segment: HashMap<String, Vec<RuleIx>>,
    /// By segment, how many others it stands on at most, one on the next.
    depths: Vec<u32>,
}

impl Rules {
    /// One rule each segment, in the order of their names.
    pub(crate) fn of_segments(expressions: &Expressions, segments: &[Segment]) -> Self {
        let mut rules = Self::default();
        for segment in segments {
            let rule = rules.count;
            rules.count += 1;
            // Whatever moves entering moves staying.
            rules.add(expressions, rule, segment.stays);
        }
        rules.depths = depths(expressions, segments);
        rules.finish(expressions)
    }

    /// One rule: the score.
    pub(crate) fn of_health(expressions: &Expressions, scorecards: &[Scorecard]) -> Self {
        let mut rules = Self { count: 1, ..Self::default() };
        for scorecard in scorecards {
            let conditions = scorecard.applies.into_iter().chain(scorecard.caps.iter().map(|cap| cap.when));
            conditions.for_each(|condition| rules.add(expressions, SCORE, condition));
            for weighted in scorecard.weighted() {
                let slot = rules.slot(weighted.measure);
                slot.line.add(SCORE, weighted.curve.reaches());
                slot.continuous |= weighted.curve.is_continuous();
            }
        }
        rules.finish(expressions)
    }

    pub(crate) fn slot_of(&self, measure: MeasureIx) -> Option<usize> {
        self.slot_of.get(&measure).map(|slot| *slot as usize)
    }

    pub(crate) fn on_trait(&self, name: &str) -> &[u32] {
        self.by_trait.get(name).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn on_contacts(&self) -> &[u32] {
        &self.on_contacts
    }

    pub(crate) fn on_usage(&self) -> &[u32] {
        &self.on_usage
    }

    pub(crate) fn on_health(&self) -> &[u32] {
        &self.on_health
    }

    /// The rules that ask whether the account is in this segment.
    pub(crate) fn on_segment(&self, name: &str) -> &[RuleIx] {
        self.by_segment.get(name).map_or(&[], Vec::as_slice)
    }

    /// A segment's turn: after those that it asks about.
    pub(crate) fn turn(&self, rule: RuleIx) -> (u32, RuleIx) {
        (self.depths[rule as usize], rule)
    }

    pub(crate) fn reading(&self, atom: AtomId) -> Reading {
        self.readings[atom.0 as usize]
    }

    fn add(&mut self, expressions: &Expressions, rule: RuleIx, condition: ConditionId) {
        for id in expressions.atoms_in(condition) {
            let atom = expressions.get(id);
            if let Some(segment) = atom.segment() {
                self.by_segment.entry(segment.to_owned()).or_default().push(rule);
                continue;
            }
            match (atom.measure(), atom) {
                (Some(measure), Atom::Measure { comparison, .. }) => {
                    self.slot(measure).line.add(rule, reaches(comparison));
                }
                (Some(measure), _) => self.slot(measure).line.add(rule, []),
                (None, _) => self.watch(id, atom, rule),
            }
        }
    }

    fn slot(&mut self, measure: MeasureIx) -> &mut Slot {
        let next = place(self.slots.len());
        let slot = *self.slot_of.entry(measure).or_insert(next);
        if slot == next {
            self.slots.push(Slot { measure, line: Line::default(), continuous: false });
        }
        &mut self.slots[slot as usize]
    }

    fn watch(&mut self, id: AtomId, atom: &Atom, rule: RuleIx) {
        let next = place(self.watched.len());
        let at = *self.watched_of.entry(id).or_insert(next);
        if at == next {
            self.watched.push(Watched { atom: id, rules: Vec::new() });
            self.file(at, atom);
        }
        let rules = &mut self.watched[at as usize].rules;
        if rules.last() != Some(&rule) {
            rules.push(rule);
        }
    }

    /// Under what leads to it.
    fn file(&mut self, at: u32, atom: &Atom) {
        if let Some(name) = atom.account_trait() {
            self.by_trait.entry(name.to_owned()).or_default().push(at);
        }
        if let Atom::Contacts { condition, .. } = atom {
            self.on_contacts.push(at);
            if condition.reads_usage() {
                self.on_usage.push(at);
            }
        }
        if atom.reads_health() {
            self.on_health.push(at);
        }
    }

    /// Reaches have found their places: says how each comparison is read off.
    fn finish(mut self, expressions: &Expressions) -> Self {
        let atoms = (0..).map(AtomId).zip(expressions.atoms());
        self.readings = atoms.map(|(id, atom)| self.read(id, atom)).collect();
        self.drifting = (0..self.slots.len()).filter(|slot| self.slots[*slot].continuous).collect();
        let timed = |at: &usize| expressions.get(self.watched[*at].atom).is_timed();
        self.timed = (0..self.watched.len()).filter(timed).collect();
        self
    }

    fn read(&self, id: AtomId, atom: &Atom) -> Reading {
        let Some(measure) = atom.measure() else {
            return self.watched_of.get(&id).map_or(Reading::Unwatched, |at| Reading::Watched(*at));
        };
        let Some(slot) = self.slot_of.get(&measure).copied() else { return Reading::Unwatched };
        let Atom::Measure { comparison, .. } = atom else { return Reading::Missing(slot) };
        let line = &self.slots[slot as usize].line;
        let places: Option<Vec<u32>> = reaches(comparison).iter().map(|reach| line.place(reach)).collect();
        match (comparison, places.as_deref()) {
            (Comparison::AtLeast(_) | Comparison::MoreThan(_), Some(&[reach])) => {
                Reading::Passed { slot, reach, is: true }
            }
            (Comparison::LessThan(_) | Comparison::AtMost(_), Some(&[reach])) => {
                Reading::Passed { slot, reach, is: false }
            }
            (Comparison::Is(_), Some(&[from, to])) => Reading::Within { slot, from, to, is: true },
            (Comparison::IsNot(_), Some(&[from, to])) => Reading::Within { slot, from, to, is: false },
            _ => Reading::Unwatched,
        }
    }
}

/// There are no circles: whoever compiles them sees to it.
fn depths(expressions: &Expressions, segments: &[Segment]) -> Vec<u32> {
    let mut depths = vec![0; segments.len()];
    loop {
        let next: Vec<u32> = segments
            .iter()
            .map(|segment| {
                let place =
                    |name: &str| segments.binary_search_by(|other| other.name.as_str().cmp(name)).ok();
                let others = segment.others(expressions).filter_map(place);
                others.map(|other| depths[other] + 1).max().unwrap_or(0)
            })
            .collect();
        if next == depths {
            return depths;
        }
        depths = next;
    }
}

/// The one rule of health.
pub(crate) const SCORE: RuleIx = 0;

/// How a comparison stands, if it reads a measure.
pub(crate) fn of_standing(reading: Reading, standings: &[Standing]) -> Option<Option<bool>> {
    match reading {
        Reading::Unwatched | Reading::Watched(_) => None,
        Reading::Missing(slot) => Some(Some(standings[slot as usize].passed().is_none())),
        Reading::Passed { slot, reach, is } => {
            Some(standings[slot as usize].passed().map(|passed| (passed > reach) == is))
        }
        Reading::Within { slot, from, to, is } => {
            let within = |passed: u32| (passed > from && passed <= to) == is;
            Some(standings[slot as usize].passed().map(within))
        }
    }
}

/// Array positions are 32 bits: a catalogue's bounds lie far below.
fn place(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
