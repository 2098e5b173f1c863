//! What becomes of a fact that cannot be read or folded.
//!
//! Invariant: what is skipped is said, in the account's own chain, and nothing more is folded until it is read back:
//! another owner may have folded the fact, and then the log is right.

use eventlog::{
    Stored, control_record,
    proto::{Skipped, control},
};

use super::{Halt, Worker};
use crate::{
    Fold, Poison,
    codec::Link,
    planted::{self, Bug},
    record::{StepKey, dead_letter},
};

impl<F: Fold> Worker<F> {
    /// The account does not fold the fact. Its first waiting fact that is due is dropped with it: what failed.
    pub(super) fn skip(&mut self, id: u32, record: &Stored, own: Link) {
        self.metrics.skipped.add(1);
        let slot = &mut self.memory.slots[id as usize];
        let workspace = &self.memory.workspaces[slot.workspace as usize];
        let until =
            if workspace.is_log_clock() { workspace.clock_at.unwrap_or(0) } else { record.appended_at };
        slot.own = own.or(slot.own);
        if slot.waiting.front().is_some_and(|waiting| waiting.due <= until) {
            slot.waiting.pop_front();
        }
        slot.wake.clock = slot.wake.clock.map(|at| at.max(until.saturating_add(1)));
        slot.wake.delivery = slot.wake.delivery.map(|at| at.max(record.appended_at.saturating_add(1)));
    }

    /// The log has it that the account does not fold the fact. Whoever said so may have died before the letter was on its
    /// way: that is sent again.
    pub(super) fn skip_again(&mut self, id: u32, record: &Stored, own: Link, why: &Poison) {
        if !planted::is(Bug::LetterForgotten) {
            let step = StepKey::timer(record.appended_at);
            let header = self.decision_header(id, (record.offset, 0), None, step);
            self.sending.dead.push(record.offset, dead_letter(header, self.at, record, why));
        }
        self.skip(id, record, own);
    }

    /// Says that the fact is skipped, to the dead-letter topic and in the account's chain, and waits for it.
    pub(super) fn poison(&mut self, id: u32, record: &Stored, why: &Poison, damaged: bool) {
        let offset = record.offset;
        self.encode_before_change(id);
        self.memory.mark_dirty(id);
        if let Some(logged) = self.logged.remove(&(offset, id)) {
            let own = logged.back().map(|last| (offset, last.index));
            return self.skip_again(id, record, own, why);
        }
        self.metrics.poison.add(1);
        tracing::warn!(at = %self.at, offset, %why, damaged, "skipped a fact: {}/{offset}: {why}", self.at);
        let step = StepKey::timer(record.appended_at);
        let before = self.memory.slots[id as usize].own;
        let before = if damaged { self.own_before(id, offset) } else { before };
        let header = self.decision_header(id, (offset, 0), before, step);
        self.sending.dead.push(offset, dead_letter(header.clone(), self.at, record, why));
        if self.reading.own_passed >= Some(offset) {
            self.skip(id, record, None);
            self.overruled |= damaged;
            return;
        }
        self.skip(id, record, Some((offset, 0)));
        let value = control_record(header, control::Kind::Skipped(Skipped { reason: why.0.clone() }));
        self.await_own(id, (offset, 0), step, None, value, record);
        let halt = self.halt.get_or_insert(Halt { offset, waiting: 0, damaged: false });
        halt.waiting += 1;
        halt.damaged |= damaged;
    }

    /// The last own link below a fact whose folding failed half-way.
    fn own_before(&self, id: u32, offset: u64) -> Link {
        let slot = &self.memory.slots[id as usize];
        let pending = slot.pending.back().map(|pending| pending.cause);
        pending.max(slot.own_read).filter(|(of, _)| *of < offset)
    }
}
