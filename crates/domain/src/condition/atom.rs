//! Comparisons: the leaves of conditions.

use std::collections::BTreeSet;

use super::{AtomId, ConditionId, ContactCondition, Quantifier, Truth, traits};
use crate::{
    account::{Account, Measured},
    catalogue::Catalogue,
    comparison::Comparison,
    decision::{Reason, Score},
    measure::{MeasureIx, Measures},
    planted::{self, Bug},
    quantity::Quantity,
    threshold::reaches,
    time::Instant,
    value::Value,
};

/// One comparison of a condition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Atom {
    Measure {
        measure: MeasureIx,
        comparison: Comparison,
    },
    MeasureMissing(MeasureIx),
    Trait {
        name: String,
        comparison: Comparison,
    },
    TraitSince {
        name: String,
        value: Value,
        days: u32,
    },
    TraitMissing {
        name: String,
    },
    TraitStale {
        name: String,
        days: u32,
    },
    Score(Comparison),
    /// The band is compared as its name.
    Band(Comparison),
    HealthMissing,
    /// Segments ask it of memberships as they will be, which their reader knows; playbooks of what was said.
    InSegment {
        name: String,
    },
    Contacts {
        quantifier: Quantifier,
        condition: ContactCondition,
    },
}

/// What a condition is asked of: one account, at one instant.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    pub account: &'a Account,
    pub health: Option<Score>,
    /// Segments that the account is in, as was said.
    pub members: &'a BTreeSet<String>,
    pub catalogue: &'a Catalogue,
    pub now: Instant,
}

impl<'a> Sight<'a> {
    pub fn measured(&self, measure: MeasureIx) -> Measured<'a> {
        let Catalogue { measures, calendar, .. } = self.catalogue;
        self.account.measured(measures.get(measure), measures.list(), self.now, calendar)
    }

    pub fn measure(&self, measure: MeasureIx) -> Option<Quantity> {
        self.measured(measure).value()
    }

    pub fn atom(&self, atom: AtomId) -> &Atom {
        self.catalogue.conditions.get(atom)
    }

    /// The comparisons that make a condition what it is, each text once.
    pub fn reasons(&self, condition: ConditionId, of: &mut impl FnMut(AtomId) -> Truth) -> Vec<Reason> {
        let mut reasons: Vec<Reason> = Vec::new();
        for id in self.catalogue.conditions.decisive(condition, of) {
            let atom = self.atom(id);
            let comparison = cut(atom.text(&self.catalogue.measures));
            if !reasons.iter().any(|known| known.comparison == comparison) {
                let holds = of(id).holds();
                let value = match atom {
                    Atom::InSegment { .. } => if holds { "member" } else { "no member" }.to_owned(),
                    atom => cut(atom.value(self)),
                };
                reasons.push(Reason { comparison, value, holds });
            }
        }
        reasons
    }

    fn band(&self) -> Option<Value> {
        self.health.map(|score| Value::Text(score.band.name().to_owned()))
    }

    fn points(&self) -> Option<Quantity> {
        self.health.map(|score| Quantity::int(i128::from(score.points)))
    }
}

/// Characters of a reason's texts; what is longer ends in an ellipsis.
const TEXT_MOST: usize = 200;

/// So that reasons, which go into records, are bounded whatever traits hold.
pub(crate) fn cut(text: String) -> String {
    match text.char_indices().nth(TEXT_MOST) {
        None => text,
        Some(_) => text.chars().take(TEXT_MOST - 1).chain(['…']).collect(),
    }
}

impl Atom {
    /// The measure that it reads.
    pub fn measure(&self) -> Option<MeasureIx> {
        match self {
            Self::Measure { measure, .. } | Self::MeasureMissing(measure) => Some(*measure),
            _ => None,
        }
    }

