//! Contracts, each read anew from all that was said of it.

use crate::{
    account::{Traits, Value},
    number::Number,
    view::View,
};

/// Of so many contracts, the first by their ids, is anything known.
const CONTRACTS: usize = 32;

struct Contract {
    id: String,
    start: Option<i64>,
    end: Option<i64>,
    deadline: Option<i64>,
    months: Option<i64>,
    arr: Option<Number>,
    currency: String,
    status: String,
    verdict: String,
}

impl View<'_> {
    pub(crate) fn of_contracts(
        &self,
        of: &str,
        days: i64,
        currency: Option<&str>,
        verdict: Option<&str>,
    ) -> Option<Number> {
        let all = self.contracts();
        let today = self.calendar.day_of(self.now);
        let next = || {
            let mut open: Vec<&Contract> =
                all.iter().filter(|c| c.is_open() && c.decision().is_some()).collect();
            open.sort_by_key(|c| (c.decision(), c.end, c.id.clone()));
            open.first().copied()
        };
        let fits = |c: &&Contract| verdict.is_none_or(|verdict| c.verdict() == verdict);
        let in_force = || all.iter().filter(|c| c.runs_on(today)).filter(fits);
        let due = || all.iter().filter(|c| c.is_open() && c.decision().is_some_and(|d| d - today <= days));
        match of {
            "decision_days" => Some(Number::whole((next()?.decision()? - today).into())),
            "renewal_days" => Some(Number::whole((next()?.end? - today).into())),
            "term_days" => next()?.term(),
            "count" => Some(Number::whole(in_force().count() as i128)),
            _ if all.is_empty() => None,
            "arr" => worth(in_force().collect(), currency),
            _ => worth(due().collect(), currency),
        }
    }

    fn contracts(&self) -> Vec<Contract> {
        let traits = self.account.traits();
        let ids = self.account.contracts();
        if ids.is_empty() {
            let says = ["renewal_date", "notice_deadline", "arr_minor"];
            if says.into_iter().all(|name| traits.value(name).is_none()) {
                return Vec::new();
            }
            let contract = self.contract("", &traits, "renewal_date");
            let nothing = String::new;
            return vec![Contract { start: None, status: nothing(), verdict: nothing(), ..contract }];
        }
        let mut contracts = Vec::new();
        for id in ids.into_iter().take(CONTRACTS) {
            let mut contract = self.contract(id, &self.account.terms(id), "end_date");
            if contract.currency.is_empty() {
                contract.currency = text(&traits, "currency");
            }
            contracts.push(contract);
        }
        contracts
    }

    fn contract(&self, id: &str, terms: &Traits, end: &str) -> Contract {
        let day = |name: &str| self.calendar.date(&text(terms, name));
        let end = day(end);
        let notice = match terms.value("auto_renew") {
            Some(Value::Bool(true)) => whole(terms, "notice_days").filter(|days| (0..=3650).contains(days)),
            _ => None,
        };
        Contract {
            id: id.to_owned(),
            start: day("start_date"),
            end,
            deadline: day("notice_deadline").or_else(|| Some(end? - notice?)),
            months: whole(terms, "term_months").filter(|months| (1..=1200).contains(months)),
            arr: number(terms, "arr_minor"),
            currency: text(terms, "currency"),
            status: text(terms, "status"),
            verdict: text(terms, "verdict"),
        }
    }
}

impl Contract {
    fn decision(&self) -> Option<i64> {
        self.deadline.or(self.end)
    }

    fn verdict(&self) -> &str {
        match (self.status.as_str(), self.verdict.as_str()) {
            ("renewed", _) => "renewing",
            ("ending" | "ended", _) => "not_renewing",
            (_, "renewing") => "renewing",
            (_, "not_renewing") => "not_renewing",
            _ => "undecided",
        }
    }

    fn is_open(&self) -> bool {
        self.verdict() == "undecided"
    }

    fn runs_on(&self, today: i64) -> bool {
        let stops_at_end = self.status == "renewed" || self.verdict() == "not_renewing";
        let over = stops_at_end && self.end.is_some_and(|end| today >= end);
        self.status != "ended" && !over && self.start.is_none_or(|start| today >= start)
    }

    fn term(&self) -> Option<Number> {
        if let (Some(start), Some(end)) = (self.start, self.end)
            && end > start
        {
            return Some(Number::whole((end - start).into()));
        }
        Number::fraction(i128::from(self.months?) * 365, 12)
    }
}

/// What these are worth, in a currency or in the one that all have.
fn worth(mut contracts: Vec<&Contract>, currency: Option<&str>) -> Option<Number> {
    contracts.retain(|c| currency.is_none_or(|currency| c.currency == currency));
    if contracts.is_empty() {
        return Some(Number::ZERO);
    }
    contracts.retain(|c| c.arr.is_some());
    let first = contracts.first()?;
    if contracts.iter().any(|c| c.currency != first.currency) {
        return None;
    }
    let arrs = contracts.iter().filter_map(|c| c.arr);
    Some(arrs.fold(Number::ZERO, |sum, arr| sum.minus(Number::ZERO.minus(arr))))
}

fn text(terms: &Traits, name: &str) -> String {
    match terms.value(name) {
        Some(Value::Text(text)) => text,
        _ => String::new(),
    }
}

fn number(terms: &Traits, name: &str) -> Option<Number> {
    match terms.value(name) {
        Some(Value::Number(number)) => Some(number),
        _ => None,
    }
}

fn whole(terms: &Traits, name: &str) -> Option<i64> {
    let number = number(terms, name)?;
    if number.floor() == number.ceiling() { i64::try_from(number.floor()).ok() } else { None }
}
