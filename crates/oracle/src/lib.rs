//! The slow, obvious program: what Perennial should have decided, from the same records.
//!
//! Invariants: it shares no code with what it checks (its own messages, its own reading of `docs/catalogue.md`); it
//! keeps every fact as it came and computes each measure from the whole list each time it is asked; it keeps no
//! timer, but looks at every instant at which anything it knows of could turn.

mod account;
mod attribution;
mod boundaries;
mod calendar;
mod catalogue;
mod condition;
mod contracts;
mod health;
mod identity;
mod log;
mod measure;
mod notice;
mod number;
mod post;
mod reasons;
mod said;
mod scene;
mod story;
mod truth;
mod view;
mod walk;
mod workflow;

pub use attribution::{Attributed, Handed, attributed, forwarded, handed_on};
pub use log::Record;
pub use said::{said, said_of_deliveries};
pub use story::{
    Band, CtaChange, Deliveries, Driver, HealthChange, MembershipChange, NotificationChange, Reason,
    RunChange, Stories, Story, Turn, When, Work,
};
pub use truth::{truth, truth_with_deliveries};

/// The oracle's own messages, generated from `proto/`.
pub mod wire {
    #![expect(clippy::all, reason = "generated")]
    include!(concat!(env!("OUT_DIR"), "/wire.rs"));
}
