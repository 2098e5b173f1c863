//! Folding one record: which accounts it touches, what it is to each, and what is done when a fold fails.

use bytes::Bytes;
use eventlog::{
    CauseOrder, NewRecord, Stored, concat_record,
    proto::{CatalogueVersion, ClockAdvanced, Header, Service},
};
use std::collections::VecDeque;

use super::{
    Buffered, Worker,
    steps::{FromAbove, Logged, Main, Outcome, Said, Stepper, Yielded},
};
use crate::{
    Fold, Poison, Projected, Shown,
    codec::Link,
    guard::guarded,
    memory::PARTITION_SLOT,
    planted::{self, Bug},
    record::{self, FactKind, StepKey, cause_at},
    slot::{ABOVE, Pending, Waiting},
    trace,
};

/// What a record means, before it is anybody's.
enum Plan<T, C> {
    /// Time passed for the slots touched.
    Time,
    /// Likewise, by the clock of a workspace.
    Clock,
    Fact(u32, T),
    Catalogue {
        workspace: u32,
        fire_playbooks: bool,
        /// What was in force until here, and its version.
        before: Option<(C, u64)>,
    },
    Joined,
}

impl<T, C> Plan<T, C> {
    fn main<'a>(&'a self, slot: u32, workspace: u32, header: &'a Header) -> Main<'a, T, C> {
        match self {
            Self::Fact(of, fact) if *of == slot => Main::Fact(fact, header),
            Self::Catalogue { workspace: of, fire_playbooks, before } if *of == workspace => {
                let before = before.as_ref().map(|(catalogue, version)| (catalogue, *version));
                Main::Catalogue { fire_playbooks: *fire_playbooks, before }
            }
            Self::Joined => Main::Joined,
            Self::Clock => Main::Clock,
            _ => Main::Nothing,
        }
    }
}

/// A record that cannot be folded, and whose it is.
struct Poisoned(u32, Poison);

impl<F: Fold> Worker<F> {
    /// Folds the facts that the services above have passed.
    pub(super) fn fold_ready(&mut self) {
        while self.halt.is_none() && !self.overruled && !self.draining && self.stuck.is_none() {
            let Some(front) = self.reading.buffer.front() else { return };
            let passed = F::ABOVE.len().checked_sub(1).map(|gate| self.reading.above_passed[gate]);
            let is_open = passed.is_none_or(|passed| passed >= Some(front.record.offset));
            if !is_open && !planted::is(Bug::GateIgnored) {
                return;
            }
            if let Some(fact) = self.reading.buffer.pop_front() {
                self.fold_fact(fact);
            }
        }
    }

    fn fold_fact(&mut self, fact: Buffered<F::Decision>) {
        let Buffered { mut record, header, kind, mut above } = fact;
        record.appended_at = self.memory.pass(record.appended_at);
        self.folded_to = record.offset + 1;
        self.last_fact = Some(record.offset);
        self.keeping.folded();
        self.metrics.folded.add(1);
        self.metrics.refolded.add(u64::from(record.offset < self.reading.end_at_start));
        let mut touched = std::mem::take(&mut self.touched);
        let mut skipped = None;
        let plan = self.plan(&record, &header, kind, &mut touched).unwrap_or_else(|Poisoned(slot, why)| {
            self.poison(slot, &record, &why, false);
            skipped = Some(slot);
            Plan::Time
        });
        above.sort_by_key(|decision| (decision.slot, decision.service, decision.cause));
        touched.extend(above.iter().map(|decision| decision.slot));
        touched.sort_unstable();
        touched.dedup();
        let mut above = VecDeque::from(above);
        for slot in touched.drain(..) {
            let count = above.iter().take_while(|decision| decision.slot == slot).count();
            let above: Vec<_> = above.drain(..count).collect();
            self.link_above(slot, &above);
            if skipped != Some(slot) {
                let workspace = self.memory.slots[slot as usize].workspace;
                self.fold_slot(slot, &record, &plan.main(slot, workspace, &header), above);
            }
        }
        self.touched = touched;
        if !self.logged.is_empty() {
            self.forget_logged(record.offset);
        }
    }

