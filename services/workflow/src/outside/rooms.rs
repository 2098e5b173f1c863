//! When an endpoint that is busy will have room: for those who were turned away there, one after the other.
//!
//! It is an estimate: who comes back too early is turned away again, who comes back late has waited in vain.

use std::collections::HashMap;

use super::lanes::Lane;

/// Of the lanes that are or were busy.
#[derive(Debug)]
pub(super) struct Rooms {
    lanes: HashMap<Lane, Room>,
    /// Calls at once in a lane.
    at_once: i64,
    /// Milliseconds that a call is thought to take until one has ended.
    guess: i64,
}

#[derive(Debug, Clone, Copy)]
struct Room {
    /// Milliseconds that calls take, the last ones weighing most.
    call: i64,
    /// The last place given away.
    given_to: i64,
}

impl Rooms {
    pub(super) fn new(at_once: usize, longest_call: i64) -> Self {
        let at_once = i64::try_from(at_once).unwrap_or(i64::MAX).max(1);
        Self { lanes: HashMap::new(), at_once, guess: longest_call }
    }

    /// A call of a lane took so long. Of one that is not busy nothing need be known.
    pub(super) fn took(&mut self, lane: &Lane, took: i64, is_busy: bool, now: i64) {
        let Some(room) = self.lanes.get_mut(lane) else {
            if is_busy {
                self.lanes.insert(lane.clone(), Room { call: took, given_to: 0 });
            }
            return;
        };
        room.call = (3 * room.call + took) / 4;
        if !is_busy && room.given_to <= now {
            self.lanes.remove(lane);
        }
    }

    /// The next place in a lane: behind all that were given away before.
    pub(super) fn next(&mut self, lane: &Lane, now: i64) -> i64 {
        let fresh = Room { call: self.guess, given_to: 0 };
        let room = self.lanes.entry(lane.clone()).or_insert(fresh);
        room.given_to = room.given_to.max(now).saturating_add(room.call / self.at_once);
        room.given_to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(endpoint: &str) -> Lane {
        Lane { workspace: "acme".into(), endpoint: endpoint.into() }
    }

    #[test]
    fn places_are_given_one_after_the_other_by_what_calls_take() {
        let mut rooms = Rooms::new(8, 20_000);
        assert_eq!([(); 3].map(|()| rooms.next(&lane("a"), 1_000)), [3_500, 6_000, 8_500]);
        assert_eq!(rooms.next(&lane("b"), 1_000), 3_500);
        rooms.took(&lane("a"), 4_000, true, 2_000);
        assert_eq!(rooms.next(&lane("a"), 2_000), 10_500);
        assert_eq!(rooms.next(&lane("a"), 60_000), 62_000);
    }

    #[test]
    fn a_lane_that_is_no_longer_busy_is_forgotten_once_its_places_are_past() {
        let mut rooms = Rooms::new(2, 1_000);
        rooms.took(&lane("a"), 10, false, 0);
        assert_eq!(rooms.lanes.len(), 0);
        assert_eq!(rooms.next(&lane("a"), 0), 500);
        rooms.took(&lane("a"), 10, false, 499);
        assert_eq!(rooms.lanes.len(), 1);
        rooms.took(&lane("a"), 10, false, 500);
        assert_eq!(rooms.lanes.len(), 0);
    }
}
