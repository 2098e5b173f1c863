//! One account at one instant: what every rule is asked of.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    account::Account,
    boundaries::{ages, numbers},
    calendar::Calendar,
    catalogue::Catalogue,
    measure::tracker,
    number::Number,
    story::Band,
};

static NOWHERE: BTreeSet<String> = BTreeSet::new();

#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) account: &'a Account,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) calendar: &'a Calendar,
    pub(crate) activated: &'a BTreeMap<String, u64>,
    pub(crate) numbers: &'a BTreeSet<Number>,
    pub(crate) ages: &'a BTreeSet<i64>,
    /// As said last.
    pub(crate) health: Health,
    /// The segments that the account is in, as far as that is asked about.
    pub(crate) inside: &'a BTreeSet<String>,
    pub(crate) now: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Health {
    pub(crate) score: Option<u32>,
    pub(crate) band: Option<Band>,
}

/// What is in force in a workspace.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) catalogue: Catalogue,
    pub(crate) version: u64,
    pub(crate) calendar: Calendar,
    /// For whatever is kept only since a rule asks for it: the place of the first fold that it counts.
    activated: BTreeMap<String, u64>,
    numbers: BTreeSet<Number>,
    ages: BTreeSet<i64>,
}

impl Rules {
    /// In force from the fold at `place` on; what the rules before asked for goes on being counted.
    pub(crate) fn succeeding(
        before: Option<&Self>,
        catalogue: Catalogue,
        version: u64,
        calendar: Calendar,
        place: u64,
    ) -> Self {
        let since = |tracker: String| {
            let already = before.and_then(|before| before.activated.get(&tracker).copied());
            (tracker, already.unwrap_or(place))
        };
        let activated = catalogue.measures.values().filter_map(tracker).map(since).collect();
        let (numbers, ages) = (numbers(&catalogue), ages(&catalogue));
        Self { catalogue, version, calendar, activated, numbers, ages }
    }

    pub(crate) fn view<'a>(&'a self, account: &'a Account, health: Health, now: i64) -> View<'a> {
        View {
            account,
            catalogue: &self.catalogue,
            calendar: &self.calendar,
            activated: &self.activated,
            numbers: &self.numbers,
            ages: &self.ages,
            health,
            inside: &NOWHERE,
            now,
        }
    }
}

impl View<'_> {
    pub(crate) fn at(&self, now: i64) -> Self {
        Self { now, ..*self }
    }
}
