//! Which events a definition looks at.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// All usage, that of one event, or of a set of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Events {
    #[default]
    All,
    One(String),
    /// Of two or more.
    Set(BTreeSet<String>),
}

impl Events {
    /// Those of a set: one by itself is no other than that event.
    pub fn of_set(names: impl IntoIterator<Item = String>) -> Self {
        let mut names: BTreeSet<String> = names.into_iter().collect();
        match names.pop_first() {
            Some(one) if names.is_empty() => Self::One(one),
            first => Self::Set(names.into_iter().chain(first).collect()),
        }
    }

    pub fn takes(&self, event: &str) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => one == event,
            Self::Set(set) => set.contains(event),
        }
    }

    /// Those that are named; of all usage, none.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let (one, set) = match self {
            Self::All => (None, None),
            Self::One(one) => (Some(one), None),
            Self::Set(set) => (None, Some(set)),
        };
        one.into_iter().chain(set.into_iter().flatten()).map(String::as_str)
    }

    pub fn is_all(&self) -> bool {
        *self == Self::All
    }
}

impl From<Option<&str>> for Events {
    fn from(event: Option<&str>) -> Self {
        event.map_or(Self::All, |event| Self::One(event.to_owned()))
    }
}