    /// The log has decisions where this build sees no reason to look.
    fn forget_logged(&mut self, offset: u64) {
        let mut left: Vec<u32> =
            self.logged.keys().filter(|(of, _)| *of == offset).map(|(_, slot)| *slot).collect();
        left.sort_unstable();
        for slot in left {
            let entries = self.logged.remove(&(offset, slot)).unwrap_or_default();
            self.metrics.repairs.add(entries.len() as u64);
            self.encode_before_change(slot);
            self.memory.slots[slot as usize].own = entries.back().map(|last| (offset, last.index));
            self.memory.mark_dirty(slot);
        }
    }

    fn plan(
        &mut self,
        record: &Stored,
        header: &Header,
        kind: FactKind,
        touched: &mut Vec<u32>,
    ) -> Result<Plan<F::Fact, F::Catalogue>, Poisoned> {
        let nobody = |why| Poisoned(PARTITION_SLOT, why);
        if !matches!(kind, FactKind::Unreadable(_)) && !self.memory.sources.take(header) {
            return Ok(Plan::Time);
        }
        match kind {
            FactKind::Unreadable(why) => return Err(nobody(why)),
            FactKind::Tick => self.memory.due_by_wall(record.appended_at, touched),
            FactKind::Clock(clock) => {
                self.plan_clock(record, header, &clock, touched).map_err(nobody)?;
                return Ok(Plan::Clock);
            }
            FactKind::Catalogue(part) => {
                return self.plan_catalogue(record, header, part, touched).map_err(nobody);
            }
            FactKind::Joined(service) if service == F::SERVICE && !self.memory.joined => {
                self.memory.joined = true;
                let slots = &self.memory.slots;
                touched.extend((1..slots.len() as u32).filter(|id| slots[*id as usize].born));
                return Ok(Plan::Joined);
            }
            FactKind::Joined(_) => self.memory.due_by_wall(record.appended_at, touched),
            FactKind::Account => return self.plan_account(record, header, touched),
        }
        Ok(Plan::Time)
    }

    fn plan_clock(
        &mut self,
        record: &Stored,
        header: &Header,
        clock: &ClockAdvanced,
        touched: &mut Vec<u32>,
    ) -> Result<(), Poison> {
        let id = self.memory.workspace(&header.workspace);
        let workspace = &mut self.memory.workspaces[id as usize];
        if workspace.hear(clock)? && workspace.is_log_clock() {
            self.keeping.mark(record.offset, workspace);
            self.memory.due_by_log(id, touched);
        }
        Ok(())
    }

    fn plan_catalogue(
        &mut self,
        record: &Stored,
        header: &Header,
        part: CatalogueVersion,
        touched: &mut Vec<u32>,
    ) -> Result<Plan<F::Fact, F::Catalogue>, Poison> {
        let id = self.memory.workspace(&header.workspace);
        let workspace = &mut self.memory.workspaces[id as usize];
        let Some(version) = workspace.assemble(part)? else { return Ok(Plan::Time) };
        let fold = &self.fold;
        let is_skipped = self.logged.contains_key(&(record.offset, PARTITION_SLOT));
        let compiled = if is_skipped {
            Err(Poison("skipped".into()))
        } else {
            guarded(|| fold.compile(&version, &version.document))
        };
        let fire_playbooks = version.fire_playbooks;
        let before = match compiled {
            Ok(catalogue) => {
                fold.activated(&header.workspace, version.version, &catalogue);
                let before = workspace.catalogue.take().map(|before| (before, workspace.version.version));
                workspace.install(version, Some(catalogue));
                before
            }
            Err(why) => {
                workspace.install(version, None);
                return Err(why);
            }
        };
        let (of, slots) = (&workspace.slots, &self.memory.slots);
        touched.extend(of.iter().filter(|id| slots[**id as usize].born));
        self.keeping.mark(record.offset, workspace);
        Ok(Plan::Catalogue { workspace: id, fire_playbooks, before })
    }

