//! A partition as of the first fact not yet folded: every account, every workspace, and the links of forwards.
//!
//! Invariant: it is a function of the log below that offset. A checkpoint is this, encoded.

use eventlog::{Key, proto::CatalogueVersion};

use crate::{
    codec::{Put, Take},
    fold::{Fold, Poison},
    planted::{self, Bug},
    slot::{Names, Slot},
    sources::Sources,
    store::Checkpoint,
    time::Time,
    timers::{By, Timers},
    workspace::Workspace,
};

const VERSION: u64 = 2;
/// The log in Postgres, where append times do not fall, was the only one.
const WITHOUT_TIME: u64 = 1;
/// The slot of what is nobody's: unreadable records.
pub(crate) const PARTITION_SLOT: u32 = 0;

pub(crate) struct Memory<F: Fold> {
    pub(crate) slots: Vec<Slot<F>>,
    pub(crate) workspaces: Vec<Workspace<F::Catalogue>>,
    names: Names,
    /// The service has joined: it decides.
    pub(crate) joined: bool,
    /// The latest append time of a fact folded.
    time: Time,
    /// Of the forwards folded.
    pub(crate) sources: Sources,
    /// Wake-ups of accounts on the wall clock, and of deliveries.
    pub(crate) wall: Timers,
    pub(crate) delivery: Timers,
    /// Slots that changed since the last checkpoint was begun.
    pub(crate) dirty: Vec<u32>,
}

impl<F: Fold> Memory<F> {
    pub(crate) fn new(fold: &F) -> Self {
        let mut memory = Self {
            slots: Vec::new(),
            workspaces: Vec::new(),
            names: Names::default(),
            joined: false,
            time: Time::default(),
            sources: Sources::default(),
            wall: Timers::new(By::Clock),
            delivery: Timers::new(By::Delivery),
            dirty: Vec::new(),
        };
        memory.slot(fold, "", "");
        memory
    }

    pub(crate) fn load(fold: &F, checkpoint: &Checkpoint) -> Result<Self, Poison> {
        let mut memory = Self::new(fold);
        if !checkpoint.partition.is_empty() {
            memory.decode_partition(fold, &checkpoint.partition)?;
        }
        for (key, bytes) in &checkpoint.accounts {
            let id = memory.slot(fold, &key.workspace, &key.account);
            let workspace = memory.slots[id as usize].workspace;
            memory.slots[id as usize] = Slot::decode(fold, key.clone(), workspace, bytes)?;
            if !planted::is(Bug::TimerForgotten) {
                memory.arm(id);
            }
        }
        Ok(memory)
    }

    pub(crate) fn encode_partition(&self) -> Vec<u8> {
        let mut put = Put::default();
        put.uint(VERSION).uint(u64::from(self.joined)).int(self.time.0);
        self.sources.encode(&mut put);
        put.uint(self.workspaces.len() as u64);
        for workspace in &self.workspaces {
            workspace.encode(&mut put);
        }
        put.0
    }

    fn decode_partition(&mut self, fold: &F, bytes: &[u8]) -> Result<(), Poison> {
        let mut take = Take(bytes);
        let version = take.version_within(WITHOUT_TIME..=VERSION)?;
        self.joined = take.uint()? == 1;
        if version > WITHOUT_TIME {
            self.time = Time::load(take.int()?);
        }
        self.sources = Sources::decode(&mut take)?;
        for _ in 0..take.uint()? {
            let compile = |version: &CatalogueVersion| fold.compile(version, &version.document);
            let mut loaded = Workspace::decode(&mut take, compile)?;
            if let Some(catalogue) = &loaded.catalogue {
                fold.activated(&loaded.name, loaded.version.version, catalogue);
            }
            let id = self.workspace(&loaded.name) as usize;
            std::mem::swap(&mut self.workspaces[id].names, &mut loaded.names);
            std::mem::swap(&mut self.workspaces[id].slots, &mut loaded.slots);
            self.workspaces[id] = loaded;
        }
        Ok(())
    }

    pub(crate) fn workspace(&mut self, name: &str) -> u32 {
        self.names.get(name).unwrap_or_else(|| {
            let id = self.workspaces.len() as u32;
            self.workspaces.push(Workspace::new(name));
            self.names.set(name, id);
            id
        })
    }

    /// The account's slot; a fresh one where there is none.
    pub(crate) fn slot(&mut self, fold: &F, workspace: &str, account: &str) -> u32 {
        let home = self.workspace(workspace);
        let id = self.slots.len() as u32;
        let workspace_of = &mut self.workspaces[home as usize];
        workspace_of.names.get(account).unwrap_or_else(|| {
            workspace_of.names.set(account, id);
            workspace_of.slots.push(id);
            self.slots.push(Slot::new(fold, Key::new(workspace, account), home));
            id
        })
    }

    pub(crate) fn find(&self, workspace: &str, account: &str) -> Option<u32> {
        self.workspaces[self.names.get(workspace)? as usize].names.get(account)
    }

    /// A fact is folded that was appended then; what time that is to all accounts.
    pub(crate) fn pass(&mut self, appended_at: i64) -> i64 {
        self.time.pass(appended_at)
    }

    /// Sees to it that the slot is woken in time.
    pub(crate) fn arm(&mut self, id: u32) {
        let slot = &mut self.slots[id as usize];
        let workspace = &mut self.workspaces[slot.workspace as usize];
        let timers = if workspace.is_log_clock() { &mut workspace.timers } else { &mut self.wall };
        timers.arm(id, slot);
        self.delivery.arm(id, slot);
    }

    /// Slots of wall-clock workspaces, and deliveries, that are due up to an append time.
    pub(crate) fn due_by_wall(&mut self, until: i64, due: &mut Vec<u32>) {
        self.wall.due(until, &mut self.slots, due);
        self.delivery.due(until, &mut self.slots, due);
    }

    /// Slots of a log-clock workspace that are due by its clock.
    pub(crate) fn due_by_log(&mut self, workspace: u32, due: &mut Vec<u32>) {
        let workspace = &mut self.workspaces[workspace as usize];
        if let Some(until) = workspace.clock_at {
            workspace.timers.due(until, &mut self.slots, due);
        }
    }

    /// When a tick is needed next.
    pub(crate) fn next_wake(&mut self) -> Option<i64> {
        let wall = self.wall.earliest(&mut self.slots);
        let delivery = self.delivery.earliest(&mut self.slots);
        wall.into_iter().chain(delivery).min()
    }

    /// A fact is folded into it, or waits there.
    pub(crate) fn mark_dirty(&mut self, id: u32) {
        let slot = &mut self.slots[id as usize];
        slot.born = true;
        if !slot.dirty {
            slot.dirty = true;
            self.dirty.push(id);
        }
    }
}
