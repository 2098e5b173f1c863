//! The same company, whenever and wherever it is made.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use company::{Call, Company, Kind, Parameters};

fn small(seed: u64) -> Parameters {
    Parameters { seed, accounts: 40, csms: 2, months: 8, ..Parameters::default() }
}

fn calls(parameters: Parameters) -> Vec<Call> {
    Company::new(parameters).unwrap().flat_map(|day| day.calls).collect()
}

/// FNV-1a: the same for ever.
fn digest(calls: &[Call]) -> u64 {
    calls.iter().fold(0xcbf2_9ce4_8422_2325, |hash, call| {
        let text = serde_json::to_string(call).unwrap();
        text.bytes().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    })
}

#[test]
fn a_seed_gives_the_same_calls_for_ever() {
    let calls = calls(small(7));
    assert_eq!((calls.len(), digest(&calls)), (38_646, 9_242_777_556_234_541_638));
}

#[test]
fn another_seed_gives_another_company() {
    assert_ne!(digest(&calls(small(1))), digest(&calls(small(2))));
    let truth = |seed| serde_json::to_string(&Company::new(small(seed)).unwrap().truth()).unwrap();
    assert_eq!(truth(1), truth(1));
    assert_ne!(truth(1), truth(2));
}

#[test]
fn messages_have_ids_of_their_own_and_days_are_in_order() {
    let (mut ids, mut last) = (BTreeSet::new(), i64::MIN);
    for day in Company::new(small(3)).unwrap() {
        for call in &day.calls {
            let mut hasher = DefaultHasher::new();
            call.message_id.hash(&mut hasher);
            assert!(ids.insert(hasher.finish()), "{} twice", call.message_id);
            assert!(call.at >= last, "{call:?} after {last}");
            assert!((day.day.midnight()..day.day.plus(1).midnight()).contains(&call.at), "{call:?}");
            last = call.at;
        }
    }
}

#[test]
fn nobody_does_anything_before_somebody_says_who_that_is() {
    let (mut known, mut accounts) = (BTreeSet::new(), BTreeSet::new());
    for call in calls(small(4)) {
        match call.kind {
            Kind::Group => {
                accounts.insert(call.account.clone());
            }
            Kind::Identify => {
                known.insert(call.user.clone().unwrap());
            }
            Kind::Track(_) => assert!(known.contains(&call.user.clone().unwrap()), "{call:?}"),
        }
        assert!(accounts.contains(&call.account), "{call:?}");
    }
}

#[test]
fn who_has_churned_is_silent() {
    let company = Company::new(Parameters { accounts: 120, ..small(5) }).unwrap();
    let truth = company.truth();
    let gone: std::collections::BTreeMap<String, company::Day> =
        truth.accounts.iter().filter_map(|it| Some((it.id.clone(), it.churn.as_ref()?.churned_on))).collect();
    let (mut churned, mut within) = (0, 0);
    for day in company {
        for call in &day.calls {
            assert!(gone.get(&*call.account).is_none_or(|last| day.day <= *last), "{call:?}");
            churned += usize::from(call.event() == Some("Churned"));
        }
        within = gone.values().filter(|last| **last <= day.day).count();
    }
    assert_eq!(churned, within);
    assert!(churned > 0);
}

#[test]
fn the_smallest_company_lives_too() {
    for accounts in 1..4 {
        let parameters = Parameters { accounts, csms: 1, months: 1, ..Parameters::default() };
        assert!(!calls(parameters).is_empty());
    }
}
