//! What a company is made from.

use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::calendar::Day;
use crate::figures::{ACCOUNTS, ACCOUNTS_PER_CSM, MONTHS};

/// A history begins on this day unless it is told another.
const BEGIN: Date = date(2024, 1, 1);
const MOST_ACCOUNTS: u32 = 100_000;
const MOST_MONTHS: u32 = 120;
const MOST_VOLUME: f64 = 100.0;

/// The same parameters give the same company, on any machine.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Parameters {
    pub seed: u64,
    /// All that there ever are: most when the history begins, the others sign during it.
    pub accounts: u32,
    pub csms: u32,
    /// How long the history is.
    pub months: u32,
    /// Its first day.
    pub begin: Day,
    /// How much is done, 1 being usual: it moves the number of events, and nothing else.
    pub volume: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum Impossible {
    #[error("{0} accounts: a company has 1 to {MOST_ACCOUNTS}")]
    Accounts(u32),
    #[error("{0} CSMs: a company has at least one, and no more than accounts")]
    Csms(u32),
    #[error("{0} months: a history has 1 to {MOST_MONTHS}")]
    Months(u32),
    #[error("a volume of {0}: it is above 0 and at most {MOST_VOLUME}")]
    Volume(f64),
    #[error("a history begins in the years 1980 to 2100, not on {0}")]
    Begin(Day),
}

impl Default for Parameters {
    fn default() -> Self {
        let csms = Self::usual_csms(ACCOUNTS);
        Self { seed: 1, accounts: ACCOUNTS, csms, months: MONTHS, begin: Day::of(BEGIN), volume: 1.0 }
    }
}

impl Parameters {
    /// As many as look after so many accounts.
    #[must_use]
    pub fn usual_csms(accounts: u32) -> u32 {
        (f64::from(accounts) / ACCOUNTS_PER_CSM).ceil().max(1.0) as u32
    }

    /// The day after the last one.
    #[must_use]
    pub fn end(&self) -> Day {
        let date = self.begin.date();
        let month = self.begin.month().plus(i32::try_from(self.months).unwrap_or(i32::MAX));
        month.day(i32::from(date.day()))
    }

    pub(crate) fn checked(self) -> Result<Self, Impossible> {
        let year = self.begin.date().year();
        if !(1..=MOST_ACCOUNTS).contains(&self.accounts) {
            Err(Impossible::Accounts(self.accounts))
        } else if self.csms == 0 || self.csms > self.accounts {
            Err(Impossible::Csms(self.csms))
        } else if !(1..=MOST_MONTHS).contains(&self.months) {
            Err(Impossible::Months(self.months))
        } else if !(self.volume > 0.0 && self.volume <= MOST_VOLUME) {
            Err(Impossible::Volume(self.volume))
        } else if !(1980..=2100).contains(&year) {
            Err(Impossible::Begin(self.begin))
        } else {
            Ok(self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Impossible, Parameters};

    #[test]
    fn a_company_that_cannot_be_is_refused() {
        let usual = Parameters::default();
        assert_eq!(usual.checked(), Ok(usual));
        assert_eq!(Parameters { accounts: 0, ..usual }.checked(), Err(Impossible::Accounts(0)));
        assert_eq!(Parameters { csms: 501, ..usual }.checked(), Err(Impossible::Csms(501)));
        assert_eq!(Parameters { months: 0, ..usual }.checked(), Err(Impossible::Months(0)));
        assert_eq!(Parameters { volume: 0.0, ..usual }.checked(), Err(Impossible::Volume(0.0)));
        assert!(Parameters { volume: f64::NAN, ..usual }.checked().is_err());
    }

    #[test]
    fn two_years_end_two_years_later() {
        assert_eq!(Parameters::default().end().to_string(), "2026-01-01");
        assert_eq!((Parameters::usual_csms(500), Parameters::usual_csms(3)), (12, 1));
    }
}
