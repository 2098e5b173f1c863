//! Measures of contracts: their names, and what goes with which.

use super::Compiler;
use crate::{
    catalogue::{
        document::{ContractDoc, OfContractsDoc},
        problem::Place,
    },
    contract::Verdict,
    measure::OfContracts,
};

const NAMES: [&str; 6] = ["decision_days", "renewal_days", "term_days", "count", "arr", "value_due"];
/// Days ahead that can be asked about.
const AHEAD_MOST: u32 = 4_000;

impl Compiler<'_> {
    pub(super) fn of_contracts(&mut self, place: &Place<'_>, doc: &ContractDoc) -> Option<OfContracts> {
        let (name, days, currency, verdict) = match doc {
            ContractDoc::Name(name) => (name, None, None, None),
            ContractDoc::Of(OfContractsDoc { of, days, currency, verdict }) => {
                (of, *days, currency.clone(), verdict.as_deref())
            }
        };
        let takes: &[&str] = match name.as_str() {
            "count" => &["verdict"],
            "arr" => &["currency", "verdict"],
            "value_due" => &["days", "currency"],
            _ => &[],
        };
        let there =
            [("days", days.is_some()), ("currency", currency.is_some()), ("verdict", verdict.is_some())];
        for (key, _) in there.into_iter().filter(|(key, there)| *there && !takes.contains(key)) {
            self.problems.say(&place.key(key), format!("`{key}` does not go with `{name}`"));
        }
        if let Some(currency) = &currency {
            self.text(&place.key("currency"), currency);
        }
        let verdict = match verdict {
            None => None,
            Some(verdict) => Some(self.verdict(&place.key("verdict"), verdict)?),
        };
        Some(match name.as_str() {
            "decision_days" => OfContracts::DecisionDays,
            "renewal_days" => OfContracts::RenewalDays,
            "term_days" => OfContracts::TermDays,
            "count" => OfContracts::Count { verdict },
            "arr" => OfContracts::Arr { currency, verdict },
            "value_due" => OfContracts::ValueDue { days: self.days_ahead(place, days)?, currency },
            _ => {
                let message = format!("there is no `{name}` of contracts: it is one of {}", NAMES.join(", "));
                self.problems.say(place, message);
                return None;
            }
        })
    }

    fn verdict(&mut self, place: &Place<'_>, name: &str) -> Option<Verdict> {
        let verdict = Verdict::parse(name);
        if verdict.is_none() {
            let names = Verdict::ALL.map(Verdict::name).join(", ");
            self.problems.say(place, format!("`{name}` is no verdict: it is one of {names}"));
        }
        verdict
    }

    fn days_ahead(&mut self, place: &Place<'_>, days: Option<u32>) -> Option<u32> {
        match days {
            Some(days) => self.problems.within(&place.key("days"), days, 0, AHEAD_MOST),
            None => self.problems.say(place, "`days` is missing: write {of: value_due, days: N}"),
        }
        days
    }
}
