//! An inbox partition in memory: its contacts and workspaces, and when they must be looked at.
//!
//! Invariant: a function of the inbox below the first record not yet folded.

use std::sync::Arc;

use eventlog::{Key, proto::CatalogueVersion};

use super::targets::Targets;
use crate::{
    ForwardFold, Poison,
    codec::{Link, Put, Take},
    planted::{self, Bug},
    seen::Seen,
    slot::Names,
    sources::Sources,
    store::Checkpoint,
    time::Time,
    timers::{Armed, By, Timers},
    workspace::Workspace,
};

const VERSION: u64 = 1;
const PARTITION_VERSION: u64 = 3;
/// The log in Postgres, where append times do not fall, was the only one.
const WITHOUT_TIME: u64 = 1;
/// Nothing was handed from inbox to inbox.
const ACCOUNTS_ONLY: u64 = 2;

pub(super) struct Contact<F: ForwardFold> {
    pub(super) key: Arc<Key>,
    pub(super) workspace: u32,
    pub(super) state: F::State,
    pub(super) wake: Option<i64>,
    armed: Option<i64>,
    pub(super) dirty: bool,
}

impl<F: ForwardFold> Armed for Contact<F> {
    fn armed(&mut self, _: By) -> &mut Option<i64> {
        &mut self.armed
    }

    fn wake(&self, _: By) -> Option<i64> {
        self.wake
    }
}

pub(super) struct Contacts<F: ForwardFold> {
    pub(super) all: Vec<Contact<F>>,
    pub(super) workspaces: Vec<Workspace<F::Catalogue>>,
    /// The latest append time of a record folded.
    pub(super) time: Time,
    names: Names,
    pub(super) timers: Timers,
    pub(super) seen: Seen,
    /// Of what other partitions handed on.
    pub(super) sources: Sources,
    /// The last cause forwarded to each target.
    pub(super) links: Vec<Link>,
    pub(super) dirty: Vec<u32>,
}

impl<F: ForwardFold> Contacts<F> {
    pub(super) fn load(fold: &F, checkpoint: &Checkpoint, targets: Targets) -> Result<Self, Poison> {
        let mut contacts = Self {
            all: Vec::new(),
            workspaces: Vec::new(),
            time: Time::default(),
            names: Names::default(),
            timers: Timers::new(By::Clock),
            seen: Seen::load(checkpoint.offset, &checkpoint.blocks)?,
            sources: Sources::default(),
            links: vec![None; targets.count()],
            dirty: Vec::new(),
        };
        if !checkpoint.partition.is_empty() {
            contacts.decode_partition(fold, &checkpoint.partition, targets)?;
        }
        for (key, bytes) in &checkpoint.accounts {
            let id = contacts.contact(fold, &key.workspace, &key.account);
            let mut take = Take(bytes);
            take.version(VERSION)?;
            let contact = &mut contacts.all[id as usize];
            contact.wake = take.maybe()?;
            contact.state = fold.decode(key, take.bytes()?)?;
            if !planted::is(Bug::TimerForgotten) {
                contacts.timers.arm(id, &mut contacts.all[id as usize]);
            }
        }
        Ok(contacts)
    }

    fn decode_partition(&mut self, fold: &F, bytes: &[u8], targets: Targets) -> Result<(), Poison> {
        let mut take = Take(bytes);
        let version = take.version_within(WITHOUT_TIME..=PARTITION_VERSION)?;
        if version > WITHOUT_TIME {
            self.time = Time::load(take.int()?);
        }
        let there = if version > ACCOUNTS_ONLY { targets.count() } else { targets.accounts as usize };
        let stored = take.uint()? as usize;
        if stored != there {
            return Err(Poison(format!("links to {stored} partitions of {there}")));
        }
        for link in &mut self.links[..there] {
            *link = take.link()?;
        }
        if version > ACCOUNTS_ONLY {
            self.sources = Sources::decode(&mut take)?;
        }
        for _ in 0..take.uint()? {
            let compile = |version: &CatalogueVersion| fold.compile(version, &version.document);
            let workspace = Workspace::decode(&mut take, compile)?;
            self.names.set(&workspace.name, self.workspaces.len() as u32);
            self.workspaces.push(workspace);
        }
        Ok(())
    }

    pub(super) fn encode_partition(&self) -> Vec<u8> {
        let mut put = Put::default();
        put.uint(PARTITION_VERSION).int(self.time.0).uint(self.links.len() as u64);
        for link in &self.links {
            put.link(*link);
        }
        self.sources.encode(&mut put);
        put.uint(self.workspaces.len() as u64);
        for workspace in &self.workspaces {
            workspace.encode(&mut put);
        }
        put.0
    }

    pub(super) fn encode(&self, fold: &F, id: u32) -> Vec<u8> {
        let contact = &self.all[id as usize];
        let mut put = Put::default();
        put.uint(VERSION).maybe(contact.wake).bytes(&fold.encode(&contact.state));
        put.0
    }

    pub(super) fn workspace(&mut self, name: &str) -> u32 {
        self.names.get(name).unwrap_or_else(|| {
            let id = self.workspaces.len() as u32;
            self.workspaces.push(Workspace::new(name));
            self.names.set(name, id);
            id
        })
    }

    pub(super) fn workspace_named(&self, name: &str) -> Option<&Workspace<F::Catalogue>> {
        self.names.get(name).map(|id| &self.workspaces[id as usize])
    }

    /// The contact; a fresh one where there is none.
    pub(super) fn contact(&mut self, fold: &F, workspace: &str, name: &str) -> u32 {
        let home = self.workspace(workspace);
        let id = self.all.len() as u32;
        let names = &mut self.workspaces[home as usize].names;
        names.get(name).unwrap_or_else(|| {
            names.set(name, id);
            let key = Key::new(workspace, name);
            self.all.push(Contact {
                state: fold.fresh(&key),
                key: Arc::new(key),
                workspace: home,
                wake: None,
                armed: None,
                dirty: false,
            });
            id
        })
    }

    pub(super) fn mark_dirty(&mut self, id: u32) {
        let contact = &mut self.all[id as usize];
        if !contact.dirty {
            contact.dirty = true;
            self.dirty.push(id);
        }
    }

    /// Contacts that are due, in an order that every owner has.
    pub(super) fn due(&mut self, until: i64) -> Vec<u32> {
        let mut due = Vec::new();
        self.timers.due(until, &mut self.all, &mut due);
        due.sort_unstable_by(|a, b| self.all[*a as usize].key.cmp(&self.all[*b as usize].key));
        due
    }
}
