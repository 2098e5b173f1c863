//! Customer success itself: accounts, usage windows, measures, scorecards, conditions, segments and playbooks.
//!
//! Invariants: no I/O, no clock, no dice; what decides is integer or exact fraction; a fold cannot fail. The order
//! in which facts arrive, and how often, does not change an account's state.

pub mod account;
pub mod calendar;
pub mod catalogue;
pub mod changes;
pub mod command;
pub mod comparison;
pub mod condition;
pub mod contract;
pub mod cta;
pub mod decision;
pub mod fact;
pub mod ids;
pub mod measure;
pub mod notification;
pub mod planted;
pub mod playbook;
pub mod quantity;
pub mod scorecard;
pub mod segment;
pub mod threshold;
pub mod time;
pub mod usage;
pub mod value;
pub mod view;
pub mod working_week;

mod bounded;
mod bytes;