    /// The account trait that it reads.
    pub fn account_trait(&self) -> Option<&str> {
        match self {
            Self::Trait { name, .. }
            | Self::TraitSince { name, .. }
            | Self::TraitMissing { name }
            | Self::TraitStale { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The segment that it asks about.
    pub fn segment(&self) -> Option<&str> {
        match self {
            Self::InSegment { name } => Some(name),
            _ => None,
        }
    }

    pub fn reads_health(&self) -> bool {
        matches!(self, Self::Score(_) | Self::Band(_) | Self::HealthMissing)
    }

    /// Whether time alone can move it, reading no measure.
    pub(crate) fn is_timed(&self) -> bool {
        match self {
            Self::TraitSince { .. } | Self::TraitStale { .. } => true,
            Self::Contacts { condition, .. } => condition.is_timed(),
            _ => false,
        }
    }

    pub fn truth(&self, sight: &Sight<'_>) -> Truth {
        let own = sight.account.traits();
        match self {
            Self::Measure { measure, comparison } => {
                comparison.holds_quantity(sight.measure(*measure)).into()
            }
            Self::MeasureMissing(measure) => sight.measure(*measure).is_none().into(),
            Self::Trait { name, comparison } => comparison.holds(own.value(name)).into(),
            Self::TraitSince { name, value, days } => traits::held_for(own, name, value, *days, sight.now),
            Self::TraitMissing { name } => own.value(name).is_none().into(),
            Self::TraitStale { name, days } => traits::stale(own, name, *days, sight.now),
            Self::Score(comparison) => comparison.holds_quantity(sight.points()).into(),
            Self::Band(comparison) => comparison.holds(sight.band().as_ref()).into(),
            Self::HealthMissing => sight.health.is_none().into(),
            Self::InSegment { name } => sight.members.contains(name).into(),
            Self::Contacts { quantifier, condition } => {
                quantifier.truth(condition.tally(sight.account, sight.now))
            }
        }
    }

    /// The earliest instant after now at which it may flip with no new fact. Not asked of what reads a measure.
    pub fn wake(&self, sight: &Sight<'_>) -> Option<Instant> {
        let own = sight.account.traits();
        match self {
            Self::TraitSince { .. } | Self::TraitStale { .. } if planted::is(Bug::TraitTimerForgotten) => {
                None
            }
            Self::TraitSince { name, days, .. } => traits::after_days(own.since(name), *days, sight.now),
            Self::TraitStale { name, days } => traits::after_days(own.set_at(name), *days, sight.now),
            Self::Contacts { condition, .. } => condition.wake(sight.account, sight.now),
            _ => None,
        }
    }

    /// The earliest instant after now at which it may flip with no new fact, whatever it reads.
    pub(crate) fn turns(&self, sight: &Sight<'_>) -> Option<Instant> {
        match self {
            Self::Measure { measure, comparison } => {
                sight.measured(*measure).next_reach(&reaches(comparison))
            }
            Self::MeasureMissing(measure) => sight.measured(*measure).next_reach(&[]),
            _ => self.wake(sight),
        }
    }

    /// In words: `orders_84d at least 3`.
    pub fn text(&self, measures: &Measures) -> String {
        match self {
            Self::Measure { measure, comparison } => format!("{} {comparison}", measures.get(*measure).name),
            Self::MeasureMissing(measure) => format!("{} missing", measures.get(*measure).name),
            Self::Trait { name, comparison } => format!("{name} {comparison}"),
            Self::TraitSince { name, value, days } => format!("{name} is {value} for {days} days"),
            Self::TraitMissing { name } => format!("{name} missing"),
            Self::TraitStale { name, days } => format!("{name} stale for {days} days"),
            Self::Score(comparison) => format!("health score {comparison}"),
            Self::Band(comparison) => format!("health band {comparison}"),
            Self::HealthMissing => "health score missing".to_owned(),
            Self::InSegment { name } => format!("in segment {name}"),
            Self::Contacts { quantifier, condition } => format!("{quantifier}: {condition}"),
        }
    }

    /// What is compared, as it stands, in words; empty: unknown.
    pub fn value(&self, sight: &Sight<'_>) -> String {
        let text = |value: Option<String>| value.unwrap_or_default();
        match self {
            Self::Measure { measure, .. } | Self::MeasureMissing(measure) => sight.measured(*measure).text(),
            Self::Trait { name, .. }
            | Self::TraitSince { name, .. }
            | Self::TraitMissing { name }
            | Self::TraitStale { name, .. } => {
                text(sight.account.traits().value(name).map(ToString::to_string))
            }
            Self::Score(_) | Self::HealthMissing => text(sight.points().map(|points| points.to_string())),
            Self::Band(_) => text(sight.health.map(|score| score.band.name().to_owned())),
            Self::InSegment { .. } => String::new(),
            Self::Contacts { condition, .. } => {
                let tally = condition.tally(sight.account, sight.now);
                let kept = if sight.account.saturation().contacts { ", of those that are kept" } else { "" };
                format!("{} of {}{kept}", tally.surely, tally.members)
            }
        }
    }
}
