//! An account: what is known about it from the facts in its log, and the measures that follow.
//!
//! Invariants: folding cannot fail; the state is a function of the set of facts folded between two activations, not
//! of their order; everything in it is bounded, and says so when a bound was met.

mod codec;
mod contracts;
mod measuring;
mod traits;
mod waking;

#[cfg(test)]
mod tests;

pub use codec::DecodeError;
pub use measuring::Measured;
pub use traits::Traits;

use crate::{
    bounded::Bounded,
    calendar::Calendar,
    changes::{Change, Changes},
    fact::{Fact, FactKind, Usage},
    ids::ContactId,
    time::Instant,
    usage::{
        kept::{Contribution, Counted, SeriesState, hour_of},
        series::{SeriesId, SeriesSet},
        window::Grain,
    },
};

/// Event names kept of an account: the first in alphabetical order.
pub const EVENTS_MOST: usize = 256;
/// Contacts kept of an account: those with the smallest ids.
pub const CONTACTS_MOST: usize = 10_000;
/// Contracts kept of an account: the first in alphabetical order of their ids.
pub const CONTRACTS_MOST: usize = 32;
/// Traits kept of an account, or of a contact, and terms of a contract: the first in alphabetical order.
pub const TRAITS_MOST: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    traits: Traits,
    contacts: Bounded<ContactId, Contact, CONTACTS_MOST>,
    usage: Counted,
    events: Bounded<Box<str>, Counted, EVENTS_MOST>,
    /// Rising by id; only those that something belongs to.
    series: Vec<(SeriesId, SeriesState)>,
    /// The terms of each, by its id.
    contracts: Bounded<Box<str>, Traits, CONTRACTS_MOST>,
}

/// A person at the account, as the account knows them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contact {
    membership: Changes<bool>,
    last_seen: Option<Instant>,
    traits: Traits,
}

/// Which bounds were met: answers that depend on them are lower bounds, or unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Saturation {
    pub events: bool,
    pub contacts: bool,
    pub traits: bool,
    pub contracts: bool,
    /// A day, or hour, of a distinct count.
    pub distinct: bool,
}

impl Account {
    /// Takes a fact. Instants in the future are the edge's to refuse.
    pub fn fold(&mut self, fact: &Fact, series: &SeriesSet, calendar: &Calendar) {
        match &fact.kind {
            FactKind::Usage(usage) => self.fold_usage(usage, fact.event_at, series, calendar),
            FactKind::AccountTraits(traits) => self.traits.set(traits, fact),
            FactKind::ContactTraits { contact, traits } => {
                if let Some(contact) = self.contacts.slot(contact) {
                    contact.traits.set(traits, fact);
                }
            }
            FactKind::ContactMembership { contact, member } => {
                if let Some(contact) = self.contacts.slot(contact) {
                    contact.membership.set(Change::new(fact.event_at, fact.id, *member));
                }
            }
            FactKind::ContractTerms { contract, terms } => {
                if let Some(known) = self.contracts.slot(contract.as_str()) {
                    known.set(terms, fact);
                }
            }
        }
    }

    /// A version of the catalogue takes effect: series that it does not have are forgotten. Those that are new begin
    /// with the facts folded from here on.
    pub fn activate(&mut self, series: &SeriesSet) {
        self.series.retain(|(id, _)| series.contains(*id));
    }

    pub fn traits(&self) -> &Traits {
        &self.traits
    }

    /// Whoever is at the account now, by id.
    pub fn members(&self) -> impl Iterator<Item = (ContactId, &Contact)> {
        self.contacts.iter().filter(|(_, contact)| contact.is_member()).map(|(id, contact)| (*id, contact))
    }

    /// A contact that was heard of here, member or not.
    pub fn contact(&self, id: ContactId) -> Option<&Contact> {
        self.contacts.get(&id)
    }

    /// When it was first used by somebody active.
    pub fn first_seen(&self) -> Option<Instant> {
        self.usage.seen.map(|seen| seen.first)
    }

    /// When it was last used by somebody active.
    pub fn last_seen(&self) -> Option<Instant> {
        self.usage.seen.map(|seen| seen.last)
    }

    /// The event names that are kept, in order.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        self.events.iter().map(|(name, _)| &**name)
    }

    pub fn saturation(&self) -> Saturation {
        Saturation {
            events: self.events.saturated,
            contacts: self.contacts.saturated,
            contracts: self.contracts.saturated,
            traits: self.traits.saturated()
                || self.contacts.iter().any(|(_, contact)| contact.traits.saturated()),
            distinct: self.series.iter().any(|(_, series)| series.saturated()),
        }
    }

    fn fold_usage(&mut self, usage: &Usage, at: Instant, series: &SeriesSet, calendar: &Calendar) {
        let day = calendar.day_of(at).0;
        self.usage.add(at, day, usage.active);
        if let Some(counted) = self.events.slot(usage.event.as_str()) {
            counted.add(at, day, usage.active);
        }
        if usage.active {
            let contact = usage.contact.and_then(|contact| self.contacts.slot(&contact));
            if let Some(contact) = contact {
                contact.last_seen = contact.last_seen.max(Some(at));
            }
        }
        for (id, spec) in series.of_event(&usage.event) {
            if let Some(contribution) = Contribution::of(usage, spec) {
                let bucket = if spec.grain == Grain::Day { day } else { hour_of(at) };
                self.series_slot(id, || SeriesState::new(spec.keeps)).add(contribution, bucket, spec.grain);
            }
        }
    }

    fn series_slot(&mut self, id: SeriesId, new: impl FnOnce() -> SeriesState) -> &mut SeriesState {
        let place = match self.series.binary_search_by_key(&id, |(id, _)| *id) {
            Ok(place) => place,
            Err(place) => {
                self.series.insert(place, (id, new()));
                place
            }
        };
        &mut self.series[place].1
    }

    fn series(&self, id: SeriesId) -> Option<&SeriesState> {
        self.series.binary_search_by_key(&id, |(id, _)| *id).ok().map(|place| &self.series[place].1)
    }
}

impl Contact {
    pub fn is_member(&self) -> bool {
        self.membership.current() == Some(&true)
    }

    pub fn traits(&self) -> &Traits {
        &self.traits
    }

    /// When they last used the product here.
    pub fn last_seen(&self) -> Option<Instant> {
        self.last_seen
    }
}