    /// The planted bug: a version takes effect at once.
    pub(super) fn install_early(&mut self, header: &Header, part: CatalogueVersion) {
        let id = self.memory.workspace(&header.workspace);
        if part.version == self.memory.workspaces[id as usize].version.version + 1
            && let Ok(catalogue) = self.fold.compile(&part, &part.document)
        {
            self.memory.workspaces[id as usize].catalogue = Some(catalogue);
        }
    }

    fn plan_account(
        &mut self,
        record: &Stored,
        header: &Header,
        touched: &mut Vec<u32>,
    ) -> Result<Plan<F::Fact, F::Catalogue>, Poisoned> {
        if header.workspace.is_empty() || header.account.is_empty() {
            return Err(Poisoned(PARTITION_SLOT, Poison("a fact about nobody".into())));
        }
        let fold = &self.fold;
        let fact = guarded(|| fold.read_fact(header, record));
        let found = self.memory.find(&header.workspace, &header.account);
        let is_born = found.is_some_and(|id| self.memory.slots[id as usize].born);
        if matches!(fact, Ok(None)) && !is_born && header.due_at == 0 {
            return Ok(Plan::Time);
        }
        let slot = found.unwrap_or_else(|| self.memory.slot(&self.fold, &header.workspace, &header.account));
        let fact = fact.map_err(|why| Poisoned(slot, why))?;
        let workspace = &self.memory.workspaces[self.memory.slots[slot as usize].workspace as usize];
        if workspace.catalogue.is_none() {
            return Err(Poisoned(slot, Poison("a workspace without catalogue".into())));
        }
        if workspace.is_log_clock() && header.due_at != 0 && Some(header.due_at) > workspace.clock_at {
            self.keep_waiting(slot, record, header, fact);
            return Ok(Plan::Time);
        }
        touched.push(slot);
        Ok(fact.map_or(Plan::Time, |fact| Plan::Fact(slot, fact)))
    }

    fn keep_waiting(&mut self, slot: u32, record: &Stored, header: &Header, fact: Option<F::Fact>) {
        self.encode_before_change(slot);
        self.memory.slots[slot as usize].keep_waiting(Waiting {
            due: header.due_at,
            event_at: header.event_at,
            rank: fact.as_ref().map_or(0, |fact| self.fold.rank(fact)),
            id: StepKey::of_fact(header),
            fact,
            record: record.clone(),
        });
        self.memory.mark_dirty(slot);
        self.memory.arm(slot);
    }

    /// What the services above decided from a fact is folded with it, also where the fact is skipped.
    fn link_above(&mut self, id: u32, above: &[FromAbove<F::Decision>]) {
        if above.is_empty() {
            return;
        }
        self.encode_before_change(id);
        for decision in above {
            let link = &mut self.memory.slots[id as usize].above[decision.service];
            *link = (*link).max(Some(decision.cause));
        }
        self.memory.mark_dirty(id);
    }

    /// One account's steps, and what becomes of their outcome.
    fn fold_slot(
        &mut self,
        id: u32,
        record: &Stored,
        main: &Main<'_, F::Fact, F::Catalogue>,
        above: Vec<FromAbove<F::Decision>>,
    ) {
        self.encode_before_change(id);
        self.memory.mark_dirty(id);
        let logged = if self.logged.is_empty() { None } else { self.logged.remove(&(record.offset, id)) };
        let logged = logged.unwrap_or_default();
        if let Some(Logged { index, said: Said::Skipped(why), .. }) = logged.front() {
            self.skip_again(id, record, Some((record.offset, *index)), why);
        } else if let Some(why) = above.iter().find_map(|decision| decision.decision.as_ref().err()) {
            self.poison(id, record, &why.clone(), !logged.is_empty());
        } else {
            let is_logged = !logged.is_empty();
            match self.run_steps(id, record, main, above, logged) {
                Ok(Outcome { yielded, shown }) => {
                    self.show(id, record.offset, shown);
                    self.say(id, record, yielded);
                }
                Err(why) if is_logged => self.get_stuck(&why, record.offset),
                Err(why) => self.poison(id, record, &why, true),
            }
        }
        self.memory.arm(id);
    }

