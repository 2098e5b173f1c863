//! Entering and leaving segments.

use std::collections::BTreeMap;

use super::View;
use crate::{
    catalogue::Catalogue,
    decision::{MembershipChanged, Reason},
    ids::EpisodeId,
};

impl View {
    /// Which segments are to be entered and left, by name, given the episodes that are open. `episode` makes the id
    /// of one that begins. Whoever is a member of a segment that is gone leaves. The flags are the caller's.
    pub fn membership_changes(
        &mut self,
        catalogue: &Catalogue,
        open: &BTreeMap<String, EpisodeId>,
        mut episode: impl FnMut(&str) -> EpisodeId,
    ) -> Vec<MembershipChanged> {
        let mut cache = self.take_cache(catalogue);
        let reviewed = self.review;
        let dirty = self.take_dirty(catalogue, &mut cache);
        let mut changes = Vec::new();
        if self.exists {
            let (mut flipped, sight) = (Vec::new(), self.sight(catalogue, self.now));
            let mut of = |atom| cache.truth(&catalogue.segment_rules, &sight, atom);
            for rule in dirty {
                let segment = &catalogue.segments[rule as usize];
                let known = open.get(&segment.name);
                let condition = segment.condition(known.is_some());
                let member = catalogue.conditions.truth(condition, &mut of).holds();
                if member != known.is_some() {
                    flipped.push(rule);
                    let episode = known.copied().unwrap_or_else(|| episode(&segment.name));
                    let reasons = sight.reasons(condition, &mut of);
                    changes.push(change(&segment.name, member, episode, reasons));
                }
            }
            // Until they stand in the log they may have to be said again.
            cache.mark(&flipped);
            if reviewed {
                let gone = open.iter().filter(|(name, _)| catalogue.segment(name).is_none());
                changes.extend(gone.map(|(name, episode)| change(name, false, *episode, Vec::new())));
                changes.sort_by(|a, b| a.segment.cmp(&b.segment));
            }
        }
        self.cache = Some(cache);
        changes
    }
}

fn change(segment: &str, member: bool, episode: EpisodeId, reasons: Vec<Reason>) -> MembershipChanged {
    MembershipChanged {
        initial: false,
        by_catalogue: false,
        segment: segment.to_owned(),
        member,
        episode,
        reasons,
    }
}
