//! Segments: those that stand by themselves, and those in an ordered set.

use std::collections::{BTreeMap, BTreeSet};

use super::Compiler;
use crate::{
    catalogue::{
        document::{PlaceDoc, SegmentDoc},
        problem::Place,
    },
    condition::ConditionId,
    segment::Segment,
};

/// Segments in one ordered set.
const PLACES_MOST: usize = 20;

impl<'d> Compiler<'d> {
    /// In the order of their names.
    pub(super) fn all_segments(&mut self) -> Vec<Segment> {
        let (doc, segments, sets) = (self.doc, Place::Root.key("segments"), Place::Root.key("ordered_sets"));
        let alone =
            doc.segments.iter().filter_map(|(name, doc)| self.segment(&segments.key(name), name, doc));
        let mut all: Vec<Segment> = alone.collect();
        for (name, places) in &doc.ordered_sets {
            all.extend(self.ordered_set(&sets.key(name), places));
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        self.no_circles(&all);
        all
    }

    /// A segment that asks about others must not lead back to itself.
    fn no_circles(&mut self, segments: &[Segment]) {
        let others = |segment: &Segment| -> BTreeSet<String> {
            segment.others(&self.expressions).map(str::to_owned).collect()
        };
        let mut open: BTreeMap<&str, BTreeSet<String>> =
            segments.iter().map(|segment| (segment.name.as_str(), others(segment))).collect();
        // Whatever asks about nothing that is still open is settled.
        loop {
            let settled =
                |others: &BTreeSet<String>| !others.iter().any(|other| open.contains_key(other.as_str()));
            let next: Vec<&str> =
                open.iter().filter(|(_, others)| settled(others)).map(|(name, _)| *name).collect();
            if next.is_empty() {
                break;
            }
            next.iter().for_each(|name| drop(open.remove(name)));
        }
        if let Some(name) = open.keys().next() {
            let circle = open.keys().copied().collect::<Vec<_>>().join(", ");
            let message =
                format!("asks, by way of others, about itself: in the circle, or behind it, stand {circle}");
            self.problems.say(&Place::Root.key("segments").key(name), message);
        }
    }

    /// Of every segment.
    pub(super) fn segment_names(&self) -> impl Iterator<Item = &'d str> {
        let alone = self.doc.segments.keys().map(String::as_str);
        alone.chain(self.doc.ordered_sets.values().flatten().map(|place| place.name.as_str()))
    }

    fn segment(&mut self, place: &Place<'_>, name: &str, doc: &'d SegmentDoc) -> Option<Segment> {
        let enters = self.condition(&place.key("when"), &doc.when);
        let stays_while = doc.stays_while.as_ref();
        let stays = stays_while.map(|doc| self.condition(&place.key("stays_while"), doc));
        let hold_ms = doc.hold.map_or(Some(0), |hold| self.wait(&place.key("hold"), hold));
        let title = self.title(place, name, doc.title.as_deref());
        self.kept_by(place, doc.purpose.as_deref(), doc.owner.as_deref(), doc.review.as_deref());
        let enters = enters?;
        let stays = stays.map_or(Some(enters), |stays| Some(self.expressions.any(&[enters, stays?])))?;
        Some(Segment { name: name.to_owned(), title, enters, stays, hold_ms: hold_ms? })
    }

    /// An account is in the first of which the condition is true; what is not known of those before is no reason to wait.
    fn ordered_set(&mut self, set: &Place<'_>, places: &'d [PlaceDoc]) -> Vec<Segment> {
        if places.is_empty() || places.len() > PLACES_MOST {
            self.problems.say(set, format!("{} segments; there may be 1 to {PLACES_MOST}", places.len()));
        }
        let (mut before, mut all): (Vec<ConditionId>, _) = (Vec::new(), Vec::new());
        for (index, doc) in places.iter().enumerate() {
            let place = set.item(index);
            self.place_name(&place.key("name"), &doc.name, &places[..index]);
            let title = self.title(&place, &doc.name, doc.title.as_deref());
            let mut parts = before.clone();
            match &doc.when {
                Some(when) => {
                    let Some(when) = self.condition(&place.key("when"), when) else { continue };
                    before.push(self.expressions.not_true(when));
                    parts.insert(0, when);
                }
                None if index + 1 == places.len() => {}
                None => {
                    self.problems.say(&place, "`when` is missing: only the last one is for everybody else")
                }
            }
            let enters = self.expressions.all(&parts);
            all.push(Segment { name: doc.name.clone(), title, enters, stays: enters, hold_ms: 0 });
        }
        all
    }

    fn place_name(&mut self, place: &Place<'_>, name: &str, before: &[PlaceDoc]) {
        self.name(place, name);
        let of_others = self.segment_names().filter(|other| *other == name).count();
        if of_others > 1 || before.iter().any(|other| other.name == name) {
            self.problems.say(place, format!("another segment is called `{name}`"));
        }
    }

    fn title(&mut self, place: &Place<'_>, name: &str, title: Option<&str>) -> String {
        if let Some(title) = title {
            self.text(&place.key("title"), title);
        }
        title.unwrap_or(name).to_owned()
    }

    /// Whether there is a segment of this name.
    pub(super) fn known_segment(&mut self, place: &Place<'_>, name: &str) {
        let known: BTreeSet<&str> = self.segment_names().collect();
        if !known.contains(name) {
            self.problems.unknown(place, "segment", name, known);
        }
    }
}