    fn run_steps(
        &mut self,
        id: u32,
        record: &Stored,
        main: &Main<'_, F::Fact, F::Catalogue>,
        above: Vec<FromAbove<F::Decision>>,
        logged: VecDeque<Logged<F::Decision>>,
    ) -> Result<Outcome<F>, Poison> {
        let slot = &mut self.memory.slots[id as usize];
        let workspace = &self.memory.workspaces[slot.workspace as usize];
        let Some(catalogue) = &workspace.catalogue else {
            return Ok(Outcome { yielded: Vec::new(), shown: Vec::new() });
        };
        let until =
            if workspace.is_log_clock() { workspace.clock_at.unwrap_or(0) } else { record.appended_at };
        let mut stepper = Stepper {
            fold: &self.fold,
            slot,
            catalogue,
            catalogue_version: workspace.version.version,
            decides: self.memory.joined,
            partition: self.at.partition,
            record,
            until,
            above,
            logged,
            passed: self.reading.own_passed >= Some(record.offset),
            out: Outcome { yielded: Vec::new(), shown: Vec::new() },
            evaluations: 0,
            repairs: 0,
            said: 0,
            stirred: false,
        };
        let outcome = guarded(|| stepper.run(main));
        self.metrics.evaluations.add(stepper.evaluations);
        self.metrics.repairs.add(stepper.repairs);
        outcome.map(|()| stepper.out)
    }

    fn show(&mut self, id: u32, offset: u64, shown: Vec<F::Shown>) {
        let key = &self.memory.slots[id as usize].key;
        for shown in shown {
            self.keeping.push(Projected::Shown(Shown { key: key.clone(), offset, shown }));
        }
    }

    /// Queues what the fold yields.
    fn say(&mut self, id: u32, record: &Stored, yielded: Vec<Yielded<F::Decision>>) {
        for Yielded { index, before, step, catalogue_version, decision } in yielded {
            let written = self.fold.write_decision(&decision);
            let mut header = self.decision_header(id, (record.offset, index), before, step);
            header.catalogue_version = catalogue_version;
            header.request_id = written.request_id;
            header.attempt = written.attempt;
            let value = concat_record(header, &written.body);
            self.await_own(id, (record.offset, index), step, Some(decision), value, record);
        }
    }

    pub(super) fn decision_header(&self, id: u32, cause: CauseOrder, before: Link, step: StepKey) -> Header {
        let slot = &self.memory.slots[id as usize];
        let partition = self.at.partition;
        Header {
            event_at: step.instant,
            service: F::SERVICE.into(),
            cause: Some(cause_at(partition, cause)),
            before: before.map(|before| cause_at(partition, before)),
            instant_at: step.instant,
            fact_id: step.fact_id(),
            catalogue_version: self.memory.workspaces[slot.workspace as usize].version.version,
            ..record::header(&slot.key, &self.ports.writer)
        }
    }

    pub(super) fn await_own(
        &mut self,
        id: u32,
        cause: CauseOrder,
        step: StepKey,
        decision: Option<F::Decision>,
        value: Bytes,
        record: &Stored,
    ) {
        self.metrics.yielded.add(1);
        let (traceparent, origin) = trace::follow(self.ports.next_span, self.at, record);
        self.memory.slots[id as usize].pending.push_back(Pending { cause, step, decision, origin });
        match self.open.back_mut() {
            Some((offset, count)) if *offset == cause.0 => *count += 1,
            _ => self.open.push_back((cause.0, 1)),
        }
        self.sending.outbox.push(cause.0, NewRecord { value, traceparent });
    }
}

const _: () = assert!(Service::Workflow as usize - Service::HealthScore as usize <= ABOVE);
