//! Measures: forms, windows, and what they are computed from.

use super::{
    Compiler,
    forms::{MeasureForm, measure_forms, one_of},
};
use crate::{
    catalogue::{
        document::{MeasureDoc, UsageDoc, WindowDoc},
        problem::Place,
    },
    measure::{Aggregate, Measure, MeasureIx, MeasureKind, Selection},
    usage::window::{DAYS_KEPT, HOURS_MOST, Window},
};

const FORMS: [&str; 15] = [
    "count",
    "sum",
    "min",
    "max",
    "average",
    "distinct_contacts",
    "distinct_values",
    "days_active",
    "days_since_first",
    "days_since_last",
    "change",
    "ratio",
    "trait",
    "trait_before",
    "days_until",
];

impl Compiler<'_> {
    /// In the order of their names. Complete only if there is no problem.
    pub(super) fn all_measures(&mut self) -> Vec<Measure> {
        let doc = self.doc;
        let measures = Place::Root.key("measures");
        let read = doc.measures.iter().filter_map(|(name, doc)| self.one(&measures.key(name), name, doc));
        read.collect()
    }

    fn one(&mut self, place: &Place<'_>, name: &str, doc: &MeasureDoc) -> Option<Measure> {
        let forms = measure_forms(doc);
        let [form] = &forms[..] else {
            let keys: Vec<_> = forms.iter().map(MeasureForm::key).collect();
            self.problems.say(place, one_of("a measure", &keys, &FORMS));
            return None;
        };
        let place = place.key(form.key());
        let kind = match form {
            MeasureForm::Usage(_, aggregate, doc) => return self.windowed(&place, name, *aggregate, doc),
            MeasureForm::Since(_, end, doc) => MeasureKind::Since {
                end: *end,
                events: self.events(&place.key("event"), doc.event.as_ref())?,
            },
            MeasureForm::Change(of) => MeasureKind::Change { of: self.changing(&place, of)? },
            MeasureForm::Ratio(of, to) => {
                let of = self.part_of_ratio(&place.key("of"), of);
                let to = self.part_of_ratio(&place.key("to"), to);
                MeasureKind::Ratio { of: of?, to: to? }
            }
            MeasureForm::Trait(trait_name) => {
                self.text(&place.key("name"), trait_name);
                MeasureKind::Trait { name: (*trait_name).to_owned() }
            }
            MeasureForm::TraitBefore(trait_name, days) => {
                self.text(&place.key("name"), trait_name);
                self.problems.within(&place.key("days"), *days, 1, DAYS_KEPT);
                MeasureKind::TraitBefore { name: (*trait_name).to_owned(), days: *days }
            }
            MeasureForm::DaysUntil(trait_name) => {
                self.text(&place.key("trait"), trait_name);
                MeasureKind::DaysUntil { name: (*trait_name).to_owned() }
            }
        };
        Some(Measure { name: name.to_owned(), kind })
    }

    fn windowed(
        &mut self,
        place: &Place<'_>,
        name: &str,
        aggregate: Aggregate,
        doc: &UsageDoc,
    ) -> Option<Measure> {
        let events = self.events(&place.key("event"), doc.event.as_ref());
        self.property(place, aggregate, doc);
        let filters = self.filters(&place.key("where"), &doc.where_);
        let window = self.window(&place.key("window"), &doc.window)?;
        if aggregate == Aggregate::DaysActive && matches!(window, Window::Hours { .. }) {
            self.problems.say(&place.key("window"), "active days are counted over a window of days");
        }
        let selection = Selection { events: events?, property: doc.property.clone(), filters: filters? };
        let (measure, series) = Measure::windowed(name.to_owned(), aggregate, selection, window);
        self.series.extend(series);
        Some(measure)
    }

    fn property(&mut self, place: &Place<'_>, aggregate: Aggregate, doc: &UsageDoc) {
        let reads_property =
            !matches!(aggregate, Aggregate::Count | Aggregate::DistinctContacts | Aggregate::DaysActive);
        match &doc.property {
            Some(property) if reads_property => self.text(&place.key("property"), property),
            Some(_) => self.problems.say(&place.key("property"), "this form reads no property"),
            None if reads_property => self.problems.say(place, "`property` is missing"),
            None => {}
        }
        if reads_property && doc.event.is_none() {
            self.problems.say(place, "`event` is missing");
        }
    }

    fn window(&mut self, place: &Place<'_>, doc: &WindowDoc) -> Option<Window> {
        match (doc.days, doc.before, doc.hours) {
            (Some(days), before, None) => {
                let before = before.unwrap_or(0);
                self.problems.within(&place.key("days"), days, 1, DAYS_KEPT);
                if days.saturating_add(before) > DAYS_KEPT {
                    let reach = u64::from(days) + u64::from(before);
                    self.problems.say(place, format!("reaches {reach} days back; {DAYS_KEPT} are kept"));
                }
                Some(Window::Days { days, before })
            }
            (None, None, Some(hours)) => {
                self.problems.within(&place.key("hours"), hours, 1, HOURS_MOST);
                Some(Window::Hours { hours })
            }
            _ => {
                self.problems.say(place, "a window is `days` (with `before` if need be) or `hours`");
                None
            }
        }
    }

    fn changing(&mut self, place: &Place<'_>, of: &str) -> Option<MeasureIx> {
        let place = place.key("measure");
        let ix = self.measure(&place, of)?;
        match measure_forms(self.doc.measures.get(of)?).first()? {
            MeasureForm::Usage(_, _, doc) => {
                let reach = doc.window.days.unwrap_or(0).saturating_mul(2);
                let reach = reach.saturating_add(doc.window.before.unwrap_or(0));
                if reach > DAYS_KEPT {
                    self.problems.say(
                        &place,
                        format!(
                            "the window before that of `{of}` reaches {reach} days back; {DAYS_KEPT} are kept"
                        ),
                    );
                }
            }
            _ => self.problems.say(&place, format!("`{of}` has no window to compare with the one before")),
        }
        Some(ix)
    }

    fn part_of_ratio(&mut self, place: &Place<'_>, name: &str) -> Option<MeasureIx> {
        let ix = self.measure(place, name)?;
        if self.doc.measures.get(name)?.ratio.is_some() {
            self.problems.say(place, format!("`{name}` is a ratio itself"));
        }
        Some(ix)
    }
}
