//! When those that are busy will have room: for the attempts that were turned away because of them, one after the other.
//!
//! It is an estimate: who comes back too early is turned away again, who comes back late has waited in vain.

use std::collections::HashMap;

use domain::notification::MAX_ROOM_AFTER_MS;

use super::{
    busy::Busy,
    lanes::{Lane, Most},
};

/// Of those that are or were busy.
#[derive(Debug)]
pub(super) struct Places {
    turns: HashMap<Busy, Turn>,
    most: Most,
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
    pub(super) fn new(most: Most, longest_call: i64) -> Self {
        Self { turns: HashMap::new(), most, guess: longest_call }
    }

    /// A call of a lane took so long. Of who is not busy nothing need be known.
    pub(super) fn took(&mut self, lane: &Lane, took: i64, is_busy: impl Fn(&Busy) -> bool, now: i64) {
        for busy in Busy::all_of(lane) {
            let is_busy = is_busy(&busy);
            match self.turns.get_mut(&busy) {
                Some(turn) => {
                    turn.call = (3 * turn.call + took) / 4;
                    if !is_busy && turn.given_to <= now {
                        self.turns.remove(&busy);
                    }
                }
                None if is_busy => _ = self.turns.insert(busy, Turn { call: took, given_to: 0 }),
                None => {}
            }
        }
    }

    /// Forgets those whose places are past and that are not called any more.
    pub(super) fn forget(&mut self, is_busy: impl Fn(&Busy) -> bool, now: i64) {
        self.turns.retain(|busy, turn| turn.given_to > now || is_busy(busy));
    }

    /// The next place: behind all that were given away before, but no later than anybody is let wait. Whoever would
    /// have to is asked for then and takes his place anew.
    pub(super) fn next(&mut self, busy: &Busy, now: i64) -> i64 {
        let at_once = i64::try_from(self.at_once(busy)).unwrap_or(i64::MAX).max(1);
        let fresh = Turn { call: self.guess, given_to: 0 };
        let turn = self.turns.entry(busy.clone()).or_insert(fresh);
        let place = turn.given_to.max(now).saturating_add(turn.call / at_once);
        turn.given_to = place.min(now.saturating_add(MAX_ROOM_AFTER_MS));
        turn.given_to
    }

    fn at_once(&self, busy: &Busy) -> usize {
        match busy {
            Busy::Endpoint(_) => self.most.a_lane,
            Busy::Workspace(_) => self.most.a_workspace,
            Busy::Everything => self.most.in_all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Most = Most { in_all: 64, a_workspace: 32, a_lane: 8 };

    fn lane(endpoint: &str) -> Lane {
        Lane { workspace: "acme".into(), endpoint: endpoint.into() }
    }

    fn endpoint(name: &str) -> Busy {
        Busy::Endpoint(lane(name))
    }

    #[test]
    fn places_are_given_one_after_the_other_by_what_calls_take() {
        let mut places = Places::new(MOST, 20_000);
        assert_eq!([(); 3].map(|()| places.next(&endpoint("a"), 1_000)), [3_500, 6_000, 8_500]);
        assert_eq!(places.next(&endpoint("b"), 1_000), 3_500);
        places.took(&lane("a"), 4_000, |_| true, 2_000);
        assert_eq!(places.next(&endpoint("a"), 2_000), 10_500);
        assert_eq!(places.next(&endpoint("a"), 60_000), 62_000);
    }

    #[test]
    fn who_waits_for_a_workspace_waits_for_all_that_wait_for_it() {
        let mut places = Places::new(MOST, 20_000);
        let workspace = Busy::Workspace("acme".into());
        places.took(&lane("a"), 16_000, |_| true, 0);
        let given: Vec<i64> = (0..268).map(|_| places.next(&workspace, 0)).collect();
        assert_eq!((given[0], given[267]), (500, 268 * 500));
        assert_eq!(places.next(&Busy::Everything, 0), 250);
        assert_eq!(places.next(&Busy::Workspace("other".into()), 0), 625);
    }

    #[test]
    fn nobody_is_given_a_place_beyond_the_time_at_which_everybody_is_asked_for() {
        let mut places = Places::new(MOST, 20_000);
        let given: Vec<i64> = (0..2_000).map(|_| places.next(&endpoint("a"), 0)).collect();
        assert_eq!(given[100], 101 * 2_500);
        assert_eq!(given[1_999], MAX_ROOM_AFTER_MS);
        assert_eq!(places.next(&endpoint("a"), 60_000), MAX_ROOM_AFTER_MS + 2_500);
    }

    #[test]
    fn who_is_not_called_any_more_is_forgotten_too() {
        let mut places = Places::new(MOST, 4_000);
        places.next(&endpoint("a"), 0);
        places.forget(|_| false, 499);
        places.forget(|_| true, 500);
        assert_eq!(places.turns.len(), 1);
        places.forget(|_| false, 500);
        assert_eq!(places.turns.len(), 0);
    }

    #[test]
    fn who_is_no_longer_busy_is_forgotten_once_its_places_are_past() {
        let mut places = Places::new(MOST, 4_000);
        places.took(&lane("a"), 10, |_| false, 0);
        assert_eq!(places.turns.len(), 0);
        assert_eq!(places.next(&endpoint("a"), 0), 500);
        places.took(&lane("a"), 10, |_| false, 499);
        assert_eq!(places.turns.len(), 1);
        places.took(&lane("a"), 10, |_| false, 500);
        assert_eq!(places.turns.len(), 0);
    }
}
