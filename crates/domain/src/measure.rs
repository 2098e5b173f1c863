//! Measures: numbers computed from an account's usage and traits. Compiled: references are places in the list, and
//! what a measure reads is known, so that a fact touches only the measures that it can change.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::{
    contract::{self, Verdict},
    fact::{Fact, FactKind},
    quantity::Quantity,
    usage::{
        events::Events,
        series::{Filter, Keeps, SeriesId, SeriesSpec},
        window::{Grain, Window},
    },
};

/// A measure's place in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MeasureIx(pub u32);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    pub name: String,
    pub kind: MeasureKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeasureKind {
    Windowed {
        aggregate: Aggregate,
        source: Source,
        window: Window,
    },
    /// Days of 24 hours elapsed since the first or the last active usage.
    Since {
        end: End,
        events: Events,
    },
    /// The value of a windowed measure less that of the window of the same length before it.
    Change {
        of: MeasureIx,
    },
    /// Unknown where the second is below `to_at_least`.
    Ratio {
        of: MeasureIx,
        to: MeasureIx,
        to_at_least: Option<Quantity>,
    },
    /// The first of these that is known.
    FirstKnown {
        of: Vec<MeasureIx>,
    },
    /// An account trait that is a number; unknown once it was last set so many days of 24 hours ago.
    Trait {
        name: String,
        fades_after: Option<u32>,
    },
    /// What an account trait was so many days of 24 hours ago, if that is a number.
    TraitBefore {
        name: String,
        days: u32,
    },
    /// Calendar days until the day that an account trait names.
    DaysUntil {
        name: String,
    },
    Contract(OfContracts),
}

/// What a measure reads of an account's contracts. The first three are of the one that decides next: the open one whose
/// decision comes first, then by its end, then by its id; those without a day of decision are left out.
///
/// A sum is of one currency: of the one that is named, and then those of others do not count, else of the one that all
/// have; unknown where they have several, where none of those that count says its ARR, and where no contract is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfContracts {
    /// Calendar days until the decision; negative when past.
    DecisionDays,
    /// Calendar days until its end.
    RenewalDays,
    TermDays,
    /// How many are in force, with this verdict or with any.
    Count {
        verdict: Option<Verdict>,
    },
    /// The ARR of those in force, likewise.
    Arr {
        currency: Option<String>,
        verdict: Option<Verdict>,
    },
    /// The ARR of the open ones that decide within so many days, or should have.
    ValueDue {
        days: u32,
        currency: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregate {
    Count,
    Sum,
    Min,
    Max,
    Average,
    DistinctContacts,
    DistinctValues,
    DaysActive,
    /// Days from one active day to the next.
    MedianGap,
    /// Events on an active day.
    MedianPerDay,
    /// The share of a set of events of which there were any.
    Breadth,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    First,
    Last,
}

/// Where a windowed measure's numbers are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The counts a day that are kept anyway, of each event and of all usage: true over the past at once.
    Always { events: Events },
    /// The same, each event by itself, of one set or another. `events` are those of all of them.
    Sets { choice: SetChoice, events: Events },
    /// A series, known from its activation on.
    Series { id: SeriesId, events: Events },
}

/// The set of events that a measure looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetChoice {
    One(BTreeSet<String>),
    /// The one that belongs to the value of an account trait; none is known for other values.
    ByTrait {
        name: String,
        sets: BTreeMap<String, BTreeSet<String>>,
    },
}

/// Which usage a windowed measure looks at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    pub events: Events,
    pub property: Option<String>,
    pub filters: Vec<Filter>,
}

/// A value at which a comparison of a measure flips, and on which side of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    pub value: Quantity,
    pub side: Side,
}

/// `at_least`, `less_than` and steps of a curve tell values below from the value itself; `more_than` and `at_most`
/// tell the value itself from those above; `is` and `is_not` do both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// Below, or at it.
    At,
    /// At it, or above.
    After,
}

