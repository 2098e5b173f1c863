//! Conditions about an account, and named ones.

use super::{
    Compiler,
    comparisons::{Compared, comparison},
    forms::{ConditionForm, condition_form},
};
use crate::{
    catalogue::{
        document::{ConditionDoc, HealthPart, MissingDoc},
        problem::Place,
    },
    comparison::Comparison,
    condition::{Atom, ConditionId, Quantifier},
};

/// Nodes of a condition, named ones written out.
pub(super) const NODES_MOST: u32 = 200;
/// Beyond any trait's history: days that a trait can be asked to have held.
pub(super) const DAYS_MOST: u32 = 4_000;

/// A named condition, once it was come across.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named {
    /// Being read: to meet it again is a circle.
    Open,
    Read {
        condition: Option<ConditionId>,
        nodes: u32,
    },
}

impl<'d> Compiler<'d> {
    /// A condition that stands by itself.
    pub(super) fn condition(&mut self, place: &Place<'_>, doc: &'d ConditionDoc) -> Option<ConditionId> {
        let mut nodes = 0;
        let condition = self.node(place, doc, &mut nodes);
        if nodes > NODES_MOST {
            let message = format!("{nodes} nodes, named conditions written out, are more than {NODES_MOST}");
            self.problems.say(place, message);
        }
        condition
    }

    /// One that asks about no segment.
    fn condition_without_segments(
        &mut self,
        place: &Place<'_>,
        doc: &'d ConditionDoc,
    ) -> Option<ConditionId> {
        let condition = self.condition(place, doc)?;
        let atoms = self.expressions.atoms_in(condition);
        if let Some(segment) = atoms.iter().find_map(|atom| self.expressions.get(*atom).segment()) {
            let message = format!(
                "asks about the segment `{segment}`, which scorecards do not: segments may ask about health"
            );
            self.problems.say(place, message);
        }
        Some(condition)
    }

    /// One that reads neither health nor segments: scorecards are chosen and capped by it.
    pub(super) fn condition_without_health(
        &mut self,
        place: &Place<'_>,
        doc: &'d ConditionDoc,
    ) -> Option<ConditionId> {
        let condition = self.condition_without_segments(place, doc)?;
        let atoms = self.expressions.atoms_in(condition);
        if atoms.iter().any(|atom| self.expressions.get(*atom).reads_health()) {
            self.problems.say(place, "reads health, on which a scorecard cannot depend");
        }
        Some(condition)
    }

    /// Reads those that nobody uses too: they may be wrong.
    pub(super) fn all_named(&mut self) {
        for name in self.doc.conditions.keys() {
            self.named(name);
        }
    }

    fn named(&mut self, name: &'d str) -> Option<Named> {
        if let Some(known) = self.named.get(name) {
            return Some(*known);
        }
        let doc = self.doc.conditions.get(name)?;
        let conditions = Place::Root.key("conditions");
        let place = conditions.key(name);
        self.named.insert(name, Named::Open);
        self.open += 1;
        let mut nodes = 0;
        let condition = if self.open > NODES_MOST {
            self.problems.say(&place, format!("stands more than {NODES_MOST} named conditions deep"));
            None
        } else {
            self.node(&place, doc, &mut nodes)
        };
        self.open -= 1;
        if nodes > NODES_MOST {
            let message = format!("{nodes} nodes, named conditions written out, are more than {NODES_MOST}");
            self.problems.say(&place, message);
        }
        let read = Named::Read { condition, nodes };
        self.named.insert(name, read);
        Some(read)
    }

    fn node(&mut self, place: &Place<'_>, doc: &'d ConditionDoc, nodes: &mut u32) -> Option<ConditionId> {
        *nodes = nodes.saturating_add(1);
        match condition_form(&mut self.problems, place, doc)? {
            ConditionForm::All => {
                let parts = self.parts(&place.key("all"), doc.all.as_deref()?, nodes)?;
                Some(self.expressions.all(&parts))
            }
            ConditionForm::Any => {
                let parts = self.parts(&place.key("any"), doc.any.as_deref()?, nodes)?;
                Some(self.expressions.any(&parts))
            }
            ConditionForm::Not => {
                let part = self.node(&place.key("not"), doc.not.as_deref()?, nodes)?;
                Some(self.expressions.not(part))
            }
            ConditionForm::Named => self.reference(&place.key("named"), doc.named.as_deref()?, nodes),
            form => {
                let atom = self.atom(place, doc, form, nodes)?;
                Some(self.expressions.atom(atom))
            }
        }
    }

    fn parts(
        &mut self,
        place: &Place<'_>,
        docs: &'d [ConditionDoc],
        nodes: &mut u32,
    ) -> Option<Vec<ConditionId>> {
        if docs.is_empty() {
            self.problems.say(place, "must not be empty");
        }
        let parts: Vec<_> =
            docs.iter().enumerate().map(|(at, doc)| self.node(&place.item(at), doc, nodes)).collect();
        parts.into_iter().collect()
    }

