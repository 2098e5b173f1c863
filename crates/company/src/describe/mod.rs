//! What a company turned out to be, figure by figure, beside what it was ordered to be.
//!
//! Invariant: what events can tell is counted in the events, and not taken from the plan.

mod planned;
mod seen;

use crate::company::{Company, OneDay};
use crate::truth::Truth;
use seen::Seen;

/// A figure, and over how many it was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub name: String,
    pub unit: Unit,
    pub target: Target,
    pub generated: f64,
    pub of: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A part of one, told in per cent.
    Part,
    Days,
    Times,
    Count,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    About(f64),
    Between(f64, f64),
    /// Nobody asked for a certain one.
    None,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    pub figures: Vec<Figure>,
}

/// Watches the days go by.
pub struct Observer {
    truth: Truth,
    seen: Seen,
}

impl Description {
    /// Lets the whole history happen.
    #[must_use]
    pub fn of(company: Company) -> Self {
        let mut observer = Observer::new(company.truth());
        for day in company {
            observer.see(&day);
        }
        observer.description()
    }

    #[must_use]
    pub fn figure(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }
}

impl Observer {
    #[must_use]
    pub fn new(truth: Truth) -> Self {
        Self { seen: Seen::new(&truth), truth }
    }

    pub fn see(&mut self, day: &OneDay) {
        self.seen.see(day);
    }

    #[must_use]
    pub fn description(self) -> Description {
        let mut figures = planned::figures(&self.truth);
        figures.extend(self.seen.figures(&self.truth));
        Description { figures }
    }
}

impl Figure {
    fn new(name: impl Into<String>, unit: Unit, target: Target, generated: f64, of: usize) -> Self {
        Self { name: name.into(), unit, target, generated, of }
    }

    /// A part of so many; nothing of nobody.
    fn part(name: impl Into<String>, target: f64, of_them: usize, of: usize) -> Self {
        Self::new(name, Unit::Part, Target::About(target), share(of_them, of), of)
    }

    /// What was asked for, in words; nothing if nobody asked.
    #[must_use]
    pub fn target_in_words(&self) -> String {
        match self.target {
            Target::About(about) => self.unit.in_words(about),
            Target::Between(low, high) => {
                format!("{} to {}", self.unit.number(low), self.unit.in_words(high))
            }
            Target::None => String::new(),
        }
    }

    #[must_use]
    pub fn generated_in_words(&self) -> String {
        self.unit.in_words(self.generated)
    }
}

impl Unit {
    fn number(self, value: f64) -> String {
        match self {
            Self::Part => format!("{:.1}", value * 100.0),
            Self::Days | Self::Count => format!("{value:.0}"),
            Self::Times => format!("{value:.2}"),
        }
    }

    fn in_words(self, value: f64) -> String {
        let number = self.number(value);
        match self {
            Self::Part => format!("{number} %"),
            Self::Days => format!("{number} days"),
            Self::Times | Self::Count => number,
        }
    }
}

fn share(of_them: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { of_them as f64 / of as f64 }
}

/// The middle one; of an even number the upper of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
