//! Perennial as a whole: against the oracle in simulation, and against real servers.

mod catalogues;
mod cdnow;
mod dice;
#[path = "../../src/document/mod.rs"]
mod document;
mod histories;
mod people;
mod planted;
mod records;
mod world;
