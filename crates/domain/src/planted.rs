//! Bugs on purpose. With the feature `planted-bugs` a test chooses one for its thread and expects the comparison with
//! the oracle to catch it; without the feature each question below is the constant `false`.

/// What can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Days begin an hour late.
    WrongDayBoundary,
    /// A band is left downwards at once.
    HysteresisForgotten,
    /// Nobody looks when a trait has been what it is for long enough.
    TraitTimerForgotten,
    /// Nobody looks on the day on which a contract begins, is over, or must be decided about.
    ContractDayForgotten,
    /// A condition that is not known counts as one that does not hold, also under `not`.
    UnknownIsFalse,
}

#[cfg(feature = "planted-bugs")]
mod chosen {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static CHOSEN: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Breaks the domain on this thread, or mends it.
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
