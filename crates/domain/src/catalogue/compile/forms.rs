//! "Exactly one of": which form of a measure or a condition was written, and which keys go with it.

use crate::catalogue::{
    document::{BreadthDoc, ConditionDoc, ContractDoc, MeasureDoc, RatioDoc, SinceDoc, TraitDoc, UsageDoc},
    problem::{Place, Problems},
};
use crate::measure::{Aggregate, End};

/// A measure's form, by its key.
pub(super) enum MeasureForm<'d> {
    Usage(&'static str, Aggregate, &'d UsageDoc),
    Since(&'static str, End, &'d SinceDoc),
    Breadth(&'d BreadthDoc),
    Change(&'d str),
    Ratio(&'d RatioDoc),
    FirstKnown(&'d [String]),
    Trait(&'d TraitDoc),
    TraitBefore(&'d str, u32),
    DaysUntil(&'d str),
    Contract(&'d ContractDoc),
}

impl MeasureForm<'_> {
    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::Usage(key, ..) | Self::Since(key, ..) => key,
            Self::Breadth(_) => "breadth",
            Self::Change(_) => "change",
            Self::Ratio(_) => "ratio",
            Self::FirstKnown(_) => "first_known",
            Self::Trait(_) => "trait",
            Self::TraitBefore(..) => "trait_before",
            Self::DaysUntil(_) => "days_until",
            Self::Contract(_) => "contract",
        }
    }
}

/// Every form that was written.
pub(super) fn measure_forms(doc: &MeasureDoc) -> Vec<MeasureForm<'_>> {
    use MeasureForm::{
        Breadth, Change, Contract, DaysUntil, FirstKnown, Ratio, Since, Trait, TraitBefore, Usage,
    };
    let usage = [
        ("count", Aggregate::Count, &doc.count),
        ("sum", Aggregate::Sum, &doc.sum),
        ("min", Aggregate::Min, &doc.min),
        ("max", Aggregate::Max, &doc.max),
        ("average", Aggregate::Average, &doc.average),
        ("distinct_contacts", Aggregate::DistinctContacts, &doc.distinct_contacts),
        ("distinct_values", Aggregate::DistinctValues, &doc.distinct_values),
        ("days_active", Aggregate::DaysActive, &doc.days_active),
        ("median_gap", Aggregate::MedianGap, &doc.median_gap),
        ("median_per_day", Aggregate::MedianPerDay, &doc.median_per_day),
    ];
    let since = [
        ("days_since_first", End::First, &doc.days_since_first),
        ("days_since_last", End::Last, &doc.days_since_last),
    ];
    let usage = usage.into_iter().filter_map(|(key, what, doc)| Some(Usage(key, what, doc.as_ref()?)));
    let since = since.into_iter().filter_map(|(key, end, doc)| Some(Since(key, end, doc.as_ref()?)));
    usage
        .chain(since)
        .chain(doc.breadth.as_ref().map(Breadth))
        .chain(doc.change.as_ref().map(|doc| Change(&doc.measure)))
        .chain(doc.ratio.as_ref().map(Ratio))
        .chain(doc.first_known.as_deref().map(FirstKnown))
        .chain(doc.trait_.as_ref().map(Trait))
        .chain(doc.trait_before.as_ref().map(|doc| TraitBefore(&doc.name, doc.days)))
        .chain(doc.days_until.as_ref().map(|doc| DaysUntil(&doc.trait_)))
        .chain(doc.contract.as_ref().map(Contract))
        .collect()
}

/// A condition's form, by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConditionForm {
    All,
    Any,
    Not,
    Named,
    Measure,
    Trait,
    Health,
    Contacts,
    Segment,
    Missing,
    Stale,
    DaysSinceLastSeen,
}

impl ConditionForm {
    fn allows(self, key: &str) -> bool {
        match self {
            Self::Measure | Self::Health => COMPARING.contains(&key),
            Self::Trait => COMPARING.contains(&key) || key == "for_days",
            Self::Contacts => key == "where",
            _ => false,
        }
    }
}

const COMPARING: [&str; 9] =
    ["is", "is_not", "in", "at_least", "at_most", "more_than", "less_than", "contains", "exists"];

/// The one form of a condition, its other keys checked.
pub(super) fn condition_form(
    problems: &mut Problems,
    place: &Place<'_>,
    doc: &ConditionDoc,
) -> Option<ConditionForm> {
    let written: Vec<_> = forms(doc).into_iter().filter(|(_, _, there)| *there).collect();
    let [(form, form_key, _)] = written[..] else {
        let keys: Vec<_> = written.iter().map(|(_, key, _)| *key).collect();
        problems.say(place, one_of("a condition", &keys, &forms(doc).map(|(_, key, _)| key)));
        return None;
    };
    for (key, there) in companions(doc) {
        if there && !form.allows(key) {
            problems.say(&place.key(key), format!("`{key}` does not go with `{form_key}`"));
        }
    }
    Some(form)
}

/// What to say when not exactly one was written.
pub(super) fn one_of(what: &str, written: &[&str], known: &[&str]) -> String {
    let known = known.join(", ");
    if written.is_empty() {
        format!("{what} is exactly one of {known}: none of them is here")
    } else {
        format!("{what} is exactly one of {known}: here are {}", written.join(" and "))
    }
}

fn forms(doc: &ConditionDoc) -> [(ConditionForm, &'static str, bool); 12] {
    [
        (ConditionForm::All, "all", doc.all.is_some()),
        (ConditionForm::Any, "any", doc.any.is_some()),
        (ConditionForm::Not, "not", doc.not.is_some()),
        (ConditionForm::Named, "named", doc.named.is_some()),
        (ConditionForm::Measure, "measure", doc.measure.is_some()),
        (ConditionForm::Trait, "trait", doc.trait_.is_some()),
        (ConditionForm::Health, "health", doc.health.is_some()),
        (ConditionForm::Contacts, "contacts", doc.contacts.is_some()),
        (ConditionForm::Segment, "segment", doc.segment.is_some()),
        (ConditionForm::Missing, "missing", doc.missing.is_some()),
        (ConditionForm::Stale, "stale", doc.stale.is_some()),
        (ConditionForm::DaysSinceLastSeen, "days_since_last_seen", doc.days_since_last_seen.is_some()),
    ]
}

fn companions(doc: &ConditionDoc) -> [(&'static str, bool); 11] {
    [
        ("is", doc.is.is_some()),
        ("is_not", doc.is_not.is_some()),
        ("in", doc.in_.is_some()),
        ("at_least", doc.at_least.is_some()),
        ("at_most", doc.at_most.is_some()),
        ("more_than", doc.more_than.is_some()),
        ("less_than", doc.less_than.is_some()),
        ("contains", doc.contains.is_some()),
        ("exists", doc.exists.is_some()),
        ("for_days", doc.for_days.is_some()),
        ("where", doc.where_.is_some()),
    ]
}
