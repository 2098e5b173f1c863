//! A store in memory that is as slow as the history wants, and forgets what was submitted when its owner dies.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use engine::{Checkpoint, Progress, Store, StoreAway, Write, planted::Bug};
use eventlog::Key;

/// What one service's partition has in "Postgres".
#[derive(Debug)]
pub struct Disk<P> {
    pub checkpoint: Option<(u64, Vec<u8>)>,
    pub accounts: BTreeMap<Key, Vec<u8>>,
    pub blocks: BTreeMap<u64, Vec<u8>>,
    pub items: Vec<P>,
    pub progress: Progress,
    pub checkpoints: u64,
}

impl<P> Default for Disk<P> {
    fn default() -> Self {
        Self {
            checkpoint: None,
            accounts: BTreeMap::new(),
            blocks: BTreeMap::new(),
            items: Vec::new(),
            progress: Progress::default(),
            checkpoints: 0,
        }
    }
}

struct Queue<P> {
    writes: VecDeque<Write<P>>,
    done: u64,
    /// The planted bug: accounts are written, the offset is not yet.
    halfway: bool,
}

/// The writes that one owner has submitted; the history performs them.
pub struct Desk<P> {
    queue: Arc<Mutex<Queue<P>>>,
    disk: Arc<Mutex<Disk<P>>>,
    bug: Option<Bug>,
}

/// The store port of one owner.
pub struct SimStore<P> {
    queue: Arc<Mutex<Queue<P>>>,
    disk: Arc<Mutex<Disk<P>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<P> Desk<P> {
    /// A new owner's desk and store.
    pub fn open(disk: &Arc<Mutex<Disk<P>>>, bug: Option<Bug>) -> (Self, SimStore<P>) {
        let queue = Arc::new(Mutex::new(Queue { writes: VecDeque::new(), done: 0, halfway: false }));
        let store = SimStore { queue: queue.clone(), disk: disk.clone() };
        (Self { queue, disk: disk.clone(), bug }, store)
    }

    /// Performs the next write, in one transaction; whether there was one.
    pub fn perform(&self) -> bool {
        let (mut queue, mut disk) = (locked(&self.queue), locked(&self.disk));
        let is_checkpoint = matches!(queue.writes.front(), Some(Write::Checkpoint(_)));
        if self.bug == Some(Bug::CheckpointInTwo) && is_checkpoint && !queue.halfway {
            if let Some(Write::Checkpoint(checkpoint)) = queue.writes.front() {
                disk.write_accounts(checkpoint);
            }
            queue.halfway = true;
            return true;
        }
        let Some(write) = queue.writes.pop_front() else { return false };
        queue.halfway = false;
        queue.done += 1;
        match write {
            Write::Project { items, progress } => {
                disk.items.extend(items);
                disk.progress.settled = disk.progress.settled.max(progress.settled);
            }
            Write::Checkpoint(checkpoint) => disk.write(checkpoint),
        }
        true
    }
}

impl<P> Disk<P> {
    fn is_newer(&self, checkpoint: &Checkpoint) -> bool {
        self.checkpoint.as_ref().is_none_or(|(offset, _)| *offset < checkpoint.offset)
    }

    fn write_accounts(&mut self, checkpoint: &Checkpoint) {
        if self.is_newer(checkpoint) {
            self.accounts.extend(checkpoint.accounts.iter().cloned());
        }
    }

    fn write(&mut self, checkpoint: Checkpoint) {
        if !self.is_newer(&checkpoint) {
            return;
        }
        self.write_accounts(&checkpoint);
        self.blocks.extend(checkpoint.blocks);
        self.blocks.retain(|number, _| *number >= checkpoint.blocks_from);
        self.checkpoint = Some((checkpoint.offset, checkpoint.partition));
        self.checkpoints += 1;
    }
}

impl<P: Send> Store<P> for SimStore<P> {
    fn load(&mut self) -> Result<Option<Checkpoint>, StoreAway> {
        let disk = locked(&self.disk);
        let Some((offset, partition)) = disk.checkpoint.clone() else { return Ok(None) };
        let accounts = disk.accounts.clone().into_iter().collect();
        let blocks: Vec<_> = disk.blocks.clone().into_iter().collect();
        Ok(Some(Checkpoint { offset, partition, accounts, blocks, blocks_from: 0 }))
    }

    fn submit(&mut self, write: Write<P>) {
        locked(&self.queue).writes.push_back(write);
    }

    fn done(&self) -> u64 {
        locked(&self.queue).done
    }

    fn waiting(&self) -> usize {
        locked(&self.queue).writes.len()
    }
}
