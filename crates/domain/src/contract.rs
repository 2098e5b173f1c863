//! A contract of an account: its term, what it is worth, and what the customer has decided.
//!
//! Its terms are settings, as traits are: each by itself the latest of its changes. An account of which no contract was
//! ever said has one all the same, made of its own traits, if they say when it renews or what it is worth.

use crate::{
    account::Traits,
    calendar::Calendar,
    quantity::Quantity,
    time::Day,
    value::{Decimal, Value},
};

/// Names of a contract's terms, as they are said of it.
pub mod term {
    pub const START: &str = "start_date";
    pub const END: &str = "end_date";
    pub const MONTHS: &str = "term_months";
    pub const NOTICE_DAYS: &str = "notice_days";
    pub const NOTICE_DEADLINE: &str = "notice_deadline";
    pub const AUTO_RENEW: &str = "auto_renew";
    pub const ARR: &str = "arr_minor";
    pub const CURRENCY: &str = "currency";
    pub const SEATS: &str = "seats";
    pub const PRODUCT: &str = "product";
    pub const STATUS: &str = "status";
    pub const VERDICT: &str = "verdict";
}

/// The account's trait that is the end of the contract made of traits; the other terms have the names of traits.
pub const RENEWAL_DATE: &str = "renewal_date";
/// The account traits that contracts are read from: all terms of the one made of traits, and the currency of any that
/// names none.
pub const TRAITS: [&str; 8] = [
    RENEWAL_DATE,
    term::MONTHS,
    term::NOTICE_DAYS,
    term::NOTICE_DEADLINE,
    term::AUTO_RENEW,
    term::ARR,
    term::CURRENCY,
    term::SEATS,
];

/// Days of notice that are believed.
pub const NOTICE_DAYS_MOST: i32 = 3_650;
/// Months of a term that are believed.
pub const MONTHS_MOST: i32 = 1_200;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Active,
    /// It was renewed: another term, or another contract, follows at its end.
    Renewed,
    /// Notice was given: nothing follows at its end.
    Ending,
    Ended,
}

/// What the customer has decided about what follows at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    Undecided,
    Renewing,
    NotRenewing,
}

impl Status {
    pub const ALL: [Self; 4] = [Self::Active, Self::Renewed, Self::Ending, Self::Ended];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Renewed => "renewed",
            Self::Ending => "ending",
            Self::Ended => "ended",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

impl Verdict {
    pub const ALL: [Self; 3] = [Self::Undecided, Self::Renewing, Self::NotRenewing];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Undecided => "undecided",
            Self::Renewing => "renewing",
            Self::NotRenewing => "not_renewing",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }
}

/// A contract as it stands. What was never said, or cannot be read, is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contract<'a> {
    /// Empty: it is made of the account's traits.
    pub id: &'a str,
    pub starts: Option<Day>,
    /// The day of renewal: the first that is no longer in the term.
    pub ends: Option<Day>,
    /// The last day on which the customer can decide.
    pub decides: Option<Day>,
    pub months: Option<i32>,
    pub auto_renew: bool,
    pub arr: Option<Decimal>,
    /// Empty: nobody says which.
    pub currency: &'a str,
    pub seats: Option<Decimal>,
    pub product: &'a str,
    pub status: Status,
    /// As the status says it, else as it was said.
    pub verdict: Verdict,
}

impl<'a> Contract<'a> {
    pub(crate) fn said(id: &'a str, terms: &'a Traits, of_account: &'a Traits, calendar: &Calendar) -> Self {
        let mut contract = Self::read(id, terms, term::END, calendar);
        if contract.currency.is_empty() {
            contract.currency = text(of_account, term::CURRENCY);
        }
        contract
    }

    /// Made of the account's traits, if they say when it renews or what it is worth.
    pub(crate) fn of_traits(traits: &'a Traits, calendar: &Calendar) -> Option<Self> {
        let says = [RENEWAL_DATE, term::NOTICE_DEADLINE, term::ARR];
        says.iter().find(|name| traits.value(name).is_some())?;
        let contract = Self::read("", traits, RENEWAL_DATE, calendar);
        // These are traits of other things where they are traits.
        let (status, verdict, starts, product) = (Status::Active, Verdict::Undecided, None, "");
        Some(Self { status, verdict, starts, product, ..contract })
    }

    fn read(id: &'a str, terms: &'a Traits, end: &str, calendar: &Calendar) -> Self {
        let day = |name| terms.value(name).and_then(|date| calendar.date(date));
        let ends = day(end);
        let auto_renew = terms.value(term::AUTO_RENEW) == Some(&Value::Bool(true));
        let notice = whole(terms, term::NOTICE_DAYS, 0, NOTICE_DAYS_MOST).filter(|_| auto_renew);
        let before_end = || Some(Day(ends?.0.saturating_sub(notice.unwrap_or(0))));
        let status = Status::parse(text(terms, term::STATUS)).unwrap_or(Status::Active);
        let verdict = match status {
            Status::Active => Verdict::parse(text(terms, term::VERDICT)).unwrap_or(Verdict::Undecided),
            Status::Renewed => Verdict::Renewing,
            Status::Ending | Status::Ended => Verdict::NotRenewing,
        };
        Self {
            id,
            starts: day(term::START),
            ends,
            decides: day(term::NOTICE_DEADLINE).or_else(before_end),
            months: whole(terms, term::MONTHS, 1, MONTHS_MOST),
            auto_renew,
            arr: decimal(terms, term::ARR),
            currency: text(terms, term::CURRENCY),
            seats: decimal(terms, term::SEATS),
            product: text(terms, term::PRODUCT),
            status,
            verdict,
        }
    }

    /// Whether somebody has still to decide about it.
    pub fn is_open(&self) -> bool {
        self.verdict == Verdict::Undecided
    }

    /// Whether its term is running. One that nobody has decided about goes on at its end until more is said.
    pub fn is_in_force(&self, today: Day) -> bool {
        let has_begun = self.starts.is_none_or(|day| day <= today);
        let is_over = self.lapses().is_some_and(|day| day <= today);
        self.status != Status::Ended && has_begun && !is_over
    }

    /// The day on which it is over by itself.
    pub(crate) fn lapses(&self) -> Option<Day> {
        let follows = self.status == Status::Active && self.verdict != Verdict::NotRenewing;
        self.ends.filter(|_| !follows)
    }

    /// Days of its term: between its dates, else 365/12 a month.
    pub(crate) fn term_days(&self) -> Option<Quantity> {
        let between = |starts: Day| Some(i128::from(self.ends?.0) - i128::from(starts.0));
        match self.starts.and_then(between).filter(|days| *days > 0) {
            Some(days) => Some(Quantity::int(days)),
            None => Quantity::ratio(i128::from(self.months?) * 365, 12),
        }
    }
}

fn text<'a>(terms: &'a Traits, name: &str) -> &'a str {
    terms.value(name).and_then(Value::as_text).unwrap_or_default()
}

fn decimal(terms: &Traits, name: &str) -> Option<Decimal> {
    terms.value(name)?.as_decimal()
}

/// A whole number within these bounds.
fn whole(terms: &Traits, name: &str, least: i32, most: i32) -> Option<i32> {
    let Decimal(millionths) = decimal(terms, name)?;
    let whole = (millionths % Decimal::SCALE == 0).then_some(millionths / Decimal::SCALE)?;
    i32::try_from(whole).ok().filter(|whole| (least..=most).contains(whole))
}
