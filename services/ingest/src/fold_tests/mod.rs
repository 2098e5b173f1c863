//! DESIGN section 6, sentence by sentence: messages in, what stands in whose log out.

mod inbox;
mod linking;

use contracts::log::ClockKind;
use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, proptest};

use self::inbox::*;
use super::*;

const DAY: i64 = 86_400_000;

#[test]
fn the_contexts_account_is_the_events() {
    let mut inbox = Inbox::new();
    assert_eq!(inbox.say(1, track_in("acme", "E")), ["acme: E at 1", "acme: joined at 1"]);
    assert_eq!(inbox.say(2, track_in("acme", "E")), ["acme: E at 2"]);
}

#[test]
fn an_event_without_an_account_goes_to_the_one_the_contact_belongs_to() {
    let mut inbox = Inbox::new();
    assert_eq!(inbox.say(1, group("acme", &[("plan", "pro")])), ["acme: is plan at 1", "acme: joined at 1"]);
    assert_eq!(inbox.say(2, track("E")), ["acme: E at 2"]);
}

#[test]
fn of_several_accounts_it_is_the_one_last_seen_in_and_marked_so() {
    let mut inbox = Inbox::new();
    inbox.say(1, track_in("acme", "E"));
    inbox.say(2, track_in("bolt", "E"));
    assert_eq!(inbox.say(3, track("E")), ["bolt: guessed E at 3"]);
    assert_eq!(inbox.say(4, track_in("acme", "E")), ["acme: E at 4"]);
    assert_eq!(inbox.say(5, track("E")), ["acme: guessed E at 5"]);
}

#[test]
fn a_contract_is_its_accounts_and_makes_nobody_a_contact() {
    let mut inbox = Inbox::new();
    let said = contract("acme", "C-1", "auto_renew");
    assert_eq!(inbox_key("w", &said), Key::new("w", "acme"));
    assert_eq!(inbox.say(1, said), ["acme: contract C-1 is auto_renew at 1"]);
    assert!(inbox.say(2, contract("", "C-1", "auto_renew")).is_empty());
    assert!(inbox.state.accounts().is_empty());
}

#[test]
fn what_came_before_the_account_was_known_is_released_in_order() {
    for releasing in [group("acme", &[]), track_in("acme", "C")] {
        let mut inbox = Inbox::new();
        assert!(inbox.say(1, track("A")).is_empty());
        assert!(inbox.say(2, track("B")).is_empty());
        let said = inbox.say(3, releasing);
        assert_eq!(said[..2], ["acme: A at 1", "acme: B at 2"]);
        assert_eq!(said.last().unwrap(), "acme: joined at 3");
        assert_eq!(inbox.say(4, track("D")), ["acme: D at 4"], "nothing is released twice");
    }
}

#[test]
fn what_finds_no_account_within_thirty_days_goes_to_quarantine() {
    let mut inbox = Inbox::new();
    inbox.say(5, track("A"));
    inbox.say(6, track("B"));
    assert_eq!(Attribution.wake(&inbox.state), Some(5 + 30 * DAY));
    assert!(inbox.wait_until(4 + 30 * DAY).is_empty());
    assert_eq!(inbox.wait_until(5 + 30 * DAY), ["quarantine NO_ACCOUNT"]);
    assert_eq!(Attribution.wake(&inbox.state), Some(6 + 30 * DAY));
    assert_eq!(inbox.say(7 + 29 * DAY, track_in("acme", "C")).len(), 3);
    assert_eq!(Attribution.wake(&inbox.state), None);
}

#[test]
fn only_so_much_waits_for_one_contact() {
    let mut inbox = Inbox::new();
    for at in 0..500 {
        assert!(inbox.say(at, track("E")).is_empty());
    }
    assert_eq!(inbox.say(500, track("E")), ["quarantine PARKED_FULL"]);
    let long = Message { event: "x".repeat(300_000), ..message(MessageKind::Track) };
    assert_eq!(Inbox::new().say(1, long), ["quarantine PARKED_FULL"]);
}

#[test]
fn a_contacts_traits_go_to_all_its_accounts() {
    let mut inbox = Inbox::new();
    inbox.say(1, track_in("acme", "E"));
    inbox.say(2, track_in("bolt", "E"));
    assert_eq!(
        inbox.say(3, identify(&[("title", "CTO")])),
        ["acme: contact is title at 3", "bolt: contact is title at 3"]
    );
}