impl Measure {
    /// A measure over a window, and the series that it needs, if it needs one.
    pub fn windowed(
        name: String,
        aggregate: Aggregate,
        selection: Selection,
        window: Window,
    ) -> (Self, Option<SeriesSpec>) {
        let Selection { events, property, filters } = selection;
        let keeps = aggregate.keeps();
        let property = property.filter(|_| matches!(keeps, Keeps::Numbers | Keeps::Values));
        let kept_anyway = keeps == Keeps::Count && filters.is_empty() && window.grain() == Grain::Day;
        if kept_anyway {
            let kind = MeasureKind::Windowed { aggregate, source: Source::Always { events }, window };
            return (Self { name, kind }, None);
        }
        let spec = SeriesSpec { events: events.clone(), property, filters, keeps, grain: window.grain() };
        let kind =
            MeasureKind::Windowed { aggregate, source: Source::Series { id: spec.id(), events }, window };
        (Self { name, kind }, Some(spec))
    }

    /// The share of a set of events of which there were any in so many days.
    pub fn breadth(name: String, choice: SetChoice, window: Window) -> Self {
        let events = Events::of_set(choice.sets().flatten().cloned());
        let source = Source::Sets { choice, events };
        Self { name, kind: MeasureKind::Windowed { aggregate: Aggregate::Breadth, source, window } }
    }

    /// The window, when it has one of its own.
    pub fn window(&self) -> Option<Window> {
        match self.kind {
            MeasureKind::Windowed { window, .. } => Some(window),
            _ => None,
        }
    }

    /// What must be kept for it beyond the counts that are kept anyway.
    pub fn series(&self) -> Option<SeriesId> {
        match self.kind {
            MeasureKind::Windowed { source: Source::Series { id, .. }, .. } => Some(id),
            _ => None,
        }
    }

    /// The measures that it is computed from.
    pub fn inputs(&self) -> impl Iterator<Item = MeasureIx> {
        let (first, second, more) = match &self.kind {
            MeasureKind::Change { of } => (Some(*of), None, &[][..]),
            MeasureKind::Ratio { of, to, .. } => (Some(*of), Some(*to), &[][..]),
            MeasureKind::FirstKnown { of } => (None, None, &of[..]),
            _ => (None, None, &[][..]),
        };
        first.into_iter().chain(second).chain(more.iter().copied())
    }

    /// The usage that it reads itself.
    fn events(&self) -> Option<&Events> {
        match &self.kind {
            MeasureKind::Windowed {
                source:
                    Source::Always { events } | Source::Sets { events, .. } | Source::Series { events, .. },
                ..
            }
            | MeasureKind::Since { events, .. } => Some(events),
            _ => None,
        }
    }

    /// The account traits that it reads itself.
    fn account_traits(&self) -> impl Iterator<Item = &str> {
        let of_contracts = matches!(self.kind, MeasureKind::Contract(_)).then_some(contract::TRAITS);
        self.account_trait().into_iter().chain(of_contracts.into_iter().flatten())
    }

    fn account_trait(&self) -> Option<&str> {
        match &self.kind {
            MeasureKind::Windowed {
                source: Source::Sets { choice: SetChoice::ByTrait { name, .. }, .. },
                ..
            }
            | MeasureKind::Trait { name, .. }
            | MeasureKind::TraitBefore { name, .. }
            | MeasureKind::DaysUntil { name } => Some(name),
            _ => None,
        }
    }
}

impl SetChoice {
    fn sets(&self) -> impl Iterator<Item = &BTreeSet<String>> {
        let (one, more) = match self {
            Self::One(set) => (Some(set), None),
            Self::ByTrait { sets, .. } => (None, Some(sets.values())),
        };
        one.into_iter().chain(more.into_iter().flatten())
    }
}

impl Aggregate {
    fn keeps(self) -> Keeps {
        match self {
            Self::Count | Self::DaysActive | Self::MedianGap | Self::MedianPerDay | Self::Breadth => {
                Keeps::Count
            }
            Self::Sum | Self::Min | Self::Max | Self::Average => Keeps::Numbers,
            Self::DistinctContacts => Keeps::Contacts,
            Self::DistinctValues => Keeps::Values,
        }
    }
}

