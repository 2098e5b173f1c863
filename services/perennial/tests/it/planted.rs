//! Bugs on purpose: whatever is broken, some history shows it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::planted::{Bug, plant};

use crate::histories::{check, history, play};

/// Histories that a bug may hide from.
const MOST: u64 = 60;

/// The seed of the first history that shows the bug. One that ends in a panic, or never comes to rest, shows it too.
fn caught(bug: Bug) -> Option<u64> {
    plant(Some(bug));
    let shows = |seed: &u64| {
        let played = catch_unwind(AssertUnwindSafe(|| check(&play(history(*seed, Some(bug))))));
        !matches!(played, Ok(Ok(())))
    };
    let seed = (0..MOST).find(shows);
    plant(None);
    seed
}

#[test]
fn every_planted_bug_is_caught() {
    let bugs = [
        Bug::LinkNotChecked,
        Bug::GateIgnored,
        Bug::PassedBeforeAcks,
        Bug::CheckpointWhilePending,
        Bug::CheckpointInTwo,
        Bug::LinksLater,
        Bug::IdsForgotten,
        Bug::TimerForgotten,
        Bug::CatalogueEarly,
        Bug::ClockMax,
        Bug::GapNotResent,
        Bug::AboveAtFirstStep,
        Bug::WaitingForgotten,
        Bug::SnapshotLate,
    ];
    let found: Vec<_> = bugs.into_iter().map(|bug| (bug, caught(bug))).collect();
    println!("{found:#?}");
    let missed: Vec<_> = found.iter().filter(|(_, seed)| seed.is_none()).map(|(bug, _)| bug).collect();
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
