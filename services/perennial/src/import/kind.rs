//! What can be imported, and what a row of it must and may say.

use clap::ValueEnum;

/// What the rows of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Customer companies: a row becomes a `group` call with traits.
    Accounts,
    /// People at them: a row becomes an `identify` call with traits.
    Contacts,
    /// What accounts have agreed to: a row becomes a `track` call `Contract Updated`.
    Contracts,
    /// What contacts did: a row becomes a `track` call with properties.
    History,
}

/// What a row says beside its traits or properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    /// Of the account, the contact or the contract that the row is about.
    Id,
    Event,
    Time,
    Contact,
    Account,
    MessageId,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Contacts => "contacts",
            Self::Contracts => "contracts",
            Self::History => "history",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::value_variants().iter().copied().find(|kind| kind.name() == name)
    }

    pub(crate) fn slots(self) -> &'static [Slot] {
        match self {
            Self::Accounts => &[Slot::Id, Slot::Time],
            Self::Contacts | Self::Contracts => &[Slot::Id, Slot::Account, Slot::Time],
            Self::History => &[Slot::Event, Slot::Time, Slot::Contact, Slot::Account, Slot::MessageId],
        }
    }

    /// Without which no row is sent.
    pub(crate) fn must_have(self, slot: Slot) -> bool {
        match self {
            Self::Accounts | Self::Contacts => slot == Slot::Id,
            Self::Contracts => matches!(slot, Slot::Id | Slot::Account),
            Self::History => matches!(slot, Slot::Event | Slot::Time),
        }
    }

    /// What the rest of a row becomes.
    pub(crate) fn values(self) -> &'static str {
        match self {
            Self::Accounts | Self::Contacts => "traits",
            Self::Contracts => "terms",
            Self::History => "properties",
        }
    }
}

impl Slot {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Event => "event",
            Self::Time => "time",
            Self::Contact => "contact",
            Self::Account => "account",
            Self::MessageId => "message_id",
        }
    }
}

/// Whether an object of this name holds all traits, all terms, or all properties.
pub(crate) fn is_whole(name: &str) -> bool {
    matches!(name, "traits" | "terms" | "properties")
}
