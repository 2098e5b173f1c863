//! Conditions over one contact.

use super::{
    Compiler,
    comparisons::{Compared, comparison},
    conditions::DAYS_MOST,
    forms::{ConditionForm, condition_form},
};
use crate::{
    catalogue::{
        document::{ConditionDoc, QuantifierDoc},
        problem::Place,
    },
    condition::{ContactCondition, Quantifier},
};

impl From<QuantifierDoc> for Quantifier {
    fn from(doc: QuantifierDoc) -> Self {
        match doc {
            QuantifierDoc::Any => Self::Any,
            QuantifierDoc::All => Self::All,
            QuantifierDoc::None => Self::None,
            QuantifierDoc::AtLeast(n) => Self::AtLeast(n),
            QuantifierDoc::PercentAtLeast(percent) => Self::PercentAtLeast(percent),
        }
    }
}

impl Compiler<'_> {
    pub(super) fn contact_condition(
        &mut self,
        place: &Place<'_>,
        doc: &ConditionDoc,
        nodes: &mut u32,
    ) -> Option<ContactCondition> {
        *nodes = nodes.saturating_add(1);
        match condition_form(&mut self.problems, place, doc)? {
            ConditionForm::All => {
                let parts = self.contact_parts(&place.key("all"), doc.all.as_deref()?, nodes)?;
                Some(ContactCondition::All(parts))
            }
            ConditionForm::Any => {
                let parts = self.contact_parts(&place.key("any"), doc.any.as_deref()?, nodes)?;
                Some(ContactCondition::Any(parts))
            }
            ConditionForm::Not => {
                let part = self.contact_condition(&place.key("not"), doc.not.as_deref()?, nodes)?;
                Some(ContactCondition::Not(Box::new(part)))
            }
            ConditionForm::Trait => self.contact_trait(place, doc),
            ConditionForm::Missing => self.contact_missing(&place.key("missing"), doc),
            ConditionForm::Stale => {
                let stale = doc.stale.as_ref()?;
                let place = place.key("stale");
                self.text(&place.key("trait"), &stale.trait_);
                self.problems.within(&place.key("days"), stale.days, 1, DAYS_MOST);
                Some(ContactCondition::Stale { name: stale.trait_.clone(), days: stale.days })
            }
            ConditionForm::DaysSinceLastSeen => {
                let written = doc.days_since_last_seen.as_ref()?.comparing();
                let place = place.key("days_since_last_seen");
                comparison(&mut self.problems, &place, written, Compared::Number)
                    .map(ContactCondition::DaysSinceLastSeen)
            }
            _ => {
                self.problems.say(
                    place,
                    "is asked of accounts; a contact has traits, `missing`, `stale` and `days_since_last_seen`",
                );
                None
            }
        }
    }

    fn contact_parts(
        &mut self,
        place: &Place<'_>,
        docs: &[ConditionDoc],
        nodes: &mut u32,
    ) -> Option<Vec<ContactCondition>> {
        if docs.is_empty() {
            self.problems.say(place, "must not be empty");
        }
        let parts: Vec<_> = docs
            .iter()
            .enumerate()
            .map(|(at, doc)| self.contact_condition(&place.item(at), doc, nodes))
            .collect();
        parts.into_iter().collect()
    }

    fn contact_trait(&mut self, place: &Place<'_>, doc: &ConditionDoc) -> Option<ContactCondition> {
        let name = doc.trait_.clone()?;
        self.text(&place.key("trait"), &name);
        let comparison = self.compared(place, doc, Compared::Value)?;
        match doc.for_days {
            None => Some(ContactCondition::Trait { name, comparison }),
            Some(days) => {
                let value = self.held(place, comparison, days)?;
                Some(ContactCondition::TraitSince { name, value, days })
            }
        }
    }

    fn contact_missing(&mut self, place: &Place<'_>, doc: &ConditionDoc) -> Option<ContactCondition> {
        let missing = doc.missing.as_ref()?;
        match (&missing.trait_, &missing.measure, missing.health) {
            (Some(name), None, None) => {
                self.text(&place.key("trait"), name);
                Some(ContactCondition::Missing { name: name.clone() })
            }
            _ => {
                self.problems.say(place, "of a contact only a trait can be missing");
                None
            }
        }
    }
}
