//! Whose turn it is: a lane an endpoint, served in turn, each with a bound on what runs at once, and so has each
//! workspace. A slow endpoint holds up itself alone, and many of them no other workspace.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// A workspace's endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Lane {
    pub workspace: String,
    pub endpoint: String,
}

/// How many may run at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    pub in_all: usize,
    pub a_workspace: usize,
    pub a_lane: usize,
}

/// What waits and what runs.
#[derive(Debug)]
pub(super) struct Lanes<T> {
    /// Lanes that have something waiting, the next one first.
    turns: VecDeque<Lane>,
    waiting: HashMap<Lane, VecDeque<T>>,
    running: HashMap<Lane, usize>,
    running_of: HashMap<String, usize>,
    total_waiting: usize,
    total_running: usize,
    most: Most,
}

impl<T> Lanes<T> {
    pub(super) fn new(most: Most) -> Self {
        Self {
            turns: VecDeque::new(),
            waiting: HashMap::new(),
            running: HashMap::new(),
            running_of: HashMap::new(),
            total_waiting: 0,
            total_running: 0,
            most,
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.total_waiting
    }

    pub(super) fn push(&mut self, lane: Lane, item: T) {
        let queue = self.waiting.entry(lane.clone()).or_default();
        if queue.is_empty() {
            self.turns.push_back(lane);
        }
        queue.push_back(item);
        self.total_waiting += 1;
    }

    /// The next that may run; it runs until `done`.
    pub(super) fn next(&mut self) -> Option<(Lane, T)> {
        if self.total_running >= self.most.in_all {
            return None;
        }
        let turn = self.turns.iter().position(|lane| self.has_room(lane))?;
        let lane = self.turns.remove(turn)?;
        let queue = self.waiting.get_mut(&lane)?;
        let item = queue.pop_front()?;
        if queue.is_empty() {
            self.waiting.remove(&lane);
        } else {
            self.turns.push_back(lane.clone());
        }
        self.total_waiting -= 1;
        self.total_running += 1;
        *self.running.entry(lane.clone()).or_default() += 1;
        *self.running_of.entry(lane.workspace.clone()).or_default() += 1;
        Some((lane, item))
    }

    /// Takes the first ones of each lane that are so, from those that wait.
    pub(super) fn take_while(&mut self, is_so: impl Fn(&T) -> bool) -> Vec<(Lane, T)> {
        let mut taken = Vec::new();
        for (lane, queue) in &mut self.waiting {
            while let Some(item) = queue.pop_front_if(|item| is_so(item)) {
                taken.push((lane.clone(), item));
            }
        }
        self.waiting.retain(|_, queue| !queue.is_empty());
        self.turns.retain(|lane| self.waiting.contains_key(lane));
        self.total_waiting -= taken.len();
        taken
    }

    /// Whether something waits in it.
    pub(super) fn is_busy(&self, lane: &Lane) -> bool {
        self.waiting.contains_key(lane)
    }

    /// One of a lane's is over.
    pub(super) fn done(&mut self, lane: &Lane) {
        if one_less(&mut self.running, lane) {
            one_less(&mut self.running_of, &lane.workspace);
            self.total_running -= 1;
        }
    }

    fn has_room(&self, lane: &Lane) -> bool {
        let (in_it, of_all) = (self.running.get(lane), self.running_of.get(&lane.workspace));
        in_it.is_none_or(|running| *running < self.most.a_lane)
            && of_all.is_none_or(|running| *running < self.most.a_workspace)
    }
}

/// Whether there was one.
fn one_less<K: Eq + Hash>(running: &mut HashMap<K, usize>, of: &K) -> bool {
    let Some(count) = running.get_mut(of) else { return false };
    *count -= 1;
    if *count == 0 {
        running.remove(of);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(endpoint: &str) -> Lane {
        Lane { workspace: "acme".into(), endpoint: endpoint.into() }
    }

    fn most(in_all: usize, a_lane: usize) -> Most {
        Most { in_all, a_workspace: in_all, a_lane }
    }

    fn started(lanes: &mut Lanes<u32>) -> Vec<(String, u32)> {
        std::iter::from_fn(|| lanes.next()).map(|(lane, item)| (lane.endpoint, item)).collect()
    }

    #[test]
    fn lanes_take_turns_and_a_slow_one_holds_up_itself_alone() {
        let mut lanes = Lanes::new(most(5, 2));
        (1..=4).for_each(|n| lanes.push(lane("slow"), n));
        (1..=2).for_each(|n| lanes.push(lane("quick"), n));
        let expected = [("slow", 1), ("quick", 1), ("slow", 2), ("quick", 2)];
        assert_eq!(started(&mut lanes), expected.map(|(lane, n)| (lane.to_owned(), n)));
        assert_eq!(lanes.waiting(), 2);
        lanes.done(&lane("quick"));
        assert_eq!(started(&mut lanes), []);
        lanes.done(&lane("slow"));
        assert_eq!(started(&mut lanes), [("slow".to_owned(), 3)]);
    }

    #[test]
    fn those_who_waited_too_long_leave_and_the_others_keep_their_turn() {
        let mut lanes = Lanes::new(most(9, 9));
        [1, 2, 7].into_iter().for_each(|n| lanes.push(lane("some"), n));
        lanes.push(lane("all"), 1);
        lanes.push(lane("none"), 8);
        let mut gone: Vec<_> =
            lanes.take_while(|n| *n < 5).into_iter().map(|(lane, n)| (lane.endpoint, n)).collect();
        gone.sort_unstable();
        assert_eq!(gone, [("all", 1), ("some", 1), ("some", 2)].map(|(lane, n)| (lane.to_owned(), n)));
        assert_eq!((lanes.waiting(), lanes.is_busy(&lane("all"))), (2, false));
        let expected = [("some", 7), ("none", 8)];
        assert_eq!(started(&mut lanes), expected.map(|(lane, n)| (lane.to_owned(), n)));
    }

    #[test]
    fn no_more_run_at_once_than_may() {
        let mut lanes = Lanes::new(most(3, 2));
        for endpoint in ["a", "b", "c", "d"] {
            lanes.push(lane(endpoint), 1);
        }
        assert_eq!(started(&mut lanes).len(), 3);
        lanes.done(&lane("b"));
        assert_eq!(started(&mut lanes), [("d".to_owned(), 1)]);
    }

    #[test]
    fn a_workspace_with_many_slow_endpoints_leaves_room_to_the_others() {
        let mut lanes = Lanes::new(Most { in_all: 6, a_workspace: 4, a_lane: 2 });
        let of = |workspace: &str, endpoint: u32| Lane {
            workspace: workspace.into(),
            endpoint: endpoint.to_string(),
        };
        (0..9).for_each(|endpoint| lanes.push(of("greedy", endpoint), endpoint));
        lanes.push(of("modest", 1), 100);
        let first: Vec<(Lane, u32)> = std::iter::from_fn(|| lanes.next()).collect();
        let items: Vec<u32> = first.iter().map(|(_, item)| *item).collect();
        assert_eq!(items, [0, 1, 2, 3, 100]);
        lanes.done(&of("modest", 1));
        assert_eq!(started(&mut lanes), []);
        lanes.done(&of("greedy", 2));
        assert_eq!(started(&mut lanes), [("4".to_owned(), 4)]);
        lanes.push(of("modest", 2), 101);
        assert_eq!(started(&mut lanes), [("2".to_owned(), 101)]);
    }
}
