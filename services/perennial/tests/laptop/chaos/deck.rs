//! Which faults a cluster meets: they are dealt from an endless deck of three suits in turn, so that every kind of a suit
//! comes before any of it comes again.
//!
//! Invariant: what is dealt depends on its number alone, and each suit goes round by itself. The suits differ in
//! length, so that what follows what differs from one time round to the next. They are in such an order that the seed of
//! the tests meets what has found most: deaths, stops, those who leave, and networks that are half-open.

use std::time::Duration;

use testkit::{cluster::SERVICES, proxy::Network, sim::Rng};

use super::{
    faults::{Fault, SESSION, Who},
    receiver::Mood,
};

/// Services that fold the account log, and all of them.
const FOLDERS: &[&str] = &["health-score", "segmentation", "workflow"];
const ALL: &[&str] = &SERVICES;
/// Points of the code, who comes to them, and how often one passes before it dies there, at most.
const POINTS: [(&str, &[&str], u64); 10] = [
    ("projection-uncommitted", ALL, 20),
    ("engine-recovering", ALL, 3),
    ("engine-fetched", FOLDERS, 40),
    ("projection-committed", ALL, 20),
    ("engine-passing", FOLDERS, 40),
    ("edge-acked", &["ingest"], 40),
    ("engine-appended", ALL, 40),
    ("attempt-made", &["workflow"], 20),
    ("checkpoint-uncommitted", ALL, 4),
    ("attribution-forwarded", &["ingest"], 40),
];

type Card = fn(&mut Rng) -> Fault;

/// What everybody stands on, and the networks to it.
const SERVERS: [Card; 11] = [
    |dice| Fault::ToKafka(Network::Cut, seconds(dice, 3, 12)),
    |dice| Fault::PostgresDies(seconds(dice, 1, 10)),
    |_| Fault::RedisIsFlushed,
    |dice| Fault::BrokerDies(seconds(dice, 1, 10)),
    |dice| Fault::ToPostgres(Network::HalfOpen, seconds(dice, 3, 12)),
    |dice| Fault::RedisDies(seconds(dice, 1, 6)),
    |dice| Fault::ToKafka(Network::HalfOpen, seconds(dice, 3, 12)),
    |dice| Fault::ToPostgres(Network::Cut, seconds(dice, 3, 12)),
    |dice| Fault::ToKafka(slow(dice), seconds(dice, 3, 12)),
    |dice| Fault::RedisHangs(seconds(dice, 1, 6)),
    |dice| Fault::ToPostgres(slow(dice), seconds(dice, 3, 12)),
];
/// Processes, wherever they are, and those who are called.
const OTHERS: [Card; 12] = [
    |dice| Fault::ReceiverIs(Mood::Broken, seconds(dice, 2, 5)),
    |dice| Fault::Locked(who(dice).0, Duration::from_secs(30)),
    |dice| Fault::ReceiverIs(Mood::Overrun, seconds(dice, 2, 5)),
    |dice| Fault::Joins(who(dice).0),
    |dice| Fault::ReceiverIs(Mood::Trickling, seconds(dice, 2, 5)),
    |dice| Fault::ReceiverIs(Mood::Elsewhere, seconds(dice, 2, 5)),
    |dice| Fault::ReceiverIs(Mood::BreakingOff, seconds(dice, 2, 5)),
    |dice| Fault::Kill((0..=dice.below(3)).map(|_| who(dice)).collect()),
    |dice| Fault::ReceiverIs(Mood::Hanging, seconds(dice, 2, 5)),
    |dice| Fault::Stops(who(dice), SESSION + seconds(dice, 2, 6)),
    |dice| Fault::ReceiverIs(Mood::Gone, seconds(dice, 2, 5)),
    |dice| Fault::Leaves(who(dice)),
];

/// The fault of a number: its kind is that number's for ever, whom it meets and for how long are the dice's.
pub(super) fn dealt(number: usize, dice: &mut Rng) -> Fault {
    let turn = number / 3;
    match number % 3 {
        0 => {
            let (point, services, passes) = POINTS[turn % POINTS.len()];
            let who = (*dice.pick(services), dice.below(2) as usize);
            Fault::DiesAt(point, who, 1 + dice.below(passes))
        }
        1 => SERVERS[turn % SERVERS.len()](dice),
        _ => OTHERS[turn % OTHERS.len()](dice),
    }
}

fn who(dice: &mut Rng) -> Who {
    (*dice.pick(&SERVICES), dice.below(2) as usize)
}

fn seconds(dice: &mut Rng, from: u64, to: u64) -> Duration {
    Duration::from_millis(from * 1_000 + dice.below((to - from) * 1_000))
}

fn slow(dice: &mut Rng) -> Network {
    Network::Slow(Duration::from_millis(20 + dice.below(200)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const KINDS: usize = POINTS.len() + SERVERS.len() + OTHERS.len();

    fn kinds(numbers: impl Iterator<Item = usize>) -> BTreeSet<String> {
        numbers.map(|number| dealt(number, &mut Rng::new(1)).kind()).collect()
    }

    #[test]
    fn three_rounds_one_after_the_other_meet_every_kind_of_fault() {
        let round = super::super::ROUND;
        for first in 0..200 {
            let met = kinds(first * round..(first + 3) * round);
            assert_eq!(met.len(), KINDS, "from {first} on: {met:?}");
        }
    }

    #[test]
    fn no_kind_comes_again_before_all_of_its_suit_have_come() {
        for (suit, length) in [POINTS.len(), SERVERS.len(), OTHERS.len()].into_iter().enumerate() {
            for first in 0..200 {
                let met = kinds((first..first + length).map(|turn| turn * 3 + suit));
                assert_eq!(met.len(), length, "suit {suit} from {first} on: {met:?}");
            }
        }
    }
}
