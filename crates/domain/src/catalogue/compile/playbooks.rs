//! Playbooks.

use super::Compiler;
use crate::{
    catalogue::{
        document::{BandBeforeDoc, PlaybookDoc, ReEntryDoc, TriggerDoc, WaitDoc},
        playbooks::{BandBefore, Playbook, ReEntry, Trigger},
        problem::Place,
    },
    decision::Band,
    time::{DAY_MS, HOUR_MS},
};

pub(super) const WAIT_DAYS_MOST: u32 = 366;
/// Of a playbook that gives none.
const RANK: u32 = 100;
const RANK_MOST: u32 = 1_000;

impl<'d> Compiler<'d> {
    pub(super) fn all_playbooks(&mut self) -> Vec<Playbook> {
        let playbooks = Place::Root.key("playbooks");
        let doc = self.doc;
        let read =
            doc.playbooks.iter().filter_map(|(name, doc)| self.playbook(&playbooks.key(name), name, doc));
        read.collect()
    }

    fn playbook(&mut self, place: &Place<'_>, name: &str, doc: &'d PlaybookDoc) -> Option<Playbook> {
        self.kept_by(place, doc.purpose.as_deref(), doc.owner.as_deref(), doc.review.as_deref());
        let trigger = self.trigger(&place.key("trigger"), &doc.trigger);
        let [starts_while, goal, only_while] =
            [("starts_while", &doc.starts_while), ("goal", &doc.goal), ("only_while", &doc.only_while)]
                .map(|(key, doc)| doc.as_ref().map(|doc| self.condition(&place.key(key), doc)));
        let re_entry = doc.re_entry.map_or(Some(ReEntry::Always), |re_entry| self.re_entry(place, re_entry));
        let rank = doc.rank.unwrap_or(RANK);
        self.problems.within(&place.key("rank"), rank, 1, RANK_MOST);
        let at_most_ms = doc.at_most.map(|doc| self.wait(&place.key("at_most"), doc));
        let steps = self.steps(&place.key("steps"), &doc.steps);
        Some(Playbook {
            name: name.to_owned(),
            title: doc.title.clone().unwrap_or_else(|| name.to_owned()),
            trigger: trigger?,
            starts_while: all_or_none(starts_while)?,
            re_entry: re_entry?,
            rank,
            goal: all_or_none(goal)?,
            at_most_ms: all_or_none(at_most_ms)?,
            only_while: all_or_none(only_while)?,
            steps: steps?,
        })
    }

    fn re_entry(&mut self, place: &Place<'_>, doc: ReEntryDoc) -> Option<ReEntry> {
        match doc {
            ReEntryDoc::Always => Some(ReEntry::Always),
            ReEntryDoc::Never => Some(ReEntry::Never),
            ReEntryDoc::After(wait) => {
                self.wait(&place.key("re_entry").key("after"), wait).map(ReEntry::After)
            }
        }
    }

    fn trigger(&mut self, place: &Place<'_>, doc: &TriggerDoc) -> Option<Trigger> {
        match (&doc.enters, &doc.leaves, doc.band, &doc.event) {
            (Some(segment), None, None, None) => {
                self.known_segment(&place.key("enters"), segment);
                Some(Trigger::Enters { segment: segment.clone() })
            }
            (None, Some(segment), None, None) => {
                self.known_segment(&place.key("leaves"), segment);
                Some(Trigger::Leaves { segment: segment.clone() })
            }
            (None, None, Some(band), None) => {
                Some(Trigger::Band { from: band_before(band.from), to: band.to })
            }
            (None, None, None, Some(event)) => {
                let place = place.key("event");
                let events = self.events(&place.key("name"), Some(&event.name));
                let filters = self.filters(&place.key("where"), &event.where_)?;
                Some(Trigger::Event { events: events?, filters })
            }
            _ => {
                self.problems.say(place, "a trigger is exactly one of enters, leaves, band, event");
                None
            }
        }
    }

    pub(super) fn wait(&mut self, place: &Place<'_>, doc: WaitDoc) -> Option<i64> {
        match (doc.days, doc.hours) {
            (Some(days), None) => {
                self.problems.within(&place.key("days"), days, 1, WAIT_DAYS_MOST);
                Some(i64::from(days) * DAY_MS)
            }
            (None, Some(hours)) => {
                self.problems.within(&place.key("hours"), hours, 1, WAIT_DAYS_MOST * 24);
                Some(i64::from(hours) * HOUR_MS)
            }
            _ => {
                self.problems.say(place, "is exactly one of days, hours");
                None
            }
        }
    }
}

/// What is not there needs nothing; what is there and wrong spoils the whole.
pub(super) fn all_or_none<T>(part: Option<Option<T>>) -> Option<Option<T>> {
    part.map_or(Some(None), |read| read.map(Some))
}

fn band_before(wanted: Option<BandBeforeDoc>) -> BandBefore {
    match wanted {
        None => BandBefore::Any,
        Some(BandBeforeDoc::None) => BandBefore::None,
        Some(BandBeforeDoc::Red) => BandBefore::Is(Band::Red),
        Some(BandBeforeDoc::Yellow) => BandBefore::Is(Band::Yellow),
        Some(BandBeforeDoc::Green) => BandBefore::Is(Band::Green),
    }
}
