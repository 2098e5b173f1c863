//! What is bounded for all workspaces together and for each of them: none takes so much that nothing is left to the
//! others.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::busy::Busy;

/// A workspace has one of so many parts, and no more: whoever has many slow endpoints leaves the others room. Two such
/// workspaces can take all there is.
const PARTS: usize = 2;

/// What a workspace may have of so much.
pub(super) fn share_of(all: usize) -> usize {
    all.div_ceil(PARTS)
}

/// So many seats.
#[derive(Debug)]
pub(super) struct Seats {
    in_all: usize,
    taken: Arc<Mutex<Taken>>,
}

/// One that is taken, until this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    workspace: String,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    in_all: usize,
    by: HashMap<String, usize>,
}

impl Seats {
    pub(super) fn new(in_all: usize) -> Self {
        Self { in_all, taken: Arc::default() }
    }

    /// A seat; or else whose seats are all taken.
    pub(super) fn take(&self, workspace: &str) -> Result<Seat, Busy> {
        let mut taken = lock(&self.taken);
        if taken.by.get(workspace).is_some_and(|own| *own >= share_of(self.in_all)) {
            return Err(Busy::Workspace(workspace.to_owned()));
        }
        if taken.in_all >= self.in_all {
            return Err(Busy::Everything);
        }
        taken.in_all += 1;
        *taken.by.entry(workspace.to_owned()).or_default() += 1;
        Ok(Seat { workspace: workspace.to_owned(), taken: self.taken.clone() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        if one_less(&mut taken.by, &self.workspace) {
            taken.in_all -= 1;
        }
    }
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts one down; whether there was one.
pub(super) fn one_less<K: Eq + Hash>(counts: &mut HashMap<K, usize>, of: &K) -> bool {
    let Some(count) = counts.get_mut(of) else { return false };
    *count -= 1;
    if *count == 0 {
        counts.remove(of);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(seats: &Seats, workspace: &str, at_most: usize) -> Vec<Seat> {
        (0..at_most).map_while(|_| seats.take(workspace).ok()).collect()
    }

    #[test]
    fn a_workspace_takes_its_share_and_the_others_theirs() {
        let seats = Seats::new(5);
        let greedy = taken(&seats, "greedy", 9);
        assert_eq!(greedy.len(), 3);
        assert_eq!(seats.take("greedy").unwrap_err(), Busy::Workspace("greedy".into()));
        let modest = taken(&seats, "modest", 9);
        assert_eq!(modest.len(), 2);
        assert_eq!(seats.take("modest").unwrap_err(), Busy::Everything);
        drop(greedy);
        assert_eq!(taken(&seats, "modest", 9).len(), 1);
    }

    #[test]
    fn who_has_left_is_forgotten() {
        let seats = Seats::new(2);
        drop(taken(&seats, "some", 1));
        assert!(lock(&seats.taken).by.is_empty());
    }
}
