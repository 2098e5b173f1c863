//! Playbooks as they run over one account, with the CTAs and notifications that come of them.
//!
//! The state of an account is what its decisions say and nothing besides: deciding is saying, and each thing said
//! is applied before the next is thought of. So what is refolded, or taken from the log, ends in the same state.
//!
//! Invariants: a run's id follows from its trigger, so a trigger starts a playbook once; an account has at most one
//! risk CTA that is not closed; a command is answered once.

mod body;
mod calls;
mod delivery;
mod facts;
mod latest;
mod memory;
mod run;
mod script;
mod signal;
mod steps;
mod stored;
mod turn;
mod workflow;

#[cfg(test)]
mod sentences;

pub use facts::{Facts, SeenContact};
pub use latest::Latest;
pub use memory::{MAX_ANSWERS, REMEMBERED_MS};
pub use run::{MAX_RUNS, Run, Standing};
pub use signal::Signal;
pub use workflow::{Moment, Occasion, Plays, Unreadable, Wakes, Workflow};
