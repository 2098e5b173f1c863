//! Catalogues, conditions, scorecards and views, over whole accounts.
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod catalogue;
mod cdnow;
mod conditions;
mod contracts;
mod measures;
mod playbooks;
mod stored;
mod support;
mod wakes;
