//! What outlives a worker: projections and checkpoints.
//!
//! Invariant: a checkpoint as of `c` is written after everything yielded from facts below `c` was read back and
//! handed to the store, in one write. Accounts are encoded before they change after `c`.

use std::collections::VecDeque;

use eventlog::Key;

use super::Worker;
use crate::{
    Checkpoint, Clock, Fold, Progress, Write,
    planted::{self, Bug},
    workspace::Workspace,
};

/// Decisions in one write.
const WRITE_ITEMS: usize = 2_000;

/// A checkpoint in the making.
struct Begun {
    offset: u64,
    partition: Vec<u8>,
    left: Vec<u32>,
    accounts: Vec<(Key, Vec<u8>)>,
}

pub(super) struct Keeping<P> {
    items: Vec<P>,
    items_since: Option<i64>,
    progress: Progress,
    /// Clocks that facts not yet settled have set, by offset and workspace.
    marks: VecDeque<(u64, String, Clock)>,
    begun: Option<Begun>,
    /// Offset of the last checkpoint handed over, when, and records folded since one was begun.
    kept: u64,
    kept_at: Option<i64>,
    records: u64,
}

impl<P> Keeping<P> {
    pub(super) fn new(offset: u64) -> Self {
        Self {
            items: Vec::new(),
            items_since: None,
            progress: Progress { settled: offset, clocks: Vec::new() },
            marks: VecDeque::new(),
            begun: None,
            kept: offset,
            kept_at: None,
            records: 0,
        }
    }

    pub(super) fn push(&mut self, item: P) {
        self.items.push(item);
    }

    /// A workspace's clock is this from the fact at an offset on.
    pub(super) fn mark<C>(&mut self, offset: u64, workspace: &Workspace<C>) {
        let clock = match workspace.is_log_clock() {
            true => Clock::Log(workspace.clock_at.unwrap_or(i64::MIN)),
            false => Clock::Wall,
        };
        self.marks.push_back((offset, workspace.name.clone(), clock));
    }

    pub(super) fn folded(&mut self) {
        self.records += 1;
    }

    pub(super) fn is_done(&self, folded_to: u64) -> bool {
        self.items.is_empty() && self.begun.is_none() && self.kept >= folded_to
    }
}

impl<F: Fold> Worker<F> {
    /// Projects and checkpoints; `idle`: nothing more is there to be read now.
    pub fn keep(&mut self, now: i64, idle: bool) {
        if self.overruled || self.stuck.is_some() {
            return;
        }
        let since = *self.keeping.items_since.get_or_insert(now);
        let is_time = idle || now.saturating_sub(since) >= self.settings.project_ms;
        if is_time || self.keeping.items.len() >= WRITE_ITEMS {
            self.project();
        }
        self.begin_checkpoint(now);
        self.encode_some(self.settings.encoded_accounts);
        self.finish_checkpoint(now);
    }

    /// Everything decided from facts below is read back.
    fn settled(&self) -> u64 {
        self.open.front().map_or(self.folded_to, |(open, _)| self.folded_to.min(*open))
    }

    fn project(&mut self) {
        self.keeping.items_since = None;
        let settled = self.settled();
        let keeping = &mut self.keeping;
        if keeping.items.is_empty() && settled <= keeping.progress.settled {
            return;
        }
        while keeping.marks.front().is_some_and(|(offset, ..)| *offset < settled) {
            let Some((_, workspace, at)) = keeping.marks.pop_front() else { break };
            match keeping.progress.clocks.iter_mut().find(|(name, _)| *name == workspace) {
                Some((_, clock)) => *clock = at,
                None => keeping.progress.clocks.push((workspace, at)),
            }
        }
        keeping.progress.settled = settled;
        let items = std::mem::take(&mut keeping.items);
        self.metrics.projected.add(items.len() as u64);
        let progress = Progress { settled, clocks: std::mem::take(&mut keeping.progress.clocks) };
        self.ports.store.submit(Write::Project { items, progress });
    }

    fn begin_checkpoint(&mut self, now: i64) {
        let keeping = &mut self.keeping;
        let since = *keeping.kept_at.get_or_insert(now);
        let is_time = keeping.records >= self.settings.checkpoint_records
            || now.saturating_sub(since) >= self.settings.checkpoint_ms
            || self.draining;
        if !is_time || keeping.begun.is_some() || self.folded_to <= keeping.kept || self.halt.is_some() {
            return;
        }
        keeping.records = 0;
        let left = std::mem::take(&mut self.memory.dirty);
        for id in &left {
            let slot = &mut self.memory.slots[*id as usize];
            (slot.dirty, slot.to_encode) = (false, true);
        }
        let partition = self.memory.encode_partition();
        self.keeping.begun = Some(Begun { offset: self.folded_to, partition, left, accounts: Vec::new() });
    }

    /// To be called before a slot changes: the checkpoint that was begun has it as it is now.
    pub(super) fn encode_before_change(&mut self, id: u32) {
        if self.memory.slots[id as usize].to_encode && !planted::is(Bug::SnapshotLate) {
            self.encode_slot(id);
        }
    }

    fn encode_slot(&mut self, id: u32) {
        let slot = &mut self.memory.slots[id as usize];
        slot.to_encode = false;
        if let Some(begun) = &mut self.keeping.begun {
            begun.accounts.push(((*slot.key).clone(), slot.encode(&self.fold)));
        }
    }

    fn encode_some(&mut self, at_most: usize) {
        for _ in 0..at_most {
            let Some(id) = self.keeping.begun.as_mut().and_then(|begun| begun.left.pop()) else { return };
            if self.memory.slots[id as usize].to_encode {
                self.encode_slot(id);
            }
        }
    }

    fn finish_checkpoint(&mut self, now: i64) {
        let settled = self.settled();
        let dead = self.sending.dead.unacked();
        let is_ready = |begun: &Begun| {
            let is_read_back = begun.offset <= settled || planted::is(Bug::CheckpointWhilePending);
            begun.left.is_empty() && is_read_back && dead.is_none_or(|dead| dead >= begun.offset)
        };
        if !self.keeping.begun.as_ref().is_some_and(is_ready) {
            return;
        }
        self.project();
        let Some(Begun { offset, partition, accounts, .. }) = self.keeping.begun.take() else { return };
        (self.keeping.kept, self.keeping.kept_at) = (offset, Some(now));
        self.metrics.checkpoints.add(1);
        let checkpoint = Checkpoint { offset, partition, accounts, ..Checkpoint::default() };
        self.ports.store.submit(Write::Checkpoint(checkpoint));
    }
}
