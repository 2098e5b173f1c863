//! H, S and W over one account partition: properties 1 to 4 and 8 of DESIGN section 11.

use engine::planted::Bug;
use testkit::sim::chain::tell;

/// Histories told in every run; any seed that fails is a test case for ever.
const HISTORIES: u64 = 2_000;
/// Within so many histories each planted bug is caught.
const CAUGHT_WITHIN: u64 = 400;

#[test]
fn readers_take_what_a_sequential_run_decides_whatever_crashes() {
    let told: Vec<_> = (0..HISTORIES).map(|seed| tell(seed, None)).collect();
    let wrong: Vec<&String> = told.iter().filter_map(|told| told.as_ref().err()).collect();
    assert!(wrong.is_empty(), "{} histories are wrong, such as {:#?}", wrong.len(), wrong.first());
    let sum = |part: fn(&testkit::sim::chain::Told) -> u64| told.iter().flatten().map(part).sum::<u64>();
    assert!(sum(|told| told.decisions as u64) > 20 * HISTORIES, "histories in which little is decided");
    assert!(sum(|told| told.checkpoints) > HISTORIES, "histories with few checkpoints");
    assert!(sum(|told| told.recoveries) > HISTORIES / 20, "histories with few recoveries");
    assert!(sum(|told| told.skipped) > HISTORIES / 20, "histories with few skips");
}

fn is_caught(bug: Bug) {
    let caught = (0..CAUGHT_WITHIN).find_map(|seed| tell(seed, Some(bug)).err());
    assert!(caught.is_some(), "{bug:?} is not caught in {CAUGHT_WITHIN} histories");
}

/// One test for each planted bug.
macro_rules! caught {
    ($($name:ident: $bug:ident,)*) => {
        $(#[test] fn $name() { is_caught(Bug::$bug); })*
    };
}

caught! {
    a_link_that_is_not_checked_is_caught: LinkNotChecked,
    a_gate_that_is_ignored_is_caught: GateIgnored,
    passed_before_the_acks_is_caught: PassedBeforeAcks,
    a_checkpoint_while_a_decision_is_pending_is_caught: CheckpointWhilePending,
    a_checkpoint_in_two_transactions_is_caught: CheckpointInTwo,
    a_forgotten_timer_is_caught: TimerForgotten,
    a_time_that_falls_is_caught: TimeForgotten,
    a_catalogue_applied_when_read_is_caught: CatalogueEarly,
    a_clock_that_takes_the_highest_heard_is_caught: ClockMax,
    a_gap_that_is_not_sent_again_is_caught: GapNotResent,
    decisions_from_above_at_the_wrong_step_are_caught: AboveAtFirstStep,
    a_letter_that_is_not_sent_again_is_caught: LetterForgotten,
    forgotten_waiting_facts_are_caught: WaitingForgotten,
    an_account_encoded_after_its_change_is_caught: SnapshotLate,
}
