//! Taking records: every reader of decisions takes the first that follows the last it took, and none that the
//! service has passed.

use eventlog::{
    CauseOrder, LogError, Stored,
    proto::{Header, Service},
};

use super::{
    Buffered, Worker,
    steps::{FromAbove, Logged, Said},
};
use crate::{
    Fold, Poison, WorkerError,
    codec::Link,
    lag::Front,
    outbox::MOST_LETTERS,
    planted::{self, Bug},
    record::{self, FactKind, Read, StepKey},
};

impl<F: Fold> Worker<F> {
    /// Takes up to so many records, folds what may be folded; how many were taken. How far it is behind is measured
    /// first: that is worth knowing above all while the log or the store is away.
    pub fn read(&mut self, now: i64, at_most: usize) -> Result<usize, WorkerError> {
        if let Some(poison) = &self.stuck {
            return Err(WorkerError::Checkpoint(poison.clone()));
        }
        self.collect_acks(now);
        // A log that is away is not to hold up the end.
        if !self.draining {
            self.measure_lag(now);
        }
        if self.overruled && !self.draining {
            self.recover()?;
        }
        let mut taken = 0;
        while taken < at_most && !self.overruled && !self.must_pause() {
            let Some(record) = self.next_record()? else { break };
            self.reading.next = record.offset + 1;
            self.take_record(record);
            taken += 1;
            self.fold_ready();
            self.read_on();
        }
        self.fold_ready();
        self.read_on();
        if !self.reading.is_caught_up() {
            fail::fail_point!("engine-recovering");
        }
        self.metrics.set_caught_up(self.reading.is_caught_up() && self.reading.joined_seen);
        Ok(taken)
    }

    fn must_pause(&self) -> bool {
        let behind = self.ports.store.waiting() >= self.settings.store_writes
            || self.sending.waiting() >= self.settings.unacked_records
            || self.sending.dead.bytes() >= MOST_LETTERS;
        self.metrics.pauses.add(u64::from(behind));
        behind
    }

    fn next_record(&mut self) -> Result<Option<Stored>, LogError> {
        if self.reading.fetched.is_empty() {
            let fetched = self.ports.log.fetch(self.at, self.reading.next, self.settings.fetch_bytes);
            self.metrics.fetch_errors.add(u64::from(fetched.is_err()));
            self.reading.fetched.extend(fetched?);
            if let Some(first) = self.reading.fetched.front() {
                fail::fail_point!("engine-fetched");
                self.metrics.see_gap(self.at, self.reading.next, first.offset);
            }
        }
        Ok(self.reading.fetched.pop_front())
    }

    fn take_record(&mut self, record: Stored) {
        match record::read(&record) {
            Read::Passed { service, offset } => self.take_passed(service, offset),
            Read::Decision { service, cause, before, skipped, header } => {
                self.take_decision(record, service, cause, before, skipped, header);
            }
            Read::Fact(header, kind) => self.take_fact(record, header, kind),
        }
    }

    fn take_passed(&mut self, service: Service, offset: u64) {
        let offset = self.reading.overflow.map_or(offset, |limit| offset.min(limit.saturating_sub(1)));
        if service == F::SERVICE {
            self.reading.own_passed = self.reading.own_passed.max(Some(offset));
            self.overruled |= self.open.front().is_some_and(|(open, _)| *open <= offset);
        } else if let Some(above) = F::ABOVE.iter().position(|above| *above == service) {
            let passed = &mut self.reading.above_passed[above];
            *passed = (*passed).max(Some(offset));
        }
    }

    fn take_fact(&mut self, record: Stored, header: Header, kind: FactKind) {
        match &kind {
            FactKind::Tick => self.sending.ticker.saw(record.appended_at),
            FactKind::Joined(service) if *service == F::SERVICE => self.reading.joined_seen = true,
            FactKind::Catalogue(version) if planted::is(Bug::CatalogueEarly) => {
                self.install_early(&header, version.clone());
            }
            _ => {}
        }
        if self.reading.overflow.is_some() {
            return;
        }
        if self.reading.buffer.len() >= self.settings.buffered_records {
            self.reading.overflow = Some(record.offset);
            return;
        }
        self.reading.buffer.push_back(Buffered { record, header, kind, above: Vec::new() });
    }