#[test]
fn joining_an_account_brings_along_what_is_known_of_the_contact_with_its_own_times() {
    let mut inbox = Inbox::new();
    assert!(inbox.say(1, identify(&[("title", "CTO"), ("role", "admin")])).is_empty());
    assert!(inbox.say(3, identify(&[("title", "CEO")])).is_empty());
    assert!(inbox.say(2, identify(&[("title", "late")])).is_empty());
    assert_eq!(
        inbox.say(4, track_in("acme", "E")),
        ["acme: E at 4", "acme: joined at 4", "acme: contact is role at 1", "acme: contact is title at 3"]
    );
}

#[test]
fn a_trait_too_large_to_be_kept_reaches_the_accounts_of_the_day_and_no_later_one() {
    let mut inbox = Inbox::new();
    inbox.say(1, track_in("acme", "E"));
    assert_eq!(inbox.say(3, identify(&[("bio", &"x".repeat(2_000))])), ["acme: contact is bio at 3"]);
    inbox.say(2, identify(&[("bio", "older")]));
    assert_eq!(inbox.say(4, track_in("bolt", "E")), ["bolt: E at 4", "bolt: joined at 4"]);
}

#[test]
fn a_contact_with_more_accounts_than_are_kept_leaves_the_one_seen_longest_ago() {
    let mut inbox = Inbox::new();
    for at in 0..100 {
        inbox.say(at, group(&format!("a{at}"), &[]));
    }
    let said = inbox.say(100, group("a100", &[]));
    assert_eq!(said, ["a100: joined at 100", "a0: left at 100"], "a0 is told");
    assert_eq!(inbox.state.accounts().len(), 100);
    assert_eq!(inbox.say(200, identify(&[("title", "CTO")])).len(), 100);
    assert_eq!(inbox.say(201, track_in("a1", "E")), ["a1: E at 201"]);
    let both = Message { context_account: "b".into(), ..group("c", &[]) };
    assert_eq!(
        inbox.say(300, both),
        [
            "b: joined at 300",
            "b: contact is title at 200",
            "c: joined at 300",
            "c: contact is title at 200",
            "a2: left at 300",
            "a3: left at 300",
        ]
    );
    assert_eq!(inbox.state.accounts().len(), 100);
}

#[test]
fn a_call_about_an_account_alone_needs_no_contact() {
    let mut inbox = Inbox::new();
    let alone = Message { contact: Vec::new(), ..group("acme", &[("plan", "pro")]) };
    assert_eq!(inbox_key("w", &alone), Key::new("w", "acme"));
    assert_eq!(inbox.say(1, alone), ["acme: is plan at 1"]);
    assert_eq!(inbox.state, ContactState::default());
}

#[test]
fn a_contact_that_was_removed_belongs_there_no_more() {
    let mut inbox = Inbox::new();
    inbox.say(1, track_in("acme", "E"));
    assert_eq!(
        inbox.say(2, track_in("acme", REMOVED)),
        ["acme: Account Removed User at 2", "acme: left at 2"]
    );
    assert!(inbox.say(3, track("E")).is_empty(), "it is parked");
    assert_eq!(inbox.say(4, track_in("acme", "E")), ["acme: E at 3", "acme: E at 4", "acme: joined at 4"]);
}

#[test]
fn a_removal_that_waited_for_an_account_is_older_than_the_joining_that_released_it() {
    let mut inbox = Inbox::new();
    inbox.say(1, track(REMOVED));
    let said = inbox.say(2, track_in("acme", "E"));
    assert_eq!(said, ["acme: Account Removed User at 1", "acme: E at 2", "acme: joined at 2"]);
    assert_eq!(inbox.say(3, track("E")), ["acme: E at 3"]);
}

