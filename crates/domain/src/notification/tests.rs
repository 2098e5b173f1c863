//! Sentences about one notification's way.

use proptest::prelude::*;

use super::*;
use crate::{decision::Channel, ids::RunId};

const LONGEST: i64 = 20_000;

fn fresh() -> Delivery {
    let request = NotificationRequested {
        notification: NotificationId(7),
        playbook: "win_back".into(),
        run: RunId(1),
        step: "notify_1".into(),
        channel: Channel::Webhook,
        recipient: "crm".into(),
        body: String::new(),
    };
    Delivery::requested(&request, Instant(1_000))
}

fn report(attempt: u32, status: Option<u16>, retry_at: Option<i64>) -> AttemptReported {
    AttemptReported {
        notification: NotificationId(7),
        attempt,
        begun: true,
        status,
        error: String::new(),
        retry_at: retry_at.map(Instant),
        began_at: Instant(0),
        permanent: false,
        took_ms: 1,
    }
}

#[test]
fn an_answer_settles_it_or_asks_for_another_attempt() {
    let check = |status: Option<u16>, expected: Option<NotificationState>| {
        let after = fresh().asked(1, Instant(1_000)).reported(&report(1, status, None), Instant(2_000));
        assert_eq!(after.finished(), expected, "{status:?}");
    };
    check(Some(200), Some(NotificationState::Delivered));
    check(Some(204), Some(NotificationState::Delivered));
    check(Some(410), Some(NotificationState::Gone));
    for status in [None, Some(302), Some(400), Some(429), Some(500), Some(503)] {
        check(status, None);
    }
}

#[test]
fn attempts_follow_the_schedule_and_then_it_has_failed() {
    let (mut delivery, mut now) = (fresh(), Instant(1_000));
    for (n, delay) in (1_u32..).zip(SCHEDULE) {
        let at = delivery.wake(LONGEST).unwrap();
        assert!((now.0 + delay..=now.0 + delay + delay / 10).contains(&at.0), "attempt {n} at {at:?}");
        assert!(!delivery.is_due(Instant(at.0 - 1), LONGEST) && delivery.is_due(at, LONGEST));
        now = at;
        let due = delivery.next_attempt().unwrap();
        assert_eq!(due.attempt, n);
        delivery = delivery.asked(due.attempt, now).reported(&report(n, Some(500), None), now);
    }
    assert_eq!(delivery.finished(), Some(NotificationState::Failed));
}

#[test]
fn what_the_receiver_asks_for_is_honoured_within_a_day() {
    let check = |retry_at: i64, expected: i64| {
        let after = fresh().asked(1, Instant(0)).reported(&report(1, Some(429), Some(retry_at)), Instant(0));
        assert_eq!(after.wake(LONGEST), Some(Instant(expected)));
    };
    check(60_000, 60_000);
    check(7 * DAY_MS, DAY_MS);
    let soon = fresh().asked(1, Instant(0)).reported(&report(1, Some(429), Some(1)), Instant(0));
    assert!(soon.wake(LONGEST).unwrap() >= Instant(5_000));
}

#[test]
fn an_attempt_that_nobody_reports_is_made_again_under_the_next_number() {
    let calling = fresh().asked(1, Instant(1_000));
    assert!(!calling.is_due(Instant(30_999), LONGEST) && calling.is_due(Instant(31_000), LONGEST));
    assert_eq!(calling.next_attempt().map(|due| due.attempt), Some(2));
    let again = calling.asked(2, Instant(31_000));
    let late_failure = again.clone().reported(&report(1, Some(500), None), Instant(32_000));
    assert_eq!(late_failure, again);
    let late_success = again.reported(&report(1, Some(200), None), Instant(32_000));
    assert_eq!(late_success.finished(), Some(NotificationState::Delivered));
}

/// Pauses while nobody reports, from the first attempt on.
fn silent_pauses() -> Vec<i64> {
    let (mut delivery, mut now, mut pauses) = (fresh().asked(1, Instant(1_000)), Instant(1_000), Vec::new());
    while let Some(due) = delivery.next_attempt() {
        let at = delivery.wake(LONGEST).unwrap();
        pauses.push(at.0 - now.0);
        (delivery, now) = (delivery.asked(due.attempt, at), at);
    }
    pauses
}

#[test]
fn what_nobody_reports_is_asked_for_less_and_less_often() {
    let pauses = silent_pauses();
    assert_eq!(pauses[0], 30_000);
    let mut shortest = 30_000;
    for pause in &pauses {
        assert!((shortest..=2 * shortest).contains(pause), "{pause} after {shortest}");
        shortest = (2 * shortest).min(LONGEST_PAUSE_MS);
    }
    assert!(pauses.iter().take_while(|pause| **pause < LONGEST_PAUSE_MS).count() < 8);
}