    /// After an overflow: from where the buffer ended.
    fn read_on(&mut self) {
        if self.reading.buffer.len() <= self.settings.buffered_records / 2
            && let Some(limit) = self.reading.overflow.take()
        {
            self.reading.next = limit;
            self.reading.fetched.clear();
        }
    }

    fn take_decision(
        &mut self,
        record: Stored,
        service: Service,
        cause: CauseOrder,
        before: Link,
        skipped: Option<Poison>,
        header: Header,
    ) {
        if self.reading.overflow.is_some_and(|limit| cause.0 >= limit) {
            return;
        }
        if service == F::SERVICE {
            if record.offset >= self.reading.end_at_start {
                let slot = self.memory.slot(&self.fold, &header.workspace, &header.account);
                if self.take_own(slot, cause, before) {
                    self.own_decision(slot, cause, skipped, header, record, true);
                }
            }
        } else if let Some(above) = F::ABOVE.iter().position(|above| *above == service) {
            self.take_above(above, &record, cause, before, skipped.is_some(), &header);
        }
    }

    fn take_above(
        &mut self,
        service: usize,
        record: &Stored,
        cause: CauseOrder,
        before: Link,
        skipped: bool,
        header: &Header,
    ) {
        let slot = self.memory.slot(&self.fold, &header.workspace, &header.account);
        let last = &mut self.memory.slots[slot as usize].above_read[service];
        let follows = if planted::is(Bug::LinkNotChecked) { Some(cause) > *last } else { before == *last };
        if !follows || Some(cause.0) <= self.reading.above_passed[service] {
            return;
        }
        *last = Some(cause);
        let decision = if skipped { Ok(None) } else { self.fold.read_decision(header, record).map(Some) };
        let step = StepKey::of_decision(header);
        let buffer = &mut self.reading.buffer;
        if let Ok(at) = buffer.binary_search_by_key(&cause.0, |buffered| buffered.record.offset) {
            buffer[at].above.push(FromAbove { slot, service, cause, step, decision });
        }
    }

    /// What was read is what was yielded, or the log is right.
    pub(super) fn compare(&mut self, slot: u32, cause: CauseOrder, step: StepKey, said: Said<F::Decision>) {
        if cause.0 >= self.folded_to {
            self.logged.entry((cause.0, slot)).or_default().push_back(Logged { index: cause.1, step, said });
            return;
        }
        let yielded = self.memory.slots[slot as usize].pending.pop_front();
        let is_same = yielded.is_some_and(|yielded| {
            let same = match (&said, &yielded.decision) {
                (Said::Decision(said), Some(decision)) => said == decision,
                (Said::Skipped(_), None) => true,
                _ => false,
            };
            same && yielded.cause == cause && yielded.step == step
        });
        if !is_same {
            self.overruled = true;
            return;
        }
        self.close(cause.0);
        if let (Said::Skipped(_), Some(halt)) = (&said, &mut self.halt)
            && halt.offset == cause.0
        {
            halt.waiting -= 1;
            if halt.waiting == 0 {
                self.overruled |= halt.damaged;
                self.halt = None;
            }
        }
    }

    /// One decision less is pending of a fact.
    fn close(&mut self, offset: u64) {
        if let Ok(at) = self.open.binary_search_by_key(&offset, |(offset, _)| *offset) {
            self.open[at].1 -= 1;
        }
        while self.open.front().is_some_and(|(_, count)| *count == 0) {
            self.open.pop_front();
        }
    }

    fn measure_lag(&mut self, now: i64) {
        let oldest = self.reading.buffer.front().map(|buffered| &buffered.record);
        let oldest = oldest.or(self.reading.fetched.front());
        let front = Front {
            offset: oldest.map_or(self.reading.next, |record| record.offset),
            appended_at: oldest.map(|record| record.appended_at),
        };
        let log_time = self.sending.ticker.log_time();
        self.reading.lag.measure(self.ports.log.as_ref(), self.at, front, now, log_time, &self.metrics);
    }

    /// A fact that this build cannot get past though another did.
    pub(super) fn get_stuck(&mut self, why: &Poison, offset: u64) {
        self.stuck = Some(Poison(format!("offset {offset}: {why}, and the log has decisions from it")));
    }
}
