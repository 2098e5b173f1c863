//! When slots must be looked at again.
//!
//! Invariant: for every slot with a wake-up there is an entry at that instant or before. A wake-up that moves later
//! leaves its entry where it is; the entry moves when it comes up. So a slot that is postponed with every event costs
//! one entry and not one per event.

use std::{cmp::Reverse, collections::BinaryHeap};

/// What a wake-up goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Clock,
    Delivery,
}

/// Something with wake-ups; `armed` is where its entry stands.
pub(crate) trait Armed {
    fn armed(&mut self, by: By) -> &mut Option<i64>;
    fn wake(&self, by: By) -> Option<i64>;
}

#[derive(Debug)]
pub(crate) struct Timers {
    by: By,
    heap: BinaryHeap<Reverse<(i64, u32)>>,
}

impl Timers {
    pub(crate) fn new(by: By) -> Self {
        Self { by, heap: BinaryHeap::new() }
    }

    /// To be called whenever a slot's wake-up may have changed.
    pub(crate) fn arm(&mut self, id: u32, slot: &mut impl Armed) {
        let Some(at) = slot.wake(self.by) else { return };
        let armed = slot.armed(self.by);
        if armed.is_none_or(|armed| at < armed) {
            *armed = Some(at);
            self.heap.push(Reverse((at, id)));
        }
    }

    /// Takes the slots that are due up to an instant; each must be armed again afterwards.
    pub(crate) fn due(&mut self, until: i64, slots: &mut [impl Armed], due: &mut Vec<u32>) {
        while let Some(&Reverse((at, id))) = self.heap.peek() {
            if at > until {
                return;
            }
            self.heap.pop();
            let slot = &mut slots[id as usize];
            if *slot.armed(self.by) != Some(at) {
                continue;
            }
            *slot.armed(self.by) = None;
            if slot.wake(self.by).is_some_and(|wake| wake <= until) {
                due.push(id);
            } else {
                self.arm(id, slot);
            }
        }
    }

    /// The earliest wake-up.
    pub(crate) fn earliest(&mut self, slots: &mut [impl Armed]) -> Option<i64> {
        loop {
            let &Reverse((at, id)) = self.heap.peek()?;
            let slot = &mut slots[id as usize];
            let is_armed = *slot.armed(self.by) == Some(at);
            if is_armed && slot.wake(self.by) == Some(at) {
                return Some(at);
            }
            self.heap.pop();
            if is_armed {
                *slot.armed(self.by) = None;
                self.arm(id, slot);
            }
        }
    }
}