    fn reference(&mut self, place: &Place<'_>, name: &'d str, nodes: &mut u32) -> Option<ConditionId> {
        match self.named(name) {
            Some(Named::Read { condition, nodes: more }) => {
                *nodes = nodes.saturating_add(more);
                condition
            }
            Some(Named::Open) => {
                self.problems.say(place, format!("`{name}` leads back to itself"));
                None
            }
            None => {
                let known = self.doc.conditions.keys().map(String::as_str);
                self.problems.unknown(place, "condition", name, known);
                None
            }
        }
    }

    fn atom(
        &mut self,
        place: &Place<'_>,
        doc: &'d ConditionDoc,
        form: ConditionForm,
        nodes: &mut u32,
    ) -> Option<Atom> {
        match form {
            ConditionForm::Measure => {
                let measure = self.measure(&place.key("measure"), doc.measure.as_deref()?);
                let comparison = self.compared(place, doc, Compared::Measure)?;
                Some(Atom::Measure { measure: measure?, comparison })
            }
            ConditionForm::Trait => self.of_trait(place, doc),
            ConditionForm::Health => self.of_health(place, doc, doc.health?),
            ConditionForm::Contacts => self.of_contacts(place, doc, nodes),
            ConditionForm::Segment => {
                let name = doc.segment.clone()?;
                self.known_segment(&place.key("segment"), &name);
                Some(Atom::InSegment { name })
            }
            ConditionForm::Missing => self.missing(&place.key("missing"), doc.missing.as_ref()?),
            ConditionForm::Stale => {
                let stale = doc.stale.as_ref()?;
                let place = place.key("stale");
                self.text(&place.key("trait"), &stale.trait_);
                self.problems.within(&place.key("days"), stale.days, 1, DAYS_MOST);
                Some(Atom::TraitStale { name: stale.trait_.clone(), days: stale.days })
            }
            _ => {
                self.problems.say(place, "`days_since_last_seen` is asked of contacts only");
                None
            }
        }
    }

    pub(super) fn compared(
        &mut self,
        place: &Place<'_>,
        doc: &ConditionDoc,
        compared: Compared,
    ) -> Option<Comparison> {
        comparison(&mut self.problems, place, doc.comparing(), compared)
    }

    fn of_trait(&mut self, place: &Place<'_>, doc: &ConditionDoc) -> Option<Atom> {
        let name = doc.trait_.clone()?;
        self.text(&place.key("trait"), &name);
        let comparison = self.compared(place, doc, Compared::Value)?;
        match doc.for_days {
            None => Some(Atom::Trait { name, comparison }),
            Some(days) => {
                let value = self.held(place, comparison, days)?;
                Some(Atom::TraitSince { name, value, days })
            }
        }
    }

    /// The value that a trait is to have had for some days.
    pub(super) fn held(
        &mut self,
        place: &Place<'_>,
        comparison: Comparison,
        days: u32,
    ) -> Option<crate::value::Value> {
        self.problems.within(&place.key("for_days"), days, 1, DAYS_MOST);
        match comparison {
            Comparison::Is(value) => Some(value),
            _ => {
                self.problems.say(&place.key("for_days"), "`for_days` goes with `is` only");
                None
            }
        }
    }

    fn of_health(&mut self, place: &Place<'_>, doc: &ConditionDoc, part: HealthPart) -> Option<Atom> {
        match part {
            HealthPart::Score => self.compared(place, doc, Compared::Number).map(Atom::Score),
            HealthPart::Band => self.compared(place, doc, Compared::Band).map(Atom::Band),
        }
    }

    fn of_contacts(&mut self, place: &Place<'_>, doc: &'d ConditionDoc, nodes: &mut u32) -> Option<Atom> {
        let quantifier = Quantifier::from(doc.contacts?);
        match quantifier {
            Quantifier::AtLeast(n) => {
                self.problems.within(&place.key("contacts").key("at_least"), n, 1, 1_000_000);
            }
            Quantifier::PercentAtLeast(percent) => {
                self.problems.within(&place.key("contacts").key("percent_at_least"), percent, 1, 100);
            }
            Quantifier::Any | Quantifier::All | Quantifier::None => {}
        }
        let Some(condition) = doc.where_.as_deref() else {
            self.problems.say(place, "`where` is missing");
            return None;
        };
        let condition = self.contact_condition(&place.key("where"), condition, nodes)?;
        Some(Atom::Contacts { quantifier, condition })
    }

    fn missing(&mut self, place: &Place<'_>, doc: &MissingDoc) -> Option<Atom> {
        match (&doc.measure, &doc.trait_, doc.health) {
            (Some(name), None, None) => self.measure(&place.key("measure"), name).map(Atom::MeasureMissing),
            (None, Some(name), None) => {
                self.text(&place.key("trait"), name);
                Some(Atom::TraitMissing { name: name.clone() })
            }
            (None, None, Some(HealthPart::Score)) => Some(Atom::HealthMissing),
            _ => {
                self.problems.say(place, "missing is asked of exactly one measure, trait or `health: score`");
                None
            }
        }
    }
}
