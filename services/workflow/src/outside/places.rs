//! When an endpoint that is busy will have room: for those who were turned away there, one after the other.
//!
//! It is an estimate: who comes back too early is turned away again, who comes back late has waited in vain.

use std::collections::HashMap;

use domain::notification::MAX_ROOM_AFTER_MS;

use super::lanes::Lane;

/// Of the lanes that are or were busy.
#[derive(Debug)]
pub(super) struct Places {
    lanes: HashMap<Lane, Turn>,
    /// Calls at once in a lane.
    at_once: i64,
    /// Milliseconds that a call is thought to take until one has ended.
    guess: i64,
}

#[derive(Debug, Clone, Copy)]
struct Turn {
    /// Milliseconds that calls take, the last ones weighing most.
    call: i64,
    /// The last place given away.
    given_to: i64,
}

impl Places {
    pub(super) fn new(at_once: usize, longest_call: i64) -> Self {
        let at_once = i64::try_from(at_once).unwrap_or(i64::MAX).max(1);
        Self { lanes: HashMap::new(), at_once, guess: longest_call }
    }

    /// A call of a lane took so long. Of one that is not busy nothing need be known.
    pub(super) fn took(&mut self, lane: &Lane, took: i64, is_busy: bool, now: i64) {
        let Some(turn) = self.lanes.get_mut(lane) else {
            if is_busy {
                self.lanes.insert(lane.clone(), Turn { call: took, given_to: 0 });
            }
            return;
        };
        turn.call = (3 * turn.call + took) / 4;
        if !is_busy && turn.given_to <= now {
            self.lanes.remove(lane);
        }
    }

    /// Forgets lanes whose places are past and that are not called any more.
    pub(super) fn forget(&mut self, is_busy: impl Fn(&Lane) -> bool, now: i64) {
        self.lanes.retain(|lane, turn| turn.given_to > now || is_busy(lane));
    }

    /// The next place in a lane: behind all that were given away before, but no later than anybody is let wait. Whoever
    /// would have to is asked for then and takes his place anew.
    pub(super) fn next(&mut self, lane: &Lane, now: i64) -> i64 {
        let fresh = Turn { call: self.guess, given_to: 0 };
        let turn = self.lanes.entry(lane.clone()).or_insert(fresh);
        let place = turn.given_to.max(now).saturating_add(turn.call / self.at_once);
        turn.given_to = place.min(now.saturating_add(MAX_ROOM_AFTER_MS));
        turn.given_to
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
        let mut places = Places::new(8, 20_000);
        assert_eq!([(); 3].map(|()| places.next(&lane("a"), 1_000)), [3_500, 6_000, 8_500]);
        assert_eq!(places.next(&lane("b"), 1_000), 3_500);
        places.took(&lane("a"), 4_000, true, 2_000);
        assert_eq!(places.next(&lane("a"), 2_000), 10_500);
        assert_eq!(places.next(&lane("a"), 60_000), 62_000);
    }

    #[test]
    fn nobody_is_given_a_place_beyond_the_time_at_which_everybody_is_asked_for() {
        let mut places = Places::new(8, 20_000);
        let given: Vec<i64> = (0..2_000).map(|_| places.next(&lane("a"), 0)).collect();
        assert_eq!(given[100], 101 * 2_500);
        assert_eq!(given[1_999], MAX_ROOM_AFTER_MS);
        assert_eq!(places.next(&lane("a"), 60_000), MAX_ROOM_AFTER_MS + 2_500);
    }

    #[test]
    fn a_lane_that_is_not_called_any_more_is_forgotten_too() {
        let mut places = Places::new(2, 1_000);
        places.next(&lane("a"), 0);
        places.forget(|_| false, 499);
        places.forget(|_| true, 500);
        assert_eq!(places.lanes.len(), 1);
        places.forget(|_| false, 500);
        assert_eq!(places.lanes.len(), 0);
    }

    #[test]
    fn a_lane_that_is_no_longer_busy_is_forgotten_once_its_places_are_past() {
        let mut places = Places::new(2, 1_000);
        places.took(&lane("a"), 10, false, 0);
        assert_eq!(places.lanes.len(), 0);
        assert_eq!(places.next(&lane("a"), 0), 500);
        places.took(&lane("a"), 10, false, 499);
        assert_eq!(places.lanes.len(), 1);
        places.took(&lane("a"), 10, false, 500);
        assert_eq!(places.lanes.len(), 0);
    }
}
