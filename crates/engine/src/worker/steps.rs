//! One record's steps for one account.
//!
//! Invariant: the steps are the same for every service and every refold: timers and waiting facts up to the
//! account's time in order of instant (timers first), then what the record itself says, then deliveries. A decision
//! from above is taken at the step that it carries. What the log says of this record and account wins over what the
//! fold yields now.

use std::collections::VecDeque;

use eventlog::{Stored, proto::Header};

use crate::{
    Context, Fold, Poison, Step,
    codec::Link,
    fold::read_envelope,
    planted::{self, Bug},
    record::StepKey,
    slot::Slot,
};

/// A step loop that does not come to rest is a fault of the fold.
const STEPS: u64 = 1_000_000;

/// A decision from above, kept until its fact is folded.
#[derive(Debug)]
pub(crate) struct FromAbove<D> {
    pub(crate) slot: u32,
    pub(crate) service: usize,
    pub(crate) cause: (u64, u32),
    pub(crate) step: StepKey,
    /// `None`: the service above skipped the fact.
    pub(crate) decision: Result<Option<D>, Poison>,
}

/// What the log has as this service's decision.
#[derive(Debug)]
pub(crate) enum Said<D> {
    Decision(D),
    Skipped(Poison),
    Unreadable,
}

#[derive(Debug)]
pub(crate) struct Logged<D> {
    pub(crate) index: u32,
    pub(crate) step: StepKey,
    pub(crate) said: Said<D>,
}

/// What the record itself means for the account.
#[derive(Debug)]
pub(crate) enum Main<'a, T, C> {
    /// Time, or a fact that is not this service's concern.
    Nothing,
    /// Time, by the clock of the workspace.
    Clock,
    Fact(&'a T, &'a Header),
    Catalogue {
        fire_playbooks: bool,
        /// What was in force until here, and its version: timers due before go by it.
        before: Option<(&'a C, u64)>,
    },
    Joined,
}

/// A decision that the log does not have yet.
#[derive(Debug)]
pub(crate) struct Yielded<D> {
    pub(crate) index: u32,
    pub(crate) before: Link,
    pub(crate) step: StepKey,
    pub(crate) catalogue_version: u64,
    pub(crate) decision: D,
}

/// What one account's steps within one record come to.
pub(crate) struct Outcome<F: Fold> {
    pub(crate) yielded: Vec<Yielded<F::Decision>>,
    pub(crate) shown: Vec<F::Shown>,
}

/// Everything one account's steps within one record need.
pub(crate) struct Stepper<'a, F: Fold> {
    pub(crate) fold: &'a F,
    pub(crate) slot: &'a mut Slot<F>,
    pub(crate) catalogue: &'a F::Catalogue,
    pub(crate) catalogue_version: u64,
    pub(crate) partition: u32,
    pub(crate) record: &'a Stored,
    /// The account's time at this record.
    pub(crate) until: i64,
    /// By order of cause within a service, services in their order.
    pub(crate) above: Vec<FromAbove<F::Decision>>,
    pub(crate) logged: VecDeque<Logged<F::Decision>>,
    /// Nothing new is decided from this record: the service has passed it.
    pub(crate) passed: bool,
    pub(crate) decides: bool,
    pub(crate) out: Outcome<F>,
    pub(crate) evaluations: u64,
    pub(crate) repairs: u64,
    /// Decisions of this record so far.
    pub(crate) said: u32,
    /// A fact was folded, or something was decided, here or above.
    pub(crate) stirred: bool,
}

impl<'a, F: Fold> Stepper<'a, F> {
    /// Takes every step. An error or a panic leaves the account half-folded.
    pub(crate) fn run(&mut self, main: &Main<'a, F::Fact, F::Catalogue>) -> Result<(), Poison> {
        self.run_clock_before(main)?;
        self.run_main(main);
        if self.delivers(main) || self.expects_delivery() {
            self.step(StepKey { instant: self.until, fact: StepKey::DELIVER }, &Step::Deliver);
            let next = self.record.appended_at.saturating_add(1);
            self.slot.wake.delivery = self.slot.wake.delivery.map(|at| at.max(next));
        }
        self.finish();
        Ok(())
    }

    /// Whether deliveries that are due are made. A workspace's clock that brings the account nothing is no occasion for
    /// them, as it is none for an account that it does not wake: wake-ups may be early.
    fn delivers(&self, main: &Main<'a, F::Fact, F::Catalogue>) -> bool {
        let is_due = self.slot.wake.delivery.is_some_and(|at| at <= self.record.appended_at);
        is_due && (self.stirred || !matches!(main, Main::Clock))
    }

    /// What was due before the record said anything is decided by what was in force before it.
    fn run_clock_before(&mut self, main: &Main<'a, F::Fact, F::Catalogue>) -> Result<(), Poison> {
        let (catalogue, version, decides) = (self.catalogue, self.catalogue_version, self.decides);
        match main {
            Main::Catalogue { before: Some((before, version)), .. } => {
                (self.catalogue, self.catalogue_version) = (before, *version);
            }
            Main::Joined => self.decides = false,
            Main::Catalogue { before: None, .. } | Main::Fact(..) | Main::Nothing | Main::Clock => {}
        }
        self.run_clock()?;
        (self.catalogue, self.catalogue_version, self.decides) = (catalogue, version, decides);
        Ok(())
    }

    fn run_clock(&mut self) -> Result<(), Poison> {
        while let Some((key, fact)) = self.next_by_clock() {
            if self.evaluations > STEPS {
                return Err(Poison("the fold does not come to rest: a timer follows every timer".into()));
            }
            match fact.then(|| self.slot.waiting.pop_front()).flatten() {
                None => self.step(key, &Step::Timer),
                Some(waiting) => match &waiting.fact {
                    None => self.step_quietly(key),
                    Some(fact) => {
                        let (header, _) = read_envelope(&waiting.record)?;
                        self.step(key, &Step::Fact(fact, &header));
                    }
                },
            }
        }
        Ok(())
    }

