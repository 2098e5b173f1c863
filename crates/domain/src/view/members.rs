//! Entering and leaving segments.

use std::collections::{BTreeMap, BTreeSet};

use super::{Because, View};
use crate::{
    catalogue::Catalogue,
    decision::{MembershipChanged, Reason},
    ids::EpisodeId,
    threshold::RuleIx,
};

impl View {
    /// Which segments are to be entered and left, by name, given the episodes that are open. `episode` makes the id
    /// of one that begins. Whoever is a member of a segment that is gone leaves.
    pub fn membership_changes(
        &mut self,
        catalogue: &Catalogue,
        open: &BTreeMap<String, EpisodeId>,
        because: Because,
        mut episode: impl FnMut(&str) -> EpisodeId,
    ) -> Vec<MembershipChanged> {
        let mut cache = self.take_cache(catalogue);
        let reviewed = self.review;
        let mut dirty = self.take_dirty(catalogue, &mut cache);
        dirty.extend(self.holding.due(catalogue, self.now));
        let rules = &catalogue.segment_rules;
        let mut turns: BTreeSet<(u32, RuleIx)> = dirty.into_iter().map(|rule| rules.turn(rule)).collect();
        let mut changes = Vec::new();
        if self.exists {
            let (mut flipped, mut holding) = (Vec::new(), std::mem::take(&mut self.holding));
            let sight = self.sight(catalogue, self.now);
            while let Some((_, rule)) = turns.pop_first() {
                let mut of = |atom| match sight.atom(atom).segment() {
                    Some(other) => is_member(other, open, &changes).into(),
                    None => cache.truth(rules, &sight, atom),
                };
                let segment = &catalogue.segments[rule as usize];
                let known = open.get(&segment.name);
                let condition = segment.condition(known.is_some());
                let holds = catalogue.conditions.truth(condition, &mut of).holds();
                let (flips, why) = match known {
                    Some(_) => (!holds, because),
                    None => {
                        let entered = holding.enters(segment, holds, sight.now, because);
                        (entered.is_some(), entered.unwrap_or_default())
                    }
                };
                if flips {
                    flipped.push(rule);
                    let episode = known.copied().unwrap_or_else(|| episode(&segment.name));
                    let reasons = sight.reasons(condition, &mut of);
                    changes.push(change(&segment.name, known.is_none(), episode, reasons, why));
                    turns.extend(rules.on_segment(&segment.name).iter().map(|rule| rules.turn(*rule)));
                }
            }
            // Until they stand in the log they may have to be said again.
            cache.mark(&flipped);
            if reviewed {
                holding.forget_gone(catalogue);
                let gone = open.iter().filter(|(name, _)| catalogue.segment(name).is_none());
                changes
                    .extend(gone.map(|(name, episode)| change(name, false, *episode, Vec::new(), because)));
            }
            changes.sort_by(|a, b| a.segment.cmp(&b.segment));
            self.holding = holding;
        }
        self.cache = Some(cache);
        changes
    }
}

/// Whether the account is in a segment once these changes are made.
fn is_member(segment: &str, open: &BTreeMap<String, EpisodeId>, changes: &[MembershipChanged]) -> bool {
    let changed = changes.iter().find(|change| change.segment == segment).map(|change| change.member);
    changed.unwrap_or_else(|| open.contains_key(segment))
}

fn change(
    segment: &str,
    member: bool,
    episode: EpisodeId,
    reasons: Vec<Reason>,
    because: Because,
) -> MembershipChanged {
    MembershipChanged {
        initial: because.initial,
        by_catalogue: because.by_catalogue,
        segment: segment.to_owned(),
        member,
        episode,
        reasons,
    }
}
