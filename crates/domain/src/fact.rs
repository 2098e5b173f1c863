//! What is known about an account because somebody said so.

use crate::{
    ids::{ContactId, FactId},
    time::Instant,
    value::Value,
};

/// A fact about one account. Facts commute: whatever the order of arrival, the state is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub id: FactId,
    /// When it happened.
    pub event_at: Instant,
    pub kind: FactKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactKind {
    Usage(Usage),
    AccountTraits(Vec<(String, Value)>),
    ContactTraits {
        contact: ContactId,
        traits: Vec<(String, Value)>,
    },
    ContactMembership {
        contact: ContactId,
        member: bool,
    },
    /// Terms of one of the account's contracts; those that are not named stay as they are.
    ContractTerms {
        contract: String,
        terms: Vec<(String, Value)>,
    },
}

impl FactKind {
    /// At the same instant what is known of an account comes before what was done there: the lower goes first.
    pub fn rank(&self) -> u8 {
        match self {
            Self::AccountTraits(_) | Self::ContractTerms { .. } => 1,
            Self::ContactTraits { .. } => 2,
            Self::ContactMembership { .. } => 3,
            Self::Usage(_) => 4,
        }
    }
}

/// A contact (or nobody named) did something in the product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    pub contact: Option<ContactId>,
    pub event: String,
    /// Sorted by name.
    pub properties: Vec<(String, Value)>,
    /// Whether it moves "last seen".
    pub active: bool,
}

impl Usage {
    /// The property of this name.
    pub fn property(&self, name: &str) -> Option<&Value> {
        let place = self.properties.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
        Some(&self.properties[place].1)
    }
}
