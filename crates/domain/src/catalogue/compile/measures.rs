//! Measures: forms, windows, and what they are computed from.

use super::{
    Compiler,
    comparisons::number,
    conditions::DAYS_MOST,
    forms::{MeasureForm, measure_forms, one_of},
};
use crate::{
    catalogue::{
        document::{BreadthDoc, MeasureDoc, RatioDoc, UsageDoc, WindowDoc},
        problem::Place,
    },
    measure::{Aggregate, Measure, MeasureIx, MeasureKind, Selection, SetChoice},
    quantity::Quantity,
    usage::window::{DAYS_KEPT, HOURS_MOST, Window},
};

/// Measures of which the first that is known counts.
const CHOICES_MOST: usize = 10;

const FORMS: [&str; 20] = [
    "count",
    "sum",
    "min",
    "max",
    "average",
    "distinct_contacts",
    "distinct_values",
    "days_active",
    "median_gap",
    "median_per_day",
    "breadth",
    "days_since_first",
    "days_since_last",
    "change",
    "ratio",
    "first_known",
    "trait",
    "trait_before",
    "days_until",
    "contract",
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
            MeasureForm::Breadth(doc) => return self.breadth(&place, name, doc),
            MeasureForm::Change(of) => MeasureKind::Change { of: self.changing(&place, of)? },
            MeasureForm::Ratio(doc) => self.ratio(&place, doc)?,
            MeasureForm::FirstKnown(of) => self.first_known(&place, of)?,
            MeasureForm::Trait(doc) => {
                self.text(&place.key("name"), &doc.name);
                if let Some(days) = doc.fades_after {
                    self.problems.within(&place.key("fades_after"), days, 1, DAYS_MOST);
                }
                MeasureKind::Trait { name: doc.name.clone(), fades_after: doc.fades_after }
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
            MeasureForm::Contract(doc) => MeasureKind::Contract(self.of_contracts(&place, doc)?),
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
        let of_days =
            matches!(aggregate, Aggregate::DaysActive | Aggregate::MedianGap | Aggregate::MedianPerDay);
        if of_days && matches!(window, Window::Hours { .. }) {
            self.problems.say(&place.key("window"), "active days are counted over a window of days");
        }
        let selection = Selection { events: events?, property: doc.property.clone(), filters: filters? };
        let (measure, series) = Measure::windowed(name.to_owned(), aggregate, selection, window);
        self.series.extend(series);
        Some(measure)
    }

    fn property(&mut self, place: &Place<'_>, aggregate: Aggregate, doc: &UsageDoc) {
        let reads_property = matches!(
            aggregate,
            Aggregate::Sum | Aggregate::Min | Aggregate::Max | Aggregate::Average | Aggregate::DistinctValues
        );
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

    fn breadth(&mut self, place: &Place<'_>, name: &str, doc: &BreadthDoc) -> Option<Measure> {
        let window = self.window(&place.key("window"), &doc.window)?;
        if matches!(window, Window::Hours { .. }) {
            self.problems.say(&place.key("window"), "breadth is that of a window of days");
        }
        let choice = match (&doc.set, &doc.by) {
            (Some(set), None) if doc.sets.is_empty() => {
                SetChoice::One(self.event_set(&place.key("set"), set)?)
            }
            (None, Some(by)) if !doc.sets.is_empty() => {
                self.text(&place.key("by"), by);
                let place = place.key("sets");
                let sets = doc
                    .sets
                    .iter()
                    .map(|(value, set)| Some((value.clone(), self.event_set(&place.key(value), set)?)));
                let sets: Vec<_> = sets.collect();
                SetChoice::ByTrait { name: by.clone(), sets: sets.into_iter().collect::<Option<_>>()? }
            }
            _ => {
                self.problems.say(
                    place,
                    "breadth is of a `set`, or `by` a trait of `sets`: {VALUE: SET}, and not of both",
                );
                return None;
            }
        };
        Some(Measure::breadth(name.to_owned(), choice, window))
    }

    fn ratio(&mut self, place: &Place<'_>, doc: &RatioDoc) -> Option<MeasureKind> {
        let of = self.part_of_ratio(&place.key("of"), &doc.of);
        let to = self.part_of_ratio(&place.key("to"), &doc.to);
        let least = doc.to_at_least.as_ref();
        let least = least.map(|least| number(&mut self.problems, &place.key("to_at_least"), least));
        let to_at_least = match least {
            None => None,
            Some(least) => Some(Quantity::from(least?)),
        };
        Some(MeasureKind::Ratio { of: of?, to: to?, to_at_least })
    }

    fn first_known(&mut self, place: &Place<'_>, names: &[String]) -> Option<MeasureKind> {
        if names.len() < 2 || names.len() > CHOICES_MOST {
            self.problems.say(place, format!("{} measures; there may be 2 to {CHOICES_MOST}", names.len()));
        }
        let of = names.iter().enumerate().map(|(at, name)| {
            let place = place.item(at);
            let ix = self.measure(&place, name)?;
            let doc = self.doc.measures.get(name)?;
            if doc.ratio.is_some() || doc.first_known.is_some() {
                self.problems.say(&place, format!("`{name}` is computed from others itself"));
            }
            Some(ix)
        });
        let of: Vec<_> = of.collect();
        Some(MeasureKind::FirstKnown { of: of.into_iter().collect::<Option<_>>()? })
    }

    fn part_of_ratio(&mut self, place: &Place<'_>, name: &str) -> Option<MeasureIx> {
        let ix = self.measure(place, name)?;
        if self.doc.measures.get(name)?.ratio.is_some() {
            self.problems.say(place, format!("`{name}` is a ratio itself"));
        }
        Some(ix)
    }
}
