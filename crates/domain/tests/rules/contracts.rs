//! Contracts as measures see them.

use domain::{
    account::Account,
    calendar::Calendar,
    fact::{Fact, FactKind},
    ids::FactId,
    time::{DAY_MS, Instant},
    usage::series::SeriesSet,
    value::Value,
};
use proptest::prelude::*;

use crate::{
    catalogue::check as check_catalogue,
    support::{compiled, number, text, traits},
};

const MEASURES: &str = "
measures:
  decision: {contract: decision_days}
  renewal: {contract: renewal_days}
  term: {contract: term_days}
  count: {contract: count}
  leaving: {contract: {of: count, verdict: not_renewing}}
  arr: {contract: arr}
  euros: {contract: {of: arr, currency: EUR}}
  due: {contract: {of: value_due, days: 30}}
";

fn day(day: i64) -> Instant {
    Instant(day * DAY_MS)
}

fn said(id: u128, at: i64, contract: &str, terms: &[(&str, Value)]) -> Fact {
    let terms = terms.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let kind = FactKind::ContractTerms { contract: contract.to_owned(), terms };
    Fact { id: FactId(id << 64), event_at: day(at), kind }
}

fn account(facts: &[Fact]) -> Account {
    let mut account = Account::default();
    for fact in facts {
        account.fold(fact, &SeriesSet::default(), &Calendar::utc());
    }
    account
}

/// Measures by name on a day, as `decision 14, arr unknown`.
#[track_caller]
fn check(facts: &[Fact], on: i64, expected: &str) {
    let catalogue = compiled(MEASURES);
    let account = account(facts);
    let shown = expected.split(", ").map(|one| {
        let name = one.split(' ').next().unwrap();
        let measure = catalogue.measures.get(catalogue.measures.by_name(name).unwrap());
        let value = account.measured(measure, catalogue.measures.list(), day(on), &catalogue.calendar).text();
        format!("{name} {}", if value.is_empty() { "unknown" } else { &value })
    });
    assert_eq!(shown.collect::<Vec<_>>().join(", "), expected, "on day {on}");
}

/// From the first of January 1970 until the end of its year, with 30 days of notice.
fn yearly(id: u128, contract: &str) -> Fact {
    let terms = [
        ("start_date", text("1970-01-01")),
        ("end_date", text("1971-01-01")),
        ("notice_days", number("30")),
        ("auto_renew", Value::Bool(true)),
        ("arr_minor", number("120000")),
        ("currency", text("EUR")),
    ];
    said(id, 0, contract, &terms)
}

#[test]
fn the_decision_falls_at_notice_and_not_at_the_end() {
    let facts = [yearly(1, "a")];
    check(&facts, 0, "decision 335, renewal 365, term 365, count 1, arr 120000, due 0");
    check(&facts, 305, "decision 30, due 120000");
    check(&facts, 340, "decision -5, renewal 25, due 120000");
    let deadline = said(2, 1, "a", &[("notice_deadline", text("1970-11-01"))]);
    check(&[facts[0].clone(), deadline], 300, "decision 4, renewal 65");
    let by_hand = said(2, 1, "a", &[("auto_renew", Value::Bool(false))]);
    check(&[facts[0].clone(), by_hand], 300, "decision 65, renewal 65");
}

#[test]
fn of_several_the_open_one_that_decides_first_counts() {
    let later = said(2, 0, "b", &[("end_date", text("1972-01-01")), ("arr_minor", number("5"))]);
    let facts =
        |verdict: &str| vec![yearly(1, "a"), later.clone(), said(3, 9, "a", &[("verdict", text(verdict))])];
    check(&facts("undecided"), 10, "decision 325, count 2, leaving 0, due 0");
    check(&facts("renewing"), 10, "decision 720, renewal 720, term unknown, count 2");
    check(&facts("not_renewing"), 10, "decision 720, count 2, leaving 1");
    check(&facts("not_renewing"), 365, "count 1, leaving 0");
    check(&facts("renewing"), 365, "count 2");
}

#[test]
fn a_contract_is_in_force_from_its_start_until_it_is_said_to_be_over() {
    let with = |status: &str| [yearly(1, "a"), said(2, 1, "a", &[("status", text(status))])];
    check(&with("active"), 400, "count 1, decision -65");
    check(&with("renewed"), 364, "count 1, decision unknown");
    check(&with("renewed"), 365, "count 0, arr 0");
    check(&with("ending"), 364, "count 1, leaving 1");
    check(&with("ending"), 365, "count 0, leaving 0");
    check(&with("ended"), 2, "count 0, arr 0, due 0, decision unknown");
    let to_come = said(1, 0, "a", &[("start_date", text("1970-01-06")), ("arr_minor", number("7"))]);
    check(std::slice::from_ref(&to_come), 4, "count 0, arr 0");
    check(&[to_come], 5, "count 1, arr 7");
}