#[test]
fn the_facts_of_one_message_have_ids_in_the_order_in_which_they_are_forwarded() {
    let (mut inbox, message) = (Inbox::new(), track_in("acme", REMOVED));
    let header = Header { id: contracts::id_bytes(7).into(), event_at: 1, ..Header::default() };
    let mut out = Forwards::default();
    let key = inbox_key("w", &message);
    inbox.at(&key, 1, |context, state| Attribution.fold(context, state, &header, message, &mut out));
    let ids: Vec<_> = out.facts.iter().map(|fact| contracts::id("id", &fact.id).unwrap()).collect();
    assert_eq!(
        (said(out), ids),
        (
            vec![
                "acme: Account Removed User at 1".into(),
                "acme: joined at 1".into(),
                "acme: left at 1".into()
            ],
            vec![7, 7 + NEXT, 7 + 2 * NEXT]
        )
    );
}

#[test]
fn what_usage_says_of_its_account_becomes_the_accounts_traits_unless_the_account_is_guessed() {
    let told = |message: Message| Message { traits: values(&[("trial", "yes")]), ..message };
    let mut inbox = Inbox::new();
    assert!(inbox.say(1, told(track("Trial Started"))).is_empty(), "it waits like any other");
    assert_eq!(
        inbox.say(2, track_in("acme", "E")),
        ["acme: Trial Started at 1", "acme: is trial at 1", "acme: E at 2", "acme: joined at 2"]
    );
    assert_eq!(
        inbox.say(3, told(track_in("bolt", "Trial Ended"))),
        ["bolt: Trial Ended at 3", "bolt: is trial at 3", "bolt: joined at 3"]
    );
    assert_eq!(inbox.say(4, told(track("Trial Ended"))), ["bolt: guessed Trial Ended at 4"]);
}

#[test]
fn on_the_log_clock_a_fact_on_time_is_due_when_it_happened_and_a_late_or_released_one_at_once() {
    let mut inbox = Inbox::new();
    inbox.clock = ClockKind::Log;
    assert!(inbox.say(50, track("early")).is_empty());
    inbox.clock_at = Some(100);
    assert_eq!(
        inbox.say(150, track_in("acme", "on time")),
        ["acme: early at 50 due 101", "acme: on time at 150 due 150", "acme: joined at 150 due 150"]
    );
    assert_eq!(inbox.say(100, track_in("acme", "late")), ["acme: late at 100 due 101"]);
}

#[test]
fn an_alias_itself_changes_nothing() {
    assert!(Inbox::new().say(1, message(MessageKind::Alias)).is_empty());
}

#[test]
fn a_state_from_before_contacts_were_linked_is_read() {
    assert_eq!(ContactState::decode(&[1, 0, 0, 0]), Ok(ContactState::default()));
}

#[test]
fn a_state_of_another_format_is_not_read() {
    let good = ContactState::default().encode();
    assert!(ContactState::decode(&good).is_ok());
    for bad in [&[][..], &[9, 0, 0, 0], &good[..good.len() - 1]] {
        assert!(ContactState::decode(bad).is_err(), "{bad:?}");
    }
}

/// Any history of one contact: what it says in turn, and where.
fn histories() -> impl Strategy<Value = Vec<(u8, u8)>> {
    proptest::collection::vec((0..6_u8, 0..3_u8), 0..60)
}

proptest! {
    #[test]
    fn every_event_reaches_one_account_once_or_is_handed_on_or_waits(history in histories()) {
        let (mut inbox, mut forwarded) = (Inbox::new(), Vec::new());
        let mut sent = Vec::new();
        for (at, (kind, account)) in (1_i64..).zip(history) {
            let (account, event) = (format!("a{account}"), format!("e{at}"));
            let message = match kind {
                0 => track_in(&account, &event),
                1 | 2 => track(&event),
                3 => group(&account, &[]),
                4 => link(0xb0b),
                _ => identify(&[("title", &event)]),
            };
            if kind < 3 {
                sent.push(event);
            }
            forwarded.extend(inbox.say(at, message).iter().filter_map(|said| usage(said)));
        }
        let waiting: Vec<String> = inbox.state.parked().map(|held| held.message.event.clone()).collect();
        prop_assert!(waiting.is_empty() || forwarded.is_empty(), "an account is known, and yet something waits");
        forwarded.extend(waiting);
        prop_assert_eq!(forwarded, sent, "each once, in the inbox's order");
    }
}

/// The event of a usage in words.
fn usage(said: &str) -> Option<String> {
    let (_, what) = said.split_once(": ")?;
    let event = what.trim_start_matches("guessed ").split(' ').next()?;
    event.starts_with('e').then(|| event.to_owned())
}
