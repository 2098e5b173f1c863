//! A fold that panics has met a poisoned record; the worker lives on.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::Poison;

/// A fold's answer. After a panic whatever it was changing is half-changed.
pub(crate) fn guarded<T>(fold: impl FnOnce() -> Result<T, Poison>) -> Result<T, Poison> {
    catch_unwind(AssertUnwindSafe(fold)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
        Err(Poison(format!("the fold panicked: {said}")))
    })
}
