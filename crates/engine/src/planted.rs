//! Bugs on purpose. With the feature `planted-bugs` a test chooses one for its thread and expects the checks of the
//! clean runs to catch it; without the feature each question below is the constant `false`.

/// What can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A decision is taken though it does not follow the last one taken.
    LinkNotChecked,
    /// A fact is folded before the service above has passed it.
    GateIgnored,
    /// `Passed` is said before the decisions up to there are acked.
    PassedBeforeAcks,
    /// A checkpoint is written while a decision (a forward) below it is on its way.
    CheckpointWhilePending,
    /// A checkpoint's accounts are written without its offset.
    CheckpointInTwo,
    /// The links of forwards are written as they are when the checkpoint is written, not as of its offset.
    LinksLater,
    /// A message counts as often as it comes.
    RepeatsCounted,
    /// What another partition handed on counts as often as it comes.
    HandedAgain,
    /// Dedupe ids are missing from the checkpoint.
    IdsForgotten,
    /// Timers are not armed again on load.
    TimerForgotten,
    /// The partition's time is missing from the checkpoint, and falls with the log's clock.
    TimeForgotten,
    /// A catalogue takes effect when it is read, not at its place.
    CatalogueEarly,
    /// The clock is the highest heard instead of the lowest.
    ClockMax,
    /// After a failed append only what failed is sent again.
    GapNotResent,
    /// Decisions from above are taken at the record's first step instead of their own.
    AboveAtFirstStep,
    /// Facts that wait for the clock are missing from the checkpoint.
    WaitingForgotten,
    /// A dead letter is not sent again where the skip stands in the log.
    LetterForgotten,
    /// An account that changes after the checkpoint's offset is encoded as it is then.
    SnapshotLate,
}

#[cfg(feature = "planted-bugs")]
mod chosen {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static CHOSEN: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Breaks the engine on this thread, or mends it.
    pub fn plant(bug: Option<Bug>) {
        CHOSEN.set(bug);
    }

    pub(crate) fn is(bug: Bug) -> bool {
        CHOSEN.get() == Some(bug)
    }
}

#[cfg(feature = "planted-bugs")]
pub(crate) use chosen::is;
#[cfg(feature = "planted-bugs")]
pub use chosen::plant;

#[cfg(not(feature = "planted-bugs"))]
#[inline(always)]
pub(crate) const fn is(_: Bug) -> bool {
    false
}