#[test]
fn sums_are_of_one_currency_and_unknown_where_nothing_is_known() {
    check(&[], 0, "count 0, arr unknown, due unknown, decision unknown");
    let dollars = said(2, 0, "b", &[("arr_minor", number("9")), ("currency", text("USD"))]);
    check(&[yearly(1, "a"), dollars.clone()], 0, "count 2, arr unknown, euros 120000");
    check(std::slice::from_ref(&dollars), 0, "arr 9, euros 0");
    check(&[said(1, 0, "a", &[("end_date", text("1970-02-01"))])], 9, "arr unknown, due unknown, count 1");
    let of_account = traits(3, day(0), "currency", text("EUR"));
    check(&[said(1, 0, "a", &[("arr_minor", number("9"))]), of_account], 0, "arr 9, euros 9");
}

#[test]
fn without_contracts_an_accounts_traits_make_one() {
    let mut facts = vec![
        traits(1, day(0), "renewal_date", text("1970-04-11")),
        traits(2, day(0), "term_months", number("12")),
        traits(3, day(0), "seats", number("3")),
    ];
    check(&facts, 0, "decision 100, renewal 100, term 365, count 1, arr unknown");
    facts.push(traits(4, day(0), "notice_days", number("60")));
    check(&facts, 0, "decision 100");
    facts.push(traits(5, day(0), "auto_renew", Value::Bool(true)));
    check(&facts, 0, "decision 40, renewal 100");
    facts.push(traits(6, day(0), "arr_minor", number("12.5")));
    check(&facts, 0, "arr 12.5, due 0");
    check(&facts, 10, "due 12.5");
    facts.push(traits(7, day(0), "status", text("ended")));
    check(&facts, 10, "count 1");
    facts.push(yearly(9, "a"));
    check(&facts, 0, "decision 335, count 1, arr 120000");
    check(&[traits(1, day(0), "seats", number("3"))], 0, "count 0, arr unknown");
}

#[test]
fn what_cannot_be_read_says_nothing() {
    let terms = [
        ("end_date", text("soon")),
        ("term_months", number("0.5")),
        ("arr_minor", text("a lot")),
        ("status", text("sleeping")),
        ("verdict", Value::Bool(true)),
    ];
    check(&[said(1, 0, "a", &terms)], 0, "decision unknown, term unknown, count 1, leaving 0, arr unknown");
}

#[test]
fn more_contracts_than_are_kept_are_said() {
    let many: Vec<Fact> = (0..33)
        .map(|n| {
            said(
                n + 1,
                0,
                &format!("c-{n:02}"),
                &[("arr_minor", number("1")), ("end_date", text("1970-02-01"))],
            )
        })
        .collect();
    check(&many[..32], 0, "count 32, arr 32");
    check(&many, 0, "count 32 or more, arr about 32, decision about 31");
    assert!(account(&many).saturation().contracts);
}

#[test]
fn a_measure_of_contracts_says_what_it_takes() {
    let one = |measure: &str| format!("measures: {{a: {{contract: {measure}}}}}");
    for right in
        ["decision_days", "{of: count, verdict: renewing}", "{of: value_due, days: 0, currency: EUR}"]
    {
        check_catalogue(&one(right), &[]);
    }
    for (wrong, problem) in [
        ("value", "measures.a.contract: there is no `value` of contracts: it is one of decision_days, "),
        ("value_due", "measures.a.contract: `days` is missing: write {of: value_due, days: N}"),
        ("{of: arr, days: 3}", "measures.a.contract.days: `days` does not go with `arr`"),
        ("{of: value_due, days: 9000}", "measures.a.contract.days: 9000 is not from 0 to 4000"),
        ("{of: count, verdict: maybe}", "measures.a.contract.verdict: `maybe` is no verdict: it is one of "),
    ] {
        check_catalogue(&one(wrong), &[problem]);
    }
}

fn some_terms() -> impl Strategy<Value = Fact> {
    let date = (1..28_u8).prop_map(|day| text(&format!("1970-01-{day:02}")));
    let word = |words: &'static [&'static str]| (0..words.len()).prop_map(move |at| text(words[at]));
    let term = prop_oneof![
        (Just("start_date"), date.clone()),
        (Just("end_date"), date.clone()),
        (Just("notice_deadline"), prop_oneof![date, Just(Value::Null)]),
        (Just("status"), word(&["active", "renewed", "ending", "ended"])),
        (Just("verdict"), word(&["undecided", "renewing", "not_renewing"])),
        (Just("arr_minor"), (0..99_i64).prop_map(|arr| number(&arr.to_string()))),
    ];
    let contract = prop_oneof![Just("a"), Just("b"), Just("c")];
    (1..9_u128, 0..4_i64, contract, term)
        .prop_map(|(id, at, contract, (name, value))| said(id, at, contract, &[(name, value)]))
}

proptest! {
    #[test]
    fn in_whatever_order_it_is_said_and_however_often(
        facts in prop::collection::vec(some_terms(), 1..24),
        seed in prop::collection::vec(any::<prop::sample::Index>(), 24),
    ) {
        let mut shuffled = facts.clone();
        for (place, index) in seed.iter().enumerate().take(facts.len()) {
            shuffled.swap(place, index.index(facts.len()));
        }
        shuffled.extend(facts.iter().take(4).cloned());
        let (one, other) = (account(&facts), account(&shuffled));
        prop_assert_eq!(one.encode(), other.encode());
        prop_assert_eq!(Account::decode(&one.encode()), Ok(one));
    }
}
