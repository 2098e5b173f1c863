//! What accounts and their contracts are listed by: it follows from facts and from what health-score decided, and no
//! decision of workflow says it.

use domain::{
    catalogue::Catalogue,
    contract::{Contract, Status, TRAITS, Verdict},
    decision::{Band, Decision},
    fact::{Fact, FactKind},
    value::{Decimal, Value},
    view::View,
};
use engine::Step;

use contracts::Said;

/// The account's trait that says who owns it.
const OWNER: &str = "owner";
/// Characters kept of a text.
const TEXT_MOST: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// All of the account's contracts, in place of those shown before.
    Contracts {
        owner: String,
        contracts: Vec<Row>,
        more: bool,
    },
    Band(Option<Band>),
}

/// A contract as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Empty: it is made of the account's traits.
    pub(crate) contract: String,
    pub(crate) status: i16,
    pub(crate) verdict: i16,
    pub(crate) starts_on: Option<i32>,
    pub(crate) ends_on: Option<i32>,
    pub(crate) decides_on: Option<i32>,
    pub(crate) auto_renew: bool,
    pub(crate) arr_minor: Option<i64>,
    pub(crate) currency: String,
    pub(crate) seats: Option<i64>,
    pub(crate) product: String,
}

/// Whether it may change contracts, or who owns the account. Another version of the catalogue says nothing new, but what
/// was never shown is shown with it.
pub(crate) fn moves_contracts(step: &Step<'_, Said>) -> bool {
    match step {
        Step::Fact(Said::Fact(Fact { kind: FactKind::ContractTerms { .. }, .. }), _) => true,
        Step::Fact(Said::Fact(Fact { kind: FactKind::AccountTraits(traits), .. }), _) => {
            traits.iter().any(|(name, _)| name == OWNER || TRAITS.contains(&name.as_str()))
        }
        Step::Catalogue { .. } => true,
        Step::Fact(..) | Step::Timer | Step::Joined | Step::Deliver => false,
    }
}

impl Shown {
    pub(crate) fn contracts(catalogue: &Catalogue, view: &View) -> Self {
        let account = view.account();
        let owner = account.traits().value(OWNER).map(Value::to_string).unwrap_or_default();
        let contracts = account.contracts(&catalogue.calendar).map(Row::of).collect();
        Self::Contracts { owner: text(&owner), contracts, more: account.saturation().contracts }
    }

    /// The last that was decided.
    pub(crate) fn band(above: &[Decision]) -> Option<Self> {
        above.iter().rev().find_map(|decision| match decision {
            Decision::Health(changed) => Some(Self::Band(changed.score.map(|score| score.band))),
            _ => None,
        })
    }
}

impl Row {
    fn of(contract: Contract<'_>) -> Self {
        let whole = |number: Decimal| number.0 / Decimal::SCALE;
        Self {
            contract: text(contract.id),
            status: match contract.status {
                Status::Active => 1,
                Status::Renewed => 2,
                Status::Ending => 3,
                Status::Ended => 4,
            },
            verdict: match contract.verdict {
                Verdict::Undecided => 1,
                Verdict::Renewing => 2,
                Verdict::NotRenewing => 3,
            },
            starts_on: contract.starts.map(|day| day.0),
            ends_on: contract.ends.map(|day| day.0),
            decides_on: contract.decides.map(|day| day.0),
            auto_renew: contract.auto_renew,
            arr_minor: contract.arr.map(whole),
            currency: text(contract.currency),
            seats: contract.seats.map(whole),
            product: text(contract.product),
        }
    }
}

/// As names of owners are cut elsewhere; Postgres holds no NUL.
pub(crate) fn text(text: &str) -> String {
    text.chars().filter(|letter| *letter != '\0').take(TEXT_MOST).collect()
}
