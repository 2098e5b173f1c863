//! Events of log-clock workspaces since their clock was last moved.
//!
//! Such events wait in their accounts' states until the clock passes them, so there must be a bound; beyond it
//! clients are asked to wait. Counted by each process for itself.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use contracts::log::ClockKind;

use crate::{edge::Refusal, keys::Access};

/// Events of a log-clock workspace between two advances of its clock.
const MOST: u64 = 50_000;

#[derive(Default)]
pub(crate) struct Untimed {
    by_workspace: Mutex<HashMap<Arc<str>, Arc<AtomicU64>>>,
}

/// Events that were counted; given back unless they are kept.
pub(crate) struct Counted {
    counter: Option<Arc<AtomicU64>>,
    events: u64,
}

impl Untimed {
    /// Counts events on their way in, if there is room for them.
    pub(crate) fn admit(&self, access: &Access, events: u32) -> Result<Counted, Refusal> {
        let events = u64::from(events);
        if access.clock != ClockKind::Log {
            return Ok(Counted { counter: None, events });
        }
        let counter = self.counter(&access.workspace);
        if counter.fetch_add(events, Ordering::Relaxed) + events > MOST {
            take_back(&counter, events);
            return Err(Refusal::Busy {
                code: "CLOCK_BEHIND",
                message: format!(
                    "{MOST} events wait for this workspace's clock: advance it, then send this again"
                ),
                retry_after_s: 1,
            });
        }
        Ok(Counted { counter: Some(counter), events })
    }

    /// The workspace's clock was moved.
    pub(crate) fn moved(&self, workspace: &str) {
        if let Some(counter) = self.by_workspace.lock().unwrap_or_else(PoisonError::into_inner).get(workspace)
        {
            counter.store(0, Ordering::Relaxed);
        }
    }

    fn counter(&self, workspace: &Arc<str>) -> Arc<AtomicU64> {
        let mut by_workspace = self.by_workspace.lock().unwrap_or_else(PoisonError::into_inner);
        by_workspace.entry(workspace.clone()).or_default().clone()
    }
}

impl Counted {
    pub(crate) fn keep(mut self) {
        self.counter = None;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(counter) = &self.counter {
            take_back(counter, self.events);
        }
    }
}

/// Never below nothing: the clock may have been moved in between.
fn take_back(counter: &AtomicU64, events: u64) {
    let _ =
        counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| Some(now.saturating_sub(events)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{pseudonym::PseudonymKey, quota::Quota};

    fn access(clock: ClockKind) -> Access {
        Access {
            workspace: "w".into(),
            source: "s".into(),
            clock,
            pseudonyms: PseudonymKey::new(b""),
            ready: true,
            quota: Quota::default(),
        }
    }

    #[test]
    fn so_many_events_wait_for_the_clock_and_no_more() {
        let (untimed, log) = (Untimed::default(), access(ClockKind::Log));
        untimed.admit(&log, 49_999).ok().unwrap().keep();
        drop(untimed.admit(&log, 1).ok().unwrap());
        untimed.admit(&log, 1).ok().unwrap().keep();
        assert_eq!(untimed.admit(&log, 1).err().unwrap().code(), "CLOCK_BEHIND");
        untimed.moved("w");
        assert!(untimed.admit(&log, 50_000).is_ok());
    }

    #[test]
    fn on_the_wall_clock_nothing_waits() {
        assert!(Untimed::default().admit(&access(ClockKind::Wall), 1_000_000).is_ok());
    }
}
