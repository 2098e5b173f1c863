//! Bugs on purpose: whatever is broken, some history shows it. (`SnapshotLate` needs more accounts than these
//! histories have; the engine's own catch it.)

use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::planted::Bug;

use crate::{
    histories::{History, check, history, play},
    world::Weather,
};

/// Histories that a bug may hide from.
const MOST: u64 = 150;

/// Something broken, in the engine or in the domain.
#[derive(Debug, Clone, Copy)]
enum Broken {
    Engine(Bug),
    Domain(domain::planted::Bug),
}

impl Broken {
    /// The seed of the first history that shows it. One that ends in a panic, or never comes to rest, shows it too.
    fn caught(self) -> Option<u64> {
        let (engine, domain) = match self {
            Self::Engine(bug) => (Some(bug), None),
            Self::Domain(bug) => (None, Some(bug)),
        };
        engine::planted::plant(engine);
        domain::planted::plant(domain);
        let shows = |seed: &u64| {
            // The oracle shares nothing with the domain: it is never broken.
            let played = catch_unwind(AssertUnwindSafe(|| check(&play(stormy(*seed, engine)))));
            !matches!(played, Ok(Ok(())))
        };
        let seed = (0..MOST).find(shows);
        engine::planted::plant(None);
        domain::planted::plant(None);
        seed
    }
}

/// A history in which much goes wrong.
fn stormy(seed: u64, bug: Option<Bug>) -> History {
    let weather = Weather { acks: 3 + 6 * (seed % 2), ..Weather::STORM };
    History { weather, checkpoints: 5, ..history(seed, bug) }
}

#[test]
fn every_planted_bug_is_caught() {
    let bugs = [
        Bug::LinkNotChecked,
        Bug::RepeatsCounted,
        Bug::GateIgnored,
        Bug::PassedBeforeAcks,
        Bug::CheckpointWhilePending,
        Bug::CheckpointInTwo,
        Bug::LinksLater,
        Bug::IdsForgotten,
        Bug::TimerForgotten,
        Bug::TimeForgotten,
        Bug::CatalogueEarly,
        Bug::ClockMax,
        Bug::GapNotResent,
        Bug::AboveAtFirstStep,
        Bug::WaitingForgotten,
    ];
    let of_domain = [
        domain::planted::Bug::WrongDayBoundary,
        domain::planted::Bug::HysteresisForgotten,
        domain::planted::Bug::TraitTimerForgotten,
        domain::planted::Bug::ContractDayForgotten,
        domain::planted::Bug::UnknownIsFalse,
    ];
    let broken = bugs.into_iter().map(Broken::Engine).chain(of_domain.into_iter().map(Broken::Domain));
    let found: Vec<_> = broken.map(|broken| (broken, broken.caught())).collect();
    println!("{found:#?}");
    let missed: Vec<_> = found.iter().filter(|(_, seed)| seed.is_none()).map(|(bug, _)| bug).collect();
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
