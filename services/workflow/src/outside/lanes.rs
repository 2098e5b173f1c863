//! Whose turn it is: workspaces are served in turn, and so are the endpoints of each, a lane an endpoint. Both have a
//! bound on what runs at once: a slow endpoint holds up itself alone, and many of them their workspace alone.

use std::collections::{HashMap, VecDeque};

use super::{busy::Busy, seats::one_less};

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
    /// Workspaces that have something waiting, the next one first; ...
    turns: VecDeque<String>,
    /// ... and their lanes that have.
    turns_of: HashMap<String, VecDeque<Lane>>,
    waiting: HashMap<Lane, VecDeque<T>>,
    running: HashMap<Lane, usize>,
    running_of: HashMap<String, usize>,
    total_running: usize,
    most: Most,
}

impl<T> Lanes<T> {
    pub(super) fn new(most: Most) -> Self {
        Self {
            turns: VecDeque::new(),
            turns_of: HashMap::new(),
            waiting: HashMap::new(),
            running: HashMap::new(),
            running_of: HashMap::new(),
            total_running: 0,
            most,
        }
    }

    pub(super) fn push(&mut self, lane: Lane, item: T) {
        let queue = self.waiting.entry(lane.clone()).or_default();
        queue.push_back(item);
        if queue.len() > 1 {
            return;
        }
        let turns = self.turns_of.entry(lane.workspace.clone()).or_default();
        if turns.is_empty() {
            self.turns.push_back(lane.workspace.clone());
        }
        turns.push_back(lane);
    }

    /// The next that may run, with what its workspace is given for it, if it is; it runs until `done`.
    pub(super) fn next<G>(&mut self, give: impl Fn(&str) -> Option<G>) -> Option<(Lane, T, G)> {
        let (place, turn, given) = self.turns.iter().enumerate().find_map(|(place, workspace)| {
            let turn = self.turn_of(workspace)?;
            Some((place, turn, give(workspace)?))
        })?;
        let workspace = self.turns.remove(place)?;
        let turns = self.turns_of.get_mut(&workspace)?;
        let lane = turns.remove(turn)?;
        let queue = self.waiting.get_mut(&lane)?;
        let item = queue.pop_front()?;
        if queue.is_empty() {
            self.waiting.remove(&lane);
        } else {
            turns.push_back(lane.clone());
        }
        if turns.is_empty() {
            self.turns_of.remove(&workspace);
        } else {
            self.turns.push_back(workspace);
        }
        self.run(&lane);
        Some((lane, item, given))
    }

    /// The first of a workspace's lanes that has room.
    fn turn_of(&self, workspace: &str) -> Option<usize> {
        if self.total_running >= self.most.in_all || self.is_workspace_full(workspace) {
            return None;
        }
        self.turns_of.get(workspace)?.iter().position(|lane| !self.is_full(lane))
    }

    fn run(&mut self, lane: &Lane) {
        *self.running.entry(lane.clone()).or_default() += 1;
        *self.running_of.entry(lane.workspace.clone()).or_default() += 1;
        self.total_running += 1;
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
        for turns in self.turns_of.values_mut() {
            turns.retain(|lane| self.waiting.contains_key(lane));
        }
        self.turns_of.retain(|_, turns| !turns.is_empty());
        self.turns.retain(|workspace| self.turns_of.contains_key(workspace));
        taken
    }

    /// Whether something waits there.
    pub(super) fn waits(&self, busy: &Busy) -> bool {
        match busy {
            Busy::Endpoint(lane) => self.waiting.contains_key(lane),
            Busy::Workspace(workspace) => self.turns_of.contains_key(workspace),
            Busy::Everything => !self.turns.is_empty(),
        }
    }

    /// Who keeps those that wait in a lane from running.
    pub(super) fn busy(&self, lane: &Lane) -> Busy {
        if self.is_full(lane) {
            Busy::Endpoint(lane.clone())
        } else if self.is_workspace_full(&lane.workspace) {
            Busy::Workspace(lane.workspace.clone())
        } else {
            Busy::Everything
        }
    }

    /// One of a lane's is over.
    pub(super) fn done(&mut self, lane: &Lane) {
        if one_less(&mut self.running, lane) {
            one_less(&mut self.running_of, &lane.workspace);
            self.total_running -= 1;
        }
    }

    fn is_workspace_full(&self, workspace: &str) -> bool {
        self.running_of.get(workspace).is_some_and(|running| *running >= self.most.a_workspace)
    }

    fn is_full(&self, lane: &Lane) -> bool {
        self.running.get(lane).is_some_and(|running| *running >= self.most.a_lane)
    }
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