#[test]
fn what_nobody_begins_is_given_up_after_the_whole_schedule_and_a_day_and_by_no_number() {
    let pauses = silent_pauses();
    let (total, last) = (pauses.iter().sum::<i64>(), pauses.last().unwrap());
    assert!(total >= GIVE_UP_AFTER_MS && total - last < GIVE_UP_AFTER_MS, "{total}");
    assert!(pauses.len() > 100 && pauses.len() < 650, "{}", pauses.len());
    assert_eq!(SPAN, SCHEDULE.iter().sum::<i64>());
}

#[test]
fn an_attempt_that_was_not_begun_counts_for_nothing_and_comes_again_when_there_is_room() {
    let check = |room_at: Option<i64>, expected: std::ops::RangeInclusive<i64>| {
        let report = AttemptReported { begun: false, ..report(1, None, room_at) };
        let after = fresh().asked(1, Instant(0)).reported(&report, Instant(10_000));
        let at = after.wake(LONGEST).unwrap();
        assert!(expected.contains(&at.0), "{room_at:?}: {at:?}");
        assert_eq!((after.failures, after.unbegun), (0, 1));
        let failed = after.asked(2, at).reported(&AttemptReported { begun: true, attempt: 2, ..report }, at);
        assert_eq!((failed.failures, failed.unbegun, failed.unbegun_for), (1, 0, 0));
    };
    check(None, 15_000..=15_000);
    check(Some(0), 15_000..=15_000);
    check(Some(70_000), 70_000..=70_000);
    check(Some(DAY_MS), 10_000 + MAX_ROOM_AFTER_MS..=10_000 + MAX_ROOM_AFTER_MS);
}

#[test]
fn a_pause_in_which_everything_stood_still_gives_nothing_up() {
    let after = fresh().asked(1, Instant(0)).asked(2, Instant(30 * DAY_MS));
    assert_eq!(after.next_attempt().map(|due| due.attempt), Some(3));
}

/// What becomes of one attempt: nothing is heard, it was not begun, it failed, or it was delivered.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Silence,
    NotBegun(Option<i64>),
    Failed(Option<i64>),
    Delivered,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let asked = proptest::option::of(0..3 * DAY_MS);
    let fate = prop_oneof![
        6 => Just(Fate::Silence),
        6 => asked.clone().prop_map(Fate::NotBegun),
        3 => asked.prop_map(Fate::Failed),
        1 => Just(Fate::Delivered),
    ];
    proptest::collection::vec(fate, 1..60)
}

/// One attempt, asked for and reported a second later.
fn meet(delivery: Delivery, fate: Fate, at: Instant) -> Delivery {
    let due = delivery.next_attempt().unwrap();
    let asked = delivery.asked(due.attempt, at);
    let later = Instant(at.0 + 1_000);
    let report = |status, retry: Option<i64>| report(due.attempt, status, retry.map(|ms| later.0 + ms));
    match fate {
        Fate::Silence => asked,
        Fate::NotBegun(room) => {
            asked.reported(&AttemptReported { begun: false, ..report(None, room) }, later)
        }
        Fate::Failed(retry) => asked.reported(&report(Some(503), retry), later),
        Fate::Delivered => asked.reported(&report(Some(200), None), later),
    }
}

proptest! {
    #[test]
    fn it_fails_by_ten_failures_alone_as_long_as_attempts_that_nobody_begins_do_not_last_for_days(
        fates in fates(),
    ) {
        let (mut delivery, mut now, mut failures) = (fresh(), Instant(1_000), 0);
        for fate in fates {
            let at = delivery.wake(LONGEST).unwrap();
            prop_assert!(at >= now && at.0 <= now.0 + MAX_RETRY_AFTER_MS + 27 * HOUR, "{:?} {:?}", now, at);
            delivery = meet(delivery, fate, at);
            failures += u32::from(matches!(fate, Fate::Failed(_)));
            now = Instant(at.0 + 1_000);
            match delivery.finished() {
                Some(NotificationState::Delivered) => {
                    prop_assert!(matches!(fate, Fate::Delivered));
                    break;
                }
                Some(state) => {
                    prop_assert_eq!((state, failures), (NotificationState::Failed, 10));
                    break;
                }
                None => prop_assert!(failures < 10 && delivery.next_attempt().is_some()),
            }
        }
    }
}
