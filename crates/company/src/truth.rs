//! What is true of the company, and what no event says: for whoever wants to know how well somebody guessed.
//!
//! Invariant: nothing here comes from a rule of Perennial's. `FORMAT` changes whenever a field changes its meaning.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::calendar::Day;
use crate::parameters::Parameters;

pub const FORMAT: u32 = 1;

/// Of ARR at the beginning (of later ones: as they sign): A makes 80 % of it, B the next 15 %, C is the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Tier {
    A,
    B,
    C,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    NeverAdopted,
    ChampionLeft,
    Price,
    Service,
    InsolventOrAcquired,
    NoneVisible,
}

impl Cause {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NeverAdopted => "never_adopted",
            Self::ChampionLeft => "champion_left",
            Self::Price => "price",
            Self::Service => "service",
            Self::InsolventOrAcquired => "insolvent_or_acquired",
            Self::NoneVisible => "none_visible",
        }
    }
}

/// An account that goes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Churn {
    pub cause: Cause,
    /// When something could first be seen; absent: nothing can before notice.
    pub signal_on: Option<Day>,
    pub notice_on: Day,
    /// The end of the term. It may lie behind the end of the history.
    pub churned_on: Day,
    /// Whether a play within the days of `Plays` after the signal, and before notice, would have kept it.
    pub play_would_save: bool,
}

/// An account that was about to go and was kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Save {
    pub cause: Cause,
    pub signal_on: Day,
    /// The first touch of the play.
    pub play_on: Day,
    pub renewed_on: Day,
}

/// What looks like danger in an account that stays.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Decoy {
    pub kind: DecoyKind,
    pub from: Day,
    /// The day after its last one.
    pub to: Day,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DecoyKind {
    /// Usage fell and came back.
    Dip,
    /// The decision maker is unhappy, and renews.
    Unhappy,
}

/// A champion who left.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Departure {
    pub on: Day,
    /// From when there is another one; absent: never.
    pub successor_on: Option<Day>,
    pub after: AfterDeparture,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterDeparture {
    /// It goes on as before.
    Survives,
    /// It does less until there is another one.
    Limps,
    /// It churns of that.
    Churns,
}

/// An account that pays more, or less, from a day on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Change {
    pub on: Day,
    pub arr_minor: i64,
    pub seats: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Onboarding {
    /// From signing to the end of set-up.
    pub days: i32,
    pub stuck: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Stays,
    Saved,
    Churns,
}

/// All that is true of an account.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Account {
    pub id: String,
    pub name: String,
    pub owner: String,
    pub tier: Tier,
    pub outcome: Outcome,
    pub created_on: Day,
    pub currency: &'static str,
    /// When the history begins, or when it signs.
    pub arr_minor: i64,
    pub seats: u32,
    pub term_months: i32,
    pub notice_days: i32,
    pub auto_renew: bool,
    /// The ends of its terms up to the end of the plan, the last one of who churns being the churn.
    pub renewals: Vec<Day>,
    pub churn: Option<Churn>,
    pub saves: Vec<Save>,
    pub decoys: Vec<Decoy>,
    pub departures: Vec<Departure>,
    pub expansions: Vec<Change>,
    pub contractions: Vec<Change>,
    /// Of who signs during the history.
    pub onboarding: Option<Onboarding>,
}

/// The model's own word on what plays do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plays {
    /// The chance that a play keeps an account that would go of this cause.
    pub effect: BTreeMap<&'static str, f64>,
    /// If it begins so soon after the signal, and before notice.
    pub within_days: i32,
}

/// What is wrong with the data, so that nobody takes it for a customer's doing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dirt {
    /// No event of the product arrives.
    pub day_without_sdk: Day,
    pub renamed_event: &'static str,
    pub renamed_to: &'static str,
    pub renamed_on: Day,
    /// Contacts, each with the two accounts it works for.
    pub consultants: Vec<(String, [String; 2])>,
    /// Contacts of our own.
    pub internal: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Truth {
    pub format: u32,
    pub parameters: Parameters,
    /// The day after the history's last one. What lies behind is planned, and happens outside.
    pub end: Day,
    pub plays: Plays,
    pub dirt: Dirt,
    pub accounts: Vec<Account>,
}
