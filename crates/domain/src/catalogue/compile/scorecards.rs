//! Scorecards: groups, weights, curves, bands and caps.

use std::collections::HashSet;

use super::{Compiler, comparisons::number};
use crate::{
    catalogue::{
        document::{BandsDoc, CapDoc, CurveDoc, GroupDoc, Json, ScorecardDoc, WeightedDoc},
        problem::Place,
    },
    scorecard::{
        Bands, CURVE_POINTS_MOST, Cap, Curve, GROUPS_MOST, Group, MEASURES_MOST, Points, Scorecard,
        WEIGHT_MOST, Weighted,
    },
};

impl<'d> Compiler<'d> {
    pub(super) fn all_scorecards(&mut self) -> Vec<Scorecard> {
        let doc = self.doc;
        let scorecards = Place::Root.key("scorecards");
        let mut names = HashSet::new();
        let read = doc.scorecards.iter().enumerate().filter_map(|(at, doc)| {
            let place = scorecards.item(at);
            self.name(&place.key("name"), &doc.name);
            if !names.insert(doc.name.as_str()) {
                self.problems.say(&place.key("name"), format!("`{}` is there already", doc.name));
            }
            self.scorecard(&place, doc)
        });
        read.collect()
    }

    fn scorecard(&mut self, place: &Place<'_>, doc: &'d ScorecardDoc) -> Option<Scorecard> {
        let applies = doc.for_.as_ref().map(|doc| self.condition_without_health(&place.key("for"), doc));
        self.kept_by(place, doc.purpose.as_deref(), doc.owner.as_deref(), doc.review.as_deref());
        let groups = self.groups(&place.key("groups"), &doc.groups);
        if let Some(percent) = doc.needs_known {
            self.problems.within(&place.key("needs_known"), percent, 1, 100);
        }
        let needs_known = doc.needs_known.unwrap_or(0).saturating_mul(10);
        let bands = self.bands(&place.key("bands"), doc.bands);
        let caps = self.caps(&place.key("caps"), &doc.caps);
        let applies = match applies {
            None => None,
            Some(condition) => Some(condition?),
        };
        Some(Scorecard { name: doc.name.clone(), applies, groups: groups?, needs_known, bands, caps: caps? })
    }

    fn groups(&mut self, place: &Place<'_>, docs: &[GroupDoc]) -> Option<Vec<Group>> {
        if docs.is_empty() || docs.len() > GROUPS_MOST {
            self.problems.say(place, format!("a scorecard has 1 to {GROUPS_MOST} groups"));
        }
        let measures = docs.iter().flat_map(|group| &group.measures);
        if measures.clone().count() > MEASURES_MOST {
            self.problems.say(place, format!("more than {MEASURES_MOST} measures"));
        }
        self.each_once(place, "measure", measures.map(|weighted| weighted.measure.as_str()));
        self.each_once(place, "group", docs.iter().map(|group| group.name.as_str()));
        let groups: Vec<_> =
            docs.iter().enumerate().map(|(at, group)| self.group(&place.item(at), group)).collect();
        groups.into_iter().collect()
    }

    fn each_once<'n>(&mut self, place: &Place<'_>, what: &str, names: impl Iterator<Item = &'n str>) {
        let mut seen = HashSet::new();
        for name in names {
            if !seen.insert(name) {
                self.problems.say(place, format!("{what} `{name}` stands twice"));
            }
        }
    }

    fn group(&mut self, place: &Place<'_>, doc: &GroupDoc) -> Option<Group> {
        self.name(&place.key("name"), &doc.name);
        self.problems.within(&place.key("weight"), doc.weight, 1, WEIGHT_MOST);
        let measures = place.key("measures");
        if doc.measures.is_empty() {
            self.problems.say(&measures, "must not be empty");
        }
        let weighted: Vec<_> =
            doc.measures.iter().enumerate().map(|(at, doc)| self.weighted(&measures.item(at), doc)).collect();
        Some(Group { weight: doc.weight, measures: weighted.into_iter().collect::<Option<_>>()? })
    }

    fn weighted(&mut self, place: &Place<'_>, doc: &WeightedDoc) -> Option<Weighted> {
        self.problems.within(&place.key("weight"), doc.weight, 1, WEIGHT_MOST);
        let measure = self.measure(&place.key("measure"), &doc.measure);
        let curve = self.curve(&place.key("curve"), &doc.curve);
        Some(Weighted { measure: measure?, weight: doc.weight, curve: curve? })
    }

    fn curve(&mut self, place: &Place<'_>, doc: &CurveDoc) -> Option<Curve> {
        match (&doc.steps, &doc.linear) {
            (Some(points), None) => self.points(&place.key("steps"), points).map(Curve::Steps),
            (None, Some(points)) => self.points(&place.key("linear"), points).map(Curve::Linear),
            _ => {
                self.problems.say(place, "a curve is exactly one of steps, linear");
                None
            }
        }
    }

    fn points(&mut self, place: &Place<'_>, docs: &[(Json, u32)]) -> Option<Points> {
        if docs.is_empty() || docs.len() > CURVE_POINTS_MOST {
            self.problems.say(place, format!("a curve has 1 to {CURVE_POINTS_MOST} points"));
        }
        let points: Vec<_> = docs
            .iter()
            .enumerate()
            .map(|(at, (x, points))| {
                let place = place.item(at);
                self.problems.within(&place.item(1), *points, 0, 100);
                number(&mut self.problems, &place.item(0), x).map(|x| (x, *points))
            })
            .collect();
        let points: Points = points.into_iter().collect::<Option<_>>()?;
        if let Some(at) = points.windows(2).position(|pair| pair[0].0 >= pair[1].0) {
            self.problems.say(&place.item(at + 1).item(0), "x must rise from point to point");
        }
        Some(points)
    }

    fn bands(&mut self, place: &Place<'_>, doc: BandsDoc) -> Bands {
        let BandsDoc { yellow, green, hysteresis } = doc;
        self.problems.within(&place.key("yellow"), yellow, 1, 100);
        self.problems.within(&place.key("green"), green, 1, 100);
        if yellow >= green {
            self.problems.say(place, "green must begin above yellow");
        } else if hysteresis > green - yellow {
            self.problems.say(&place.key("hysteresis"), "is more than the yellow band is wide");
        }
        Bands { yellow, green, hysteresis }
    }

    fn caps(&mut self, place: &Place<'_>, docs: &'d [CapDoc]) -> Option<Vec<Cap>> {
        self.each_once(place, "cap", docs.iter().map(|cap| cap.name.as_str()));
        let caps: Vec<_> = docs
            .iter()
            .enumerate()
            .map(|(at, doc)| {
                let place = place.item(at);
                self.name(&place.key("name"), &doc.name);
                self.problems.within(&place.key("at_most"), doc.at_most, 0, 100);
                let when = self.condition_without_health(&place.key("when"), &doc.when)?;
                Some(Cap { name: doc.name.clone(), when, at_most: doc.at_most })
            })
            .collect();
        caps.into_iter().collect()
    }
}
