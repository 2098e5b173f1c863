//! Attribution's machine, from inbox partitions to account partitions and to one another: properties 1, 3 and 7 of
//! DESIGN section 11.

use engine::planted::Bug;
use testkit::sim::forwards::tell;

const HISTORIES: u64 = 2_000;
const CAUGHT_WITHIN: u64 = 400;

#[test]
fn partitions_take_what_a_sequential_run_forwards_whatever_crashes() {
    let told: Vec<_> = (0..HISTORIES).map(|seed| tell(seed, None)).collect();
    let wrong: Vec<&String> = told.iter().filter_map(|told| told.as_ref().err()).collect();
    assert!(wrong.is_empty(), "{} histories are wrong, such as {:#?}", wrong.len(), wrong.first());
    assert!(told.iter().flatten().sum::<usize>() > 20 * HISTORIES as usize, "little is forwarded");
}

#[test]
fn each_planted_bug_is_caught() {
    let bugs = [
        Bug::LinkNotChecked,
        Bug::LinksLater,
        Bug::HandedAgain,
        Bug::CheckpointWhilePending,
        Bug::CheckpointInTwo,
        Bug::IdsForgotten,
        Bug::TimerForgotten,
        Bug::TimeForgotten,
        Bug::GapNotResent,
    ];
    for bug in bugs {
        let caught = (0..CAUGHT_WITHIN).find_map(|seed| tell(seed, Some(bug)).err());
        assert!(caught.is_some(), "{bug:?} is not caught in {CAUGHT_WITHIN} histories");
    }
}