/// The measures of one version of a catalogue, with what each fact can touch. Invariant: inputs lie in the list, and
/// no measure is computed from itself.
#[derive(Debug, Clone, Default)]
pub struct Measures {
    list: Vec<Measure>,
    by_name: HashMap<String, MeasureIx>,
    by_event: HashMap<String, Vec<MeasureIx>>,
    /// Of usage that no measure names.
    by_any_event: Vec<MeasureIx>,
    by_trait: HashMap<String, Vec<MeasureIx>>,
    by_contract: Vec<MeasureIx>,
}

impl Measures {
    pub fn new(list: Vec<Measure>) -> Self {
        let by_name = place_of(&list).map(|(ix, measure)| (measure.name.clone(), ix)).collect();
        let events: BTreeSet<&str> =
            list.iter().filter_map(Measure::events).flat_map(Events::names).collect();
        let traits: BTreeSet<&str> = list.iter().flat_map(Measure::account_traits).collect();
        let reads =
            |event: &str, measure: &Measure| measure.events().is_some_and(|events| events.takes(event));
        let by_event = events
            .iter()
            .map(|event| ((*event).to_owned(), touched(&list, |measure| reads(event, measure))))
            .collect();
        let by_any_event = touched(&list, |measure| measure.events().is_some_and(Events::is_all));
        let by_trait = traits
            .iter()
            .map(|name| {
                ((*name).to_owned(), touched(&list, |measure| measure.account_traits().any(|it| it == *name)))
            })
            .collect();
        let by_contract = touched(&list, |measure| matches!(measure.kind, MeasureKind::Contract(_)));
        Self { by_name, by_event, by_any_event, by_trait, by_contract, list }
    }

    pub fn list(&self) -> &[Measure] {
        &self.list
    }

    pub fn get(&self, ix: MeasureIx) -> &Measure {
        &self.list[ix.0 as usize]
    }

    pub fn by_name(&self, name: &str) -> Option<MeasureIx> {
        self.by_name.get(name).copied()
    }

    /// What usage of this name can change, rising, with the changes and ratios computed from it.
    pub fn touched_by_event(&self, event: &str) -> &[MeasureIx] {
        self.by_event.get(event).unwrap_or(&self.by_any_event)
    }

    /// What an account trait of this name can change, rising.
    pub fn touched_by_trait(&self, name: &str) -> &[MeasureIx] {
        self.by_trait.get(name).map_or(&[], Vec::as_slice)
    }

    /// What is said of a contract can change these, rising.
    pub fn touched_by_contract(&self) -> &[MeasureIx] {
        &self.by_contract
    }

    /// What a fact can change, rising, into a list that is cleared first.
    pub fn touched_by(&self, fact: &Fact, touched: &mut Vec<MeasureIx>) {
        touched.clear();
        match &fact.kind {
            FactKind::Usage(usage) => touched.extend_from_slice(self.touched_by_event(&usage.event)),
            FactKind::AccountTraits(traits) => {
                for (name, _) in traits {
                    touched.extend_from_slice(self.touched_by_trait(name));
                }
                touched.sort_unstable();
                touched.dedup();
            }
            FactKind::ContractTerms { .. } => touched.extend_from_slice(self.touched_by_contract()),
            FactKind::ContactTraits { .. } | FactKind::ContactMembership { .. } => {}
        }
    }
}

fn place_of(list: &[Measure]) -> impl Iterator<Item = (MeasureIx, &Measure)> {
    // A catalogue's limits keep lists far below 2^32.
    list.iter().enumerate().map(|(place, measure)| (MeasureIx(place as u32), measure))
}

/// The measures that read what changed, and those computed from them, however far.
fn touched(list: &[Measure], reads: impl Fn(&Measure) -> bool) -> Vec<MeasureIx> {
    let mut found: BTreeSet<MeasureIx> =
        place_of(list).filter(|(_, measure)| reads(measure)).map(|(ix, _)| ix).collect();
    loop {
        let more: Vec<MeasureIx> = place_of(list)
            .filter(|(ix, measure)| {
                !found.contains(ix) && measure.inputs().any(|input| found.contains(&input))
            })
            .map(|(ix, _)| ix)
            .collect();
        if more.is_empty() {
            return found.into_iter().collect();
        }
        found.extend(more);
    }
}
