//! The partition worker: the one machine that attribution, health-score, segmentation and workflow are.
//!
//! It keeps the state of a partition's accounts in memory, folds each fact of the log in order, appends what
//! follows, reads it back, projects it and checkpoints. It does not know what a score is.
//!
//! A service implements [`Fold`] (over the account log) or [`ForwardFold`] (over the inbox) and gives a [`Worker`] or
//! a [`Forwarder`] its [`Ports`]; [`run`] turns one on a thread of its own.
//!
//! Invariants: a fold sees nothing but its log; a decision exists when it stands in the log and follows the last of
//! its chain; a checkpoint is a function of the log below its offset; nothing here reads a clock.

mod codec;
mod fold;
mod forward;
mod guard;
mod lag;
mod memory;
mod metrics;
mod outbox;
pub mod planted;
mod ports;
pub mod postgres;
mod record;
mod runner;
mod seen;
mod slot;
mod sources;
mod store;
mod ticker;
mod time;
mod timers;
mod trace;
mod worker;
mod workspace;

pub use fold::{
    Context, Decided, Fold, Poison, Projected, Shown, Step, Wake, WrittenDecision, read_envelope,
};
pub use forward::{Forward, ForwardContext, ForwardFold, Forwarded, Forwarder, Forwards, Handed};
pub use metrics::{Count, Metrics};
pub use ports::{Act, Ports, Settings, WorkerError};
pub use runner::{Machine, Stop, Turn, run};
pub use store::{Checkpoint, Clock, Progress, Store, StoreAway, Write};
pub use trace::{Continue, Origin};
pub use worker::{Worker, WorkerPorts};
