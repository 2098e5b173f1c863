//! What a partition knows of each workspace: its catalogue, versions on their way, and its clock.
//!
//! Invariants: version n+1 takes effect after n, at its last missing part, once; the clock never falls, and is the
//! lowest that was heard from all inbox partitions.

use std::collections::BTreeMap;

use eventlog::proto::{CatalogueVersion, ClockAdvanced, ClockKind};
use prost::Message;

use crate::{
    codec::{Put, Take},
    fold::Poison,
    planted::{self, Bug},
    slot::Names,
    timers::{By, Timers},
};

/// The most parts of a version, and the most inbox partitions.
const PARTS: u32 = 4_096;

pub(crate) struct Workspace<C> {
    pub(crate) name: String,
    pub(crate) clock: ClockKind,
    /// The version in force, with its whole document, and what the fold made of it (`None`: it could not).
    pub(crate) version: CatalogueVersion,
    pub(crate) catalogue: Option<C>,
    parts: BTreeMap<(u64, u32), CatalogueVersion>,
    heard: Vec<Option<i64>>,
    pub(crate) clock_at: Option<i64>,
    /// Accounts by name, and all of them.
    pub(crate) names: Names,
    pub(crate) slots: Vec<u32>,
    /// On the log clock: wake-ups of its accounts.
    pub(crate) timers: Timers,
}

impl<C> Workspace<C> {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            clock: ClockKind::Unspecified,
            version: CatalogueVersion::default(),
            catalogue: None,
            parts: BTreeMap::new(),
            heard: Vec::new(),
            clock_at: None,
            names: Names::default(),
            slots: Vec::new(),
            timers: Timers::new(By::Clock),
        }
    }

    pub(crate) fn is_log_clock(&self) -> bool {
        self.clock == ClockKind::Log
    }

    /// Hears a clock; whether the workspace's rose.
    pub(crate) fn hear(&mut self, clock: &ClockAdvanced) -> Result<bool, Poison> {
        let count = clock.inbox_partitions;
        if !(1..=PARTS).contains(&count) || clock.inbox_partition >= count {
            return Err(Poison("a clock of an impossible partition".into()));
        }
        self.heard.resize(self.heard.len().max(count as usize), None);
        let heard = &mut self.heard[clock.inbox_partition as usize];
        *heard = (*heard).max(Some(clock.to_at));
        let now = if planted::is(Bug::ClockMax) {
            self.heard.iter().copied().max().flatten()
        } else {
            self.heard.iter().copied().min().flatten()
        };
        let rose = now > self.clock_at;
        self.clock_at = self.clock_at.max(now);
        Ok(rose)
    }

    /// Takes a part of a version; the whole one if it is complete and next.
    pub(crate) fn assemble(&mut self, part: CatalogueVersion) -> Result<Option<CatalogueVersion>, Poison> {
        let next = self.version.version + 1;
        if part.version < next {
            return Ok(None);
        }
        if part.version > next {
            return Err(Poison(format!("catalogue version {} where {next} is next", part.version)));
        }
        if part.parts > PARTS || !(1..=part.parts).contains(&part.part) {
            return Err(Poison(format!("part {} of {} of a catalogue", part.part, part.parts)));
        }
        let parts = part.parts;
        self.parts.entry((part.version, part.part)).or_insert(part);
        if self.parts.range((next, 0)..=(next, u32::MAX)).count() < parts as usize {
            return Ok(None);
        }
        let all = std::mem::take(&mut self.parts);
        let mut document = Vec::new();
        for part in all.values() {
            document.extend_from_slice(&part.document);
        }
        let first = all.into_values().next();
        Ok(first.map(|first| CatalogueVersion { part: 1, parts: 1, document: document.into(), ..first }))
    }

    /// Puts a version in force. What cannot be compiled leaves the definitions before it, under the new number.
    pub(crate) fn install(&mut self, version: CatalogueVersion, catalogue: Option<C>) {
        if self.clock == ClockKind::Unspecified {
            self.clock = version.clock();
        }
        self.version = version;
        if catalogue.is_some() {
            self.catalogue = catalogue;
        }
    }

    pub(crate) fn encode(&self, put: &mut Put) {
        put.bytes(self.name.as_bytes()).uint(self.clock as u64).bytes(&self.version.encode_to_vec());
        put.uint(u64::from(self.catalogue.is_some())).uint(self.parts.len() as u64);
        for part in self.parts.values() {
            put.bytes(&part.encode_to_vec());
        }
        put.uint(self.heard.len() as u64);
        for heard in &self.heard {
            put.maybe(*heard);
        }
        put.maybe(self.clock_at);
    }

    /// Reads what `encode` wrote; `compile` is asked where a catalogue was in force.
    pub(crate) fn decode(
        take: &mut Take<'_>,
        compile: impl FnOnce(&CatalogueVersion) -> Result<C, Poison>,
    ) -> Result<Self, Poison> {
        let wrong = |error: prost::DecodeError| Poison(format!("a stored catalogue: {error}"));
        let mut workspace = Self::new(&take.text()?);
        workspace.clock = ClockKind::try_from(take.small()?.cast_signed()).unwrap_or(ClockKind::Unspecified);
        workspace.version = CatalogueVersion::decode(take.bytes()?).map_err(wrong)?;
        if take.uint()? == 1 {
            workspace.catalogue = Some(compile(&workspace.version)?);
        }
        for _ in 0..take.uint()? {
            let part = CatalogueVersion::decode(take.bytes()?).map_err(wrong)?;
            workspace.parts.insert((part.version, part.part), part);
        }
        for _ in 0..take.uint()? {
            workspace.heard.push(take.maybe()?);
        }
        workspace.clock_at = take.maybe()?;
        Ok(workspace)
    }
}
