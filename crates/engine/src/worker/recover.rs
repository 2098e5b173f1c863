//! Starting, and starting again.
//!
//! Invariant: before a fact is folded, everything that the log's end on assignment holds of this service is known.
//! So what has happened is compared and not said again, skips are obeyed, and what the refold yields beyond is new.

use eventlog::Stored;

use super::{Reading, Worker, keep::Keeping, send::Sending, steps::Said};
use crate::{
    Decided, Fold, Origin, Poison, Projected, WorkerError,
    memory::Memory,
    record::{self, Read},
};

impl<F: Fold> Worker<F> {
    /// Collects own decisions between the checkpoint and the end on assignment.
    pub(super) fn collect_own(&mut self) -> Result<(), WorkerError> {
        let mut from = self.reading.next;
        while from < self.reading.end_at_start {
            let records = self.ports.log.fetch(self.at, from, self.settings.fetch_bytes)?;
            if records.is_empty() {
                break;
            }
            for record in records {
                from = record.offset + 1;
                if record.offset < self.reading.end_at_start {
                    self.collect_record(record);
                }
            }
        }
        Ok(())
    }

    fn collect_record(&mut self, record: Stored) {
        match record::read(&record) {
            Read::Passed { service, offset } if service == F::SERVICE => {
                self.reading.own_passed = self.reading.own_passed.max(Some(offset));
            }
            Read::Decision { service, cause, before, skipped, header } if service == F::SERVICE => {
                let slot = self.memory.slot(&self.fold, &header.workspace, &header.account);
                if self.take_own(slot, cause, before) {
                    self.own_decision(slot, cause, skipped, header, record, false);
                }
            }
            Read::Passed { .. } | Read::Decision { .. } | Read::Fact(..) => {}
        }
    }

    /// Whether it is the next link of the account's chain.
    pub(super) fn take_own(&mut self, slot: u32, cause: (u64, u32), before: Option<(u64, u32)>) -> bool {
        use crate::planted::{self, Bug};
        let last = &mut self.memory.slots[slot as usize].own_read;
        let follows = if planted::is(Bug::LinkNotChecked) { Some(cause) > *last } else { before == *last };
        let takes = follows && Some(cause.0) > self.reading.own_passed;
        if takes {
            *last = Some(cause);
        }
        takes
    }

    /// An own decision that stands in the log, in order: to be projected, and compared with what is yielded.
    pub(super) fn own_decision(
        &mut self,
        slot: u32,
        cause: (u64, u32),
        skipped: Option<Poison>,
        header: eventlog::proto::Header,
        record: Stored,
        live: bool,
    ) {
        let said = if let Some(why) = skipped {
            Said::Skipped(why)
        } else {
            match self.fold.read_decision(&header, &record) {
                Ok(decision) => Said::Decision(decision),
                Err(_) => Said::Unreadable,
            }
        };
        self.metrics.decided.add(1);
        let step = record::StepKey::of_decision(&header);
        if let Said::Decision(decision) = &said {
            let Stored { offset, appended_at, traceparent, .. } = record;
            let origin = self.origin(slot, cause);
            let decision = decision.clone();
            let decided = Decided { offset, appended_at, header, decision, traceparent, origin };
            self.act_on(&decided, live);
            self.keeping.push(Projected::Decided(decided));
        }
        self.compare(slot, cause, step, said);
    }

    /// Where the span of a decision began that waits to be read back.
    fn origin(&self, slot: u32, cause: (u64, u32)) -> Option<Box<Origin>> {
        let yielded = self.memory.slots[slot as usize].pending.front()?;
        if yielded.cause == cause { yielded.origin.clone() } else { None }
    }

    fn act_on(&mut self, decided: &Decided<F::Decision>, live: bool) {
        let age = self.sending.ticker.log_time().saturating_sub(decided.appended_at);
        if live && decided.header.writer == self.ports.writer && age < self.settings.act_ms {
            (self.ports.act)(decided, age);
        }
    }

    /// From the checkpoint again.
    pub(super) fn recover(&mut self) -> Result<(), WorkerError> {
        let (checkpoint, end) = self.ports.begin(self.at)?;
        self.memory = Memory::load(&self.fold, &checkpoint)?;
        let lag = std::mem::take(&mut self.reading.lag);
        self.reading = Reading { lag, ..Reading::new(checkpoint.offset, end, self.memory.joined) };
        self.folded_to = checkpoint.offset;
        self.last_fact = checkpoint.offset.checked_sub(1);
        self.logged.clear();
        self.open.clear();
        self.halt = None;
        self.sending = Sending::after(&self.sending, self.at);
        self.keeping = Keeping::new(checkpoint.offset);
        self.collect_own()?;
        self.overruled = false;
        self.metrics.recoveries.add(1);
        Ok(())
    }
}
