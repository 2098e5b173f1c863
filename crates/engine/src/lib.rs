//! The partition worker: the one machine that attribution, health-score, segmentation and workflow are.
//!
//! It keeps the state of a partition's accounts in memory, folds each fact of the log in order, appends what
//! follows, reads it back, projects it and checkpoints. It does not know what a score is.

mod fold;
mod store;

pub use fold::{Context, Decided, Fold, Poison, Step, Wake, WrittenDecision, read_envelope};
pub use store::{Checkpoint, Progress, Store, StoreAway, Write};
