//! Segments: accounts that share something.

use crate::condition::{ConditionId, Expressions};

/// An account enters when the one condition has been true for so long, and leaves when the other is not true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub name: String,
    /// Its name, if none was given.
    pub title: String,
    pub enters: ConditionId,
    /// True wherever `enters` is, so that nobody leaves at once; most often the same.
    pub stays: ConditionId,
    /// How long `enters` must have been true without a break, milliseconds; mostly 0.
    pub hold_ms: i64,
}

impl Segment {
    /// What is asked of somebody who is a member, or is not.
    pub fn condition(&self, is_member: bool) -> ConditionId {
        if is_member { self.stays } else { self.enters }
    }

    /// The segments that it asks about.
    pub(crate) fn others<'e>(&self, expressions: &'e Expressions) -> impl Iterator<Item = &'e str> {
        // Whatever entering asks, staying asks.
        expressions.atoms_in(self.stays).into_iter().filter_map(|atom| expressions.get(atom).segment())
    }
}
