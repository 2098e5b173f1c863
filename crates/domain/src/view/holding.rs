//! Segments that an account does not enter yet: what is asked of it must have been true for a while.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{catalogue::Catalogue, segment::Segment, threshold::RuleIx, time::Instant};

/// What a change of a membership follows from, if from nothing that happened to the account: then it starts no playbook.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because {
    /// The service begins to decide.
    pub initial: bool,
    /// Another version of the catalogue holds.
    pub by_catalogue: bool,
}

/// By segment, since when its condition has been true without a break, and what made it so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holding(BTreeMap<String, (Instant, Because)>);

impl Holding {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What becomes of an account that is no member now, given whether what is asked of it holds, and because of what it is
    /// looked at: whether it enters, and because of what.
    pub(super) fn enters(
        &mut self,
        segment: &Segment,
        holds: bool,
        now: Instant,
        because: Because,
    ) -> Option<Because> {
        let mut because = because;
        if holds && segment.hold_ms > 0 {
            let since;
            (since, because) = *self.0.entry(segment.name.clone()).or_insert((now, because));
            if since.plus_ms(segment.hold_ms) > now {
                return None;
            }
        }
        self.0.remove(&segment.name);
        holds.then_some(because)
    }

    /// The rules of those that have been waited for long enough by now.
    pub(super) fn due(&self, catalogue: &Catalogue, now: Instant) -> Vec<RuleIx> {
        let due = self.ends(catalogue).filter(|(_, at)| *at <= now);
        due.filter_map(|(segment, _)| catalogue.segment_rule(&segment.name)).collect()
    }

    /// When the first of them has been waited for long enough.
    pub(super) fn wake(&self, catalogue: &Catalogue) -> Option<Instant> {
        self.ends(catalogue).map(|(_, at)| at).min()
    }

    pub(super) fn forget_gone(&mut self, catalogue: &Catalogue) {
        self.0.retain(|name, _| catalogue.segment(name).is_some());
    }

    fn ends<'a>(&'a self, catalogue: &'a Catalogue) -> impl Iterator<Item = (&'a Segment, Instant)> {
        let known = self.0.iter().filter_map(|(name, (since, _))| Some((catalogue.segment(name)?, since)));
        known.map(|(segment, since)| (segment, since.plus_ms(segment.hold_ms)))
    }
}
