//! Conditions: a typed tree over measures, traits, health and contacts, in three-valued logic, compiled into arrays.
//!
//! Invariant: a condition holds only where its truth is `True`; what is unknown makes nobody a member.

mod atom;
mod contact;
mod expression;
mod filter;
mod traits;
mod truth;
mod words;

pub(crate) use atom::cut;
pub use atom::{Atom, Sight};
pub use contact::{ContactCondition, Quantifier, Tally};
pub use expression::{AtomId, ConditionId, Expressions};
pub use truth::Truth;

pub use crate::{comparison::Comparison, usage::series::Filter};