    /// The next step by the account's clock, and whether it is the first waiting fact's.
    fn next_by_clock(&self) -> Option<(StepKey, bool)> {
        let timer = self.slot.wake.clock.filter(|at| *at <= self.until);
        let above =
            self.above.iter().map(|d| d.step).filter(|s| s.fact == StepKey::TIMER && s.instant <= self.until);
        let timer = timer.into_iter().chain(above.map(|step| step.instant)).min();
        let waiting = self.slot.waiting.front().filter(|waiting| waiting.due <= self.until);
        match (timer, waiting) {
            (Some(at), waiting) if waiting.is_none_or(|waiting| at <= waiting.due) => {
                Some((StepKey { instant: at, fact: StepKey::TIMER }, false))
            }
            (_, Some(waiting)) => Some((StepKey { instant: waiting.due, fact: waiting.id }, true)),
            (_, None) => None,
        }
    }

    fn run_main(&mut self, main: &Main<'_, F::Fact, F::Catalogue>) {
        let key = |fact| StepKey { instant: self.until, fact };
        match main {
            Main::Fact(fact, header) => {
                self.step(key(StepKey::of_fact(header)), &Step::Fact(fact, header));
            }
            Main::Catalogue { fire_playbooks, .. } => {
                self.step(key(StepKey::CATALOGUE), &Step::Catalogue { fire_playbooks: *fire_playbooks });
            }
            Main::Joined => self.step(key(StepKey::JOINED), &Step::Joined),
            Main::Nothing | Main::Clock => {}
        }
        while let Some(step) = self.above.iter().map(|d| d.step).find(|s| s.fact != StepKey::DELIVER) {
            self.step_quietly(step);
        }
    }

    fn expects_delivery(&self) -> bool {
        !self.above.is_empty()
    }

    /// A step of others: nothing happens here but what they decided at it.
    fn step_quietly(&mut self, key: StepKey) {
        if self.above.iter().any(|decision| decision.step == key) {
            self.step(key, &Step::Timer);
        }
    }

    fn step(&mut self, key: StepKey, step: &Step<'_, F::Fact>) {
        let name = self.slot.key.clone();
        let at = Context {
            key: &name,
            catalogue: self.catalogue,
            catalogue_version: self.catalogue_version,
            instant: key.instant,
            appended_at: self.record.appended_at,
            partition: self.partition,
            offset: self.record.offset,
        };
        self.evaluations += 1;
        let above = self.take_above(key);
        let said = self.said;
        self.fold.take(&at, &mut self.slot.state, step, &above);
        self.out.shown.extend(self.fold.shown(&at, &self.slot.state, step, &above));
        let yielded =
            if self.decides { self.fold.decide(&at, &mut self.slot.state, step) } else { Vec::new() };
        self.settle(&at, key, yielded);
        self.stirred |= matches!(step, Step::Fact(..)) || !above.is_empty() || self.said > said;
        self.slot.wake = self.fold.wake(&at, &self.slot.state);
        self.slot.wake.clock = self.slot.wake.clock.map(|wake| wake.max(key.instant.saturating_add(1)));
    }

    fn take_above(&mut self, key: StepKey) -> Vec<F::Decision> {
        if self.above.is_empty() {
            return Vec::new();
        }
        let early = planted::is(Bug::AboveAtFirstStep);
        let (now, later) = std::mem::take(&mut self.above).into_iter().partition(|d| early || d.step == key);
        self.above = later;
        let now: Vec<FromAbove<F::Decision>> = now;
        now.into_iter().filter_map(|d| d.decision.ok().flatten()).collect()
    }

    /// Compares what was yielded at a step with what the log has of it; the log wins.
    fn settle(&mut self, at: &Context<'_, F::Catalogue>, key: StepKey, yielded: Vec<F::Decision>) {
        for decision in yielded {
            if self.logged.front().is_some_and(|logged| logged.step == key) {
                self.take_logged(at, Some(&decision));
                continue;
            }
            if self.passed || self.slot.own_read >= Some((self.record.offset, self.said)) {
                self.repairs += 1;
                continue;
            }
            self.fold.apply(at, &mut self.slot.state, &decision, false);
            let before = self.slot.own.replace((self.record.offset, self.said));
            let catalogue_version = at.catalogue_version;
            self.out.yielded.push(Yielded {
                index: self.said,
                before,
                step: key,
                catalogue_version,
                decision,
            });
            self.said += 1;
        }
        while self.logged.front().is_some_and(|logged| logged.step == key) {
            self.take_logged(at, None);
        }
    }

    fn take_logged(&mut self, at: &Context<'_, F::Catalogue>, yielded: Option<&F::Decision>) {
        let Some(logged) = self.logged.pop_front() else { return };
        self.slot.own = Some((self.record.offset, logged.index));
        self.said = logged.index + 1;
        match logged.said {
            Said::Decision(decision) => {
                let repaired = yielded != Some(&decision);
                self.repairs += u64::from(repaired);
                self.fold.apply(at, &mut self.slot.state, &decision, repaired);
            }
            Said::Skipped(_) | Said::Unreadable => self.repairs += 1,
        }
    }

    /// What the log has at steps that this build does not make.
    fn finish(&mut self) {
        if let Some(logged) = self.logged.front() {
            let key = logged.step;
            let at_most = self.logged.len();
            for _ in 0..at_most {
                let step = self.logged.front().map_or(key, |logged| logged.step);
                self.step(step, &Step::Timer);
            }
        }
    }
}
