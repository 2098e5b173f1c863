//! Why a condition is what it is: the comparisons that made it so, in words.

use crate::{
    account::{Value, texts},
    condition::{Comparison, Condition, Quantifier},
    story::Reason,
    view::View,
};

impl View<'_> {
    /// The comparisons that decide the condition, in its order, each once.
    pub(crate) fn reasons(&self, condition: &Condition) -> Vec<Reason> {
        let mut reasons: Vec<Reason> = Vec::new();
        self.gather(condition, &mut |reason| {
            if reasons.iter().all(|known| known.comparison != reason.comparison) {
                reasons.push(reason);
            }
        });
        reasons
    }

    fn gather(&self, condition: &Condition, found: &mut dyn FnMut(Reason)) {
        match condition {
            Condition::All(parts) | Condition::Any(parts) => {
                let truth = self.holds(condition);
                for part in parts.iter().filter(|part| self.holds(part) == truth) {
                    self.gather(part, found);
                }
            }
            Condition::Not(inner) | Condition::NotTrue(inner) => self.gather(inner, found),
            Condition::Named(name) => {
                if let Some(named) = self.catalogue.conditions.get(name) {
                    self.gather(named, found);
                }
            }
            comparison => found(Reason {
                comparison: comparison.text(),
                value: self.value(comparison),
                holds: self.holds(comparison) == Some(true),
            }),
        }
    }

    /// What is compared, as it stands; empty: unknown.
    fn value(&self, condition: &Condition) -> String {
        match condition {
            Condition::Measure(name, _) | Condition::MissingMeasure(name) => {
                self.measure(name).map_or(String::new(), |value| value.to_string())
            }
            Condition::Trait(name, _)
            | Condition::TraitFor { name, .. }
            | Condition::MissingTrait(name)
            | Condition::Stale { name, .. } => {
                self.account.traits().value(name).map_or(String::new(), |value| value.text())
            }
            Condition::Score(_) | Condition::MissingScore => {
                self.health.score.map_or(String::new(), |score| score.to_string())
            }
            Condition::Band(_) => self.health.band.map_or("", |band| band.name()).to_owned(),
            Condition::Contacts(_, inner) => {
                let members = self.account.members();
                let surely = members.iter().filter(|c| self.holds_of(**c, inner) == Some(true)).count();
                format!("{surely} of {}", members.len())
            }
            Condition::InSegment(name) => {
                if self.inside.contains(name) { "member" } else { "no member" }.to_owned()
            }
            _ => String::new(),
        }
    }
}

impl Condition {
    /// In words.
    fn text(&self) -> String {
        let joined = |parts: &[Condition], word: &str| {
            format!("({})", parts.iter().map(Condition::text).collect::<Vec<_>>().join(word))
        };
        match self {
            Self::All(parts) => joined(parts, " and "),
            Self::Any(parts) => joined(parts, " or "),
            Self::Not(inner) | Self::NotTrue(inner) => format!("not {}", inner.text()),
            Self::Measure(name, comparison) | Self::Trait(name, comparison) => {
                format!("{name} {}", comparison.text())
            }
            Self::TraitFor { name, value, days } => {
                format!("{name} is {} for {days} days", value.as_ref().map_or(String::new(), Value::text))
            }
            Self::Score(comparison) => format!("health score {}", comparison.text()),
            Self::Band(comparison) => format!("health band {}", comparison.text()),
            Self::Contacts(how, inner) => format!("{}: {}", how.text(), inner.text()),
            Self::MissingMeasure(name) | Self::MissingTrait(name) => format!("{name} missing"),
            Self::MissingScore => "health score missing".to_owned(),
            Self::Stale { name, days } => format!("{name} stale for {days} days"),
            Self::LastSeen(comparison) => format!("days since last seen {}", comparison.text()),
            Self::Named(name) => name.clone(),
            Self::InSegment(name) => format!("in segment {name}"),
        }
    }
}

impl Quantifier {
    fn text(self) -> String {
        match self {
            Self::All => "all contacts".to_owned(),
            Self::Any => "any contact".to_owned(),
            Self::None => "no contact".to_owned(),
            Self::AtLeast(n) => format!("at least {n} contacts"),
            Self::PercentAtLeast(n) => format!("at least {n}% of contacts"),
        }
    }
}

impl Comparison {
    fn text(&self) -> String {
        let text = |value: &Option<Value>| value.as_ref().map_or(String::new(), Value::text);
        match self {
            Self::Is(value) => format!("is {}", text(value)),
            Self::IsNot(value) => format!("is not {}", text(value)),
            Self::In(values) => format!("in {}", texts(values)),
            Self::AtLeast(n) => format!("at least {}", n.exact()),
            Self::AtMost(n) => format!("at most {}", n.exact()),
            Self::MoreThan(n) => format!("more than {}", n.exact()),
            Self::LessThan(n) => format!("less than {}", n.exact()),
            Self::Contains(part) => format!("contains {part}"),
            Self::Exists(true) => "exists".to_owned(),
            Self::Exists(false) => "does not exist".to_owned(),
        }
    }
}