    fn next(lanes: &mut Lanes<u32>) -> Option<(Lane, u32)> {
        lanes.next(|_| Some(())).map(|(lane, item, ())| (lane, item))
    }

    fn started(lanes: &mut Lanes<u32>) -> Vec<(String, u32)> {
        std::iter::from_fn(|| next(lanes)).map(|(lane, item)| (lane.endpoint, item)).collect()
    }

    /// What is left, though nothing is done.
    fn waiting(lanes: &Lanes<u32>) -> usize {
        lanes.waiting.values().map(VecDeque::len).sum()
    }

    #[test]
    fn lanes_take_turns_and_a_slow_one_holds_up_itself_alone() {
        let mut lanes = Lanes::new(most(5, 2));
        (1..=4).for_each(|n| lanes.push(lane("slow"), n));
        (1..=2).for_each(|n| lanes.push(lane("quick"), n));
        let expected = [("slow", 1), ("quick", 1), ("slow", 2), ("quick", 2)];
        assert_eq!(started(&mut lanes), expected.map(|(lane, n)| (lane.to_owned(), n)));
        assert_eq!(waiting(&lanes), 2);
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
        assert_eq!((waiting(&lanes), lanes.waits(&Busy::Endpoint(lane("all")))), (2, false));
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

    fn of(workspace: &str, endpoint: u32) -> Lane {
        Lane { workspace: workspace.into(), endpoint: endpoint.to_string() }
    }

    #[test]
    fn a_workspace_with_many_slow_endpoints_leaves_room_to_the_others() {
        let mut lanes = Lanes::new(Most { in_all: 6, a_workspace: 4, a_lane: 2 });
        (0..9).for_each(|endpoint| lanes.push(of("greedy", endpoint), endpoint));
        lanes.push(of("modest", 1), 100);
        let items: Vec<u32> = started(&mut lanes).into_iter().map(|(_, item)| item).collect();
        assert_eq!(items, [0, 100, 1, 2, 3]);
        lanes.done(&of("modest", 1));
        assert_eq!(started(&mut lanes), []);
        lanes.done(&of("greedy", 2));
        assert_eq!(started(&mut lanes), [("4".to_owned(), 4)]);
        lanes.push(of("modest", 2), 101);
        assert_eq!(started(&mut lanes), [("2".to_owned(), 101)]);
    }

    #[test]
    fn a_third_comes_after_one_of_each_of_two_that_take_everything() {
        let mut lanes = Lanes::new(Most { in_all: 4, a_workspace: 2, a_lane: 1 });
        for greedy in ["one", "other"] {
            (0..9).for_each(|endpoint| lanes.push(of(greedy, endpoint), endpoint));
        }
        assert_eq!(started(&mut lanes).len(), 4);
        lanes.push(of("modest", 7), 100);
        [of("one", 0), of("other", 0), of("one", 1)].iter().for_each(|lane| lanes.done(lane));
        let items: Vec<u32> = started(&mut lanes).into_iter().map(|(_, item)| item).collect();
        assert_eq!(items, [2, 2, 100]);
    }

    #[test]
    fn it_is_known_who_keeps_those_that_wait() {
        let mut lanes = Lanes::new(Most { in_all: 6, a_workspace: 3, a_lane: 2 });
        let mut busy_after = |lane: Lane, items: u32| {
            (0..items).for_each(|item| lanes.push(lane.clone(), item));
            started(&mut lanes);
            lanes.busy(&lane)
        };
        assert_eq!(busy_after(of("slow", 0), 3), Busy::Endpoint(of("slow", 0)));
        assert_eq!(busy_after(of("slow", 1), 2), Busy::Workspace("slow".into()));
        assert_eq!(busy_after(of("slow", 0), 0), Busy::Endpoint(of("slow", 0)));
        assert_eq!(busy_after(of("other", 0), 2), Busy::Endpoint(of("other", 0)));
        assert_eq!(busy_after(of("third", 0), 2), Busy::Everything);
    }

    #[test]
    fn who_is_given_nothing_does_not_run_and_keeps_its_turn() {
        let mut lanes = Lanes::new(most(9, 9));
        lanes.push(of("poor", 1), 1);
        lanes.push(of("rich", 2), 2);
        let rich = lanes.next(|workspace| (workspace == "rich").then_some("seat"));
        assert_eq!(rich, Some((of("rich", 2), 2, "seat")));
        assert_eq!(next(&mut lanes), Some((of("poor", 1), 1)));
    }
}
