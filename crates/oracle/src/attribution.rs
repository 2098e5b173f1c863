//! Which facts belong in which account, from the records of the inbox.

/// A fact that an account must have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attributed {
    pub workspace: String,
    pub account: String,
}

/// What attribution should have forwarded, as a sorted list.
pub fn attributed(_inbox: &[crate::Record]) -> Vec<Attributed> {
    Vec::new()
}
