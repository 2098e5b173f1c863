//! Notifications on their way, as an account's log tells them.

use super::*;
use crate::notification::{GIVE_UP_AFTER_MS, MAX_DELIVERIES};

#[test]
fn a_delivery_goes_from_request_to_attempts_to_its_end() {
    let mut account = Account::with(vec![win_back()]);
    account.told(0, entered("silent", 7));
    assert_eq!(account.deliver(0), ["attempt 1"]);
    assert_eq!(account.deliver(29_999), Vec::<String>::new());
    assert_eq!(account.report(100, 1, Some(500)), Vec::<String>::new());
    assert_eq!(account.deliver(5_000), Vec::<String>::new());
    assert_eq!(account.deliver(5_700), ["attempt 2"]);
    assert_eq!(account.report(5_800, 2, Some(204)), ["Delivered"]);
    assert_eq!(account.wakes(0), Wakes::default());
}

#[test]
fn what_is_no_longer_wanted_is_dropped() {
    let check = |change: fn(&mut Account), expected: &str| {
        let mut account = Account::with(vec![win_back()]);
        let condition = account.catalogue.conditions.atom(Atom::HealthMissing);
        account.catalogue.playbooks[0].only_while = Some(condition);
        account.told(0, entered("silent", 7));
        change(&mut account);
        assert_eq!(account.deliver(0), [expected]);
    };
    check(|account| account.holds = false, "Dropped");
    check(|account| account.catalogue.endpoints.clear(), "Dropped");
    check(|account| account.catalogue.playbooks.clear(), "Dropped");
    check(|account| (account.holds, account.asks_again) = (false, false), "attempt 1");
}

#[test]
fn an_attempt_that_was_not_begun_is_made_soon_and_is_no_failure() {
    let mut account = Account::with(vec![win_back()]);
    account.told(0, entered("silent", 7));
    assert_eq!(account.deliver(0), ["attempt 1"]);
    assert_eq!(account.reported(10_000, 1, false, None), Vec::<String>::new());
    assert_eq!(account.deliver(14_999), Vec::<String>::new());
    assert_eq!(account.deliver(15_000), ["attempt 2"]);
    assert_eq!(account.report(15_100, 2, Some(204)), ["Delivered"]);
}

#[test]
fn what_is_put_off_a_hundred_times_is_delivered_all_the_same() {
    let mut account = Account::with(vec![win_back()]);
    account.told(0, entered("silent", 7));
    for attempt in 1..=100 {
        let at = account.wakes(0).delivery.unwrap().0;
        assert_eq!(account.deliver(at), [format!("attempt {attempt}")]);
        assert_eq!(account.reported(at + 10_000, attempt, false, None), Vec::<String>::new());
    }
    let at = account.wakes(0).delivery.unwrap().0;
    assert_eq!(account.deliver(at), ["attempt 101"]);
    assert_eq!(account.report(at, 101, Some(200)), ["Delivered"]);
}

#[test]
fn what_nobody_begins_for_the_whole_schedule_and_a_day_has_failed() {
    let mut account = Account::with(vec![win_back()]);
    account.told(0, entered("silent", 7));
    let (mut at, mut said) = (0, account.deliver(0));
    while said != ["Failed"] {
        assert!(at < 2 * GIVE_UP_AFTER_MS && said.len() == 1, "{at}: {said:?}");
        at = account.wakes(0).delivery.unwrap().0;
        said = account.deliver(at);
    }
    assert!(at >= GIVE_UP_AFTER_MS, "{at}");
    assert_eq!(account.wakes(0), Wakes::default());
}

#[test]
fn what_is_requested_beyond_the_bound_has_failed_at_once() {
    let mut account = Account::with(vec![win_back()]);
    for episode in 0..MAX_DELIVERIES {
        let said = account.told(0, entered("silent", episode as u128));
        assert!(!said.contains(&"Failed".to_owned()), "{episode}: {said:?}");
    }
    let said = account.told(0, entered("silent", 1_000));
    assert_eq!(said, ["Started", "request crm", "Failed", "Ended"]);
}
