//! An account's contracts, and the measures of them.

use crate::{
    account::{Account, measuring::Measured, waking::reaches_day},
    calendar::Calendar,
    contract::Contract,
    measure::OfContracts,
    planted::{self, Bug},
    quantity::Quantity,
    time::{Day, Instant},
    value::Decimal,
};

impl Account {
    /// Its contracts by id; without any that was said, the one that its traits make.
    pub fn contracts<'a>(&'a self, calendar: &Calendar) -> impl Iterator<Item = Contract<'a>> {
        let said = self.contracts.iter().map(|(id, terms)| Contract::said(id, terms, &self.traits, calendar));
        let said: Vec<_> = said.collect();
        let of_traits = said.is_empty().then(|| Contract::of_traits(&self.traits, calendar)).flatten();
        said.into_iter().chain(of_traits)
    }

    /// Whether contracts were said of it.
    pub fn has_contracts(&self) -> bool {
        self.contracts.iter().next().is_some()
    }
}

impl Measured<'_> {
    pub(super) fn of_contracts(&self, of: &OfContracts) -> Option<Quantity> {
        let today = self.today();
        match of {
            OfContracts::DecisionDays | OfContracts::RenewalDays => {
                Some(Quantity::int(i128::from(self.day_ahead(of)?.0) - i128::from(today.0)))
            }
            OfContracts::TermDays => self.next_to_decide()?.term_days(),
            OfContracts::Count { verdict } => {
                let counted = self.contracts().filter(|it| it.is_in_force(today));
                let counted = counted.filter(|it| verdict.is_none_or(|verdict| it.verdict == verdict));
                Some(Quantity::int(counted.count() as i128))
            }
            OfContracts::Arr { currency, verdict } => self.worth(currency.as_deref(), |it| {
                it.is_in_force(today) && verdict.is_none_or(|verdict| it.verdict == verdict)
            }),
            OfContracts::ValueDue { days, currency } => {
                let last = last_day(today, *days);
                let due = |it: &Contract<'_>| it.is_open() && it.decides.is_some_and(|day| day <= last);
                self.worth(currency.as_deref(), due)
            }
        }
    }

    /// The day that is counted down to.
    pub(super) fn day_ahead(&self, of: &OfContracts) -> Option<Day> {
        let next = self.next_to_decide()?;
        match of {
            OfContracts::DecisionDays => next.decides,
            _ => next.ends,
        }
    }

    /// The earliest instant after now at which the value is another with no new fact.
    pub(super) fn contracts_turn(&self, of: &OfContracts) -> Option<Instant> {
        if planted::is(Bug::ContractDayForgotten) {
            return None;
        }
        let today = self.today();
        let next = match of {
            OfContracts::DecisionDays | OfContracts::RenewalDays => {
                return self.day_ahead(of).map(|_| self.calendar.next_midnight(self.now));
            }
            OfContracts::TermDays => return None,
            OfContracts::Count { .. } | OfContracts::Arr { .. } => {
                let turns = self.contracts().flat_map(|it| [it.starts, it.lapses()]).flatten();
                turns.filter(|day| *day > today).min()
            }
            OfContracts::ValueDue { days, .. } => {
                let days = i32::try_from(*days).unwrap_or(i32::MAX);
                let comes = |day: Day| Day(day.0.saturating_sub(days));
                let open = self.contracts().filter(Contract::is_open).filter_map(|it| it.decides);
                open.map(comes).filter(|day| *day > today).min()
            }
        };
        reaches_day(next.map(|day| day.0), self.now, self.calendar)
    }

    fn contracts(&self) -> impl Iterator<Item = Contract<'_>> {
        self.account.contracts(self.calendar)
    }

    fn today(&self) -> Day {
        self.calendar.day_of(self.now)
    }

    fn next_to_decide(&self) -> Option<Contract<'_>> {
        let open = self.contracts().filter(|it| it.is_open() && it.decides.is_some());
        open.min_by_key(|it| (it.decides, it.ends, it.id))
    }

    /// The ARR of some of the contracts together, in one currency.
    fn worth(&self, currency: Option<&str>, counts: impl Fn(&Contract<'_>) -> bool) -> Option<Quantity> {
        self.contracts().next()?;
        let of_currency = |it: &Contract<'_>| currency.is_none_or(|currency| it.currency == currency);
        let mut counted = self.contracts().filter(of_currency).filter(counts).peekable();
        if counted.peek().is_none() {
            return Some(Quantity::ZERO);
        }
        let known: Vec<(&str, Decimal)> = counted.filter_map(|it| Some((it.currency, it.arr?))).collect();
        let (first, _) = known.first()?;
        let is_one = known.iter().all(|(of, _)| of == first);
        let sum = known.iter().map(|(_, arr)| i128::from(arr.0)).sum();
        is_one.then(|| Quantity::ratio(sum, i128::from(Decimal::SCALE))).flatten()
    }
}

/// The last of so many days to come.
fn last_day(today: Day, days: u32) -> Day {
    Day(today.0.saturating_add(i32::try_from(days).unwrap_or(i32::MAX)))
}
